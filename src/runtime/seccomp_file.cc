// The compiled filter in a memory file: what init maps, and what the daemon keeps by hash.
#include <sys/mman.h>

#include "os/seccomp.h"
#include "runtime/kernel.h"
#include "runtime/launch.h"

namespace wharf::runtime {

int compile_seccomp_file(const base::JsonNode& profile, unsigned& flags, Failure& failure) {
  constexpr std::size_t kArenaBytes = 4 << 20;
  Arena arena(kArenaBytes);
  os::SeccompFilter filter;
  if (!os::compile_seccomp(arena, profile, filter, failure) || filter.code.empty()) return -1;
  flags = filter.flags;
  const int file = ::memfd_create("seccomp", MFD_CLOEXEC);
  const std::size_t bytes = filter.code.size_bytes();
  if (file < 0 || ::write(file, filter.code.data(), bytes) != static_cast<ssize_t>(bytes)) {
    (void)failure.because_of_errno("store the seccomp filter");
    if (file >= 0) ::close(file);
    return -1;
  }
  return file;
}

}  // namespace wharf::runtime
