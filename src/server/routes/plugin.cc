// /plugins of an engine that has none: lists are empty, names are not found. Installing is not
// built yet: 501.
#include <charconv>

#include "base/strings.h"
#include "server/exchange.h"
#include "server/route.h"

namespace wharf::server {
namespace {

using base::fail;
using base::Kind;
using engine::Engine;

void list(Engine&, Exchange& exchange) {
  const base::Filters filters = exchange.filters();
  filters.require_known({"capability", "enabled"});
  filters.boolean("enabled", true);
  exchange.reply(200, base::JsonArray());
}

void named(Engine&, Exchange& exchange) {
  fail(Kind::NotFound, "plugin {} not found", base::quoted(exchange.variable("name")));
}

void enable(Engine& engine, Exchange& exchange) {
  if (exchange.parameter("timeout").empty()) {
    fail(Kind::InvalidArgument, "strconv.Atoi: parsing \"\": invalid syntax");
  }
  exchange.number("timeout");
  named(engine, exchange);
}

void with_body(Engine& engine, Exchange& exchange) {
  exchange.json_body();
  named(engine, exchange);
}

/// Docker: a name without a registry means Docker Hub's library, which the complaint shows.
void check_remote(const std::string& remote, std::string_view before) {
  const bool lower = std::ranges::none_of(remote, [](char c) { return c >= 'A' && c <= 'Z'; });
  if (remote.empty()) fail(Kind::InvalidArgument, "invalid reference format");
  if (lower) return;
  const std::string full = remote.find('/') == std::string::npos ? "library/" + remote : remote;
  const Kind kind = before.empty() ? Kind::InvalidArgument : Kind::Internal;
  fail(kind, "{}invalid reference format: repository name ({}) must be lowercase", before, full);
}

[[noreturn]] void not_built() {
  fail(Kind::NotImplemented, "installing plugins is not built in this engine yet");
}

void install(Engine&, Exchange& exchange) {
  check_remote(exchange.parameter("remote"), {});
  not_built();
}

void create(Engine&, Exchange& exchange) {
  const std::string& name = exchange.parameter("name");
  check_remote(name, fmt::format("failed to parse reference {}: ", name));
  not_built();
}

constexpr Route kRoutes[] = {
    {"GET", "/plugins", list, {1, 25}},
    {"GET", "/plugins/{name:.*}/json", named, {1, 25}},
    {"GET", "/plugins/privileges", install, {1, 25}},
    {"DELETE", "/plugins/{name:.*}", named, {1, 25}},
    {"POST", "/plugins/{name:.*}/enable", enable, {1, 25}},
    {"POST", "/plugins/{name:.*}/disable", named, {1, 25}},
    {"POST", "/plugins/pull", install, {1, 25}},
    {"POST", "/plugins/{name:.*}/push", named, {1, 25}},
    {"POST", "/plugins/{name:.*}/upgrade", with_body, {1, 26}},
    {"POST", "/plugins/{name:.*}/set", with_body, {1, 25}},
    {"POST", "/plugins/create", create, {1, 25}},
};

}  // namespace

std::span<const Route> plugin_routes() {
  return kRoutes;
}

}  // namespace wharf::server
