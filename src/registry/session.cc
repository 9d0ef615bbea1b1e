#include "registry/session.h"

#include <condition_variable>

#include "base/error.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/strings.h"
#include "registry/retry.h"

namespace wharf::registry {
namespace {

using base::Error;
using base::fail;
using base::Kind;
using http::client::Response;

/// Docker: Go names methods so in its errors: `Get "https://...": ...`.
std::string verb(const std::string& method) {
  return method.substr(0, 1) + base::lower(method.substr(1));
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

std::string origin_text(const http::Url& url) {
  return url.scheme + "://" + url.authority();
}

}  // namespace

Session::Session(const Settings& settings, oci::Reference name, Credentials credentials,
                 std::stop_token stop)
    : settings_(settings),
      name_(std::move(name)),
      credentials_(std::move(credentials)),
      stop_(std::move(stop)),
      origins_(origins(settings_, name_.domain())) {}

std::string Session::path(std::string_view rest) const {
  return "/v2/" + name_.path() + std::string(rest);
}

void Session::probe(const Target& target) {
  const http::client::Request request{.target = target.origin.url.path + "/v2/", .stop = stop_};
  try {
    Response response = target.client->send(request);
    if (response.status() >= 500)
      fail(Kind::Unavailable, "{} {}", response.status(), response.reason());
  } catch (const Error& error) {
    if (error.kind() != Kind::Unavailable) throw;
    fail(Kind::Unavailable, "failed to do request: Get \"{}/v2/\": {}",
         origin_text(target.origin.url), error.what());
  }
}

std::shared_ptr<const Session::Target> Session::find_target() {
  std::size_t i = 0;
  {
    const std::lock_guard lock(mutex_);
    i = first_origin_;
  }
  for (;; ++i) {
    const Origin& origin = origins_[i];
    auto target = std::make_shared<const Target>(
        Target{origin, connect(settings_, origin.url, origin.verify)});
    try {
      probe(*target);
      return target;
    } catch (const Error& error) {
      if (error.kind() != Kind::Unavailable || i + 1 == origins_.size()) throw;
      base::log_debug("registry {}: {}", name_.domain(), error.what());
    }
  }
}

std::shared_ptr<const Session::Target> Session::target() {
  {
    const std::lock_guard lock(mutex_);
    if (target_) return target_;
  }
  auto found = find_target();
  const std::lock_guard lock(mutex_);
  if (!target_) target_ = std::move(found);
  return target_;
}

bool Session::leave_mirror() {
  const std::lock_guard lock(mutex_);
  if (!target_ || target_->origin.canonical) return false;
  target_.reset();
  authorization_.clear();
  ++first_origin_;
  return true;
}

std::stop_token Session::stop_of(const Call& call) const {
  return call.stop.stop_possible() ? call.stop : stop_;
}

Answer Session::exchange(const Target& target, const Call& call) {
  http::Url url = http::resolve_url(target.origin.url, target.origin.url.path + call.path);
  return exchange_at(target, url, call);
}

Answer Session::exchange_at(const Target& target, const http::Url& url, const Call& call) {
  http::client::Request request{.method = call.method,
                                .target = url.target(),
                                .headers = call.headers,
                                .body = call.body,
                                .source = call.source,
                                .stop = stop_of(call)};
  if (call.source) request.source_bytes = call.source_bytes;
  if (origin_text(url) == origin_text(target.origin.url)) {
    const std::lock_guard lock(mutex_);
    if (!authorization_.empty()) request.headers.push_back({"Authorization", authorization_});
  }
  try {
    return {client_for(target, url)->send(request), false};
  } catch (const Error& error) {
    if (error.kind() != Kind::Unavailable) throw;
    fail(Kind::Unavailable, "failed to do request: {} \"{}\": {}", verb(call.method), url.text(),
         error.what());
  }
}

http::Url Session::location(const Answer& answer) {
  const http::Url url = http::resolve_url(target()->origin.url, answer.response.header("location"));
  if (url.scheme != target()->origin.url.scheme && url.scheme != "https") {
    fail(Kind::Internal, "registry {}: refusing to upload to {}://", name_.domain(), url.scheme);
  }
  return url;
}

Answer Session::send_to(const http::Url& url, const Call& call) {
  return exchange_at(*target(), url, call);
}

Answer Session::send_once(const Call& call) {
  const std::shared_ptr<const Target> target = this->target();
  Answer answer = exchange(*target, call);
  if (answer.response.status() == 401) {
    std::string fresh =
        authorization(*target, parse_challenges(answer.response.header("www-authenticate")));
    {
      const std::lock_guard lock(mutex_);
      authorization_ = std::move(fresh);
    }
    answer = exchange(*target, call);
    if (answer.response.status() == 401) {
      fail(Kind::Unauthorized,
           "pull access denied for {}, repository does not exist or may require 'docker login'",
           name_.familiar_name());
    }
  }
  return follow(*target, call, std::move(answer));
}

Answer Session::follow(const Target& target, const Call& call, Answer answer) {
  http::Url at = http::resolve_url(target.origin.url, target.origin.url.path + call.path);
  const bool reads = call.method == "GET" || call.method == "HEAD";
  for (int hops = 0; is_redirect(answer.response.status()) && reads; ++hops) {
    if (hops == kRedirectLimit)
      fail(Kind::Internal, "{}: stopped after {} redirects", at.text(), kRedirectLimit);
    const std::string location(answer.response.header("location"));
    if (location.empty()) fail(Kind::Internal, "{}: redirect without a Location", at.text());
    const http::Url next = http::resolve_url(at, location);
    if (next.scheme != "https" && (next.scheme != "http" || at.scheme == "https")) {
      fail(Kind::Internal, "{}: refusing the redirect to {}://", origin_text(at), next.scheme);
    }
    http::client::Request request{.method = call.method,
                                  .target = next.target(),
                                  .headers = call.headers,
                                  .stop = stop_of(call)};
    if (origin_text(next) == origin_text(target.origin.url)) {
      const std::lock_guard lock(mutex_);
      if (!authorization_.empty()) request.headers.push_back({"Authorization", authorization_});
    }
    answer = {client_for(target, next)->send(request), true};
    at = next;
  }
  return answer;
}

std::string Session::safe_address(const Target& target, const std::string& host) const {
  const std::vector<std::string> addresses = look_up(host);
  const std::vector<std::string> own = look_up(target.origin.url.host);
  for (const std::string& address : addresses) {
    const Place place = place_of(address);
    const bool same =
        std::any_of(own.begin(), own.end(), [&](const auto& a) { return place_of(a) == place; });
    if (place == Place::Public || same) continue;
    fail(Kind::Internal,
         "registry {} sends us to {} ({}), which only a registry on that network may do",
         name_.domain(), host, address);
  }
  if (addresses.empty()) fail(Kind::Unavailable, "dial tcp: lookup {}: no such host", host);
  return addresses.front();
}

std::shared_ptr<http::Client> Session::client_for(const Target& target, const http::Url& url) {
  const std::string key = origin_text(url);
  if (key == origin_text(target.origin.url)) return target.client;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = clients_.find(key); found != clients_.end()) return found->second;
  }
  // Connecting to the address that was checked: a second look-up could answer otherwise.
  const std::string address = safe_address(target, url.host);
  const bool verify = !is_insecure(settings_, url.authority());
  auto client = connect(settings_, url, verify, address);
  const std::lock_guard lock(mutex_);
  return clients_.emplace(key, std::move(client)).first->second;
}

