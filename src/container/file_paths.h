// Paths of `docker cp`, read as Docker reads them. Plain functions.
#pragma once

#include <string>
#include <string_view>

#include "os/fd.h"

namespace wharf::container {

/// Absolute and clean, but for "/." or "/" at the end, which are kept: "a/../b/." is "/b/.".
/// Docker: PreserveTrailingDotOrSeparator.
std::string copy_path(const std::string& path);

/// The last part of a copy_path(): "passwd", "." of "/etc/.", "/" of the root.
/// Docker: filepath.Base.
std::string last_part(const std::string& path);

/// Where `path` (absolute) leads in `root`, with every link followed inside: absolute, clean, and
/// free of links as long as nobody changes them. Parts that are missing stay as they are.
/// Throws ELOOP "too many links in /a". Docker: FollowSymlinkInScope.
std::string followed_path(const os::Fd& root, const std::string& path);

/// True where `path` is `directory` or below it; both absolute and clean.
bool is_below(std::string_view path, std::string_view directory);

}  // namespace wharf::container
