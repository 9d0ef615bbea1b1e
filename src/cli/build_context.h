// The context of a build as a tar, made while it is sent.
//
// What .dockerignore leaves out is not sent, but for the Dockerfile and the list itself, which the
// daemon needs. One thread packs into a pipe, another reads; nothing is held in memory.
#pragma once

#include <exception>
#include <string>
#include <thread>

#include "dockerfile/pattern.h"
#include "os/fd.h"

namespace wharf::cli {

class BuildContext {
 public:
  /// `dockerfile` is relative to `directory`, or "" where `extra` is one that lies elsewhere.
  BuildContext(const std::string& directory, std::string dockerfile, std::string extra);
  ~BuildContext();

  /// Bytes of the tar; 0 at its end. Throws what went wrong while packing.
  std::size_t read(std::span<char> into);

 private:
  void pack();
  void members(const os::Fd& directory, const std::string& prefix);
  bool wanted(const std::string& path, bool directory) const;

  os::Fd root_;
  std::string dockerfile_;
  std::string extra_;
  std::string list_;  ///< The text of .dockerignore.
  dockerfile::IgnoreList ignore_;
  os::Pipe pipe_;
  std::exception_ptr failure_;
  struct Packing;
  Packing* packing_ = nullptr;  ///< Of the thread that packs.
  std::jthread thread_;
};

/// The name of a Dockerfile that lies outside of the context, in the tar.
inline constexpr const char* kOutsideDockerfile = ".wharf-dockerfile";

}  // namespace wharf::cli
