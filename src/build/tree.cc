#include "build/tree.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "archive/pack.h"
#include "base/error.h"
#include "base/strings.h"
#include "os/file.h"

namespace wharf::build {
namespace {

using base::fail;
using base::Kind;

/// Of one pattern: a "**" over a large context must not fill the memory.
constexpr std::size_t kFoundLimit = 1'000'000;

std::string joined(const std::string& prefix, const std::string& name) {
  return prefix.empty() ? name : prefix + "/" + name;
}

/// Adds what one file, link or directory is to a digest.
class Digester {
 public:
  Digester(const Tree& tree, const dockerfile::IgnoreList& exclude, std::string root)
      : tree_(tree), exclude_(exclude), root_(std::move(root)), buffer_(256 << 10) {}

  void member(const os::Fd& parent, const std::string& name, const std::string& path, int depth) {
    if (depth >= archive::kMaxPackedDepth) {
      fail(Kind::TooLarge, "{}: more than {} directories inside one another",
           base::quoted(path.substr(0, 64)), archive::kMaxPackedDepth);
    }
    if (depth > 0 && !tree_.wants(path, exclude_, root_)) return;
    struct stat found{};
    os::check(WHARF_CALL(fstatat, parent.get(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW),
              "stat {}", path);
    head(found, path);
    if (S_ISLNK(found.st_mode)) return link(parent, name);
    if (S_ISREG(found.st_mode)) {
      return file(os::open_at(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
    }
    if (!S_ISDIR(found.st_mode)) return;
    const os::Fd below = os::open_at(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    for (const std::string& one : archive::names_in(below)) {
      member(below, one, joined(path, one), depth + 1);
    }
  }

  base::Digest finish() { return hash_.finish(); }

 private:
  void head(const struct stat& found, const std::string& path) {
    // Where it lies in the context is no part of it, only where it lies in what is copied.
    const std::string shown = path.size() > root_.size() ? path.substr(root_.size()) : "";
    hash_.update(fmt::format("{}\n{} {} {} {} {} {}\n", shown.size(), shown, found.st_mode,
                             found.st_uid, found.st_gid, S_ISREG(found.st_mode) ? found.st_size : 0,
                             found.st_rdev));
  }
  void link(const os::Fd& parent, const std::string& name) {
    std::array<char, PATH_MAX> target;
    const ssize_t size =
        os::check(WHARF_CALL(readlinkat, parent.get(), name.c_str(), target.data(), target.size()),
                  "read link {}", name);
    hash_.update({target.data(), static_cast<std::size_t>(size)});
  }
  void file(const os::Fd& opened) {
    while (const std::size_t n = os::read_some(opened, buffer_)) hash_.update({buffer_.data(), n});
  }

  const Tree& tree_;
  const dockerfile::IgnoreList& exclude_;
  std::string root_;
  std::vector<char> buffer_;
  base::Sha256 hash_;
};

}  // namespace

std::string checked_source(const std::string& path) {
  std::string clean = dockerfile::clean_path(path);
  if (clean == ".." || clean.starts_with("../")) {
    fail(Kind::InvalidArgument, "forbidden path outside the build context: {} ()", path);
  }
  while (clean.starts_with('/')) clean.erase(0, 1);
  return clean == "." ? "" : clean;
}

os::Fd Tree::open(const std::string& path, int flags) const {
  return os::open_in_root(root_, path.empty() ? "/" : path, flags);
}

bool Tree::wants(const std::string& path, const dockerfile::IgnoreList& exclude,
                 const std::string& below) const {
  const bool inside = path.size() > below.size();
  const std::size_t from = below.empty() ? 0 : below.size() + 1;
  const auto left_out = [&] {
    return skips(path) || (inside && exclude.excludes(std::string_view(path).substr(from)));
  };
  if (!left_out()) return true;
  if (!ignore_.may_include_below(path) && !exclude.may_include_below(path)) return false;
  os::Fd directory(WHARF_CALL(openat, root_.get(), path.c_str(),
                              O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory.valid()) return false;
  const std::vector<std::string> names = archive::names_in(directory);
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    return wants(joined(path, name), exclude, below);
  });
}

void Tree::walk(const os::Fd& directory, const std::string& prefix,
                const dockerfile::PathPattern& pattern, std::size_t depth,
                std::vector<std::string>& found) const {
  for (const std::string& name : archive::names_in(directory)) {
    const std::string path = joined(prefix, name);
    const dockerfile::IgnoreList none;
    if (!wants(path, none, "")) continue;
    if (pattern.matches(path)) found.push_back(path);
    if (found.size() > kFoundLimit) fail(Kind::TooLarge, "more than {} files", kFoundLimit);
    if (depth <= 1) continue;
    const os::Fd below(WHARF_CALL(openat, directory.get(), name.c_str(),
                                  O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (below.valid()) walk(below, path, pattern, depth - 1, found);
  }
}

std::vector<std::string> Tree::find(const std::string& pattern) const {
  std::vector<std::string> found;
  const std::string path = checked_source(pattern);
  if (dockerfile::has_wildcards(path)) {
    std::size_t depth = base::split(path, '/').size();
    if (path.find("**") != std::string::npos) depth = archive::kMaxPackedDepth;
    walk(os::open_at(root_, ".", O_RDONLY | O_DIRECTORY), "", dockerfile::PathPattern(path), depth,
         found);
    return found;
  }
  const auto missing = [&] { fail(Kind::NotFound, "stat {}: file does not exist", path); };
  const dockerfile::IgnoreList none;
  if (!path.empty() && !wants(path, none, "")) missing();
  try {
    open(path, O_PATH);
  } catch (const base::Error& error) {
    const int why = error.error_number();
    if (why == ENOENT || why == ENOTDIR) missing();
    throw;
  }
  found.push_back(path);
  return found;
}

base::Digest Tree::digest(const std::string& path, const dockerfile::IgnoreList& exclude) const {
  // A link that is named itself is followed, one below is not.
  const os::Fd self = open(path, O_PATH);
  Digester digester(*this, exclude, path);
  if (S_ISDIR(os::status(self).st_mode)) {
    digester.member(self, ".", path, 0);
    return digester.finish();
  }
  const os::Fd opened = open(path, O_RDONLY | O_NONBLOCK);
  const struct stat found = os::status(opened);
  if (!S_ISREG(found.st_mode)) {
    fail(Kind::InvalidArgument, "{} is neither a file nor a directory", path);
  }
  base::Sha256 hash;
  hash.update(fmt::format("{} {} {}\n", found.st_mode, found.st_uid, found.st_gid));
  std::vector<char> buffer(256 << 10);
  while (const std::size_t n = os::read_some(opened, buffer)) hash.update({buffer.data(), n});
  return hash.finish();
}

}  // namespace wharf::build