Answer Session::send(const Call& call) {
  for (int failures = 1;; ++failures) {
    std::chrono::milliseconds at_least{0};
    try {
      Answer answer = send_once(call);
      if (!worth_retry(answer.response.status())) return answer;
      if (failures >= settings_.max_download_attempts) fail_status(call, answer);
      at_least = retry_after(answer.response.header("retry-after"), base::now());
    } catch (const Error& error) {
      if (!may_cure(error) || failures >= settings_.max_download_attempts) throw;
      base::log_debug("registry {}: attempt {}: {}", name_.domain(), failures, error.what());
    }
    wait_before_retry(failures, at_least);
  }
}

void Session::wait_before_retry(int failures, std::chrono::milliseconds at_least) {
  const auto delay = std::max(at_least, backoff(settings_.retry_delay_ms, failures));
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop_, delay, [] { return false; });
  if (stop_.stop_requested()) fail(Kind::Cancelled, "pull of {} cancelled", name_.familiar());
}

void Session::fail_status(const Call& call, Answer& answer) {
  Response& response = answer.response;
  const int status = response.status();
  const std::string reason(response.reason());
  std::string excerpt;
  try {
    excerpt = response.read_all(kErrorBodyLimit).substr(0, 200);
  } catch (const Error&) {
    // The status says enough.
  }
  std::replace_if(
      excerpt.begin(), excerpt.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  const Kind kind = status == 404   ? Kind::NotFound
                    : status == 403 ? Kind::Forbidden
                                    : Kind::Internal;
  fail(kind, "unexpected status from {} request to {}{}: {} {}{}{}", call.method, name_.domain(),
       call.path, status, reason, excerpt.empty() ? "" : ": ", excerpt);
}

}  // namespace wharf::registry
