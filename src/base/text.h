// Text in a fixed buffer, for code without a heap.
//
// A Text holds at most its capacity and is always followed by a NUL byte. What does not fit
// is cut off, and truncated() says so: a path that was cut must not be used. Values can be
// put in one call: Text<64> line; line.put("pid ", pid, "\n"). Numbers are written in
// decimal; Octal and Hex wrap a number for the other bases. One thread.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace wharf::base {

struct Octal {
  std::uint64_t value;
};
struct Hex {
  std::uint64_t value;
};
/// The text as a JSON string, with its quotes.
struct Quoted {
  std::string_view text;
};
/// Nanoseconds since 1970 as RFC 3339 in UTC, such as 2026-11-21T08:01:04.000000012Z;
/// trailing zeros of the fraction are left out, as Go's RFC3339Nano does.
struct Rfc3339 {
  std::int64_t nanoseconds;
};

/// Where a Text writes; functions take this so that they need not know the capacity.
class Writer {
 public:
  Writer(char* memory, std::size_t capacity) : memory_(memory), capacity_(capacity) {
    memory_[0] = '\0';
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  template <class... Values>
  Writer& put(const Values&... values) {
    (one(values), ...);
    return *this;
  }

  void clear() {
    size_ = 0;
    truncated_ = false;
    memory_[0] = '\0';
  }
  void shorten(std::size_t size);

  std::string_view view() const { return {memory_, size_}; }
  const char* c_str() const { return memory_; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  bool truncated() const { return truncated_; }

 private:
  void one(std::string_view text);
  void one(const char* text) { one(std::string_view(text)); }
  void one(char letter) { one(std::string_view(&letter, 1)); }
  void one(Octal number) { digits(number.value, 8); }
  void one(Hex number) { digits(number.value, 16); }
  void one(Quoted quoted);
  void one(Rfc3339 time);
  template <std::signed_integral Number>
  void one(Number number) {
    signed_decimal(number);
  }
  template <std::unsigned_integral Number>
  void one(Number number) {
    digits(number, 10);
  }
  void signed_decimal(std::int64_t number);
  void digits(std::uint64_t number, unsigned base);
  void padded(std::uint64_t number, unsigned width);

  char* memory_;
  std::size_t capacity_;
  std::size_t size_ = 0;
  bool truncated_ = false;
};

template <std::size_t Capacity>
class Text : public Writer {
 public:
  Text() : Writer(buffer_, Capacity) {}
  template <class... Values>
  explicit Text(const Values&... values) : Writer(buffer_, Capacity) {
    put(values...);
  }
  Text(const Text& other) : Writer(buffer_, Capacity) { put(other.view()); }
  Text& operator=(const Text& other) {
    if (this != &other) {
      clear();
      put(other.view());
    }
    return *this;
  }

 private:
  char buffer_[Capacity + 1];
};

/// A path; longer than the kernel's PATH_MAX is refused where it is used.
using PathText = Text<4095>;

/// Decimal digits and nothing else, or false. Accepts a leading minus.
bool parse_number(std::string_view text, std::int64_t& number);
bool parse_number(std::string_view text, std::uint64_t& number);

/// The text before `separator`, which is removed from `rest` together with it.
std::string_view split(std::string_view& rest, char separator);

}  // namespace wharf::base
