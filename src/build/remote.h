// What a build fetches: http(s) and git, for ADD and for contexts.
//
// A download goes into a directory of its own. git(1) runs as a process of ours with nothing of
// the user's configuration and without asking for passwords. Throws base::Error.
#pragma once

#include <stop_token>
#include <string>

#include "build/context.h"

namespace wharf::build {

/// The most that one URL may bring.
inline constexpr std::uint64_t kDownloadLimit = 8ULL << 30;

bool is_remote(std::string_view source);

struct Download {
  std::string url;
  std::string destination;  ///< As written: names the file where the URL does not.
  std::string checksum;     ///< "sha256:..." of what comes, or a commit.
  bool keep_git_dir = false;
};

/// The path in `into` of what came: a file, or "" for a tree of git.
std::string fetch(const Download& download, Context& into, std::stop_token stop);

/// A context from a URL: an archive, one Dockerfile, or a repository of git. True where the
/// Dockerfile came alone, under the name `dockerfile`.
bool fetch_context(const std::string& url, const std::string& dockerfile, layer::Layers& layers,
                   Context& into, std::stop_token stop);

/// Unpacks an archive of a stranger below `destination` of a root.
void unpack_file(layer::Layers& layers, const os::Fd& root, const std::string& destination,
                 const os::Fd& file);

}  // namespace wharf::build
