// Answering a registry's challenge (distribution-spec, "token authentication").
#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "registry/retry.h"
#include "registry/session.h"

namespace wharf::registry {
namespace {

using base::fail;
using base::Kind;

const Challenge* find_scheme(const std::vector<Challenge>& challenges, std::string_view scheme) {
  for (const Challenge& challenge : challenges) {
    if (challenge.scheme == scheme) return &challenge;
  }
  return nullptr;
}

std::string basic(const Credentials& credentials) {
  return "Basic " + base::base64_encode(credentials.username + ":" + credentials.password);
}

}  // namespace

bool Session::may_send_password(const Target& target) const {
  if (!target.origin.canonical) return false;
  return target.origin.url.scheme == "https" || is_insecure(settings_, name_.domain());
}

std::string Session::authorization(const Target& target, const std::vector<Challenge>& challenges) {
  if (const Challenge* bearer = find_scheme(challenges, "bearer"))
    return "Bearer " + fetch_token(target, *bearer);
  if (find_scheme(challenges, "basic")) {
    if (credentials_.username.empty() || !may_send_password(target)) {
      fail(Kind::Unauthorized, "no basic auth credentials");
    }
    return basic(credentials_);
  }
  fail(Kind::Unauthorized, "registry {} asks for an authentication that is not supported",
       name_.domain());
}

std::string Session::fetch_token(const Target& target, const Challenge& challenge) {
  const bool trusted = may_send_password(target);
  if (trusted && !credentials_.registry_token.empty()) return credentials_.registry_token;

  const http::Url realm = http::parse_url(challenge.get("realm"));
  if (realm.scheme != "https" && (realm.scheme != "http" || target.origin.url.scheme == "https")) {
    fail(Kind::Unauthorized, "registry {} names a token server that is not secure: {}",
         name_.domain(), realm.text());
  }
  std::vector<std::pair<std::string, std::string>> fields;
  if (!challenge.get("service").empty()) fields.emplace_back("service", challenge.get("service"));
  std::string scope = challenge.get("scope");
  if (scope.empty() && !name_.path().empty()) scope = "repository:" + name_.path() + ":pull";
  if (!scope.empty()) fields.emplace_back("scope", scope);

  http::client::Request request{.stop = stop_};
  if (trusted && !credentials_.identity_token.empty()) {
    fields.emplace_back("grant_type", "refresh_token");
    fields.emplace_back("refresh_token", credentials_.identity_token);
    fields.emplace_back("client_id", "wharf");
    request.method = "POST";
    request.target = realm.target();
    request.headers.push_back({"Content-Type", "application/x-www-form-urlencoded"});
    request.body = http::encode_query(fields);
  } else {
    if (trusted && !credentials_.username.empty()) {
      fields.emplace_back("account", credentials_.username);
      request.headers.push_back({"Authorization", basic(credentials_)});
    }
    request.target =
        realm.target() + (realm.query.empty() ? "?" : "&") + http::encode_query(fields);
  }
  http::client::Response response = client_for(target, realm)->send(request);
  return read_token(response);
}

std::string Session::read_token(http::client::Response& response) {
  const int status = response.status();
  if (worth_retry(status))
    fail(Kind::Unavailable, "token server of {}: {} {}", name_.domain(), status, response.reason());
  const std::string body = response.read_all(kTokenLimit);
  if (status != 200) {
    fail(Kind::Unauthorized,
         "pull access denied for {}, repository does not exist or may require 'docker login'",
         name_.familiar_name());
  }
  const base::Json json = base::parse_json(body);
  if (!json.is_object())
    fail(Kind::Internal, "token server of {}: the answer is not an object", name_.domain());
  std::string_view token = base::text_at(json.get_object(), "token");
  if (token.empty()) token = base::text_at(json.get_object(), "access_token");
  if (token.empty())
    fail(Kind::Internal, "token server of {}: the answer has no token", name_.domain());
  const std::lock_guard lock(mutex_);
  identity_token_ = base::text_at(json.get_object(), "refresh_token");
  return std::string(token);
}

std::string Session::login() {
  const std::shared_ptr<const Target> target = this->target(Need::Login);
  const Call ping{.path = "/v2/", .need = Need::Login};
  Answer answer = exchange(*target, ping);
  if (answer.response.status() == 401) {
    try {
      authorize(
          target->index,
          authorization(*target, parse_challenges(answer.response.header("www-authenticate"))));
    } catch (const base::Error& error) {
      if (error.kind() != Kind::Unauthorized) throw;
      fail(Kind::Unauthorized, "login attempt to {}://{}/v2/ failed with status: 401 Unauthorized",
           target->origin.url.scheme, target->origin.url.authority());
    }
    answer = exchange(*target, ping);
  }
  if (answer.response.status() != 200) {
    fail(Kind::Unauthorized, "login attempt to {}://{}/v2/ failed with status: {} {}",
         target->origin.url.scheme, target->origin.url.authority(), answer.response.status(),
         answer.response.reason());
  }
  const std::lock_guard lock(mutex_);
  return identity_token_;
}

}  // namespace wharf::registry
