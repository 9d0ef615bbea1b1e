// Networks::create: what users ask for, checked as dockerd checks it.
#include <cctype>

#include "base/error.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/strings.h"
#include "network/links.h"
#include "network/networks.h"
#include "network/records.h"
#include "network/state.h"

namespace wharf::network {
namespace {

using base::fail;
using base::Kind;

constexpr std::size_t kNameLimit = 255;

/// Docker takes any text. Blanks and slashes inside are kept for its sake; what would mislead
/// who reads a list (control characters, other scripts' direction marks) is refused, and so is
/// what climbs where a name becomes part of a path.
void check_name(const std::string& name) {
  if (base::trim(name).empty()) fail(Kind::InvalidArgument, "invalid name: name is empty");
  const bool plain =
      std::all_of(name.begin(), name.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
  const auto parts = base::split(name, '/');
  // A request's path is cleaned before it is looked at: such a network could not be removed.
  const bool cleaned = std::any_of(parts.begin(), parts.end(), [](const std::string& part) {
    return part.empty() || part == "." || part == "..";
  });
  if (!plain || cleaned || name.size() > kNameLimit) {
    fail(Kind::InvalidArgument,
         "invalid name: {} is not at most {} printable ASCII characters without \".\", \"..\" or "
         "nothing between slashes",
         base::quoted(name), kNameLimit);
  }
}

/// Every complaint about one pool, in Docker's words.
void check_pool(const IpamPool& pool, std::vector<std::string>& complaints) {
  const auto complain = [&](std::string words) { complaints.push_back(std::move(words)); };
  const bool given = !pool.subnet.empty();
  const std::string subnet_text = given ? pool.subnet : "invalid Prefix";
  const Subnet subnet = given ? Subnet::parse(pool.subnet) : Subnet{};
  const auto holds = [&](const Ipv4& address) { return given && subnet.contains(address); };
  if (given && subnet.masked() != subnet) {
    complain(
        fmt::format("invalid subnet {}: it should be {}", pool.subnet, subnet.masked().text()));
  }
  if (!pool.ip_range.empty()) {
    const Subnet range = Subnet::parse(pool.ip_range);
    if (range.masked() != range) {
      complain(fmt::format("invalid ip-range {}: it should be {}", pool.ip_range,
                           range.masked().text()));
    }
    if (!given || !subnet.contains(range)) {
      complain(fmt::format("invalid ip-range {}: parent subnet {} doesn't contain ip-range",
                           pool.ip_range, subnet_text));
    }
  }
  if (!pool.gateway.empty() && !holds(Ipv4::parse(pool.gateway))) {
    complain(fmt::format("invalid gateway {}: parent subnet {} doesn't contain this address",
                         pool.gateway, subnet_text));
  }
  for (const auto& [name, address] : pool.auxiliary_addresses) {
    if (holds(Ipv4::parse(address))) continue;
    complain(
        fmt::format("invalid auxiliary address {}: parent subnet {} doesn't contain this address",
                    name, subnet_text));
  }
}

void check_pools(const std::vector<IpamPool>& pools) {
  std::vector<std::string> complaints;
  for (const IpamPool& pool : pools) check_pool(pool, complaints);
  if (complaints.empty()) return;
  fail(Kind::InvalidArgument, "invalid network config:\n{}", base::join(complaints, "\n"));
}

bool is_ipv6_pool(const IpamPool& pool) {
  return pool.subnet.find(':') != std::string::npos;
}

/// The first address that is not the gateway's to choose: the first of the subnet.
Ipv4 first_host(const Subnet& subnet) {
  return Ipv4{subnet.base.value + (subnet.bits < 31 ? 1 : 0)};
}

}  // namespace

namespace {

void check_kind(const NetworkConfig& config) {
  if (config.driver == "overlay") {
    fail(Kind::Forbidden,
         "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to "
         "connect this node to swarm and try again.");
  }
  if (config.scope != "local" && !config.scope.empty()) {
    fail(Kind::Forbidden, "cannot create a {} scoped network when swarm is not active",
         config.scope);
  }
  if (config.ingress) {
    fail(Kind::Forbidden, "cannot create an ingress network when swarm is not active");
  }
  if (config.driver == "host" || config.driver == "null") {
    fail(Kind::Forbidden, "only one instance of \"{}\" network is allowed", config.driver);
  }
  for (const char* later : {"macvlan", "ipvlan"}) {
    if (config.driver != later) continue;
    fail(Kind::NotImplemented, "network driver {} is not supported yet", config.driver);
  }
  if (config.driver != "bridge") {
    fail(Kind::NotFound, "plugin {} not found", base::quoted(config.driver));
  }
  if (config.ipam_driver == "null") {
    fail(Kind::NotImplemented, "IPAM driver null is not supported yet");
  }
  if (config.ipam_driver != "default" && config.ipam_driver != "builtin") {
    fail(Kind::NotFound, "plugin {} not found", base::quoted(config.ipam_driver));
  }
  if (!config.enable_ipv4 && !config.enable_ipv6) {
    fail(Kind::InvalidArgument, "IPv4 or IPv6 must be enabled");
  }
  if (config.enable_ipv6 || !config.enable_ipv4) {
    fail(Kind::NotImplemented, "networks with IPv6 are not supported yet");
  }
}

/// Takes what the configuration network says. Throws where the user says more.
void apply_config_from(NetworkConfig& config, const Network& from) {
  const bool more = !config.ipam.empty() || !config.options.empty() || config.internal;
  if (more) {
    fail(Kind::Forbidden,
         "user-specified configurations are not supported if the network depends on a "
         "configuration network");
  }
  config.ipam = from.ipam;
  config.options = from.options;
  config.internal = from.internal;
  for (const auto& [key, value] : from.labels) config.labels.emplace(key, value);
}

}  // namespace

void Networks::State::choose_subnet(Network& network) {
  // An IPv6 pool of an IPv4 network is kept as Docker keeps it: said, and without effect.
  auto ipv6 = std::partition(network.ipam.begin(), network.ipam.end(),
                             [](const IpamPool& each) { return !is_ipv6_pool(each); });
  network.ipam.erase(ipv6, network.ipam.end());
  if (network.ipam.empty()) network.ipam.emplace_back();
  IpamPool& pool_asked = network.ipam.front();
  network.user_subnet = !pool_asked.subnet.empty();
  if (!network.user_subnet) {
    const Subnet chosen = space.take_any(list_routes(bridges.route(), 0));
    space.give_back(chosen);  // bring_up() takes it; nobody else can: `changes` is held.
    pool_asked.subnet = chosen.text();
  }
  const Subnet subnet = Subnet::parse(pool_asked.subnet);
  for (std::size_t i = 1; i < network.ipam.size(); ++i) {
    if (!subnet.overlaps(Subnet::parse(network.ipam[i].subnet))) continue;
    fail(Kind::Forbidden,
         "invalid pool request: Pool overlaps with other one on this address space");
  }
  if (network.ipam.size() > 1) {
    fail(Kind::NotImplemented, "networks with several IPv4 subnets are not supported yet");
  }
  if (pool_asked.gateway.empty()) pool_asked.gateway = first_host(subnet).text();
}

std::string Networks::create(const NetworkConfig& config) {
  check_name(config.name);
  const std::lock_guard changing(state_->changes);
  state_->make_ready();
  auto entry = std::make_shared<Entry>();
  Network& network = entry->network;
  static_cast<NetworkConfig&>(network) = config;
  {
    const std::lock_guard lock(state_->mutex);
    const auto there = state_->by_name.find(config.name);
    const bool taken = there != state_->by_name.end();
    if (config.name == "default" || (taken && there->second->network.predefined)) {
      // Docker: the text ends with a blank.
      fail(Kind::Forbidden, "operation is not permitted on predefined {} network ", config.name);
    }
    if (taken) fail(Kind::Conflict, "network with name {} already exists", config.name);
    if (!config.config_from.empty()) {
      const auto from = state_->by_name.find(config.config_from);
      if (from == state_->by_name.end() || !from->second->network.config_only) {
        fail(Kind::NotFound, "configuration network {} does not exist",
             base::quoted(config.config_from));
      }
      apply_config_from(network, from->second->network);
    }
  }
  std::vector<IpamPool> ipv4_pools = network.ipam;
  std::erase_if(ipv4_pools, is_ipv6_pool);
  check_pools(ipv4_pools);
  network.id = base::random_id();
  network.created = base::now();
  if (config.config_only) {
    network.driver = "null";
  } else {
    check_kind(network);
    state_->bridges.check(network);
    state_->choose_subnet(network);
    state_->bring_up(*entry);
  }
  try {
    save_network(state_->database, network);
  } catch (...) {
    if (entry->driver) {
      entry->driver->remove(network);
      state_->space.give_back(Subnet::parse(network.ipam.front().subnet));
    }
    throw;
  }
  state_->add(entry);
  state_->publish("create", *entry);
  return network.id;
}

}  // namespace wharf::network
