#include "volume/copy.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <functional>
#include <map>
#include <memory>
#include <set>

#include "base/error.h"
#include "os/file.h"

namespace wharf::volume {
namespace {

using base::fail;
using base::Kind;
using os::check;
using os::Fd;

constexpr std::size_t kChunk = std::size_t{1} << 20;
using Inode = std::pair<dev_t, ino_t>;

/// Calls `each` for every name in `directory` but "." and "..".
void for_names(const Fd& directory, const std::function<bool(const char*)>& each) {
  // A listing has a position of its own, so that the descriptor given stays as it is.
  Fd own(check(WHARF_CALL(openat, directory.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
               "open a directory to list it"));
  std::unique_ptr<DIR, int (*)(DIR*)> listing(::fdopendir(own.get()), ::closedir);
  if (!listing) throw os::last_error("list a directory");
  own.release();
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(listing.get());
    if (!entry) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != ".." && !each(entry->d_name)) return;
  }
  if (errno != 0) throw os::last_error("list a directory");
}

struct stat status_at(const Fd& directory, const char* name) {
  struct stat found{};
  check(WHARF_CALL(fstatat, directory.get(), name, &found, AT_SYMLINK_NOFOLLOW), "look at {}",
        name);
  return found;
}

class TreeCopy {
 public:
  explicit TreeCopy(const Fd& root) : root_(root) {}

  void directory(const Fd& from, const Fd& to, const std::string& path, int depth) {
    if (depth > kCopyDepth) {
      fail(Kind::TooLarge, "{}: directories are deeper than {}", path, kCopyDepth);
    }
    for_names(from, [&](const char* name) {
      entry(from, to, name, path.empty() ? name : path + "/" + name, depth);
      return true;
    });
    // Last: adding entries has changed the times.
    attributes(from, to);
    own_and_time(to, os::status(from));
  }

 private:
  void entry(const Fd& from, const Fd& to, const char* name, const std::string& path, int depth) {
    const struct stat found = status_at(from, name);
    if (S_ISDIR(found.st_mode)) {
      check(WHARF_CALL(mkdirat, to.get(), name, 0700), "make directory {}", path);
      const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
      directory(os::open_at(from, name, flags), os::open_at(to, name, flags), path, depth + 1);
      return;
    }
    if (found.st_nlink > 1) {
      const auto [first, fresh] = copied_.try_emplace({found.st_dev, found.st_ino}, path);
      if (!fresh) {
        // Beneath the root of the copy, which only this copy writes.
        check(WHARF_CALL(linkat, root_.get(), first->second.c_str(), to.get(), name, 0), "link {}",
              path);
        return;
      }
    }
    if (S_ISREG(found.st_mode)) return regular_file(from, to, name, path);
    if (S_ISLNK(found.st_mode)) {
      symbolic_link(from, to, name, found);
    } else {
      check(WHARF_CALL(mknodat, to.get(), name, found.st_mode, found.st_rdev), "make node {}",
            path);
      check(WHARF_CALL(fchmodat, to.get(), name, found.st_mode & 07777, 0), "set mode of {}", path);
    }
    check(WHARF_CALL(fchownat, to.get(), name, found.st_uid, found.st_gid, AT_SYMLINK_NOFOLLOW),
          "set owner of {}", path);
    const timespec times[2] = {found.st_atim, found.st_mtim};
    check(WHARF_CALL(utimensat, to.get(), name, times, AT_SYMLINK_NOFOLLOW), "set times of {}",
          path);
  }

  void regular_file(const Fd& from, const Fd& to, const char* name, const std::string& path) {
    const Fd in = os::open_at(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const struct stat found = os::status(in);
    if (!S_ISREG(found.st_mode)) fail(Kind::Conflict, "{} changed while it was copied", path);
    const Fd out = os::open_at(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    while (true) {
      const ssize_t n =
          WHARF_CALL(copy_file_range, in.get(), nullptr, out.get(), nullptr, kChunk, 0);
      if (n == 0) break;
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP)) {
        by_hand(in, out);
        break;
      }
      check(n, "copy {}", path);
    }
    attributes(in, out);
    own_and_time(out, found);
  }

