#include "cli/daemon.h"

#include "base/error.h"
#include "base/strings.h"
#include "cli/version.h"
#include "http/url.h"

namespace wharf::cli {

using http::client::Request;
using http::client::Response;

namespace {

std::pair<int, int> numbers(std::string_view version) {
  const std::size_t dot = version.find('.');
  const std::string major(version.substr(0, dot));
  const std::string minor(dot == std::string_view::npos ? "0" : version.substr(dot + 1));
  return {std::atoi(major.c_str()), std::atoi(minor.c_str())};
}

http::client::Options client_options() {
  http::client::Options options;
  options.headers.push_back({"User-Agent", fmt::format("Docker-Client/{} (linux)", kVersion)});
  return options;
}

/// "http://%2Fvar%2Frun%2Fdocker.sock/v1.51/..." as Go's client names a URL.
std::string shown_url(const Target& target, const std::string& path) {
  const http::Endpoint& endpoint = target.endpoint;
  if (!endpoint.path.empty()) return "http://" + http::percent_encode(endpoint.path) + path;
  return fmt::format("http{}://{}:{}{}", endpoint.tls ? "s" : "", endpoint.host, endpoint.port,
                     path);
}

[[noreturn]] void cannot_connect(const Target& target, const Request& request,
                                 const base::Error& failed) {
  const std::string verb = request.method.substr(0, 1) + base::lower(request.method.substr(1));
  const std::string go_words =
      fmt::format("{} \"{}\": {}", verb, shown_url(target, request.target), failed.what());
  const bool dialled = std::string_view(failed.what()).starts_with("dial ");
  if (dialled && failed.error_number() == EACCES) {
    throw ConnectError("permission denied while trying to connect to the Docker daemon socket at " +
                       target.host + ": " + go_words);
  }
  if (dialled) {
    throw ConnectError("Cannot connect to the Docker daemon at " + target.host +
                       ". Is the docker daemon running?");
  }
  throw ConnectError("error during connect: " + go_words);
}

}  // namespace

bool version_less(std::string_view a, std::string_view b) {
  return numbers(a) < numbers(b);
}

Daemon::Daemon(Target target)
    : target_(std::move(target)),
      client_(target_.endpoint, client_options()),
      version_(kNewestApiVersion) {
  const std::string pinned = environment("DOCKER_API_VERSION");
  if (pinned.empty()) return;
  version_ = pinned.starts_with('v') ? pinned.substr(1) : pinned;
  pinned_ = settled_ = true;
}

std::string Daemon::client_version() {
  const std::string pinned = environment("DOCKER_API_VERSION");
  return pinned.empty() ? kNewestApiVersion : pinned.starts_with('v') ? pinned.substr(1) : pinned;
}

Request Daemon::request_for(const Call& call) const {
  Request request;
  request.method = call.method;
  request.target = target_.base_path + "/v" + version_ + call.path;
  if (!call.query.empty()) request.target += "?" + http::encode_query(call.query);
  request.headers = call.headers;
  if (call.body) {
    request.body = base::to_text(*call.body) + "\n";
    request.headers.push_back({"Content-Type", "application/json"});
  } else if (!call.content_type.empty()) {
    request.headers.push_back({"Content-Type", call.content_type});
  }
  request.source = call.source;
  request.source_bytes = call.source_bytes;
  return request;
}

void Daemon::learn(const Response& response) {
  const std::string_view theirs = response.header("Api-Version");
  if (settled_ || theirs.empty()) return;
  if (version_less(theirs, version_)) version_ = theirs;
  settled_ = true;
}

Response Daemon::send(const Call& call) {
  const Request request = request_for(call);
  try {
    return client_.send(request);
  } catch (const base::Error& failed) {
    if (failed.kind() != base::Kind::Unavailable) throw;
    cannot_connect(target_, request, failed);
  }
}

void Daemon::refuse(Response& response, const Call& call) {
  const std::string body = response.read_all(1 << 20);
  std::string message(base::trim(body));
  if (response.header("Content-Type") == "application/json") {
    const base::Json json = base::parse_json(body);
    message = json.is_object() ? std::string(base::text_at(json.get_object(), "message")) : body;
  }
  if (message.empty()) {
    throw std::runtime_error(
        fmt::format("request returned {} for API route and version {}, check if the server "
                    "supports the requested API version",
                    response.reason(), shown_url(target_, "/v" + version_ + call.path)));
  }
  throw DaemonError(response.status(), std::string(base::trim(message)));
}

Response Daemon::call(const Call& call) {
  // A body that can be read only once must not meet a daemon that wants another version.
  if (call.source && !settled_) api_version();
  const bool first = !settled_;
  const std::string tried = version_;
  Response response = send(call);
  learn(response);
  if (first && response.status() == 400 && version_ != tried) response = send(call);
  if (response.status() >= 400) refuse(response, call);
  return response;
}

std::string Daemon::text(const Call& given) {
  Response response = call(given);
  return response.read_all(kAnswerLimit);
}

base::Json Daemon::json(const Call& given) {
  return base::parse_json(text(given));
}

http::client::Hijacked Daemon::hijack(Call given) {
  given.headers.push_back({"Connection", "Upgrade"});
  given.headers.push_back({"Upgrade", "tcp"});
  Response response = call(given);
  // Docker: engines before the upgrade was checked answer 200 and go raw all the same.
  if (response.status() != 101 && response.status() != 200) {
    throw std::runtime_error(
        fmt::format("unable to upgrade to tcp, received {}", response.status()));
  }
  return std::move(response).hijack();
}

std::string Daemon::api_version() {
  if (settled_) return version_;
  Request request;
  request.method = "HEAD";
  request.target = target_.base_path + "/_ping";
  try {
    learn(client_.send(request));
  } catch (const base::Error& failed) {
    if (failed.kind() != base::Kind::Unavailable) throw;
    cannot_connect(target_, request, failed);
  }
  settled_ = true;
  return version_;
}

}  // namespace wharf::cli
