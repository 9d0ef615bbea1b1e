#include "build/remote.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <charconv>
#include <ctime>
#include <optional>

#include "archive/source.h"
#include "base/error.h"
#include "base/strings.h"
#include "build/git.h"
#include "dockerfile/text.h"
#include "http/client.h"
#include "http/dial.h"
#include "http/url.h"
#include "layer/layers.h"
#include "os/file.h"

namespace wharf::build {
namespace {

using base::fail;
using base::Kind;

constexpr int kRedirects = 10;
constexpr int kIdleTimeoutMs = 60'000;
constexpr const char* kUnnamed = "__unnamed__";

bool is_http(std::string_view url) {
  return url.starts_with("http://") || url.starts_with("https://");
}

/// One GET, redirects followed.
class Get {
 public:
  Get(const std::string& url, std::stop_token stop) : url_(http::parse_url(url)) {
    for (int hops = 0; hops <= kRedirects; ++hops) {
      open(stop);
      const int status = response_->status();
      const std::string location(response_->header("Location"));
      if (status < 300 || status > 399 || location.empty()) break;
      url_ = http::resolve_url(url_, location);
    }
    if (response_->status() >= 400 || response_->status() >= 300) {
      fail(Kind::Internal, "failed to GET {} with status {} {}", url, response_->status(),
           response_->reason());
    }
  }

  std::size_t read(std::span<char> into) { return response_->read_some(into); }
  std::string_view header(std::string_view name) const { return response_->header(name); }
  const http::Url& url() const { return url_; }

 private:
  void open(const std::stop_token& stop) {
    if (url_.scheme != "http" && url_.scheme != "https") {
      fail(Kind::InvalidArgument, "unsupported protocol scheme \"{}\"", url_.scheme);
    }
    http::Endpoint endpoint{.host = url_.host, .port = url_.port_or_default()};
    if (url_.scheme == "https") {
      endpoint.tls = std::make_shared<const http::TlsContext>(http::TlsOptions{});
    }
    response_.reset();
    client_.emplace(std::move(endpoint), http::client::Options{.idle_timeout_ms = kIdleTimeoutMs});
    try {
      response_.emplace(client_->send({.target = url_.target(), .stop = stop}));
    } catch (const base::Error& error) {
      if (error.kind() == Kind::Cancelled) throw;
      fail(Kind::Internal, "Get \"{}\": {}", url_.text(), error.what());
    }
  }

  http::Url url_;
  std::optional<http::Client> client_;
  std::optional<http::client::Response> response_;
};

/// The last part of the URL's path, or what the server calls it, or "".
std::string name_of(const Get& got) {
  const std::string path = got.url().path.substr(0, got.url().path.find('?'));
  const std::string last = http::percent_decode(path.substr(path.rfind('/') + 1));
  const bool plain = !last.empty() && last != "." && last != ".." &&
                     last.find('/') == std::string::npos && last.find('\0') == std::string::npos;
  if (plain) return last;
  const std::string disposition(got.header("Content-Disposition"));
  const std::size_t at = disposition.find("filename=");
  if (at == std::string::npos) return "";
  std::string name = disposition.substr(at + 9, disposition.find(';', at) - at - 9);
  std::erase(name, '"');
  name = name.substr(name.rfind('/') + 1);
  return name == "." || name == ".." ? "" : name;
}

/// RFC 9110: "Sun, 06 Nov 1994 08:49:37 GMT"; the epoch where it is absent.
std::time_t modified(const Get& got) {
  std::tm time{};
  const std::string text(got.header("Last-Modified"));
  const char* end = ::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &time);
  return end ? ::timegm(&time) : 0;
}

std::string fetch_http(const Download& download, Context& into, std::stop_token stop) {
  Get got(download.url, stop);
  std::string name = name_of(got);
  if (name.empty()) {
    if (download.destination.ends_with('/')) {
      fail(Kind::InvalidArgument, "cannot determine filename for source {}", download.url);
    }
    name = kUnnamed;
  }
  const os::Fd file =
      os::open_at(into.root(), name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  base::Sha256 hash;
  std::vector<char> buffer(128 << 10);
  std::uint64_t total = 0;
  while (const std::size_t n = got.read(buffer)) {
    if (stop.stop_requested()) fail(Kind::Cancelled, "Build cancelled");
    total += n;
    if (total > kDownloadLimit) {
      fail(Kind::TooLarge, "{} is larger than {} bytes", download.url, kDownloadLimit);
    }
    hash.update({buffer.data(), n});
    os::write_all(file, {buffer.data(), n});
  }
  const timespec time{.tv_sec = modified(got), .tv_nsec = 0};
  const timespec times[2] = {time, time};
  os::check(WHARF_CALL(futimens, file.get(), times), "set time of {}", name);
  const base::Digest digest = hash.finish();
  if (!download.checksum.empty() && digest.text() != download.checksum) {
    fail(Kind::InvalidArgument, "digest mismatch {}: {}", digest.text(), download.checksum);
  }
  return name;
}

}  // namespace

bool is_remote(std::string_view source) {
  return is_http(source) || is_git(source);
}

std::string fetch(const Download& download, Context& into, std::stop_token stop) {
  if (is_git(download.url)) {
    fetch_git({download.url, download.checksum, download.keep_git_dir}, into.path(), stop);
    return "";
  }
  if (!download.checksum.empty() && !base::Digest::valid(download.checksum)) {
    fail(Kind::InvalidArgument, "invalid checksum digest format");
  }
  return fetch_http(download, into, stop);
}

bool fetch_context(const std::string& url, const std::string& dockerfile, layer::Layers& layers,
                   Context& into, std::stop_token stop) {
  if (is_git(url)) {
    fetch_git({url, "", false}, into.path(), stop);
    return false;
  }
  if (!is_http(url)) fail(Kind::Internal, "unable to prepare context: path {} not found", url);
  Get got(url, stop);
  // The first bytes tell: an archive, or a Dockerfile as text.
  std::string head(512, '\0');
  std::size_t have = 0;
  while (have < head.size()) {
    const std::size_t n = got.read({head.data() + have, head.size() - have});
    if (n == 0) break;
    have += n;
  }
  head.resize(have);
  const bool archive = archive::detect_compression(head) != archive::Compression::None ||
                       (head.size() == 512 && head.substr(257, 5) == "ustar");
  if (archive) {
    std::size_t given = 0;
    into.unpack(
        layers,
        [&](std::span<char> bytes) -> std::size_t {
          if (given == head.size()) return got.read(bytes);
          const std::size_t n = std::min(bytes.size(), head.size() - given);
          head.copy(bytes.data(), n, given);
          given += n;
          return n;
        },
        stop);
    return false;
  }
  std::vector<char> buffer(64 << 10);
  while (const std::size_t n = got.read(buffer)) {
    head.append(buffer.data(), n);
    if (head.size() > dockerfile::kFileLimit) {
      fail(Kind::InvalidArgument, "the Dockerfile is larger than {} bytes", dockerfile::kFileLimit);
    }
  }
  os::replace_file(into.path() / dockerfile, head, 0644);
  return true;
}

void unpack_file(layer::Layers& layers, const os::Fd& root, const std::string& destination,
                 const os::Fd& file) {
  archive::Onto onto;
  onto.shown = destination;
  onto.below = dockerfile::clean_path(destination).substr(1);
  const auto extraction = layers.extract(root, onto);
  std::vector<char> buffer(128 << 10);
  while (const std::size_t n = os::read_some(file, buffer)) extraction->write({buffer.data(), n});
  extraction->finish();
}

}  // namespace wharf::build
