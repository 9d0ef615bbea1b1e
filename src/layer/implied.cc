#include "layer/implied.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <set>

#include "base/ids.h"
#include "base/strings.h"
#include "layer/verdict.h"

namespace wharf::layer {
namespace {

constexpr std::string_view kPrefix = ".implied-";

struct Level {
  os::Fd tree;
  std::set<std::string> implied;
};

enum class Found { Nothing, Directory, Hidden };

bool is_opaque(const os::Fd& directory) {
  char value = 0;
  return ::fgetxattr(directory.get(), "trusted.overlay.opaque", &value, 1) == 1 && value == 'y';
}

/// What `level` says about `path`, as overlayfs would see it: Hidden where it keeps lower layers
/// from being seen there. `status` is set for a directory.
Found look(const Level& level, const std::string& path, struct stat& status, bool& opaque) {
  os::Fd at = level.tree.duplicate();
  for (const std::string& part : base::split(path, '/')) {
    if (WHARF_CALL(fstatat, at.get(), part.c_str(), &status, AT_SYMLINK_NOFOLLOW) < 0) {
      if (errno != ENOENT) throw os::last_error("stat {}", path);
      return opaque ? Found::Hidden : Found::Nothing;
    }
    if (!S_ISDIR(status.st_mode)) return Found::Hidden;
    at = os::open_at(at, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    opaque = opaque || is_opaque(at);
  }
  return Found::Directory;
}

/// The attributes `path` should be seen with, if the stack shows it by an implied directory only.
std::optional<struct stat> described(std::span<const Level> top_first, const std::string& path) {
  bool implied = false;
  for (const Level& level : top_first) {
    struct stat status{};
    bool opaque = false;
    const Found found = look(level, path, status, opaque);
    if (found == Found::Hidden) return std::nullopt;
    if (found == Found::Nothing) continue;
    if (!level.implied.contains(path)) return implied ? std::optional(status) : std::nullopt;
    implied = true;
    if (opaque) return std::nullopt;
  }
  return std::nullopt;
}

/// The attributes of `path` as the stack shows it now: those of the uppermost layer that has it.
struct stat shown(std::span<const Level> top_first, const std::string& path) {
  for (const Level& level : top_first) {
    struct stat status{};
    bool opaque = false;
    if (look(level, path, status, opaque) == Found::Directory) return status;
  }
  base::fail(base::Kind::Internal, "{} is in no layer", base::quoted(path));
}

/// Makes `path` and what is above it below `tree`. Parents come before their children.
void make(const os::Fd& tree, std::span<const Level> top_first, const std::string& path) {
  for (std::size_t slash = path.find('/');; slash = path.find('/', slash + 1)) {
    const std::string part = path.substr(0, slash);
    if (WHARF_CALL(mkdirat, tree.get(), part.c_str(), 0700) == 0) {
      const auto wanted = described(top_first, part);
      const struct stat status = wanted ? *wanted : shown(top_first, part);
      const os::Fd made = os::open_beneath(tree, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      os::check(WHARF_CALL(fchown, made.get(), status.st_uid, status.st_gid), "chown {}", part);
      os::check(WHARF_CALL(fchmod, made.get(), status.st_mode & 07777), "chmod {}", part);
    } else if (errno != EEXIST) {
      throw os::last_error("make directory {}", part);
    }
    if (slash == std::string::npos) return;
  }
}

std::vector<Level> open_levels(const os::Path& layers, std::span<const base::Digest> diff_ids) {
  std::vector<Level> top_first;
  for (std::size_t i = diff_ids.size(); i-- > 0;) {
    const os::Path path = layers / diff_ids[i].hex();
    Level level;
    level.tree = os::open_file(path / "diff", O_RDONLY | O_DIRECTORY);
    for (std::string& name : read_implied(os::open_file(path, O_RDONLY | O_DIRECTORY))) {
      level.implied.insert(std::move(name));
    }
    top_first.push_back(std::move(level));
  }
  return top_first;
}

os::Path name_for(const os::Path& layers, std::span<const base::Digest> diff_ids,
                  std::string& list) {
  for (const base::Digest& diff_id : diff_ids) list.append(diff_id.text()).push_back('\n');
  return layers / (std::string(kPrefix) + std::string(base::Sha256::of(list).hex()));
}

/// Built beside its name and renamed: a half-made one is never used.
void build(const os::Path& path, std::span<const Level> top_first, const std::string& list) {
  const os::Path beside =
      path.parent_path() / (".ingest-implied-" + base::hex(base::random_bytes(8)));
  os::make_directories(beside / "diff", 0755);
  os::replace_file(beside / "layers", list, 0600);
  const os::Fd tree = os::open_file(beside / "diff", O_RDONLY | O_DIRECTORY);
  std::set<std::string> paths;
  for (const Level& level : top_first) paths.insert(level.implied.begin(), level.implied.end());
  for (const std::string& one : paths) {
    if (described(top_first, one)) make(tree, top_first, one);
  }
  if (WHARF_CALL(rename, beside.c_str(), path.c_str()) == 0) return;
  const int failure = errno;
  os::remove_tree(beside);
  // Another thread made the same one meanwhile.
  if (failure != EEXIST && failure != ENOTEMPTY) {
    throw base::errno_error(failure, "keep " + path.native());
  }
}

}  // namespace

std::optional<os::Path> implied_directories(const os::Path& layers,
                                            std::span<const base::Digest> diff_ids) {
  const bool any = std::ranges::any_of(diff_ids, [&](const base::Digest& diff_id) {
    return ::access((layers / diff_id.hex() / "implied").c_str(), F_OK) == 0;
  });
  if (!any) return std::nullopt;
  std::string list;
  const os::Path path = name_for(layers, diff_ids, list);
  if (::access(path.c_str(), F_OK) != 0) build(path, open_levels(layers, diff_ids), list);
  return path / "diff";
}

std::vector<os::Path> implied_of(const os::Path& layers, const base::Digest& diff_id) {
  std::vector<os::Path> found;
  for (const auto& entry : std::filesystem::directory_iterator(layers)) {
    if (!entry.path().filename().native().starts_with(kPrefix)) continue;
    const auto list = os::read_file_if_exists(entry.path() / "layers");
    if (!list || list->find(diff_id.text()) != std::string::npos) found.push_back(entry.path());
  }
  return found;
}

}  // namespace wharf::layer
