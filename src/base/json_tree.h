// JSON as a tree in an arena, for code without a heap.
//
// The text is parsed in place: strings are unescaped where they stand and end with a NUL
// byte, so a node's text can be given to a system call. The text must outlive the tree.
// Strict RFC 8259, UTF-8 not checked; depth and the arena's capacity are the limits. A NUL
// inside a string is refused, as no path, name or environment can hold one. A key that
// appears twice: the last counts, as with Go's decoder. One thread.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "base/failure.h"

namespace wharf::base {

class JsonNode {
 public:
  enum class Kind : std::uint8_t { Absent, Null, Bool, Number, String, Array, Object };

  /// Walks the elements of an array or the members of an object.
  class Iterator {
   public:
    explicit Iterator(const JsonNode* node) : node_(node) {}
    const JsonNode& operator*() const { return *node_; }
    Iterator& operator++() {
      node_ = node_->next;
      return *this;
    }
    bool operator!=(const Iterator& other) const { return node_ != other.node_; }

   private:
    const JsonNode* node_;
  };
  Iterator begin() const { return Iterator(first); }
  Iterator end() const { return Iterator(nullptr); }

  /// The member called `name`; a node of kind Absent when there is none.
  const JsonNode& operator[](std::string_view name) const;

  bool present() const { return kind != Kind::Absent && kind != Kind::Null; }

  Kind kind = Kind::Absent;
  bool boolean = false;
  std::uint32_t count = 0;
  /// A string's content or a number's digits.
  std::string_view text;
  /// The member's name, inside an object.
  std::string_view key;
  const JsonNode* first = nullptr;
  const JsonNode* next = nullptr;
};

/// nullptr, with the reason and its offset in `failure`, when the text is not one JSON value.
const JsonNode* parse_json(Arena& arena, std::span<char> text, Failure& failure);

inline constexpr int kMaxJsonTreeDepth = 64;

}  // namespace wharf::base
