#include "archive/attributes.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>

namespace wharf::archive {
namespace {

std::array<timespec, 2> times_of(const Entry& entry) {
  // ext4 and others cut times they cannot hold; the access time is the same, as Docker sets it.
  const timespec time{.tv_sec = entry.mtime_seconds,
                      .tv_nsec = static_cast<long>(entry.mtime_nanoseconds)};
  return {time, time};
}

// struct vfs_ns_cap_data of <linux/capability.h>, little-endian: the third revision is the second
// with the uid at its end.
constexpr std::size_t kSecondSize = 20;
constexpr std::size_t kThirdSize = 24;
constexpr std::size_t kRevisionByte = 3;

std::string* capability_of(Entry& entry, char revision, std::size_t size) {
  for (auto& [name, value] : entry.xattrs) {
    const bool fits = name == "security.capability" && value.size() == size;
    if (fits && value[kRevisionByte] == revision) return &value;
  }
  return nullptr;
}

std::string bytes_of(std::uint32_t uid) {
  std::string bytes;
  for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(uid >> shift & 0xff);
  return bytes;
}

}  // namespace

void give_capability(Entry& entry, std::uint32_t uid) {
  std::string* value = capability_of(entry, 2, kSecondSize);
  if (!value) return;
  (*value)[kRevisionByte] = 3;
  *value += bytes_of(uid);
}

void take_capability(Entry& entry, std::uint32_t uid) {
  std::string* value = capability_of(entry, 3, kThirdSize);
  if (!value || !value->ends_with(bytes_of(uid))) return;
  value->resize(kSecondSize);
  (*value)[kRevisionByte] = 2;
}

bool allowed_xattr(std::string_view name) {
  return name.starts_with("user.") || name == "security.capability" ||
         name == "system.posix_acl_access" || name == "system.posix_acl_default";
}

std::uint64_t set_attributes(const os::Fd& file, const Entry& entry, mode_t mode_now) {
  bool owned = entry.uid != 0 || entry.gid != 0;
  if (!owned) {
    // What was there before may be somebody else's, and a new file has the group of a directory
    // that is setgid.
    struct stat found{};
    os::check(WHARF_CALL(fstat, file.get(), &found), "stat {}", entry.name);
    owned = found.st_uid != 0 || found.st_gid != 0;
  }
  if (owned) {
    os::check(WHARF_CALL(fchown, file.get(), entry.uid, entry.gid), "chown {}", entry.name);
  }
  if (owned || mode_now != entry.mode) {
    os::check(WHARF_CALL(fchmod, file.get(), entry.mode), "chmod {}", entry.name);
  }
  std::uint64_t skipped = 0;
  for (const auto& [name, value] : entry.xattrs) {
    if (!allowed_xattr(name)) {
      ++skipped;
      continue;
    }
    const int set = WHARF_CALL(fsetxattr, file.get(), name.c_str(), value.data(), value.size(), 0);
    // The file system may know none (tmpfs and user.*); Docker warns and goes on.
    if (set < 0 && errno == ENOTSUP) ++skipped;
    if (set < 0 && errno != ENOTSUP) throw os::last_error("set {} of {}", name, entry.name);
  }
  return skipped;
}

void set_time(const os::Fd& file, const Entry& entry) {
  os::check(WHARF_CALL(futimens, file.get(), times_of(entry).data()), "set time of {}", entry.name);
}

void set_attributes_at(const os::Fd& directory, const std::string& name, const Entry& entry) {
  os::check(WHARF_CALL(fchownat, directory.get(), name.c_str(), entry.uid, entry.gid,
                       AT_SYMLINK_NOFOLLOW),
            "chown {}", entry.name);
  // A symlink has no mode, and all others were made with theirs but for setuid, setgid and sticky
  // bits. fchmodat(2) follows links: in a running container's files somebody may put one in the
  // place of what was made just now, and it leads nowhere but below the root of this process.
  if (entry.type != Type::Symlink && (entry.mode & ~mode_t{0777}) != 0) {
    os::check(WHARF_CALL(fchmodat, directory.get(), name.c_str(), entry.mode, 0), "chmod {}",
              entry.name);
  }
  os::check(WHARF_CALL(utimensat, directory.get(), name.c_str(), times_of(entry).data(),
                       AT_SYMLINK_NOFOLLOW),
            "set time of {}", entry.name);
}

}  // namespace wharf::archive
