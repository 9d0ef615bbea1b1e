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
      origins_(origins(settings_, name_.domain())),
      left_(origins_.size()),
      targets_(origins_.size()),
      authorizations_(origins_.size()) {}

std::string Session::path(std::string_view rest) const {
  return "/v2/" + name_.path() + std::string(rest);
}

std::stop_token Session::stop_of(const Call& call) const {
  return call.stop.stop_possible() ? call.stop : stop_;
}

Answer Session::exchange(const Target& target, const Call& call) {
  return exchange_at(target, target.origin.at(call.path), call);
}

Answer Session::exchange_at(const Target& target, const http::Url& url, const Call& call) {
  http::client::Request request{.method = call.method,
                                .target = url.target(),
                                .headers = call.headers,
                                .body = call.body,
                                .source = call.source,
                                .stop = stop_of(call)};
  if (call.source) request.source_bytes = call.source_bytes;
  call.origin = target.index;
  if (origin_text(url) == origin_text(target.origin.url)) {
    const std::string authorization = authorization_at(target.index);
    if (!authorization.empty()) request.headers.push_back({"Authorization", authorization});
  }
  try {
    return {client_for(target, url)->send(request), false, target.index};
  } catch (const Error& error) {
    if (error.kind() != Kind::Unavailable) throw;
    fail(Kind::Unavailable, "failed to do request: {} \"{}\": {}", verb(call.method), url.text(),
         error.what());
  }
}

http::Url Session::location(const Answer& answer) {
  const http::Url& from = origins_.at(answer.origin).url;
  const http::Url url = http::resolve_url(from, answer.response.header("location"));
  if (url.scheme != from.scheme && url.scheme != "https") {
    fail(Kind::Internal, "registry {}: refusing to upload to {}://", name_.domain(), url.scheme);
  }
  return url;
}

Answer Session::send_to(const http::Url& url, const Call& call) {
  return exchange_at(*target(call.need), url, call);
}

Answer Session::send_once(const Call& call) {
  const std::shared_ptr<const Target> target = this->target(call.need);
  Answer answer = exchange(*target, call);
  if (answer.response.status() == 401) {
    authorize(target->index,
              authorization(*target, parse_challenges(answer.response.header("www-authenticate"))));
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
  http::Url at = target.origin.at(call.path);
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
      const std::string authorization = authorization_at(target.index);
      if (!authorization.empty()) request.headers.push_back({"Authorization", authorization});
    }
    answer = {client_for(target, next)->send(request), true, target.index};
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
  // A proxy looks names up itself: what we would find is not where it goes.
  const bool proxied = is_proxied(settings_, url);
  const std::string address = proxied ? std::string() : safe_address(target, url.host);
  const Trust trust{.verify = !is_insecure(settings_, url.authority())};
  auto client = connect(settings_, url, trust, address);
  const std::lock_guard lock(mutex_);
  return clients_.emplace(key, std::move(client)).first->second;
}

Answer Session::send(const Call& call) {
  while (true) {
    try {
      Answer answer = send_patiently(call);
      if (answer.response.status() < 400 || !leave_mirror(call)) return answer;
    } catch (const Error& error) {
      if (error.kind() == Kind::Cancelled || !leave_mirror(call)) throw;
      base::log_debug("registry {}: a mirror is left: {}", name_.domain(), error.what());
    }
  }
}

/// A mirror gets one attempt: the next host is nearer than the end of a wait.
Answer Session::send_patiently(const Call& call) {
  for (int failures = 1;; ++failures) {
    std::chrono::milliseconds at_least{0};
    call.origin = kNoOrigin;
    const auto last = [&] {
      const bool mirror = call.origin != kNoOrigin && !origins_[call.origin].canonical;
      return mirror || failures >= settings_.max_download_attempts;
    };
    try {
      Answer answer = send_once(call);
      if (!worth_retry(answer.response.status())) return answer;
      if (last()) fail_status(call, answer);
      at_least = retry_after(answer.response.header("retry-after"), base::now());
    } catch (const Error& error) {
      if (!may_cure(error) || last()) throw;
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
