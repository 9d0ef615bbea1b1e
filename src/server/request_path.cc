#include "server/request_path.h"

#include "base/error.h"
#include "base/strings.h"
#include "http/headers.h"

namespace wharf::server {
namespace {

using base::fail;
using base::Kind;

/// Go's path.Clean of an absolute path, keeping a slash at the end.
std::string cleaned(std::string_view path) {
  std::vector<std::string> parts;
  for (std::string& part : base::split(path, '/')) {
    if (part == "..") {
      if (!parts.empty()) parts.pop_back();
    } else if (!part.empty() && part != ".") {
      parts.push_back(std::move(part));
    }
  }
  std::string clean = "/" + base::join(parts, "/");
  if (path.ends_with('/') && clean != "/") clean += '/';
  return clean;
}

std::string_view without_authority(std::string_view target) {
  const std::size_t scheme = target.find("://");
  if (target.starts_with('/') || scheme == std::string_view::npos) return target;
  const std::size_t slash = target.find('/', scheme + 3);
  return slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
}

/// Takes "/v1.51" off the front of `path` where something follows it.
std::string take_version(std::string& path) {
  if (!path.starts_with("/v")) return {};
  const std::size_t end = path.find_first_not_of("0123456789.", 2);
  if (end == 2 || end == std::string::npos || path[end] != '/') return {};
  std::string version = path.substr(2, end - 2);
  path.erase(0, end);
  return version;
}

}  // namespace

RequestPath parse_request_path(std::string_view target) {
  target = without_authority(target);
  if (!target.starts_with('/')) fail(Kind::InvalidArgument, "invalid request target");
  target = target.substr(0, target.find('#'));

  RequestPath result;
  const std::size_t mark = target.find('?');
  const std::string_view raw = target.substr(0, mark);
  if (mark != std::string_view::npos) result.query = std::string(target.substr(mark + 1));

  const std::string clean = cleaned(raw);
  if (clean != raw) {
    result.redirect = clean + (mark == std::string_view::npos ? "" : "?" + result.query);
    return result;
  }
  const std::optional<std::string> decoded = http::unescape(raw, http::Escapes::Path);
  if (!decoded) fail(Kind::InvalidArgument, "invalid URL escape in {}", base::quoted(raw));
  if (decoded->find('\0') != std::string::npos)
    fail(Kind::InvalidArgument, "invalid character in path");
  result.path = *decoded;
  result.version_text = take_version(result.path);
  if (!result.version_text.empty()) result.version = api::Version::parse(result.version_text);
  return result;
}

}  // namespace wharf::server
