#include "build/copier.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/sendfile.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>

#include "archive/attributes.h"
#include "archive/pack.h"
#include "base/error.h"
#include "base/strings.h"
#include "os/file.h"

namespace wharf::build {
namespace {

using base::fail;
using base::Kind;

constexpr mode_t kNewDirectoryMode = 0755;

std::pair<std::string, std::string> split_path(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {"/", path};
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

bool stat_at(const os::Fd& directory, const std::string& name, struct stat& found) {
  return WHARF_CALL(fstatat, directory.get(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0;
}

}  // namespace

bool Copier::is_directory(const std::string& path) const {
  try {
    return S_ISDIR(os::status(os::open_in_root(root_, path, O_PATH)).st_mode);
  } catch (const base::Error&) {
    return false;
  }
}

os::Fd Copier::make_directories(const std::string& path) {
  try {
    return os::open_in_root(root_, path, O_RDONLY | O_DIRECTORY);
  } catch (const base::Error& error) {
    if (error.error_number() == ENOTDIR) {
      fail(Kind::InvalidArgument, "cannot copy to non-directory: {}", path);
    }
    if (error.error_number() != ENOENT || path == "/") throw;
  }
  const auto [above, name] = split_path(path);
  const os::Fd parent = make_directories(above);
  if (WHARF_CALL(mkdirat, parent.get(), name.c_str(), kNewDirectoryMode) < 0) {
    if (errno != EEXIST) throw os::last_error("make directory {}", path);
    return follow_dangling(parent, above, name);
  }
  os::Fd made = os::open_at(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  os::check(WHARF_CALL(fchmod, made.get(), kNewDirectoryMode), "chmod {}", path);
  if (options_.owner) {
    os::check(WHARF_CALL(fchown, made.get(), options_.owner->uid, options_.owner->gid), "chown {}",
              path);
  }
  return made;
}

/// A link that leads nowhere: the directory it names is made.
os::Fd Copier::follow_dangling(const os::Fd& parent, const std::string& above,
                               const std::string& name) {
  std::array<char, PATH_MAX> target{};
  if (WHARF_CALL(readlinkat, parent.get(), name.c_str(), target.data(), target.size() - 1) < 0) {
    throw os::last_error("make directory {}", name);
  }
  constexpr int kLinks = 40;  // As the kernel's own limit.
  if (++links_ > kLinks) fail(Kind::InvalidArgument, "too many links on the way to {}", name);
  const std::string path = target.data();
  os::Fd made = make_directories(
      dockerfile::clean_path(path.starts_with('/') ? path : "/" + above + "/" + path));
  --links_;
  return made;
}

void Copier::copy(const Tree& from, const std::string& path, const std::string& destination,
                  bool into_directory) {
  below_ = path;
  const os::Fd source = from.open(path, O_PATH);
  const std::string clean = dockerfile::clean_path(destination);
  if (S_ISDIR(os::status(source).st_mode)) {
    const bool existed = is_directory(clean);
    const os::Fd target = make_directories(clean);
    const os::Fd opened = from.open(path, O_RDONLY | O_DIRECTORY);
    merge(from, opened, path, {target, "", clean}, 0);
    if (!existed) finish(target, os::status(opened));
    return;
  }
  const std::string base_name = path.substr(path.rfind('/') + 1);
  const bool into = into_directory || destination.ends_with('/') || is_directory(clean);
  const std::string full = into ? (clean == "/" ? "" : clean) + "/" + base_name : clean;
  const auto [above, name] = split_path(full);
  const os::Fd parent = make_directories(above);
  const os::Fd opened = from.open(path, O_RDONLY | O_NONBLOCK);
  if (!S_ISREG(os::status(opened).st_mode)) {
    fail(Kind::InvalidArgument, "{} is neither a file nor a directory", path);
  }
  file(opened, {parent, name, full});
}

void Copier::merge(const Tree& from, const os::Fd& source, const std::string& source_path,
                   const Place& place, int depth) {
  if (depth >= archive::kMaxPackedDepth) {
    fail(Kind::TooLarge, "{}: more than {} directories inside one another",
         base::quoted(source_path.substr(0, 64)), archive::kMaxPackedDepth);
  }
  const std::string prefix = place.path == "/" ? "/" : place.path + "/";
  for (const std::string& name : archive::names_in(source)) {
    const std::string path = source_path.empty() ? name : source_path + "/" + name;
    if (!from.wants(path, options_.exclude, below_)) continue;
    member(from, source, name, path, {place.directory, name, prefix + name}, depth);
  }
}

void Copier::member(const Tree& from, const os::Fd& parent, const std::string& name,
                    const std::string& source_path, const Place& place, int depth) {
  struct stat found{};
  if (!stat_at(parent, name, found)) throw os::last_error("stat {}", source_path);
  if (S_ISSOCK(found.st_mode)) return;
  if (S_ISREG(found.st_mode)) {
    if (hard_link(found, place)) return;
    return file(os::open_at(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK), place);
  }
  if (!S_ISDIR(found.st_mode)) return special(parent, name, found, place);
  make_room(place, true);
  if (WHARF_CALL(mkdirat, place.directory.get(), place.name.c_str(), 0700) < 0 && errno != EEXIST) {
    throw os::last_error("make directory {}", place.path);
  }
  const os::Fd made = os::open_at(place.directory, place.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  const os::Fd below = os::open_at(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  merge(from, below, source_path, {made, "", place.path}, depth + 1);
  copy_attributes(below, made);
  finish(made, found);
}

/// What is in the place of something new: of another kind is an error, else it goes.
void Copier::make_room(const Place& place, bool directory) const {
  struct stat found{};
  if (!stat_at(place.directory, place.name, found)) return;
  const bool is = S_ISDIR(found.st_mode);
  if (directory && is) return;
  if (directory) fail(Kind::InvalidArgument, "cannot copy to non-directory: {}", place.path);
  if (is) {
    fail(Kind::InvalidArgument, "cannot replace to directory {} with file", place.path);
  }
  os::check(WHARF_CALL(unlinkat, place.directory.get(), place.name.c_str(), 0), "replace {}",
            place.path);
}

bool Copier::hard_link(const struct stat& found, const Place& place) {
  if (found.st_nlink < 2) return false;
  const auto [first, fresh] = linked_.try_emplace({found.st_dev, found.st_ino}, place.path);
  if (fresh) return false;
  make_room(place, false);
  const auto [above, name] = split_path(first->second);
  const os::Fd parent = os::open_in_root(root_, above, O_PATH | O_DIRECTORY);
  return WHARF_CALL(linkat, parent.get(), name.c_str(), place.directory.get(), place.name.c_str(),
                    0) == 0;
}

void Copier::file(const os::Fd& source, const Place& place) {
  const struct stat found = os::status(source);
  struct stat there{};
  std::string name = place.name;
  const bool link = stat_at(place.directory, name, there) && S_ISLNK(there.st_mode);
  os::Fd made;
  if (link) {
    // BuildKit writes to what the link names, inside the root.
    try {
      made = os::open_in_root(root_, place.path, O_WRONLY | O_TRUNC | O_NONBLOCK);
      if (!S_ISREG(os::status(made).st_mode)) made.reset();
    } catch (const base::Error&) {
      // Broken, or it leads to a directory: replaced.
    }
  }
  if (!made.valid()) {
    make_room(place, false);
    made = os::open_at(place.directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  }
  copy_content(source, made, static_cast<std::uint64_t>(found.st_size));
  copy_attributes(source, made);
  finish(made, found);
}

void Copier::copy_content(const os::Fd& source, const os::Fd& made, std::uint64_t size) {
  constexpr std::size_t kPiece = 1 << 30;
  while (size > 0) {
    const ssize_t n = WHARF_CALL(sendfile, made.get(), source.get(), nullptr, kPiece);
    if (n < 0) throw os::last_error("copy content");
    if (n == 0) return;
    size -= std::min<std::uint64_t>(size, static_cast<std::uint64_t>(n));
  }
}

void Copier::copy_attributes(const os::Fd& source, const os::Fd& made) {
  std::array<char, 64 << 10> names;
  const ssize_t size = WHARF_CALL(flistxattr, source.get(), names.data(), names.size());
  for (ssize_t at = 0; at < size;) {
    const std::string name = names.data() + at;
    at += static_cast<ssize_t>(name.size()) + 1;
    if (!archive::allowed_xattr(name)) continue;
    const ssize_t got =
        WHARF_CALL(fgetxattr, source.get(), name.c_str(), buffer_.data(), buffer_.size());
    if (got < 0) continue;
    const auto length = static_cast<std::size_t>(got);
    if (WHARF_CALL(fsetxattr, made.get(), name.c_str(), buffer_.data(), length, 0) < 0 &&
        errno != ENOTSUP) {
      throw os::last_error("set {}", name);
    }
  }
}

/// Owner, mode, time; chown(2) clears setuid, so the mode comes after it.
void Copier::finish(const os::Fd& made, const struct stat& found) const {
  const Owner owner = options_.owner.value_or(Owner{found.st_uid, found.st_gid});
  os::check(WHARF_CALL(fchown, made.get(), owner.uid, owner.gid), "chown");
  mode_t mode = found.st_mode & 07777;
  if (options_.mode) mode = options_.mode->apply(mode, S_ISDIR(found.st_mode));
  os::check(WHARF_CALL(fchmod, made.get(), mode), "chmod");
  const std::array<timespec, 2> times = {found.st_mtim, found.st_mtim};
  os::check(WHARF_CALL(futimens, made.get(), times.data()), "set time");
}

void Copier::special(const os::Fd& parent, const std::string& name, const struct stat& found,
                     const Place& place) {
  make_room(place, false);
  const int at = place.directory.get();
  if (S_ISLNK(found.st_mode)) {
    std::array<char, PATH_MAX> target{};
    os::check(WHARF_CALL(readlinkat, parent.get(), name.c_str(), target.data(), target.size() - 1),
              "read link {}", name);
    os::check(WHARF_CALL(symlinkat, target.data(), at, place.name.c_str()), "make link {}",
              place.path);
  } else {
    os::check(WHARF_CALL(mknodat, at, place.name.c_str(), found.st_mode, found.st_rdev), "make {}",
              place.path);
  }
  const Owner owner = options_.owner.value_or(Owner{found.st_uid, found.st_gid});
  os::check(WHARF_CALL(fchownat, at, place.name.c_str(), owner.uid, owner.gid, AT_SYMLINK_NOFOLLOW),
            "chown {}", place.path);
  const std::array<timespec, 2> times = {found.st_mtim, found.st_mtim};
  os::check(WHARF_CALL(utimensat, at, place.name.c_str(), times.data(), AT_SYMLINK_NOFOLLOW),
            "set time of {}", place.path);
}

void Copier::write(const std::string& destination, std::string_view content, mode_t mode,
                   std::optional<timespec> time) {
  const auto [above, name] = split_path(dockerfile::clean_path(destination));
  const os::Fd parent = make_directories(above);
  const Place place{parent, name, destination};
  make_room(place, false);
  const os::Fd made = os::open_at(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  os::write_all(made, content);
  struct stat wanted = os::status(made);
  wanted.st_mode = (wanted.st_mode & S_IFMT) | mode;
  wanted.st_uid = wanted.st_gid = 0;
  if (time) wanted.st_mtim = *time;
  finish(made, wanted);
}

}  // namespace wharf::build
