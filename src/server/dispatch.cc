#include "server/dispatch.h"

#include "base/log.h"
#include "base/time.h"
#include "engine/engine.h"
#include "engine/release.h"
#include "server/access.h"
#include "server/exchange.h"
#include "server/request_path.h"
#include "server/routes.h"

namespace wharf::server {
namespace {

using base::Error;
using base::fail;
using base::Kind;

/// Docker: version errors come before the middleware that adds Docker-Experimental.
enum class Experimental { Named, Unnamed };

http::Headers engine_headers(const engine::Settings& settings, Experimental experimental) {
  http::Headers headers;
  headers.add("Api-Version", api::kMaximum.text());
  if (experimental == Experimental::Named)
    headers.add("Docker-Experimental", settings.experimental ? "true" : "false");
  headers.add("Ostype", "linux");
  headers.add("Server", fmt::format("Docker/{} (linux)", engine::kVersion));
  return headers;
}

class LiveExchange final : public Exchange {
 public:
  LiveExchange(http::Connection& connection, const http::RequestHead& head,
               const engine::Settings& settings, RequestPath path)
      : Exchange(head, path.version), connection_(connection), settings_(settings) {
    path_ = std::move(path);
  }

  http::Body& body() override { return connection_.body(); }
  std::stop_token gone() override { return connection_.gone(); }
  http::Hijacked take_connection() override { return connection_.take(); }

  http::ChunkedWriter& stream(int status, std::string_view content_type) override {
    http::Headers headers = usual_headers();
    if (!content_type.empty()) headers.set("Content-Type", std::string(content_type));
    return connection_.stream(status, headers);
  }

  void run(engine::Engine& engine, const Route& route, Variables variables) {
    variables_ = std::move(variables);
    query_ = http::Query::parse(path_.query);
    route.action(engine, *this);
    if (!connection_.answered()) reply(200);
  }

  http::Headers usual_headers() const override {
    http::Headers headers = engine_headers(settings_, Experimental::Named);
    for (const auto& [name, value] : answer_headers_) headers.set(name, value);
    return headers;
  }

 protected:
  void send(int status, std::string_view content_type, std::string_view text) override {
    http::Headers headers = usual_headers();
    if (!content_type.empty()) headers.set("Content-Type", std::string(content_type));
    connection_.respond(status, headers, text);
  }

 private:
  http::Connection& connection_;
  const engine::Settings& settings_;
  RequestPath path_;
};

struct Match {
  const Route* route = nullptr;
  Variables variables;
};

Match find_route(const std::vector<std::span<const Route>>& tables, std::string_view method,
                 std::string_view path) {
  Match match;
  for (const std::span<const Route> table : tables) {
    for (const Route& route : table) {
      match.variables.clear();
      if (route.method != method || !fits(route.path, path, match.variables)) continue;
      match.route = &route;
      return match;
    }
  }
  return match;
}

/// An error that is answered with the text alone, as Docker does for versions older than JSON
/// errors.
class VersionError : public Error {
 public:
  VersionError(const std::string& text, bool as_plain)
      : Error(Kind::InvalidArgument, text), plain(as_plain) {}
  const bool plain;
};

void check_version(const RequestPath& path, const engine::Settings& settings) {
  if (path.version_text.empty()) return;
  if (path.version < settings.minimum_api) {
    throw VersionError(
        fmt::format(
            "client version {} is too old. Minimum supported API version is {}, please upgrade "
            "your client to a newer version",
            path.version_text, settings.minimum_api.text()),
        path.version < api::kLowestMinimum);
  }
  if (path.version > api::kMaximum) {
    throw VersionError(
        fmt::format("client version {} is too new. Maximum supported API version is {}",
                    path.version_text, api::kMaximum.text()),
        false);
  }
}

void check_since(const Route& route, api::Version version) {
  if (version >= route.since) return;
  fail(Kind::InvalidArgument, "{} {} requires minimum API version {}", route.method, route.path,
       route.since.text());
}

void answer_error(http::Connection& connection, http::Headers headers, const Error& error) {
  const int status = base::http_status(error.kind());
  if (status == 304) return connection.respond(status, headers, {});
  headers.set("Content-Type", "application/json");
  const base::JsonObject body{{"message", error.what()}};
  connection.respond(status, headers, base::to_text(body) + "\n");
}

void answer_version_error(http::Connection& connection, const engine::Settings& settings,
                          const VersionError& error) {
  http::Headers headers = engine_headers(settings, Experimental::Unnamed);
  if (!error.plain) return answer_error(connection, std::move(headers), error);
  headers.set("Content-Type", "text/plain; charset=utf-8");
  connection.respond(400, headers, fmt::format("{}\n", error.what()));
}

/// Said to the client while that is possible, otherwise only to the log.
void report(http::Connection& connection, const engine::Settings& settings, const Error& error,
            const http::RequestHead& head) {
  if (error.kind() == Kind::Internal)
    base::log_error("{} {}: {}", head.method, head.target.substr(0, head.target.find('?')),
                    error.what());
  if (connection.taken()) return;
  // Half an answer is out, or nobody is there: cutting the connection is all that can be said.
  if (connection.answered() || error.kind() == Kind::Cancelled) throw error;
  answer_error(connection, engine_headers(settings, Experimental::Named), error);
}

}  // namespace

Dispatch::Dispatch(engine::Engine& engine, std::vector<std::string> names)
    : engine_(engine), names_(std::move(names)), tables_(all_routes()) {}

void Dispatch::answer(http::Connection& connection, const http::RequestHead& head) const {
  const std::shared_ptr<const engine::Settings> settings = engine_.settings();
  try {
    check_origin(head, connection.transport(), names_);
    RequestPath path = parse_request_path(head.target);
    if (path.redirect) {
      http::Headers headers = engine_headers(*settings, Experimental::Named);
      headers.set("Location", *path.redirect);
      return connection.respond(301, headers, {});
    }
    // The path alone: a query may hold secrets, as headers and bodies do (threats A68).
    base::log_debug("{} {}", head.method, path.path);
    Match match = find_route(tables_, head.method, path.path);
    if (!match.route) fail(Kind::NotFound, "page not found");
    check_version(path, *settings);
    check_since(*match.route, path.version);
    LiveExchange exchange(connection, head, *settings, std::move(path));
    exchange.run(engine_, *match.route, std::move(match.variables));
  } catch (const VersionError& error) {
    answer_version_error(connection, *settings, error);
  } catch (const http::BadRequest&) {
    throw;
  } catch (const Error& error) {
    report(connection, *settings, error, head);
  } catch (const std::exception& error) {
    report(connection, *settings, Error(Kind::Internal, error.what()), head);
  }
}

}  // namespace wharf::server
