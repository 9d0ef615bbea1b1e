#include "archive/applier.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <unordered_set>

#include "archive/attributes.h"
#include "base/error.h"
#include "base/strings.h"

namespace wharf::archive {
namespace {

using namespace std::string_view_literals;

constexpr auto kWhiteout = ".wh."sv;
constexpr auto kWhiteoutMeta = ".wh..wh."sv;
constexpr auto kOpaque = ".wh..wh..opq"sv;

/// Free space is looked at once for so many bytes; an entry counts as some.
constexpr std::uint64_t kCheckEvery = 64 << 20;
constexpr std::uint64_t kEntryCost = 8 << 10;

[[noreturn]] void refuse(const Entry& entry, std::string_view why) {
  base::fail(base::Kind::InvalidArgument, "archive entry {}: {}", base::quoted(entry.name), why);
}

std::size_t hash_of(const Directory& parent, std::string_view name) {
  return std::hash<std::string_view>{}(name) ^ parent.inode * 0x9e3779b97f4a7c15ULL;
}

bool is_whiteout(const struct stat& found) {
  return S_ISCHR(found.st_mode) && found.st_rdev == 0;
}

mode_t node_type(Type type) {
  if (type == Type::CharDevice) return S_IFCHR;
  return type == Type::BlockDevice ? S_IFBLK : S_IFIFO;
}

/// Docker's words.
void move_owner(Entry& entry, const os::IdMaps& ids) {
  if (ids.uids.empty()) return;
  const auto moved = [&](const std::vector<os::IdRange>& map, std::uint32_t id) {
    if (const auto outside = os::outside_id(map, id)) return *outside;
    base::fail(base::Kind::InvalidArgument, "Container ID {} cannot be mapped to a host ID", id);
  };
  entry.uid = moved(ids.uids, entry.uid);
  entry.gid = moved(ids.gids, entry.gid);
  give_capability(entry, moved(ids.uids, 0));
}

}  // namespace

Applier::Applier(const os::Fd& directory, const ApplyOptions& options)
    : options_(options),
      tree_(directory, options.aside),
      special_(std::make_unique<std::bitset<1 << 23>>()),
      writers_(tree_, options.writers) {
  struct statvfs space{};
  os::check(WHARF_CALL(fstatvfs, directory.get(), &space), "stat file system");
  const std::uint64_t all = space.f_blocks * space.f_frsize;
  reserve_ = std::min(options.limits.reserve_bytes, all / 20);
  tree_.before_making([this](const Directory& parent, const std::string& name) {
    if (writers_.pending(parent, name)) writers_.drain();
  });
  check_space(kCheckEvery);
}

/// Strangers never get the last of the disk: the engine needs some to stop and remove things.
void Applier::check_space(std::uint64_t more) {
  unchecked_ += more;
  if (unchecked_ < kCheckEvery) return;
  unchecked_ = 0;
  struct statvfs space{};
  os::check(WHARF_CALL(fstatvfs, tree_.root()->fd.get(), &space), "stat file system");
  if (space.f_bavail * space.f_frsize >= reserve_) return;
  throw base::Error(
      base::Kind::Internal,
      fmt::format("no space left on device: {} bytes are kept free (reserve_bytes)", reserve_),
      ENOSPC);
}

void Applier::mark_special(const Place& place) {
  special_->set(hash_of(*place.parent, place.name) % special_->size());
}

bool Applier::maybe_special(const Place& place) const {
  return special_->test(hash_of(*place.parent, place.name) % special_->size());
}

/// Waits where a writer may still be making this name.
void Applier::settle(const Place& place) {
  if (writers_.pending(*place.parent, place.name)) writers_.drain();
}

Applied Applier::run(Source& source) {
  if (options_.ready) options_.ready();
  TarReader tar(source, options_.limits, options_.record);
  Entry one;
  while (tar.next(one)) {
    if (options_.onto && options_.onto->set_owner) {
      one.uid = options_.onto->uid;
      one.gid = options_.onto->gid;
    }
    if (options_.onto) move_owner(one, options_.onto->ids);
    if (options_.record) tree_.set_ordinal(options_.record->contents());
    check_space(kEntryCost + one.size);
    entry(tar, one);
  }
  writers_.drain();
  finish_directories();
  applied_.entries = tar.entries();
  applied_.skipped_xattrs += writers_.skipped_xattrs();
  applied_.implied = implied();
  applied_.set_aside = tree_.set_aside();
  return std::move(applied_);
}

/// Below the root; "" is the directory that the archive is unpacked into.
std::string Applier::name_of(const Entry& entry) const {
  std::string name = clean_name(entry.name);
  if (name.empty() || !options_.onto) return name;
  return join(options_.onto->below, name);
}

void Applier::entry(TarReader& tar, const Entry& entry) {
  const std::string name = name_of(entry);
  if (name.empty()) {
    if (entry.type != Type::Directory) refuse(entry, "only a directory can be the root");
    // Docker: an entry for the directory itself changes nothing of one that was there before.
    if (!options_.onto) root_directory(entry);
    return;
  }
  const std::size_t slash = name.rfind('/');
  Place place;
  const std::string above = slash == std::string::npos ? "" : name.substr(0, slash);
  place.name = slash == std::string::npos ? name : name.substr(slash + 1);
  place.parent = tree_.directory(above);
  if (place.parent->path.size() + place.name.size() >= kMaxName) {
    refuse(entry, "file name too long where its links lead to");
  }
  if (options_.whiteouts == Whiteouts::Overlay && place.name.starts_with(kWhiteout)) {
    return whiteout(entry, place);
  }
  make(tar, entry, place);
}

void Applier::make(TarReader& tar, const Entry& entry, const Place& place) {
  const int parent = place.parent->fd.get();
  const char* name = place.name.c_str();
  settle(place);
  if (options_.onto) make_room(entry, place);
  switch (entry.type) {
    case Type::File:
      return file(tar, entry, place);
    case Type::Directory:
      return directory(entry, place);
    case Type::HardLink:
      return hard_link(entry, place);
    case Type::Symlink:
      make_at(place, entry,
              [&] { return WHARF_CALL(symlinkat, entry.link.c_str(), parent, name); });
      break;
    case Type::CharDevice:
    case Type::BlockDevice:
    case Type::Fifo:
      make_at(place, entry, [&] {
        const mode_t mode = node_type(entry.type) | (entry.mode & 0777);
        return WHARF_CALL(mknodat, parent, name, mode, makedev(entry.major, entry.minor));
      });
      break;
  }
  set_attributes_at(place.parent->fd, place.name, entry);
  applied_.skipped_xattrs += entry.xattrs.size();
  mark_special(place);
}

/// Takes away what the entry cannot be laid over. Files are left to the writers.
void Applier::make_room(const Entry& entry, const Place& place) {
  struct stat found{};
  const int parent = place.parent->fd.get();
  if (WHARF_CALL(fstatat, parent, place.name.c_str(), &found, AT_SYMLINK_NOFOLLOW) < 0) return;
  const bool is_directory = S_ISDIR(found.st_mode);
  const bool becomes_directory = entry.type == Type::Directory;
  if (options_.onto->keep_kinds && is_directory != becomes_directory) {
    base::fail(base::Kind::Internal, "cannot overwrite {} {} with {} {}",
               is_directory ? "directory" : "non-directory", base::quoted(clean_name(entry.name)),
               becomes_directory ? "directory" : "non-directory",
               base::quoted(options_.onto->shown));
  }
  const bool stays = is_directory && becomes_directory;
  const bool replaced_later = S_ISREG(found.st_mode) && entry.type == Type::File;
  if (stays || replaced_later) return;
  tree_.replace(*place.parent, place.name, 0);
  tree_.forget();
}

void Applier::file(TarReader& tar, const Entry& entry, const Place& place) {
  if (maybe_special(place)) {
    struct stat found{};
    const bool there = WHARF_CALL(fstatat, place.parent->fd.get(), place.name.c_str(), &found,
                                  AT_SYMLINK_NOFOLLOW) == 0;
    // A writer replaces files by itself, but what names may lead through must be gone before
    // the next one is resolved.
    if (there && !S_ISREG(found.st_mode)) {
      tree_.replace(*place.parent, place.name, options_.record ? options_.record->contents() : 0);
      tree_.forget();
    }
  }
  FileJob job{.parent = place.parent, .name = place.name, .attributes = entry};
  if (options_.record) {
    job.ordinal = options_.record->contents();
    if (entry.size > 0) {
      options_.record->content(join(place.parent->path, place.name), entry.size);
    }
  }
  applied_.bytes += entry.size;
  writers_.write(std::move(job), [&tar] { return tar.content(); });
}

void Applier::root_directory(const Entry& entry) {
  applied_.skipped_xattrs += set_attributes(tree_.root()->fd, entry, 010000);
  directories_.push_back({"", entry.mtime_seconds, entry.mtime_nanoseconds});
}

void Applier::directory(const Entry& entry, const Place& place) {
  bool was_whiteout = false;
  if (options_.whiteouts == Whiteouts::Overlay && maybe_special(place)) {
    struct stat found{};
    was_whiteout = WHARF_CALL(fstatat, place.parent->fd.get(), place.name.c_str(), &found,
                              AT_SYMLINK_NOFOLLOW) == 0 &&
                   is_whiteout(found);
  }
  bool created = false;
  const DirectoryPtr made =
      tree_.make_directory(place.parent, place.name, entry.mode & 01777, created);
  // Removed below and made anew here: nothing from below may show through.
  if (was_whiteout) set_opaque(*made);
  const mode_t mode_now = created ? entry.mode & 01777 : 010000;
  applied_.skipped_xattrs += set_attributes(made->fd, entry, mode_now);
  directories_.push_back({made->path, entry.mtime_seconds, entry.mtime_nanoseconds});
  mark_special(place);
}

void Applier::hard_link(const Entry& entry, const Place& place) {
  // Docker: an absolute target is a name in the archive too, as is one with a leading "./".
  const std::string named = clean_name(entry.link);
  if (named.empty()) refuse(entry, "hard link to the root");
  const std::string target = options_.onto ? join(options_.onto->below, named) : named;
  const std::size_t slash = target.rfind('/');
  const std::string above = slash == std::string::npos ? "" : target.substr(0, slash);
  const std::string last = slash == std::string::npos ? target : target.substr(slash + 1);
  const DirectoryPtr from = tree_.existing_directory(above);
  if (!from) refuse(entry, fmt::format("hard link target {} not found", base::quoted(entry.link)));
  settle({.parent = from, .name = last});
  if (from->inode == place.parent->inode && last == place.name) return;
  make_at(place, entry, [&] {
    return WHARF_CALL(linkat, from->fd.get(), last.c_str(), place.parent->fd.get(),
                      place.name.c_str(), 0);
  });
  mark_special(place);
}

/// Makes something that must not exist yet; what does is replaced, as tar does.
void Applier::make_at(const Place& place, const Entry& entry, const std::function<int()>& call) {
  if (call() == 0) return;
  if (errno == EEXIST) {
    tree_.replace(*place.parent, place.name, options_.record ? options_.record->contents() : 0);
    tree_.forget();
    if (call() == 0) return;
  }
  if (entry.type == Type::HardLink && (errno == ENOENT || errno == EPERM)) {
    refuse(entry, fmt::format("hard link target {} not found", base::quoted(entry.link)));
  }
  throw os::last_error("make {}", join(place.parent->path, place.name));
}

void Applier::set_opaque(const Directory& directory) {
  os::check(WHARF_CALL(fsetxattr, directory.fd.get(), "trusted.overlay.opaque", "y", 1, 0),
            "make {} opaque", directory.path);
}

/// OCI image-spec, layer.md, "Whiteouts": they hide what lower layers have, never what this
/// layer itself brings.
void Applier::whiteout(const Entry& entry, const Place& place) {
  if (entry.type != Type::File && entry.type != Type::HardLink) {
    refuse(entry, "a whiteout must be a file");
  }
  if (place.name == kOpaque) return set_opaque(*place.parent);
  // Docker: what else aufs kept under such names (".wh..wh.plnk") never becomes a file.
  if (place.name.starts_with(kWhiteoutMeta)) return;
  const Place hidden{place.parent, place.name.substr(kWhiteout.size())};
  if (hidden.name.empty() || hidden.name == "." || hidden.name == "..") {
    refuse(entry, "a whiteout of no name");
  }
  settle(hidden);
  const int parent = hidden.parent->fd.get();
  if (WHARF_CALL(mknodat, parent, hidden.name.c_str(), S_IFCHR, makedev(0, 0)) == 0) {
    return mark_special(hidden);
  }
  if (errno != EEXIST) throw os::last_error("make whiteout {}", entry.name);
  const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  const os::Fd there(WHARF_CALL(openat, parent, hidden.name.c_str(), flags));
  if (!there) return;
  os::check(WHARF_CALL(fsetxattr, there.get(), "trusted.overlay.opaque", "y", 1, 0),
            "make {} opaque", hidden.name);
}

void Applier::finish_directories() {
  tree_.forget();
  // The last entry for a name holds; a later one of the same name simply sets it again.
  for (const Pending& one : directories_) {
    const DirectoryPtr found = one.path.empty() ? tree_.root() : tree_.existing_directory(one.path);
    // Replaced by a link since: what that leads to has times of its own.
    if (!found || found->path != one.path) continue;
    Entry entry;
    entry.name = one.path;
    entry.mtime_seconds = one.seconds;
    entry.mtime_nanoseconds = one.nanoseconds;
    set_time(found->fd, entry);
  }
}

std::vector<std::string> Applier::implied() const {
  std::unordered_set<std::string_view> named;
  for (const Pending& one : directories_) named.insert(one.path);
  std::vector<std::string> only_implied;
  for (const std::string& path : tree_.implied()) {
    if (!named.contains(path)) only_implied.push_back(path);
  }
  return only_implied;
}

Applied apply(Source& tar, const os::Fd& directory, const ApplyOptions& options) {
  return Applier(directory, options).run(tar);
}

}  // namespace wharf::archive
