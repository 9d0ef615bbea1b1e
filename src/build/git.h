// Repositories of git as build contexts and sources of ADD: `url#ref:directory`.
//
// git(1) of the machine fetches one commit, without history, the user's configuration, hooks or
// passwords. Only https, http, git and ssh are spoken: a file of this machine is no repository.
#pragma once

#include <stop_token>
#include <string>
#include <string_view>

#include "os/file.h"

namespace wharf::build {

struct GitSource {
  std::string url;
  std::string checksum;  ///< The beginning of the commit's id that is wanted, or "".
  bool keep_git_dir = false;
};

/// By scheme, or http(s) whose path ends with ".git".
bool is_git(std::string_view url);

/// Leaves the files of the commit in `directory`, which is empty.
void fetch_git(const GitSource& source, const os::Path& directory, std::stop_token stop);

}  // namespace wharf::build
