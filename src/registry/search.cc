#include "registry/search.h"

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "registry/origin.h"
#include "registry/registry.h"

namespace wharf::registry {
namespace {

using base::fail;
using base::Json;
using base::JsonObject;
using base::Kind;

constexpr std::string_view kIndex = "index.docker.io";

struct Term {
  std::string host;
  std::string words;
};

/// "host:port/words", where the host looks like one; else words for Docker Hub.
Term split_term(const std::string& term) {
  if (term.find("://") != std::string::npos)
    fail(Kind::InvalidArgument, "invalid repository name ({}): no scheme is allowed", term);
  const std::size_t slash = term.find('/');
  const std::string first = term.substr(0, slash);
  const bool host = slash != std::string::npos &&
                    (first.find_first_of(".:") != std::string::npos || first == "localhost");
  if (host && first != "docker.io" && first != kIndex) return {first, term.substr(slash + 1)};
  std::string words = host ? term.substr(slash + 1) : term;
  // Docker: what is official is found without "library/".
  constexpr std::string_view kOfficial = "library/";
  if (words.starts_with(kOfficial)) words.erase(0, kOfficial.size());
  return {std::string(kIndex), words};
}

std::vector<http::Url> places(const Settings& settings, const std::string& host) {
  const http::HostPort parts = http::parse_host_port(host);
  http::Url url{.scheme = "https", .host = parts.host, .port = parts.port, .path = "/v1/search"};
  std::vector<http::Url> out = {url};
  if (!is_insecure(settings, host)) return out;
  url.scheme = "http";
  out.push_back(url);
  return out;
}

std::vector<Found> read_results(const std::string& text) {
  const Json json = base::parse_json(text);
  const Json* results = json.is_object() ? base::find(json.get_object(), "results") : nullptr;
  std::vector<Found> out;
  if (!results || !results->is_array()) return out;
  for (const Json& one : results->get_array()) {
    if (!one.is_object()) continue;
    const JsonObject& object = one.get_object();
    const Json* stars = base::find(object, "star_count");
    const Json* official = base::find(object, "is_official");
    out.push_back({.name = std::string(base::text_at(object, "name")),
                   .description = std::string(base::text_at(object, "description")),
                   .stars = stars && stars->is_int64() ? stars->get_int64() : 0,
                   .official = official && official->is_bool() && official->get_bool()});
  }
  return out;
}

std::vector<Found> ask(const Settings& settings, const http::Url& url,
                       const Credentials& credentials, std::stop_token stop) {
  http::client::Request request{.target = url.target(), .stop = std::move(stop)};
  if (!credentials.username.empty()) {
    request.headers.push_back(
        {"Authorization",
         "Basic " + base::base64_encode(credentials.username + ":" + credentials.password)});
  }
  try {
    const Trust trust{.verify = !is_insecure(settings, url.authority())};
    http::client::Response response = connect(settings, url, trust)->send(request);
    if (response.status() != 200) {
      fail(Kind::Internal, "Unexpected status code {}", response.status());
    }
    return read_results(response.read_all(kSearchAnswerLimit));
  } catch (const base::Error& error) {
    if (error.kind() != Kind::Unavailable) throw;
    fail(Kind::Unavailable, "Get \"{}\": {}", url.text(), error.what());
  }
}

}  // namespace

std::vector<Found> Registry::search(const std::string& term, int limit,
                                    const Credentials& credentials, std::stop_token stop) const {
  if (limit == 0) limit = kSearchLimit;
  if (limit < 1 || limit > kSearchLimitMost) {
    fail(Kind::InvalidArgument, "limit {} is outside the range of [1, {}]", limit,
         kSearchLimitMost);
  }
  const Term split = split_term(term);
  const std::vector<http::Url> urls = places(settings(), split.host);
  for (http::Url url : urls) {
    url.query = http::encode_query({{"q", split.words}, {"n", std::to_string(limit)}});
    try {
      // In clear a password goes only to hosts that are listed as insecure: others have no http.
      return ask(settings(), url, credentials, stop);
    } catch (const base::Error& error) {
      if (error.kind() != Kind::Unavailable) throw;
      if (url.scheme == urls.back().scheme) fail(Kind::Internal, "{}", error.what());
    }
  }
  return {};
}

}  // namespace wharf::registry
