// Files by descriptor, and paths of strangers resolved inside a root.
//
// Whatever names come from an image, an archive or a container go through
// open_in_root() or open_beneath(): openat2(2) with RESOLVE_IN_ROOT or
// RESOLVE_BENEATH, so a link in them cannot lead out (CVE-2021-30465, CVE-2024-45310).
// All functions throw base::Error (errno kept) and are thread-safe.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "os/fd.h"

namespace wharf::os {

using Path = std::filesystem::path;

/// open(2) of a path of our own, O_CLOEXEC added.
Fd open_file(const Path& path, int flags, mode_t mode = 0);
Fd open_at(const Fd& directory, const std::string& name, int flags, mode_t mode = 0);

/// Opens a directory for walking and openat(2) (O_PATH | O_DIRECTORY).
Fd open_directory(const Path& path);

/// `path` as a process whose root is `root` would see it: links resolve inside.
Fd open_in_root(const Fd& root, std::string_view path, int flags, mode_t mode = 0);

/// mkdir -p of `path` inside `root`, each component resolved there.
void make_directories_in_root(const Fd& root, std::string_view path);

/// As above, but nothing may lead above `root`: such a path is EXDEV.
Fd open_beneath(const Fd& root, std::string_view path, int flags, mode_t mode = 0);

struct stat status(const Fd& fd);

/// The whole of a small file. Throws TooLarge past `limit` bytes.
std::string read_file(const Path& path, std::size_t limit = 1 << 20);
std::optional<std::string> read_file_if_exists(const Path& path, std::size_t limit = 1 << 20);

/// Written beside `path` and renamed over it; durable (fsync of file and directory) when asked.
enum class Durability { Lazy, Synced };
void replace_file(const Path& path, std::string_view content, mode_t mode,
                  Durability durability = Durability::Lazy);

/// mkdir -p of our own path.
void make_directories(const Path& path, mode_t mode);

/// Removes a tree of ours by descriptor, never crossing a mount or following a link.
/// Missing is no error.
void remove_tree(const Path& path);

/// syncfs(2) of the file system that holds `fd`.
void sync_file_system(const Fd& fd);

/// A directory in $TMPDIR that is removed with its content. Tests and short-lived work.
class TempDirectory {
 public:
  TempDirectory();
  ~TempDirectory();
  TempDirectory(const TempDirectory&) = delete;
  const Path& path() const { return path_; }

 private:
  Path path_;
};

/// flock(2) on a file of ours: one daemon per data root (threats F17).
class FileLock {
 public:
  /// Throws Conflict when another process holds it.
  static FileLock acquire(const Path& path);

 private:
  explicit FileLock(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

}  // namespace wharf::os
