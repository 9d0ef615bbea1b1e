#include "base/arena.h"

#include <sys/mman.h>

#include <cstring>

namespace wharf::base {

Arena::Arena(std::size_t capacity_bytes) {
  void* memory = ::mmap(nullptr, capacity_bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return;
  memory_ = static_cast<char*>(memory);
  capacity_ = capacity_bytes;
}

Arena::~Arena() {
  if (memory_ != nullptr) ::munmap(memory_, capacity_);
}

void* Arena::allocate(std::size_t bytes, std::size_t alignment) {
  const std::size_t start = (used_ + alignment - 1) & ~(alignment - 1);
  if (start > capacity_ || bytes > capacity_ - start) return nullptr;
  used_ = start + bytes;
  return memory_ + start;
}

std::string_view Arena::copy(std::string_view text) {
  char* into = static_cast<char*>(allocate(text.size() + 1, 1));
  if (into == nullptr) return {};
  if (!text.empty()) std::memcpy(into, text.data(), text.size());
  into[text.size()] = '\0';
  return {into, text.size()};
}

void Arena::release() {
  if (memory_ != nullptr && used_ > 0) ::madvise(memory_, used_, MADV_DONTNEED);
  used_ = 0;
}

}  // namespace wharf::base
