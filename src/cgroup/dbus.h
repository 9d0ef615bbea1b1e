// D-Bus messages as bytes: what is said to systemd, and what it answers.
//
// Only what a call of a service on this machine needs: a Marshal writes a method call into
// memory of the caller, parse_message() reads the head of what came and finds the body. No
// heap, no descriptors; what does not fit or is malformed is false, never a cut value. Numbers
// are in this machine's order: the other side is on it. See the D-Bus specification, "Message
// protocol". One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace wharf::cgroup::dbus {

/// Who is called. `signature` is the body's; "" for none.
struct Method {
  std::string_view destination;
  std::string_view path;
  std::string_view interface;
  std::string_view member;
  std::string_view signature;
};

/// Writes values, each at the alignment of its type. The memory is the caller's.
class Marshal {
 public:
  explicit Marshal(std::span<char> memory) : memory_(memory) {}

  /// The head of a method call; the body's values follow, then finish().
  void begin(const Method& method, std::uint32_t serial);
  /// Fills in how long the body became. False when something did not fit.
  bool finish();

  void byte(std::uint8_t value);
  void number(std::uint32_t value);
  void number(std::uint64_t value);
  void boolean(bool value) { number(std::uint32_t{value}); }
  /// A string or an object path.
  void text(std::string_view value);
  void signature(std::string_view value);
  /// Zeros up to a multiple of `alignment`; a struct begins at one of 8.
  void align(std::size_t alignment);

  /// An array's length is written by close_array(), once it is known.
  struct Array {
    std::size_t length_at;
    std::size_t first;
  };
  Array open_array(std::size_t element_alignment);
  void close_array(Array array);

  std::string_view view() const { return {memory_.data(), size_}; }

 private:
  void put(const void* bytes, std::size_t count);
  void put_at(std::size_t where, std::uint32_t value);
  void field(std::uint8_t code, std::string_view type, std::string_view value);

  std::span<char> memory_;
  std::size_t size_ = 0;
  std::size_t body_ = 0;
  bool full_ = false;
};

/// Reads what a Marshal writes. After the first value that is not there all are empty.
class Unmarshal {
 public:
  explicit Unmarshal(std::string_view bytes) : bytes_(bytes) {}

  std::uint8_t byte();
  std::uint32_t number();
  std::string_view text();
  std::string_view signature();
  void align(std::size_t alignment);
  /// Passes over a value of one basic type.
  void skip(char type);

  bool good() const { return good_; }
  std::size_t at() const { return at_; }

 private:
  std::string_view take(std::size_t count);

  std::string_view bytes_;
  std::size_t at_ = 0;
  bool good_ = true;
};

enum class Type : std::uint8_t { Invalid = 0, Call = 1, Reply = 2, Error = 3, Signal = 4 };

/// Views into the bytes that were parsed.
struct Message {
  Type type = Type::Invalid;
  std::uint32_t reply_serial = 0;
  std::string_view interface;
  std::string_view member;
  std::string_view error_name;
  std::string_view signature;
  std::string_view body;
};

/// The first bytes of any message, which say how long it is.
inline constexpr std::size_t kHeadBytes = 16;
inline constexpr std::size_t kMaxMessageBytes = 128 << 20;  // of the specification

/// The whole message's length; 0 when these are not the first bytes of one.
std::size_t message_size(std::string_view head);

bool parse_message(std::string_view bytes, Message& message);

}  // namespace wharf::cgroup::dbus
