// Copies files into the root file system of a step: what COPY and ADD do.
//
// The root is a mount that nobody else uses; links in it, and in the tree that is copied from,
// lead nowhere but inside. What exists is replaced as BuildKit does: a file takes the place of a
// file, a directory is merged into a directory, and nothing of one kind takes the place of the
// other. One thread; throws base::Error.
#pragma once

#include <sys/stat.h>

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "build/mode.h"
#include "build/tree.h"

namespace wharf::build {

struct Owner {
  uid_t uid = 0;
  gid_t gid = 0;
};

struct CopyOptions {
  std::optional<Owner> owner;  ///< Otherwise the source's.
  std::optional<ModeChange> mode;
  dockerfile::IgnoreList exclude;
};

class Copier {
 public:
  Copier(const os::Fd& root, CopyOptions options)
      : root_(root), options_(std::move(options)), buffer_(256 << 10) {}

  /// A file at `path` of `from` to `destination`, or into it where that is a directory.
  /// A directory's content into `destination`.
  void copy(const Tree& from, const std::string& path, const std::string& destination,
            bool into_directory);

  /// A file that has no source.
  void write(const std::string& destination, std::string_view content, mode_t mode,
             std::optional<timespec> time);

  /// mkdir -p; the last one, opened.
  os::Fd make_directories(const std::string& path);

  bool is_directory(const std::string& path) const;

 private:
  struct Place {
    const os::Fd& directory;
    std::string name;
    std::string path;  ///< In the root, for hard links.
  };
  void merge(const Tree& from, const os::Fd& source, const std::string& source_path,
             const Place& place, int depth);
  void member(const Tree& from, const os::Fd& parent, const std::string& name,
              const std::string& source_path, const Place& place, int depth);
  void file(const os::Fd& source, const Place& place);
  void special(const os::Fd& parent, const std::string& name, const struct stat& found,
               const Place& place);
  bool hard_link(const struct stat& found, const Place& place);
  os::Fd follow_dangling(const os::Fd& parent, const std::string& above, const std::string& name);
  void make_room(const Place& place, bool directory) const;
  void finish(const os::Fd& made, const struct stat& found) const;
  void copy_content(const os::Fd& source, const os::Fd& made, std::uint64_t size);
  void copy_attributes(const os::Fd& source, const os::Fd& made);

  const os::Fd& root_;
  CopyOptions options_;
  std::vector<char> buffer_;
  int links_ = 0;
  std::string below_;  ///< Of the source that is being copied.
  std::map<std::pair<dev_t, ino_t>, std::string> linked_;
};

}  // namespace wharf::build
