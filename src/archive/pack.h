// Packs a tree of files into a tar: `docker cp` out of a container, export, commit.
//
//   Packer packer(writer);
//   packer.tree(directory, "etc");        // etc/, etc/passwd, ...
//
// The tree may be a running container's: every name is opened by its parent's descriptor and
// never through a link, nothing but regular files is opened for reading, and what is gone or has
// become something else meanwhile is left out. A file has the size it was found with: longer
// ones are cut, shorter ones filled with zeros. Names are in the order of their bytes. Sockets
// are left out, as by tar. One thread; throws base::Error.
#pragma once

#include <sys/stat.h>

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "archive/tar_writer.h"
#include "os/fd.h"
#include "os/user_namespace.h"

namespace wharf::archive {

/// Directories inside one another; every one is open while what is in it is packed.
inline constexpr int kMaxPackedDepth = 1024;

class Packer {
 public:
  /// With `ids`, owners are told as who has these maps sees them.
  explicit Packer(TarWriter& tar, const os::IdMaps* ids = nullptr)
      : tar_(tar), ids_(ids), buffer_(kBufferBytes) {}

  /// Hears of every file whose content comes next, with its name in the archive and its size.
  void on_content(std::function<void(const std::string& name, std::uint64_t size)> hook) {
    on_content_ = std::move(hook);
  }

  /// `directory` and all that is in it. It is called `name`; with "" it has no entry itself and
  /// its members' names begin at the root, with "/" they begin with a slash.
  void tree(const os::Fd& directory, const std::string& name);

  /// One member of `parent`, without what is in it where it is a directory.
  void member(const os::Fd& parent, const std::string& name, const std::string& shown);

 private:
  static constexpr std::size_t kBufferBytes = 256 << 10;

  void members(const os::Fd& directory, const std::string& prefix, int depth);
  void directory(const os::Fd& fd, const struct stat& found, const std::string& name);
  void link(const os::Fd& parent, const std::string& name, Entry entry);
  void file(const os::Fd& parent, const std::string& name, Entry entry);
  bool is_known(const struct stat& found, Entry& entry);
  void content(const os::Fd& file, std::uint64_t size);

  Entry entry_of(const struct stat& found, std::string name) const;

  TarWriter& tar_;
  const os::IdMaps* ids_;
  std::function<void(const std::string&, std::uint64_t)> on_content_;
  std::vector<char> buffer_;
  /// What has more than one name, and the first of them.
  std::map<std::pair<dev_t, ino_t>, std::string> linked_;
};

/// The names in a directory, in the order of their bytes.
std::vector<std::string> names_in(const os::Fd& directory);

}  // namespace wharf::archive
