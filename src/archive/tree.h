// The directory an archive is written into, and names inside it.
//
// Every name of the archive is resolved beneath the root's descriptor (openat2(2)), never by a
// path of the host: links in it, from this archive or an earlier one, lead nowhere else
// (CVE-2014-6407, CVE-2026-17106). Directories that were opened stay open in a bounded cache,
// as an archive names the same ones again and again. One thread, but for set_aside().
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "os/fd.h"

namespace wharf::archive {

struct Directory {
  os::Fd fd;
  std::string path;         ///< Below the root, free of links; "" is the root.
  std::uint64_t inode = 0;  ///< Mixed with its device: a tree may have mounts in it.
};
using DirectoryPtr = std::shared_ptr<const Directory>;

/// Something of this archive that a later entry of it replaced: it lies in aside/<number> now.
struct SetAside {
  std::uint64_t before = 0;  ///< Contents recorded before this ordinal are meant.
  std::string path;
  std::uint32_t number = 0;
};

class Tree {
 public:
  /// What is replaced is moved into `aside` where one is given, and removed otherwise.
  Tree(const os::Fd& root, const os::Fd* aside);

  const DirectoryPtr& root() const { return root_; }

  /// The directory called `name` (clean, "" is the root). Missing ones are made, 0755 and
  /// root's, and remembered as implied. InvalidArgument where something else is in the way.
  DirectoryPtr directory(const std::string& name);

  /// As above, but nullptr where it does not exist or is no directory.
  DirectoryPtr existing_directory(const std::string& name);

  /// mkdirat(2), unless it is a directory already; anything else there is replaced.
  /// `created` tells which.
  DirectoryPtr make_directory(const DirectoryPtr& parent, const std::string& name, mode_t mode,
                              bool& created);

  /// Takes away what is called `name`. Any thread; not for directories and links but from the
  /// one that reads the archive.
  void replace(const Directory& parent, const std::string& name, std::uint64_t ordinal);

  /// Called before a missing directory is made: a file of that name may be under way.
  void before_making(std::function<void(const Directory&, const std::string&)> settle) {
    settle_ = std::move(settle);
  }

  /// The ordinal of the content that is recorded next; replace() of make_directory() uses it.
  void set_ordinal(std::uint64_t ordinal) { ordinal_ = ordinal; }

  /// Forgets every open directory: a link or directory has been replaced.
  void forget() { open_.clear(); }

  const std::vector<SetAside>& set_aside() const { return set_aside_; }
  const std::vector<std::string>& implied() const { return implied_; }

 private:
  DirectoryPtr open(const std::string& name, int& failure);
  DirectoryPtr adopt(os::Fd fd, const std::string& path, bool created);
  DirectoryPtr make_missing(const std::string& name);
  DirectoryPtr follow_dangling(const DirectoryPtr& parent, const std::string& name);

  DirectoryPtr root_;
  const os::Fd* aside_;
  std::function<void(const Directory&, const std::string&)> settle_;
  std::uint64_t ordinal_ = 0;
  int depth_ = 0;
  std::unordered_map<std::string, DirectoryPtr> open_;
  std::unordered_map<std::uint64_t, std::string> paths_;  ///< Of every directory.
  std::vector<std::string> implied_;
  std::mutex aside_lock_;
  std::vector<SetAside> set_aside_;
};

std::string join(std::string_view directory, std::string_view name);

}  // namespace wharf::archive
