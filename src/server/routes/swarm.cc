// /swarm, /nodes, /services, /tasks, /secrets, /configs of an engine that is in no swarm.
//
// Docker checks the request first and the swarm after; clients see both orders, so the
// checks are Docker's. Starting or joining a swarm is not built yet: 501.
#include <arpa/inet.h>

#include <charconv>

#include "base/strings.h"
#include "server/exchange.h"
#include "server/route.h"

namespace wharf::server {
namespace {

using base::fail;
using base::Kind;
using engine::Engine;

[[noreturn]] void not_a_manager() {
  fail(Kind::Unavailable,
       "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to "
       "connect this node to "
       "swarm and try again.");
}

bool is_number(const std::string& text) {
  std::uint64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  return read.ec == std::errc() && read.ptr == text.data() + text.size();
}

/// The parameter "version", which every update must carry.
void require_version(const Exchange& exchange, std::string_view object) {
  const std::string& version = exchange.parameter("version");
  if (is_number(version)) return;
  fail(Kind::InvalidArgument,
       "invalid {} version '{}': strconv.ParseUint: parsing {}: invalid syntax", object, version,
       base::quoted(version));
}

void any(Engine&, Exchange&) {
  not_a_manager();
}

void any_with_body(Engine&, Exchange& exchange) {
  exchange.json_body();
  not_a_manager();
}

void list_nodes(Engine&, Exchange& exchange) {
  exchange.filters().require_known({"id", "label", "membership", "name", "node.label", "role"});
  not_a_manager();
}

void list_services(Engine&, Exchange& exchange) {
  exchange.filters().require_known({"id", "label", "mode", "name", "runtime"});
  not_a_manager();
}

void list_tasks(Engine&, Exchange& exchange) {
  exchange.filters().require_known(
      {"_up-to-date", "desired-state", "id", "label", "name", "node", "runtime", "service"});
  not_a_manager();
}

void list_data(Engine&, Exchange& exchange) {
  exchange.filters().require_known({"id", "label", "name", "names"});
  not_a_manager();
}

template <char const* kObject>
void update(Engine&, Exchange& exchange) {
  exchange.json_body();
  require_version(exchange, kObject);
  not_a_manager();
}

constexpr char kNode[] = "node";
constexpr char kService[] = "service";

/// Docker: secrets and configs do not say what is wrong with the version.
template <char const* kObject>
void update_data(Engine&, Exchange& exchange) {
  exchange.json_body();
  if (!is_number(exchange.parameter("version")))
    fail(Kind::InvalidArgument, "invalid {} version", kObject);
  not_a_manager();
}

constexpr char kSecret[] = "secret";
constexpr char kConfig[] = "config";

void inspect_service(Engine&, Exchange& exchange) {
  exchange.strict_flag("insertDefaults");
  not_a_manager();
}

void logs(Engine&, Exchange& exchange) {
  if (!exchange.flag("stdout") && !exchange.flag("stderr")) {
    fail(Kind::InvalidArgument, "must specify at least one of 'stdout' or 'stderr'");
  }
  not_a_manager();
}

void update_swarm(Engine&, Exchange& exchange) {
  exchange.json_body();
  require_version(exchange, "swarm");
  for (const char* rotate : {"rotateWorkerToken", "rotateManagerToken", "rotateManagerUnlockKey"}) {
    try {
      exchange.strict_flag(rotate);
    } catch (const base::Error&) {
      fail(Kind::InvalidArgument, "invalid value for {}: {}", rotate, exchange.parameter(rotate));
    }
  }
  not_a_manager();
}

void leave(Engine&, Exchange&) {
  fail(Kind::Unavailable, "This node is not part of a swarm");
}

std::string listen_address(Exchange& exchange) {
  std::string address;
  exchange.read_json([&](const base::Json& json) {
    if (json.is_object()) address = std::string(base::text_at(json.get_object(), "ListenAddr"));
  });
  return address;
}

[[noreturn]] void not_built(std::string_view what) {
  fail(Kind::NotImplemented, "swarm {} is not built in this engine yet", what);
}

void join(Engine&, Exchange& exchange) {
  if (listen_address(exchange).empty())
    fail(Kind::InvalidArgument, "invalid ListenAddr \"\": invalid empty address");
  not_built("join");
}

void init(Engine&, Exchange& exchange) {
  std::string host = listen_address(exchange);
  const std::size_t colon = host.rfind(':');
  if (!host.starts_with('[') && host.find(':') == colon) host = host.substr(0, colon);
  std::array<unsigned char, 16> address{};
  const bool bracketed = host.starts_with('[') && host.find(']') != std::string::npos;
  if (bracketed) host = host.substr(1, host.find(']') - 1);
  if (::inet_pton(bracketed ? AF_INET6 : AF_INET, host.c_str(), address.data()) != 1) {
    fail(Kind::InvalidArgument,
         "listen address must be an IP address or network interface (with optional port number)");
  }
  not_built("init");
}

constexpr Route kRoutes[] = {
    {"POST", "/swarm/init", init},
    {"POST", "/swarm/join", join},
    {"POST", "/swarm/leave", leave},
    {"GET", "/swarm", any},
    {"GET", "/swarm/unlockkey", any},
    {"POST", "/swarm/update", update_swarm},
    {"POST", "/swarm/unlock", any_with_body},

    {"GET", "/services", list_services},
    {"GET", "/services/{id}", inspect_service},
    {"POST", "/services/create", any_with_body},
    {"POST", "/services/{id}/update", update<kService>},
    {"DELETE", "/services/{id}", any},
    {"GET", "/services/{id}/logs", logs},

    {"GET", "/nodes", list_nodes},
    {"GET", "/nodes/{id}", any},
    {"DELETE", "/nodes/{id}", any},
    {"POST", "/nodes/{id}/update", update<kNode>},

    {"GET", "/tasks", list_tasks},
    {"GET", "/tasks/{id}", any},
    {"GET", "/tasks/{id}/logs", logs},

    {"GET", "/secrets", list_data},
    {"POST", "/secrets/create", any_with_body},
    {"DELETE", "/secrets/{id}", any},
    {"GET", "/secrets/{id}", any},
    {"POST", "/secrets/{id}/update", update_data<kSecret>},

    {"GET", "/configs", list_data, {1, 30}},
    {"POST", "/configs/create", any_with_body, {1, 30}},
    {"DELETE", "/configs/{id}", any, {1, 30}},
    {"GET", "/configs/{id}", any, {1, 30}},
    {"POST", "/configs/{id}/update", update_data<kConfig>, {1, 30}},
};

}  // namespace

std::span<const Route> swarm_routes() {
  return kRoutes;
}

}  // namespace wharf::server
