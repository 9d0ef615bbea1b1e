#include "archive/tree.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

#include "archive/limits.h"
#include "archive/tar_reader.h"
#include "base/strings.h"
#include "os/tree.h"

namespace wharf::archive {
namespace {

/// Open directories at once; an archive in the usual depth-first order needs its depth.
constexpr std::size_t kMaxOpen = 192;
constexpr std::size_t kMaxDirectories = 400'000;
constexpr int kMaxLinks = 40;  // As the kernel's MAXSYMLINKS.

int open_resolved(int root, const std::string& name, unsigned long long resolve) {
  open_how how{};
  how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
  how.resolve = resolve | RESOLVE_NO_MAGICLINKS;
  if (!(resolve & RESOLVE_NO_SYMLINKS)) how.flags &= ~static_cast<unsigned long long>(O_NOFOLLOW);
  while (true) {
    const long fd = WHARF_CALL(syscall, SYS_openat2, root, name.c_str(), &how, sizeof how);
    if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) return static_cast<int>(fd);
  }
}

[[noreturn]] void in_the_way(const std::string& name) {
  base::fail(base::Kind::InvalidArgument, "archive entry below {}: it is not a directory",
             base::quoted(name));
}

std::uint64_t identity_of(const struct stat& found) {
  return found.st_ino ^ found.st_dev * 0x9e3779b97f4a7c15ULL;
}

std::pair<std::string, std::string> split_last(const std::string& name) {
  const std::size_t slash = name.rfind('/');
  if (slash == std::string::npos) return {"", name};
  return {name.substr(0, slash), name.substr(slash + 1)};
}

}  // namespace

std::string join(std::string_view directory, std::string_view name) {
  if (directory.empty()) return std::string(name);
  std::string joined;
  joined.reserve(directory.size() + 1 + name.size());
  joined.append(directory).append("/").append(name);
  return joined;
}

Tree::Tree(const os::Fd& root, const os::Fd* aside) : aside_(aside) {
  const int fd = WHARF_CALL(openat, root.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  root_ = adopt(os::Fd(os::check(fd, "open the target directory")), "", true);
}

DirectoryPtr Tree::adopt(os::Fd fd, const std::string& path, bool created) {
  struct stat status{};
  os::check(WHARF_CALL(fstat, fd.get(), &status), "stat {}", path);
  auto found = std::make_shared<Directory>();
  found->fd = std::move(fd);
  found->inode = identity_of(status);
  if (paths_.size() >= kMaxDirectories) {
    base::fail(base::Kind::TooLarge, "archive has more than {} directories", kMaxDirectories);
  }
  // Reached through a link, a directory keeps the path it was made by.
  if (created) paths_.erase(found->inode);
  found->path = paths_.try_emplace(found->inode, path).first->second;
  return found;
}

/// nullptr and the errno where there is no such directory; other failures are thrown.
DirectoryPtr Tree::open(const std::string& name, int& failure) {
  failure = 0;
  if (name.empty()) return root_;
  const auto known = open_.find(name);
  if (known != open_.end()) return known->second;
  const int root = root_->fd.get();
  int fd = open_resolved(root, name, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
  // A link on the way: let the kernel resolve it as a process in that root would.
  if (fd < 0 && (errno == ELOOP || errno == ENOTDIR))
    fd = open_resolved(root, name, RESOLVE_IN_ROOT);
  if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)) {
    failure = errno;
    return nullptr;
  }
  DirectoryPtr found = adopt(os::Fd(os::check(fd, "open {}", name)), name, false);
  if (open_.size() >= kMaxOpen) open_.clear();
  open_.emplace(name, found);
  return found;
}

DirectoryPtr Tree::existing_directory(const std::string& name) {
  int failure = 0;
  return open(name, failure);
}

DirectoryPtr Tree::directory(const std::string& name) {
  int failure = 0;
  DirectoryPtr found = open(name, failure);
  if (failure == ENOENT) return make_missing(name);
  if (failure != 0) in_the_way(name);
  return found;
}

DirectoryPtr Tree::make_missing(const std::string& name) {
  const auto [above, last] = split_last(name);
  const DirectoryPtr parent = directory(above);
  if (settle_) settle_(*parent, last);
  if (WHARF_CALL(mkdirat, parent->fd.get(), last.c_str(), 0755) < 0) {
    if (errno == EEXIST) return follow_dangling(parent, last);
    throw os::last_error("make directory {}", name);
  }
  implied_.push_back(join(parent->path, last));
  return directory(name);
}

/// `name` is a link to a directory that this archive does not bring (a lower layer may): as
/// Docker does, it is made where the link points to, inside the root.
DirectoryPtr Tree::follow_dangling(const DirectoryPtr& parent, const std::string& name) {
  std::array<char, PATH_MAX> target;
  const ssize_t size =
      WHARF_CALL(readlinkat, parent->fd.get(), name.c_str(), target.data(), target.size());
  if (size < 0 || depth_ >= kMaxLinks) in_the_way(join(parent->path, name));
  const std::string_view text(target.data(), static_cast<std::size_t>(size));
  // Not resolved by the text alone where it climbs: what it climbs out of may be a link too.
  if (text.find("..") != std::string_view::npos) in_the_way(join(parent->path, name));
  ++depth_;
  DirectoryPtr made =
      directory(clean_name(text.starts_with('/') ? std::string(text) : join(parent->path, text)));
  --depth_;
  return made;
}

DirectoryPtr Tree::make_directory(const DirectoryPtr& parent, const std::string& name, mode_t mode,
                                  bool& created) {
  const std::string path = join(parent->path, name);
  created = WHARF_CALL(mkdirat, parent->fd.get(), name.c_str(), mode) == 0;
  if (!created && errno != EEXIST) throw os::last_error("make directory {}", path);
  const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  int fd = WHARF_CALL(openat, parent->fd.get(), name.c_str(), flags);
  if (fd < 0 && !created && (errno == ENOTDIR || errno == ELOOP)) {
    replace(*parent, name, ordinal_);
    forget();
    created = true;
    os::check(WHARF_CALL(mkdirat, parent->fd.get(), name.c_str(), mode), "make directory {}", path);
    fd = WHARF_CALL(openat, parent->fd.get(), name.c_str(), flags);
  }
  DirectoryPtr made = adopt(os::Fd(os::check(fd, "open {}", path)), path, created);
  if (open_.size() >= kMaxOpen) open_.clear();
  open_.insert_or_assign(path, made);
  return made;
}

void Tree::replace(const Directory& parent, const std::string& name, std::uint64_t ordinal) {
  if (!aside_) {
    os::remove_beneath(parent.fd, name);
    return;
  }
  const std::lock_guard lock(aside_lock_);
  const auto number = static_cast<std::uint32_t>(set_aside_.size());
  const std::string to = std::to_string(number);
  os::check(WHARF_CALL(renameat, parent.fd.get(), name.c_str(), aside_->get(), to.c_str()),
            "set {} aside", name);
  set_aside_.push_back({ordinal, join(parent.path, name), number});
}

}  // namespace wharf::archive
