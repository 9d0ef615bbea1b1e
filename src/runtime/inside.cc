// Paths of the container, resolved by the kernel inside its root (CVE-2021-30465,
// CVE-2024-45310): a link in the image leads where it would lead in the container.
#include <fcntl.h>
#include <sys/stat.h>

#include "runtime/init.h"
#include "runtime/kernel.h"

namespace wharf::runtime {
namespace {

constexpr std::uint64_t kResolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
constexpr int kMaxLinks = 40;

/// One walk along a path whose parts may be missing.
class Walk {
 public:
  Walk(Report& report, int root, std::string_view path) : report_(report), root_(root) {
    push(path);
  }

  /// Opens the parent of the last part, making directories on the way.
  int to_parent(base::Writer& name) {
    while (true) {
      std::string_view rest = rest_.view();
      const std::string_view part = next(rest);
      if (rest.find_first_not_of('/') == rest.npos) {
        name.clear();
        name.put(part);
        return open_done();
      }
      take(part, rest);
      enter();
    }
  }

  /// Replaces a dangling link by its target, so that what is made is what it points at.
  bool follow(int parent, const char* name) {
    char target[4096];
    const ssize_t length = ::readlinkat(parent, name, target, sizeof target - 1);
    if (length < 0) return false;
    if (++links_ > kMaxLinks) report_.fail("too many links in ", done_.view(), "/", name);
    const std::string_view link(target, static_cast<std::size_t>(length));
    if (link.starts_with('/')) done_.clear();
    base::PathText rest(rest_.view());
    rest_.clear();
    push(link);
    rest_.put("/", rest.view());
    return true;
  }

  /// After to_parent(): the last part is what rest_ holds; forget it before follow().
  void drop_last() { rest_.clear(); }

 private:
  static std::string_view next(std::string_view& rest) {
    std::string_view part;
    while (part.empty() && !rest.empty()) part = base::split(rest, '/');
    return part;
  }
  void push(std::string_view path) {
    if (path.size() >= 4000) report_.fail("path too long");
    rest_.put(path);
  }
  void take(std::string_view part, std::string_view rest) {
    if (part.empty()) return;
    // ".." is left to the kernel, which stops at the root.
    last_.clear();
    last_.put(part);
    before_ = done_;
    done_.put("/", part);
    base::PathText remaining(rest);
    rest_ = remaining;
  }
  int open_done() {
    const char* path = done_.empty() ? "/" : done_.c_str();
    return report_.check(kernel::openat2(root_, path, O_PATH | O_DIRECTORY, kResolve), "open ",
                         path, " in the container");
  }
  void enter() {
    const int fd = kernel::openat2(root_, done_.c_str(), O_PATH | O_DIRECTORY, kResolve);
    if (fd >= 0) {
      ::close(fd);
      return;
    }
    if (errno != ENOENT) report_.fail_errno("open ", done_.view(), " in the container");
    const char* above = before_.empty() ? "/" : before_.c_str();
    const int parent = report_.check(kernel::openat2(root_, above, O_PATH | O_DIRECTORY, kResolve),
                                     "open ", above);
    if (::mkdirat(parent, last_.c_str(), 0755) < 0) {
      if (errno != EEXIST) report_.fail_errno("make ", done_.view(), " in the container");
      done_ = before_;
      if (!follow(parent, last_.c_str())) report_.fail_errno("follow ", last_.view());
    }
    ::close(parent);
  }

  Report& report_;
  int root_;
  int links_ = 0;
  base::PathText done_;
  base::PathText before_;
  base::PathText rest_;
  base::Text<255> last_;
};

bool make_last(int parent, const char* name, Kind kind) {
  if (kind == Kind::Directory) return ::mkdirat(parent, name, 0755) == 0;
  // As runc has it.
  const int fd = ::openat(parent, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0755);
  if (fd >= 0) ::close(fd);
  return fd >= 0;
}

}  // namespace

int open_inside(int root, const char* path, int flags) {
  return kernel::openat2(root, path, static_cast<std::uint64_t>(flags), kResolve);
}

int make_parent_inside(Report& report, int root, std::string_view path, base::Writer& name) {
  Walk walk(report, root, path);
  return walk.to_parent(name);
}

int make_inside(Report& report, int root, std::string_view path, Kind kind) {
  const base::PathText whole(path);
  const int found = open_inside(root, whole.c_str(), O_PATH);
  if (found >= 0) return found;
  if (errno != ENOENT) report.fail_errno("open ", path, " in the container");
  Walk walk(report, root, path);
  base::Text<255> name;
  while (true) {
    const int parent = walk.to_parent(name);
    if (!make_last(parent, name.c_str(), kind) && errno != EEXIST) {
      report.fail_errno("make ", path, " in the container");
    }
    const int made = kernel::openat2(parent, name.c_str(), O_PATH | O_NOFOLLOW, kResolve);
    struct stat status{};
    if (made < 0 || ::fstat(made, &status) < 0) report.fail_errno("open ", path);
    if (!S_ISLNK(status.st_mode)) {
      ::close(parent);
      return made;
    }
    ::close(made);
    walk.drop_last();
    if (!walk.follow(parent, name.c_str())) report.fail_errno("follow ", path);
    ::close(parent);
  }
}

}  // namespace wharf::runtime