  void by_hand(const Fd& in, const Fd& out) {
    std::vector<char> buffer(kChunk);
    while (const std::size_t n = os::read_some(in, buffer)) {
      os::write_all(out, std::string_view(buffer.data(), n));
    }
  }

  void symbolic_link(const Fd& from, const Fd& to, const char* name, const struct stat& found) {
    std::string target(static_cast<std::size_t>(found.st_size) + 1, '\0');
    const ssize_t n = check(WHARF_CALL(readlinkat, from.get(), name, target.data(), target.size()),
                            "read link {}", name);
    target.resize(static_cast<std::size_t>(n));
    check(WHARF_CALL(symlinkat, target.c_str(), to.get(), name), "make link {}", name);
  }

  void attributes(const Fd& from, const Fd& to) {
    const ssize_t size = WHARF_CALL(flistxattr, from.get(), nullptr, 0);
    if (size <= 0) return;  // None, or a file system without any.
    std::string names(static_cast<std::size_t>(size), '\0');
    const ssize_t got = check(WHARF_CALL(flistxattr, from.get(), names.data(), names.size()),
                              "list extended attributes");
    for (std::size_t at = 0; at < static_cast<std::size_t>(got);) {
      const std::string name = names.c_str() + at;
      at += name.size() + 1;
      // The overlay's own are of no use outside of it.
      if (name.starts_with("trusted.overlay.") || name.starts_with("user.overlay.")) continue;
      std::string value(64 * 1024, '\0');  // The kernel's limit, XATTR_SIZE_MAX.
      const ssize_t length =
          WHARF_CALL(fgetxattr, from.get(), name.c_str(), value.data(), value.size());
      if (length < 0) continue;
      const int set = WHARF_CALL(fsetxattr, to.get(), name.c_str(), value.data(),
                                 static_cast<std::size_t>(length), 0);
      if (set < 0 && errno != EOPNOTSUPP) throw os::last_error("set attribute {}", name);
    }
  }

  void own_and_time(const Fd& to, const struct stat& found) {
    check(WHARF_CALL(fchown, to.get(), found.st_uid, found.st_gid), "set owner");
    check(WHARF_CALL(fchmod, to.get(), found.st_mode & 07777), "set mode");
    const timespec times[2] = {found.st_atim, found.st_mtim};
    check(WHARF_CALL(futimens, to.get(), times), "set times");
  }

  const Fd& root_;
  std::map<Inode, std::string> copied_;
};

std::uint64_t bytes_below(const Fd& directory, std::set<Inode>& seen, int depth) {
  std::uint64_t bytes = 0;
  if (depth > kCopyDepth) return bytes;
  for_names(directory, [&](const char* name) {
    struct stat found{};
    // Files come and go while a container runs.
    if (::fstatat(directory.get(), name, &found, AT_SYMLINK_NOFOLLOW) < 0) return true;
    if (found.st_nlink > 1 && !S_ISDIR(found.st_mode) &&
        !seen.insert({found.st_dev, found.st_ino}).second) {
      return true;
    }
    bytes += static_cast<std::uint64_t>(found.st_blocks) * 512;
    if (!S_ISDIR(found.st_mode)) return true;
    const Fd child(
        ::openat(directory.get(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (child) bytes += bytes_below(child, seen, depth + 1);
    return true;
  });
  return bytes;
}

}  // namespace

void copy_tree(const Fd& from, const Fd& to) {
  TreeCopy(to).directory(from, to, {}, 0);
}

bool is_empty_directory(const Fd& directory) {
  bool empty = true;
  for_names(directory, [&](const char*) { return empty = false; });
  return empty;
}

std::uint64_t tree_bytes(const Fd& directory) {
  std::set<Inode> seen;
  return static_cast<std::uint64_t>(os::status(directory).st_blocks) * 512 +
         bytes_below(directory, seen, 0);
}

}  // namespace wharf::volume
