#include "container/file_paths.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <deque>

#include "base/error.h"
#include "base/strings.h"
#include "container/merge.h"
#include "os/file.h"

namespace wharf::container {

namespace {

constexpr int kMaxLinks = 255;  // As Docker's.

/// What the link `path` says; nothing where it is no link, or is not there.
std::string link_at(const os::Fd& root, const std::string& path) {
  os::Fd fd;
  try {
    fd = os::open_in_root(root, path, O_PATH | O_NOFOLLOW);
  } catch (const base::Error&) {
    return {};
  }
  if (!S_ISLNK(os::status(fd).st_mode)) return {};
  std::array<char, PATH_MAX> target;
  const ssize_t size = WHARF_CALL(readlinkat, fd.get(), "", target.data(), target.size());
  if (size < 0) return {};
  return {target.data(), static_cast<std::size_t>(size)};
}

void put_parts(std::deque<std::string>& parts, const std::string& path) {
  const std::vector<std::string> split = base::split(path, '/');
  parts.insert(parts.begin(), split.begin(), split.end());
}

}  // namespace

std::string copy_path(const std::string& path) {
  std::string clean = clean_path("/" + path);
  const bool names_directory = path == "." || path.ends_with("/.");
  if (names_directory) return clean.ends_with('/') ? clean + "." : clean + "/.";
  if (path.ends_with('/') && !clean.ends_with('/')) clean += '/';
  return clean;
}

std::string last_part(const std::string& path) {
  std::string_view rest = path;
  while (rest.size() > 1 && rest.ends_with('/')) rest.remove_suffix(1);
  if (rest == "/") return "/";
  return std::string(rest.substr(rest.rfind('/') + 1));
}

std::string followed_path(const os::Fd& root, const std::string& path) {
  std::deque<std::string> parts;
  put_parts(parts, path);
  std::string done;
  int links = 0;
  while (!parts.empty()) {
    const std::string part = std::move(parts.front());
    parts.pop_front();
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      done.erase(done.empty() ? 0 : done.rfind('/'));
      continue;
    }
    const std::string next = done + "/" + part;
    const std::string target = link_at(root, next);
    if (target.empty()) {
      done = next;
      continue;
    }
    if (++links > kMaxLinks) {
      throw base::Error(base::Kind::Internal, fmt::format("too many links in {}", path), ELOOP);
    }
    if (target.starts_with('/')) done.clear();
    put_parts(parts, target);
    if (parts.size() > PATH_MAX) {
      throw base::Error(base::Kind::Internal, fmt::format("{}: file name too long", path),
                        ENAMETOOLONG);
    }
  }
  return done.empty() ? "/" : done;
}

bool is_below(std::string_view path, std::string_view directory) {
  if (directory == "/") return true;
  return path.starts_with(directory) &&
         (path.size() == directory.size() || path[directory.size()] == '/');
}

}  // namespace wharf::container
