#include "os/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "os/file.h"

namespace wharf::os {
namespace {

/// Open directories at once. Below, a directory is moved next to the top and removed there.
constexpr int kMaxDepth = 64;

struct Listing {
  explicit Listing(Fd fd) : stream(::fdopendir(fd.get()), ::closedir) {
    if (!stream) throw last_error("list directory");
    (void)fd.release();
  }
  /// The next name but "." and "..", or nullptr at the end.
  const char* next() {
    while (const dirent* entry = ::readdir(stream.get())) {
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") return entry->d_name;
    }
    return nullptr;
  }
  int fd() const { return ::dirfd(stream.get()); }

  std::unique_ptr<DIR, int (*)(DIR*)> stream;
};

Fd open_child(int directory, const char* name) {
  const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  return Fd(check(WHARF_CALL(openat, directory, name, flags), "open {}", name));
}

class Removal {
 public:
  explicit Removal(int top) : top_(top) {}

  void remove(int directory, const char* name, int depth) {
    if (WHARF_CALL(unlinkat, directory, name, 0) == 0 || errno == ENOENT) return;
    if (errno != EISDIR && errno != EPERM) throw last_error("remove {}", name);
    if (WHARF_CALL(unlinkat, directory, name, AT_REMOVEDIR) == 0) return;
    if (errno != ENOTEMPTY && errno != EEXIST) throw last_error("remove {}", name);
    if (depth >= kMaxDepth) {
      move_up(directory, name);
      return;
    }
    Listing listing(open_child(directory, name));
    while (const char* child = listing.next()) remove(listing.fd(), child, depth + 1);
    check(WHARF_CALL(unlinkat, directory, name, AT_REMOVEDIR), "remove {}", name);
  }

  void remove_moved() {
    while (!moved_.empty()) {
      const std::string name = std::move(moved_.back());
      moved_.pop_back();
      remove(top_, name.c_str(), 0);
    }
  }

 private:
  void move_up(int directory, const char* name) {
    moved_.push_back(".removing-" + base::hex(base::random_bytes(8)));
    check(WHARF_CALL(renameat, directory, name, top_, moved_.back().c_str()), "move {}", name);
  }

  int top_;
  std::vector<std::string> moved_;
};

/// A container may be changing the tree: what is gone, or a link by now, is passed over.
Fd open_if_there(const Fd& directory, const std::string& path) {
  try {
    return open_beneath(directory, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  } catch (const base::Error&) {
    return {};
  }
}

std::uint64_t allocated(const struct stat& found) {
  constexpr std::uint64_t kBlockBytes = 512;  // Of st_blocks, whatever the file system's is.
  return static_cast<std::uint64_t>(found.st_blocks) * kBlockBytes;
}

}  // namespace

void remove_beneath(const Fd& directory, const std::string& name) {
  Removal removal(directory.get());
  removal.remove(directory.get(), name.c_str(), 0);
  removal.remove_moved();
}

TreeSize tree_size(const Fd& directory) {
  TreeSize total;
  std::set<std::pair<dev_t, ino_t>> linked;
  // Names relative to `directory` of what is still to be read; no descriptor is held for them.
  std::vector<std::string> waiting = {"."};
  struct stat top{};
  check(WHARF_CALL(fstat, directory.get(), &top), "stat directory");
  total.bytes = allocated(top);
  while (!waiting.empty()) {
    const std::string path = std::move(waiting.back());
    waiting.pop_back();
    Fd fd = open_if_there(directory, path);
    if (!fd) continue;
    Listing listing(std::move(fd));
    while (const char* name = listing.next()) {
      struct stat found{};
      if (WHARF_CALL(fstatat, listing.fd(), name, &found, AT_SYMLINK_NOFOLLOW) < 0) continue;
      ++total.entries;
      if (S_ISDIR(found.st_mode) && found.st_dev == top.st_dev)
        waiting.push_back(path + "/" + name);
      const bool counted = !S_ISDIR(found.st_mode) && found.st_nlink > 1 &&
                           !linked.emplace(found.st_dev, found.st_ino).second;
      if (!counted) total.bytes += allocated(found);
    }
  }
  return total;
}

}  // namespace wharf::os
