// The files that COPY and ADD take from: a context, a stage, an image, a download.
//
// All of it is a stranger's: names are opened beneath the root's descriptor, links lead nowhere
// else, and nothing but regular files is opened for reading. Throws base::Error.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "dockerfile/pattern.h"
#include "os/fd.h"

namespace wharf::build {

/// True for what is left out; paths are relative to the root of the tree.
using Skip = std::function<bool(std::string_view path)>;

class Tree {
 public:
  Tree(const os::Fd& root, const dockerfile::IgnoreList& ignore) : root_(root), ignore_(ignore) {}

  const os::Fd& root() const { return root_; }
  bool skips(std::string_view path) const { return ignore_.excludes(path); }

  /// What `pattern` (as written in the Dockerfile) names, sorted; a plain name is found or throws
  /// NotFound `stat x: file does not exist`. Paths are clean and relative, "" is the root.
  std::vector<std::string> find(const std::string& pattern) const;

  /// Opens what is called so, links resolved inside.
  os::Fd open(const std::string& path, int flags) const;

  /// Of names, types, modes, owners, links and contents of all that is at and below `path`.
  base::Digest digest(const std::string& path, const dockerfile::IgnoreList& exclude) const;

  /// False for what neither is wanted nor has anything wanted below it.
  bool wants(const std::string& path, const dockerfile::IgnoreList& exclude,
             const std::string& below) const;

 private:
  void walk(const os::Fd& directory, const std::string& prefix,
            const dockerfile::PathPattern& pattern, std::size_t depth,
            std::vector<std::string>& found) const;

  const os::Fd& root_;
  const dockerfile::IgnoreList& ignore_;
};

/// The path as the error of a source that leads outside has it; throws where it does.
std::string checked_source(const std::string& path);

}  // namespace wharf::build
