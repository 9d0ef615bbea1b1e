// The files a client sends with a build, unpacked where steps can take from them.
//
// Unpacked by a sandboxed process, all owned by root as BuildKit has it; removed with this object.
// One thread; throws base::Error.
#pragma once

#include <stop_token>
#include <string>

#include "build/builder.h"
#include "dockerfile/pattern.h"
#include "os/fd.h"

namespace wharf::build {

class Context {
 public:
  /// Makes an empty directory in `parent`.
  explicit Context(const os::Path& parent, base::Jobs* jobs = nullptr);
  ~Context();
  Context(const Context&) = delete;

  /// An archive, compressed or not; one that is none is Internal with Docker's text.
  void unpack(layer::Layers& layers, const ByteSource& body, std::stop_token stop);

  /// A file of the context; NotFound. Bounded.
  std::string read(const std::string& name) const;
  bool has(const std::string& name) const;

  /// Reads .dockerignore. Docker: its first builder leaves only the Dockerfile and the list itself
  /// out, as the client has left out the rest.
  void ignore(const std::string& dockerfile, bool all);

  const os::Fd& root() const { return root_; }
  const os::Path& path() const { return path_; }
  const dockerfile::IgnoreList& ignored() const { return ignored_; }

 private:
  os::Path path_;
  os::Fd root_;
  base::Jobs* jobs_;
  dockerfile::IgnoreList ignored_;
};

/// Reads the Dockerfile that the request names. Throws Docker's texts.
std::string read_dockerfile(const Context& context, const std::string& name, bool graph);

}  // namespace wharf::build
