#include "server/memory.h"

#include <malloc.h>
#include <pthread.h>
#include <sys/mman.h>

#include <charconv>

#include "base/strings.h"
#include "os/file.h"

namespace wharf::server {
namespace {

#ifdef WHARF_SANITIZED
constexpr std::size_t kStackBytes = 8 << 20;
#else
// What a thread does not touch costs nothing. What it did touch glibc keeps for the next thread, up
// to 40 MiB of whole stacks: so 40 of these, where smaller ones would be 160 and keep four times as
// much.
constexpr std::size_t kStackBytes = 1 << 20;
#endif

/// "55d0-55f0 r-xp 0000 08:01 123  /usr/bin/x": code of a file, which nobody writes to, so that
/// dropping its pages loses nothing (relocated data does not look like this).
void drop_if_code(const std::string& line) {
  const std::size_t dash = line.find('-');
  const std::size_t space = line.find(' ');
  if (dash == std::string::npos || space == std::string::npos) return;
  if (line.substr(space + 1, 4) != "r-xp" || line.find('/') == std::string::npos) return;
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
  std::from_chars(line.data(), line.data() + dash, begin, 16);
  std::from_chars(line.data() + dash + 1, line.data() + space, end, 16);
  if (begin != 0 && end > begin) {
    ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }
}

}  // namespace

void keep_memory_small() {
  ::mallopt(M_ARENA_MAX, 2);
  ::mallopt(M_TRIM_THRESHOLD, 128 << 10);
  ::mallopt(M_MMAP_THRESHOLD, 128 << 10);
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, kStackBytes);
  ::pthread_setattr_default_np(&attributes);
  ::pthread_attr_destroy(&attributes);
}

void give_memory_back() {
  ::malloc_trim(0);
  constexpr std::size_t kMapsLimit = 4 << 20;
  const std::optional<std::string> maps = os::read_file_if_exists("/proc/self/maps", kMapsLimit);
  if (!maps) return;
  for (const std::string& line : base::split(*maps, '\n')) drop_if_code(line);
}

}  // namespace wharf::server
