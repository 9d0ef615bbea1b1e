#include "supervise/run_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "base/error.h"
#include "os/file.h"

namespace wharf::supervise {
namespace {

constexpr std::chrono::milliseconds kPoll{5};

/// Whether `path` is still the directory of `opened`, and not one made after its removal.
bool still_named(const std::filesystem::path& path, const os::Fd& opened) {
  struct stat named{}, held{};
  if (::stat(path.c_str(), &named) < 0) return false;
  if (::fstat(opened.get(), &held) < 0) throw os::last_error("look at {}", path.string());
  return named.st_dev == held.st_dev && named.st_ino == held.st_ino;
}

bool lock(const std::filesystem::path& path, const os::Fd& opened) {
  if (WHARF_CALL(flock, opened.get(), LOCK_EX | LOCK_NB) == 0) return still_named(path, opened);
  if (errno != EWOULDBLOCK) throw os::last_error("lock {}", path.string());
  return false;
}

/// Tries until the directory is ours. `make` also when there is none.
std::optional<os::Fd> claim(const std::filesystem::path& path, bool make) {
  const auto deadline = std::chrono::steady_clock::now() + kLeaveTime;
  while (true) {
    if (make && WHARF_CALL(mkdir, path.c_str(), mode_t{0700}) < 0 && errno != EEXIST)
      throw os::last_error("make {}", path.string());
    try {
      os::Fd opened = os::open_file(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      if (lock(path, opened)) return opened;
    } catch (const base::Error& error) {
      if (error.error_number() != ENOENT) throw;
      if (!make) return std::nullopt;
      continue;  // It left between the two calls.
    }
    if (std::chrono::steady_clock::now() > deadline)
      base::fail(base::Kind::Conflict, "a supervisor still runs in {}", path.string());
    std::this_thread::sleep_for(kPoll);
  }
}

}  // namespace

os::Fd claim_run_directory(const std::filesystem::path& path) {
  return *claim(path, true);
}

std::optional<os::Fd> claim_left_directory(const std::filesystem::path& path) {
  return claim(path, false);
}

void remove_run_directory(const std::filesystem::path& path) {
  const std::filesystem::path socket = path / "sock";
  if (WHARF_CALL(unlink, socket.c_str()) < 0 && errno != ENOENT && errno != ENOTDIR)
    throw os::last_error("remove {}", socket.string());
  if (WHARF_CALL(rmdir, path.c_str()) < 0 && errno != ENOENT)
    throw os::last_error("remove {}", path.string());
}

}  // namespace wharf::supervise
