// Memory for programs without a heap: one reservation, handed out from the front.
//
// The address range is reserved once and a page costs memory only when it is touched, so the
// capacity is a limit (a number with a name) and not a price. Nothing is freed singly; the
// destructor, or release(), gives everything back. Used by the static runtime, where
// exceptions and the heap do not exist, and by the rooms compiled for both worlds. One thread.
#pragma once

#include <cstddef>
#include <new>
#include <span>
#include <string_view>

namespace wharf::base {

class Arena {
 public:
  explicit Arena(std::size_t capacity_bytes);
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  /// Zeroed bytes, or nullptr when the capacity is used up.
  void* allocate(std::size_t bytes, std::size_t alignment);

  /// `count` value-initialized objects; an empty span when the capacity is used up.
  template <class T>
  std::span<T> array(std::size_t count) {
    if (count > capacity_ / sizeof(T)) return {};
    void* memory = allocate(count * sizeof(T), alignof(T));
    if (memory == nullptr) return {};
    T* first = static_cast<T*>(memory);
    for (std::size_t i = 0; i < count; ++i) new (first + i) T();
    return {first, count};
  }

  template <class T>
  T* make() {
    const std::span<T> one = array<T>(1);
    return one.empty() ? nullptr : one.data();
  }

  /// A copy that is followed by a NUL byte; data() is nullptr when the capacity is used up.
  std::string_view copy(std::string_view text);

  /// Forgets all objects and returns their pages to the kernel.
  void release();

  std::size_t used() const { return used_; }

 private:
  char* memory_ = nullptr;
  std::size_t capacity_ = 0;
  std::size_t used_ = 0;
};

}  // namespace wharf::base
