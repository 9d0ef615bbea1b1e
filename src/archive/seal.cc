#include "archive/seal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <algorithm>

#include "archive/pack.h"
#include "archive/tar_record.h"
#include "base/strings.h"
#include "os/file.h"

namespace wharf::archive {
namespace {

constexpr const char* kOpaque = "trusted.overlay.opaque";

bool is_opaque(const os::Fd& directory) {
  char value = 0;
  return WHARF_CALL(fgetxattr, directory.get(), kOpaque, &value, 1) == 1 && value == 'y';
}

class Sealing {
 public:
  explicit Sealing(const os::Fd& record)
      : record_(record), tar_([this](std::string_view bytes) { take(bytes); }), packer_(tar_) {
    packer_.on_content([this](const std::string& name, std::uint64_t size) {
      record_.content(name, size);
      content_left_ = size;
      sealed_.bytes += size;
    });
  }

  Sealed run(const os::Fd& tree) {
    directory(tree, "", 0);
    tar_.finish();
    sealed_.diff_id = hash_.finish();
    record_.finish({}, sealed_.diff_id);
    return sealed_;
  }

 private:
  /// What the tar is made of: contents are in the tree already, all else is kept in the record.
  void take(std::string_view bytes) {
    hash_.update(bytes);
    sealed_.tar_bytes += bytes.size();
    const std::uint64_t content = std::min<std::uint64_t>(content_left_, bytes.size());
    content_left_ -= content;
    if (content < bytes.size()) record_.raw(bytes.substr(content));
  }

  void whiteout(const std::string& name) {
    Entry entry;
    entry.name = name;
    tar_.entry(entry);
  }

  void directory(const os::Fd& fd, const std::string& prefix, int depth) {
    if (depth >= kMaxPackedDepth) {
      base::fail(base::Kind::TooLarge, "{}: more than {} directories inside one another",
                 base::quoted(prefix.substr(0, 64)), kMaxPackedDepth);
    }
    if (!prefix.empty() && is_opaque(fd)) whiteout(prefix + ".wh..wh..opq");
    for (const std::string& name : names_in(fd)) member(fd, name, prefix, depth);
  }

  void member(const os::Fd& parent, const std::string& name, const std::string& prefix, int depth) {
    struct stat found{};
    os::check(WHARF_CALL(fstatat, parent.get(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW),
              "stat {}", name);
    if (S_ISSOCK(found.st_mode)) {
      os::check(WHARF_CALL(unlinkat, parent.get(), name.c_str(), 0), "remove socket {}", name);
      return;
    }
    ++sealed_.entries;
    if (S_ISCHR(found.st_mode) && found.st_rdev == ::makedev(0, 0)) {
      return whiteout(prefix + ".wh." + name);
    }
    packer_.member(parent, name, prefix + name);
    if (!S_ISDIR(found.st_mode)) return;
    directory(os::open_at(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), prefix + name + "/",
              depth + 1);
  }

  RecordWriter record_;
  TarWriter tar_;
  Packer packer_;
  base::Sha256 hash_;
  std::uint64_t content_left_ = 0;
  Sealed sealed_;
};

}  // namespace

Sealed seal(const os::Fd& tree, const os::Fd& record) {
  return Sealing(record).run(os::open_at(tree, ".", O_RDONLY | O_DIRECTORY));
}

}  // namespace wharf::archive
