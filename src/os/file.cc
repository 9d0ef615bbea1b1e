#include "os/file.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "base/ids.h"
#include "base/strings.h"
#include "os/tree.h"

namespace wharf::os {
namespace {

Fd open_resolved(const Fd& root, std::string_view path, int flags, mode_t mode,
                 unsigned long long resolve) {
  const std::string name(path);
  open_how how{};
  how.flags = static_cast<unsigned long long>(flags | O_CLOEXEC);
  if (flags & (O_CREAT | O_TMPFILE)) how.mode = mode;
  how.resolve = resolve | RESOLVE_NO_MAGICLINKS;
  // EAGAIN: a rename somewhere raced the ".." check; the kernel asks for another try. Bounded: a
  // container that renames for ever must not keep a thread of ours.
  constexpr int kTries = 1000;
  long fd = -1;
  for (int tries = 0; tries < kTries; ++tries) {
    fd = WHARF_CALL(syscall, SYS_openat2, root.get(), name.c_str(), &how, sizeof how);
    if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) break;
  }
  return Fd(static_cast<int>(check(fd, "open {}", name)));
}

}  // namespace

Fd open_file(const Path& path, int flags, mode_t mode) {
  return Fd(
      check(WHARF_CALL(open, path.c_str(), flags | O_CLOEXEC, mode), "open {}", path.native()));
}

Fd open_at(const Fd& directory, const std::string& name, int flags, mode_t mode) {
  return Fd(check(WHARF_CALL(openat, directory.get(), name.c_str(), flags | O_CLOEXEC, mode),
                  "open {}", name));
}

Fd open_directory(const Path& path) {
  return open_file(path, O_PATH | O_DIRECTORY);
}

Fd open_in_root(const Fd& root, std::string_view path, int flags, mode_t mode) {
  return open_resolved(root, path, flags, mode, RESOLVE_IN_ROOT);
}

void make_directories_in_root(const Fd& root, std::string_view path) {
  std::string so_far;
  for (const std::string& part : base::split(path, '/')) {
    if (part.empty()) continue;
    const Fd parent = open_in_root(root, so_far.empty() ? "/" : so_far, O_PATH | O_DIRECTORY);
    if (WHARF_CALL(mkdirat, parent.get(), part.c_str(), 0755) != 0 && errno != EEXIST)
      throw last_error("mkdir {}", path);
    so_far += "/" + part;
  }
}

Fd open_beneath(const Fd& root, std::string_view path, int flags, mode_t mode) {
  return open_resolved(root, path, flags, mode, RESOLVE_BENEATH);
}

struct stat status(const Fd& fd) {
  struct stat result{};
  check(WHARF_CALL(fstat, fd.get(), &result), "stat descriptor");
  return result;
}

std::string read_file(const Path& path, std::size_t limit) {
  try {
    return read_all(open_file(path, O_RDONLY), limit);
  } catch (const base::Error& error) {
    if (error.kind() != base::Kind::TooLarge) throw;
    base::fail(base::Kind::TooLarge, "{}: {}", path.native(), error.what());
  }
}

std::optional<std::string> read_file_if_exists(const Path& path, std::size_t limit) {
  try {
    return read_file(path, limit);
  } catch (const base::Error& error) {
    if (error.error_number() == ENOENT) return std::nullopt;
    throw;
  }
}

void replace_file(const Path& path, std::string_view content, mode_t mode, Durability durability) {
  const Path beside = path.native() + "." + base::hex(base::random_bytes(4)) + ".tmp";
  try {
    const Fd file = open_file(beside, O_WRONLY | O_CREAT | O_EXCL, mode);
    write_all(file, content);
    if (durability == Durability::Synced)
      check(WHARF_CALL(fdatasync, file.get()), "sync {}", beside.native());
    check(WHARF_CALL(rename, beside.c_str(), path.c_str()), "rename {}", path.native());
  } catch (...) {
    ::unlink(beside.c_str());
    throw;
  }
  if (durability == Durability::Synced) {
    check(WHARF_CALL(fsync, open_file(path.parent_path(), O_RDONLY | O_DIRECTORY).get()), "sync {}",
          path.parent_path().native());
  }
}

void make_directories(const Path& path, mode_t mode) {
  if (WHARF_CALL(mkdir, path.c_str(), mode) == 0) return;
  if (errno == ENOENT && path.has_relative_path()) {
    make_directories(path.parent_path(), mode);
    if (WHARF_CALL(mkdir, path.c_str(), mode) == 0) return;
  }
  if (errno != EEXIST) throw last_error("make directory {}", path.native());
}

void remove_tree(const Path& path) {
  const Path parent = path.parent_path().empty() ? Path(".") : path.parent_path();
  try {
    const Fd directory = open_file(parent, O_RDONLY | O_DIRECTORY);
    remove_beneath(directory, path.filename());
  } catch (const base::Error& error) {
    if (error.error_number() != ENOENT) throw;
  }
}

void sync_file_system(const Fd& fd) {
  check(WHARF_CALL(syncfs, fd.get()), "sync file system");
}

TempDirectory::TempDirectory() {
  const char* base_directory = ::getenv("TMPDIR");
  std::string pattern = std::string(base_directory ? base_directory : "/tmp") + "/wharf-XXXXXX";
  if (!::mkdtemp(pattern.data())) throw last_error("make temporary directory {}", pattern);
  path_ = pattern;
}

TempDirectory::~TempDirectory() {
  try {
    remove_tree(path_);
  } catch (const base::Error&) {
    // A destructor has nobody to tell; what is left lies in the temporary directory.
  }
}

FileLock FileLock::acquire(const Path& path) {
  Fd file = open_file(path, O_RDWR | O_CREAT, 0600);
  // What a killed daemon was about to execute holds its descriptors, and so its lock, until it
  // does.
  constexpr int kTries = 50;
  for (int tries = 0; ::flock(file.get(), LOCK_EX | LOCK_NB) < 0; ++tries) {
    if (errno != EWOULDBLOCK) throw last_error("lock {}", path.native());
    if (tries == kTries) base::fail(base::Kind::Conflict, "another daemon holds {}", path.native());
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return FileLock(std::move(file));
}

}  // namespace wharf::os
