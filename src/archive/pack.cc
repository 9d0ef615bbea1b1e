#include "archive/pack.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "archive/attributes.h"
#include "base/error.h"
#include "base/strings.h"
#include "os/file.h"

namespace wharf::archive {
namespace {

constexpr std::size_t kMaxAttribute = 64 << 10;  // XATTR_SIZE_MAX

/// What became something else between two looks at it, or is gone.
bool vanished(int error_number) {
  return error_number == ENOENT || error_number == ELOOP || error_number == ENOTDIR ||
         error_number == ENXIO || error_number == ESTALE;
}

Entry plain_entry(const struct stat& found, std::string name) {
  Entry entry;
  entry.name = std::move(name);
  entry.mode = found.st_mode & 07777;
  entry.uid = found.st_uid;
  entry.gid = found.st_gid;
  // Docker: whole seconds, which need no PAX header.
  entry.mtime_seconds = found.st_mtim.tv_sec;
  if (S_ISCHR(found.st_mode) || S_ISBLK(found.st_mode)) {
    entry.type = S_ISCHR(found.st_mode) ? Type::CharDevice : Type::BlockDevice;
    entry.major = major(found.st_rdev);
    entry.minor = minor(found.st_rdev);
  } else if (S_ISFIFO(found.st_mode)) {
    entry.type = Type::Fifo;
  } else if (S_ISLNK(found.st_mode)) {
    entry.type = Type::Symlink;
  } else if (S_ISDIR(found.st_mode)) {
    entry.type = Type::Directory;
  }
  return entry;
}

std::uint32_t root_of(const os::IdMaps& ids) {
  return os::outside_id(ids.uids, 0).value_or(0);
}

void read_attributes(const os::Fd& file, Entry& entry) {
  std::array<char, kMaxAttribute> names;
  const ssize_t size = WHARF_CALL(flistxattr, file.get(), names.data(), names.size());
  std::uint64_t total = 0;
  for (ssize_t at = 0; at < size;) {
    const std::string name = names.data() + at;
    at += static_cast<ssize_t>(name.size()) + 1;
    if (!allowed_xattr(name)) continue;
    std::string value(kMaxAttribute, '\0');
    const ssize_t got = WHARF_CALL(fgetxattr, file.get(), name.c_str(), value.data(), value.size());
    if (got < 0) continue;
    value.resize(static_cast<std::size_t>(got));
    total += name.size() + value.size();
    if (total > kMaxXattrs) {
      base::fail(base::Kind::TooLarge, "{}: more than {} bytes of extended attributes",
                 base::quoted(entry.name), kMaxXattrs);
    }
    entry.xattrs.emplace(name, std::move(value));
  }
}

/// Invalid where it is no longer what it was.
os::Fd open_member(const os::Fd& parent, const std::string& name, int flags) {
  const int fd = WHARF_CALL(openat, parent.get(), name.c_str(),
                            flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (fd < 0 && !vanished(errno)) throw os::last_error("open {}", name);
  return os::Fd(fd);
}

}  // namespace

std::vector<std::string> names_in(const os::Fd& directory) {
  os::Fd copy = os::open_at(directory, ".", O_RDONLY | O_DIRECTORY);
  const std::unique_ptr<DIR, int (*)(DIR*)> list(::fdopendir(copy.get()), ::closedir);
  if (!list) throw os::last_error("list directory");
  (void)copy.release();
  std::vector<std::string> names;
  while (const dirent* each = ::readdir(list.get())) {
    const std::string_view name = each->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

Entry Packer::entry_of(const struct stat& found, std::string name) const {
  Entry entry = plain_entry(found, std::move(name));
  if (!ids_) return entry;
  entry.uid = os::inside_id(ids_->uids, entry.uid).value_or(os::kOverflowId);
  entry.gid = os::inside_id(ids_->gids, entry.gid).value_or(os::kOverflowId);
  return entry;
}

void Packer::tree(const os::Fd& directory_fd, const std::string& name) {
  const struct stat found = os::status(directory_fd);
  if (!name.empty()) directory(directory_fd, found, name);
  members(directory_fd, name.empty() || name.ends_with('/') ? name : name + "/", 0);
}

void Packer::members(const os::Fd& directory_fd, const std::string& prefix, int depth) {
  if (depth >= kMaxPackedDepth) {
    base::fail(base::Kind::TooLarge, "{}: more than {} directories inside one another",
               base::quoted(prefix.substr(0, 64)), kMaxPackedDepth);
  }
  for (const std::string& name : names_in(directory_fd)) {
    const std::string shown = prefix + name;
    struct stat found{};
    if (WHARF_CALL(fstatat, directory_fd.get(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW) < 0) {
      continue;
    }
    if (!S_ISDIR(found.st_mode)) {
      member(directory_fd, name, shown);
      continue;
    }
    const os::Fd below = open_member(directory_fd, name, O_RDONLY | O_DIRECTORY);
    if (!below) continue;
    directory(below, os::status(below), shown);
    members(below, shown + "/", depth + 1);
  }
}

void Packer::directory(const os::Fd& fd, const struct stat& found, const std::string& name) {
  Entry entry = entry_of(found, name);
  read_attributes(fd, entry);
  if (ids_) take_capability(entry, root_of(*ids_));
  tar_.entry(entry);
}

void Packer::member(const os::Fd& parent, const std::string& name, const std::string& shown) {
  struct stat found{};
  if (WHARF_CALL(fstatat, parent.get(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW) < 0) return;
  if (S_ISSOCK(found.st_mode)) return;
  if (S_ISDIR(found.st_mode)) {
    const os::Fd below = open_member(parent, name, O_RDONLY | O_DIRECTORY);
    if (below) directory(below, os::status(below), shown);
    return;
  }
  Entry entry = entry_of(found, shown);
  if (S_ISREG(found.st_mode)) return file(parent, name, std::move(entry));
  if (is_known(found, entry)) return tar_.entry(entry);
  if (S_ISLNK(found.st_mode)) return link(parent, name, std::move(entry));
  tar_.entry(entry);
}

/// True where it has been packed under another name: then the entry is a link to that.
bool Packer::is_known(const struct stat& found, Entry& entry) {
  if (found.st_nlink < 2) return false;
  const auto [first, is_new] = linked_.try_emplace({found.st_dev, found.st_ino}, entry.name);
  if (is_new) return false;
  entry.type = Type::HardLink;
  entry.link = first->second;
  entry.size = 0;
  return true;
}

void Packer::link(const os::Fd& parent, const std::string& name, Entry entry) {
  std::array<char, PATH_MAX> target;
  const ssize_t size =
      WHARF_CALL(readlinkat, parent.get(), name.c_str(), target.data(), target.size());
  if (size < 0) return;
  entry.mode = 0777;
  entry.link.assign(target.data(), static_cast<std::size_t>(size));
  tar_.entry(entry);
}

void Packer::file(const os::Fd& parent, const std::string& name, Entry entry) {
  const os::Fd opened = open_member(parent, name, O_RDONLY);
  if (!opened) return;
  const struct stat now = os::status(opened);
  if (!S_ISREG(now.st_mode)) return;
  Entry fresh = entry_of(now, std::move(entry.name));
  fresh.size = static_cast<std::uint64_t>(now.st_size);
  if (is_known(now, fresh)) return tar_.entry(fresh);
  read_attributes(opened, fresh);
  if (ids_) take_capability(fresh, root_of(*ids_));
  tar_.entry(fresh);
  if (on_content_ && fresh.size > 0) on_content_(fresh.name, fresh.size);
  content(opened, fresh.size);
}

void Packer::content(const os::Fd& file, std::uint64_t size) {
  while (size > 0) {
    const std::size_t wanted = std::min<std::uint64_t>(size, buffer_.size());
    std::size_t got = os::read_some(file, {buffer_.data(), wanted});
    if (got == 0) {
      std::memset(buffer_.data(), 0, wanted);
      got = wanted;
    }
    tar_.content({buffer_.data(), got});
    size -= got;
  }
}

}  // namespace wharf::archive
