// Docker's endpoints that this engine does not have yet. Each is 501 and says its name, so that
// nobody takes it for a typing error (404) or for success. A row goes when its endpoint comes. The
// table is tried early: some of its paths would also fit a wider pattern of another ("DELETE
// /containers/...").
#include "engine/engine.h"
#include "server/exchange.h"
#include "server/route.h"

namespace wharf::server {
namespace {

using base::fail;
using base::Kind;
using engine::Engine;

void unbuilt(Engine&, Exchange& exchange) {
  const std::string_view target = exchange.head().target;
  fail(Kind::NotImplemented, "{} {} is not built in this engine yet", exchange.head().method,
       target.substr(0, target.find('?')));
}

/// Docker: experimental routes say so first.
void experimental(Engine& engine, Exchange& exchange) {
  if (!engine.settings()->experimental) {
    fail(Kind::NotImplemented,
         "This experimental feature is disabled by default. Start the Docker daemon in "
         "experimental mode in order to "
         "enable it.");
  }
  unbuilt(engine, exchange);
}

void session(Engine& engine, Exchange& exchange) {
  if (!exchange.wants_upgrade()) fail(Kind::InvalidArgument, "no upgrade proto in request");
  unbuilt(engine, exchange);
}

void grpc(Engine& engine, Exchange& exchange) {
  if (!exchange.wants_upgrade()) fail(Kind::Internal, "no upgrade proto in request");
  unbuilt(engine, exchange);
}

constexpr Route kRoutes[] = {
    {"GET", "/containers/{name:.*}/checkpoints", experimental},
    {"POST", "/containers/{name:.*}/checkpoints", experimental},
    {"DELETE", "/containers/{name}/checkpoints/{checkpoint}", experimental},

    {"POST", "/session", session},
    {"POST", "/grpc", grpc},

    {"GET", "/images/{name:.*}/attestations", unbuilt, {1, 55}},

    {"GET", "/debug/vars", unbuilt},
    {"GET", "/debug/pprof/", unbuilt},
    {"GET", "/debug/pprof/{name}", unbuilt},
};

}  // namespace

std::span<const Route> unbuilt_routes() {
  return kRoutes;
}

}  // namespace wharf::server
