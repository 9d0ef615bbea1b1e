// Files between a client and a container: cp in both directions, and export.
//
// An Archive is made with every check done, so that the route can still answer an error; send()
// does the rest on the caller's thread. A slow client delays nobody but itself when it reads; one
// that writes into a stopped container keeps it from starting meanwhile, as with Docker.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "api/container.h"

namespace wharf::container {

using ByteSource = std::function<std::size_t(std::span<char>)>;

class Archive {
 public:
  virtual ~Archive() = default;

  /// Of the path that was asked for.
  virtual const api::PathStat& stat() const = 0;

  /// Tells of it (event), and gives `sink` the tar.
  virtual void send(const std::function<void(std::string_view)>& sink) = 0;
};

struct ExtractOptions {
  std::string path;         ///< A directory in the container.
  bool copy_owner = false;  ///< All belongs to the container's user.
  bool keep_kinds = false;  ///< A directory stays a directory, anything else stays none.
};

}  // namespace wharf::container
