// Builds images: what POST /build calls.
//
//   context ─► Dockerfile ─► stages ─► steps ─► image, tags
//                              │         ├─ cache: seen before
//                              │         ├─ files: COPY, ADD, WORKDIR in a writable root
//                              │         └─ RUN: a container of this engine
//                              └─ one after another, or as a graph (Request::graph)
//
// A step's layer is the writable directory it was made in: nothing is packed, and nothing is
// known of it before the build ends, well or not; then its layers are committed once and the cache
// keeps them. A client that goes stops the build: its containers and files go, its cache stays.
// Thread-safe; throws base::Error with Docker's texts.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <stop_token>
#include <string>

#include "base/digest.h"
#include "base/error.h"
#include "base/jobs.h"
#include "build/cache.h"
#include "build/report.h"
#include "build/request.h"
#include "build/run_mount.h"
#include "build/services.h"

namespace wharf::build {

/// Bytes of a context as they come; 0 at the end.
using ByteSource = std::function<std::size_t(std::span<char>)>;

/// A command of a step ended with something else than 0.
class CommandFailed : public base::Error {
 public:
  CommandFailed(const std::string& text, int code)
      : base::Error(base::Kind::InvalidArgument, text), code_(code) {}
  int code() const { return code_; }

 private:
  int code_;
};

class Builder {
 public:
  /// Removes contexts that a daemon before this one left.
  explicit Builder(Services services);

  /// The id of the image. What is wrong with context or Dockerfile is thrown before anything is
  /// reported.
  base::Digest build(const Request& request, const ByteSource& body, Report& report,
                     std::stop_token stop);

  Cache& cache() { return cache_; }
  CacheMounts& cache_mounts() { return mounts_; }

 private:
  Services services_;
  Cache cache_;
  CacheMounts mounts_;
  base::Jobs jobs_;  ///< Removes contexts: nobody waits for it.
};

}  // namespace wharf::build
