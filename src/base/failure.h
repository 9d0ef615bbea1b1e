// What went wrong, for code without exceptions.
//
// A function that can fail returns false and has filled the Failure it was given: the words
// say what was done to what, and errno's number and text follow. The first failure wins.
// One thread.
#pragma once

#include <cerrno>
#include <cstring>

#include "base/text.h"

namespace wharf::base {

struct Failure {
  /// errno, or 0 when the cause was no system call.
  int error = 0;
  Text<1000> text;

  bool failed() const { return !text.empty(); }

  /// "WORDS: no such file or directory", from errno. Always returns false.
  template <class... Words>
  [[gnu::cold]] bool because_of_errno(const Words&... words) {
    const int number = errno;
    if (failed()) return false;
    error = number;
    text.put(words..., ": ");
    put_errno(number);
    return false;
  }

  /// The words alone. Always returns false.
  template <class... Words>
  [[gnu::cold]] bool because(const Words&... words) {
    if (!failed()) text.put(words...);
    return false;
  }

 private:
  /// As Go and the shell write it: the first letter is small.
  void put_errno(int number) {
    const char* words = std::strerror(number);
    const bool lower = words[0] >= 'A' && words[0] <= 'Z' && words[1] >= 'a' && words[1] <= 'z';
    text.put(lower ? static_cast<char>(words[0] - 'A' + 'a') : words[0], words + 1);
  }
};

}  // namespace wharf::base
