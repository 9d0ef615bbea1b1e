#include "layer/implied.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "base/ids.h"
#include "base/strings.h"
#include "layer/verdict.h"

namespace wharf::layer {
namespace {

constexpr std::string_view kPrefix = ".implied-";

enum class Found { Nothing, Directory, Hidden };

bool is_opaque(const os::Fd& directory) {
  char value = 0;
  return ::fgetxattr(directory.get(), "trusted.overlay.opaque", &value, 1) == 1 && value == 'y';
}

/// One layer, and a place in it. Paths are asked for in the order of a walk, so each is reached
/// from the one before it by a step or two: a path of two thousand parts costs no two thousand
/// walks.
class Level {
 public:
  Level(os::Fd tree, std::set<std::string> implied)
      : implied_(std::move(implied)), at_(std::move(tree)) {}

  const std::set<std::string>& implied() const { return implied_; }

  /// What this layer says about `path`, as overlayfs would see it: Hidden where it keeps lower
  /// layers from being seen there. `status` and `opaque` are set for a directory.
  Found look(const std::string& path, struct stat& status, bool& opaque) {
    const std::vector<std::string> parts = base::split(path, '/');
    leave(std::mismatch(parts.begin(), parts.end(), steps_.begin(), steps_.end(), is_step).second);
    while (steps_.size() < parts.size()) {
      const std::string& part = parts[steps_.size()];
      if (WHARF_CALL(fstatat, at_.get(), part.c_str(), &status, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno != ENOENT) throw os::last_error("stat {}", path);
        return is_below_opaque() ? Found::Hidden : Found::Nothing;
      }
      if (!S_ISDIR(status.st_mode)) return Found::Hidden;
      at_ = os::open_at(at_, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      steps_.push_back({part, is_below_opaque() || is_opaque(at_)});
    }
    status = os::status(at_);
    opaque = is_below_opaque();
    return Found::Directory;
  }

 private:
  struct Step {
    std::string name;
    bool opaque = false;  ///< It, or a directory above it.
  };

  static bool is_step(const std::string& part, const Step& step) { return part == step.name; }
  bool is_below_opaque() const { return !steps_.empty() && steps_.back().opaque; }

  /// Goes up until `first` is the next step to take. Nobody else moves directories of a layer.
  void leave(std::vector<Step>::iterator first) {
    for (auto count = steps_.end() - first; count > 0; --count) {
      at_ = os::open_at(at_, "..", O_RDONLY | O_DIRECTORY);
    }
    steps_.erase(first, steps_.end());
  }

  std::set<std::string> implied_;
  os::Fd at_;
  std::vector<Step> steps_;  ///< From the top of the layer to at_.
};

using Levels = std::vector<Level>;  ///< The uppermost first.

/// The attributes `path` should be seen with, if the stack shows it by an implied directory only.
std::optional<struct stat> described(Levels& top_first, const std::string& path) {
  bool implied = false;
  for (Level& level : top_first) {
    struct stat status{};
    bool opaque = false;
    const Found found = level.look(path, status, opaque);
    if (found == Found::Hidden) return std::nullopt;
    if (found == Found::Nothing) continue;
    if (!level.implied().contains(path)) return implied ? std::optional(status) : std::nullopt;
    implied = true;
    if (opaque) return std::nullopt;
  }
  return std::nullopt;
}

/// The attributes of `path` as the stack shows it now: those of the uppermost layer that has it.
struct stat shown(Levels& top_first, const std::string& path) {
  for (Level& level : top_first) {
    struct stat status{};
    bool opaque = false;
    if (level.look(path, status, opaque) == Found::Directory) return status;
  }
  base::fail(base::Kind::Internal, "{} is in no layer", base::quoted(path));
}

/// Makes `path` and what is above it below `tree`; what it shares with `made`, the path before it,
/// is there already. Parents come before their children.
void make(const os::Fd& tree, Levels& top_first, const std::string& path, std::string_view made) {
  const auto differs = std::mismatch(path.begin(), path.end(), made.begin(), made.end()).first;
  const std::size_t shared = static_cast<std::size_t>(differs - path.begin());
  for (std::size_t slash = path.find('/', shared);; slash = path.find('/', slash + 1)) {
    const std::string part = path.substr(0, slash);
    if (WHARF_CALL(mkdirat, tree.get(), part.c_str(), 0700) == 0) {
      const auto wanted = described(top_first, part);
      const struct stat status = wanted ? *wanted : shown(top_first, part);
      const os::Fd directory = os::open_beneath(tree, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      os::check(WHARF_CALL(fchown, directory.get(), status.st_uid, status.st_gid), "chown {}",
                part);
      os::check(WHARF_CALL(fchmod, directory.get(), status.st_mode & 07777), "chmod {}", part);
    } else if (errno != EEXIST) {
      throw os::last_error("make directory {}", part);
    }
    if (slash == std::string::npos) return;
  }
}

Levels open_levels(const os::Path& layers, std::span<const base::Digest> diff_ids) {
  Levels top_first;
  for (std::size_t i = diff_ids.size(); i-- > 0;) {
    const os::Path path = layers / diff_ids[i].hex();
    os::Fd tree = os::open_file(path / "diff", O_RDONLY | O_DIRECTORY);
    std::set<std::string> implied;
    for (std::string& name : read_implied(os::open_file(path, O_RDONLY | O_DIRECTORY))) {
      implied.insert(std::move(name));
    }
    top_first.emplace_back(std::move(tree), std::move(implied));
  }
  return top_first;
}

os::Path name_for(const os::Path& layers, std::span<const base::Digest> diff_ids,
                  std::string& list) {
  for (const base::Digest& diff_id : diff_ids) list.append(diff_id.text()).push_back('\n');
  return layers / (std::string(kPrefix) + std::string(base::Sha256::of(list).hex()));
}

/// Built beside its name and renamed: a half-made one is never used.
void build(const os::Path& path, Levels top_first, const std::string& list) {
  const os::Path beside =
      path.parent_path() / (".ingest-implied-" + base::hex(base::random_bytes(8)));
  os::make_directories(beside / "diff", 0755);
  os::replace_file(beside / "layers", list, 0600);
  const os::Fd tree = os::open_file(beside / "diff", O_RDONLY | O_DIRECTORY);
  std::set<std::string> paths;
  for (const Level& level : top_first) {
    paths.insert(level.implied().begin(), level.implied().end());
  }
  std::string_view made;
  for (const std::string& one : paths) {
    if (!described(top_first, one)) continue;
    make(tree, top_first, one, made);
    made = one;
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
