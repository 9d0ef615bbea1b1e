// Command line flags with the rules of Docker's parser (pflag): "-it", "-mSIZE", "-m SIZE",
// "--name=x", "--name x", "--" ends flags, bools take a value only after '='.
//
// A command binds its variables, then parse() fills them. Errors are UsageError with the
// parser's own words. help() writes the two columns of `--help`. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace wharf::cli {

/// A wrong flag: the caller prints it with the usage line and exits 125.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// How a flag looks in help and on the command line.
struct FlagName {
  std::string_view name;
  char short_name = 0;
  std::string_view type;  ///< "" for bools; "string", "list", "bytes" ...
  std::string_view usage;
  std::string_view shown_default = {};  ///< "[]", "-1", "\"missing\"": as help shows it.
  bool hidden = false;
};

class FlagSet {
 public:
  /// Takes the text given; throws std::exception with the reason.
  using Setter = std::function<void(const std::string& value)>;

  /// Where flags end: at the first argument (run, exec), or only at "--".
  enum class Stop { AtFirstArgument, AtDashes };

  explicit FlagSet(Stop stop = Stop::AtDashes) : stop_(stop) {}

  void boolean(bool& value, FlagName name);
  void text(std::string& value, FlagName name);
  void list(std::vector<std::string>& values, FlagName name);
  void integer(std::int64_t& value, FlagName name);
  void integer(std::optional<std::int64_t>& value, FlagName name);
  void custom(FlagName name, Setter set);

  /// Fills the variables and returns the arguments that are no flags.
  std::vector<std::string> parse(const std::vector<std::string>& words);

  /// True when the command line named the flag.
  bool given(std::string_view name) const;

  /// True when -h (unless bound) or --help was among the words; parse() then stopped there.
  bool help_asked() const { return help_asked_; }

  /// The lines under "Options:", wrapped at `columns`.
  std::string help(std::size_t columns) const;

  bool has_visible() const;

 private:
  struct Flag {
    FlagName name;
    Setter set;
    bool is_bool = false;
    bool given = false;
  };

  Flag* find(std::string_view name);
  Flag* find_short(char name);
  void set(Flag& flag, const std::string& value);
  void parse_long(const std::vector<std::string>& words, std::size_t& at);
  void parse_short(const std::vector<std::string>& words, std::size_t& at);

  Stop stop_;
  std::vector<Flag> flags_;
  bool help_asked_ = false;
};

/// Go's strconv.ParseBool and ParseInt, with their error texts.
bool parse_bool(std::string_view text);
std::int64_t parse_integer(std::string_view text, const char* function = "ParseInt");
std::uint64_t parse_unsigned(std::string_view text, unsigned bits);

}  // namespace wharf::cli
