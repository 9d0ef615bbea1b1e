#include "network/records.h"

#include "base/fields.h"
#include "store/database.h"

namespace wharf::base {

using network::EndpointInfo;
using network::EndpointRequest;
using network::IpamPool;
using network::LinkedHost;
using network::Network;

template <>
struct Fields<IpamPool> {
  static constexpr auto table =
      std::make_tuple(field("Subnet", &IpamPool::subnet), field("IPRange", &IpamPool::ip_range),
                      field("Gateway", &IpamPool::gateway),
                      field("AuxiliaryAddresses", &IpamPool::auxiliary_addresses));
};

template <>
struct Fields<Network> {
  static constexpr auto table = std::make_tuple(
      field("Driver", &Network::driver), field("Scope", &Network::scope),
      field("Internal", &Network::internal), field("Attachable", &Network::attachable),
      field("Ingress", &Network::ingress), field("ConfigOnly", &Network::config_only),
      field("ConfigFrom", &Network::config_from), field("EnableIPv4", &Network::enable_ipv4),
      field("EnableIPv6", &Network::enable_ipv6), field("IPAMDriver", &Network::ipam_driver),
      field("IPAMOptions", &Network::ipam_options), field("IPAM", &Network::ipam),
      field("Options", &Network::options), field("Labels", &Network::labels),
      field("Predefined", &Network::predefined), field("RouterAddress", &Network::router_address),
      field("UserSubnet", &Network::user_subnet), field("RouterSince", &Network::router_since));
};

template <>
struct Fields<EndpointRequest> {
  using T = EndpointRequest;
  static constexpr auto table =
      std::make_tuple(field("Network", &T::network), field("IPv4", &T::ipv4_address),
                      field("IPv6", &T::ipv6_address), field("Mac", &T::mac_address),
                      field("Aliases", &T::aliases), field("Links", &T::links),
                      field("DriverOpts", &T::driver_opts), field("GwPriority", &T::gw_priority));
};

template <>
struct Fields<EndpointInfo> {
  using T = EndpointInfo;
  static constexpr auto table =
      std::make_tuple(field("NetworkName", &T::network_name), field("NetworkID", &T::network_id),
                      field("EndpointID", &T::endpoint_id), field("Gateway", &T::gateway),
                      field("IPAddress", &T::ip_address), field("IPPrefixLen", &T::ip_prefix_len),
                      field("Mac", &T::mac_address), field("Interface", &T::interface),
                      field("DNSNames", &T::dns_names), field("Request", &T::request));
};

template <>
struct Fields<LinkedHost> {
  static constexpr auto table =
      std::make_tuple(field("Address", &LinkedHost::address), field("Names", &LinkedHost::names));
};

template <>
struct Fields<network::DnsSettings> {
  using T = network::DnsSettings;
  static constexpr auto table = std::make_tuple(
      field("Servers", &T::servers), field("Search", &T::search), field("Options", &T::options));
};

}  // namespace wharf::base

namespace wharf::network {
namespace {

struct KeptBinding {
  std::string port, host_ip, host_port;
};

/// A JoinRequest, its ports as text.
struct KeptRequest {
  std::string id, name, hostname, domainname;
  DnsSettings dns;
  std::vector<LinkedHost> links;
  std::vector<std::string> extra_hosts;
  std::vector<std::string> exposed;
  std::vector<KeptBinding> published;
  bool publish_all = false;
};

}  // namespace
}  // namespace wharf::network

namespace wharf::base {
template <>
struct Fields<network::KeptBinding> {
  using T = network::KeptBinding;
  static constexpr auto table = std::make_tuple(
      field("Port", &T::port), field("HostIP", &T::host_ip), field("HostPort", &T::host_port));
};

template <>
struct Fields<network::KeptRequest> {
  using T = network::KeptRequest;
  static constexpr auto table = std::make_tuple(
      field("ID", &T::id), field("Name", &T::name), field("Hostname", &T::hostname),
      field("Domainname", &T::domainname), field("DNS", &T::dns), field("Links", &T::links),
      field("ExtraHosts", &T::extra_hosts), field("Exposed", &T::exposed),
      field("Published", &T::published), field("PublishAll", &T::publish_all));
};
}  // namespace wharf::base

namespace wharf::network {
namespace {

template <class T>
T read_as(const base::Json& json) {
  T value;
  base::from_json(json, value);
  return value;
}

}  // namespace

base::Json to_json(const EndpointRequest& request) {
  return base::to_json(request);
}
base::Json to_json(const EndpointInfo& info) {
  return base::to_json(info);
}
EndpointRequest endpoint_request(const base::Json& json) {
  return read_as<EndpointRequest>(json);
}
EndpointInfo endpoint_info(const base::Json& json) {
  return read_as<EndpointInfo>(json);
}

base::Json to_json(const JoinRequest& request) {
  KeptRequest kept{request.container_id,
                   request.container_name,
                   request.hostname,
                   request.domainname,
                   request.dns,
                   request.links,
                   request.extra_hosts,
                   {},
                   {},
                   request.publish_all};
  for (const Port& port : request.exposed) kept.exposed.push_back(port.text());
  for (const auto& [port, bindings] : request.published) {
    if (!bindings) kept.exposed.push_back(port.text());
    for (const PortBinding& binding : bindings.value_or(std::vector<PortBinding>{}))
      kept.published.push_back({port.text(), binding.host_ip, binding.host_port});
  }
  return base::to_json(kept);
}

JoinRequest join_request(const base::Json& json) {
  const auto kept = read_as<KeptRequest>(json);
  JoinRequest request;
  request.container_id = kept.id;
  request.container_name = kept.name;
  request.hostname = kept.hostname;
  request.domainname = kept.domainname;
  request.dns = kept.dns;
  request.links = kept.links;
  request.extra_hosts = kept.extra_hosts;
  for (const std::string& text : kept.exposed) request.exposed.push_back(Port::parse(text));
  for (const KeptBinding& each : kept.published) {
    auto& bindings = request.published[Port::parse(each.port)];
    if (!bindings) bindings.emplace();
    bindings->push_back({each.host_ip, each.host_port});
  }
  request.publish_all = kept.publish_all;
  return request;
}

std::vector<Network> load_networks(const store::Database& database) {
  std::vector<Network> networks;
  database.read([&](store::Reader& reader) {
    store::Rows rows = reader.query("SELECT id, name, created, record FROM networks");
    while (rows.next()) {
      Network network = read_as<Network>(base::parse_json(rows.text(3)));
      network.id = rows.text(0);
      network.name = rows.text(1);
      network.created.unix_ns = rows.integer(2);
      networks.push_back(std::move(network));
    }
  });
  return networks;
}

void save_network(store::Database& database, const Network& network) {
  const std::string record = base::to_text(base::to_json(network));
  database.write([&](store::Transaction& transaction) {
    transaction.run(
        "INSERT INTO networks(id, name, created, record) VALUES(?, ?, ?, ?) "
        "ON CONFLICT(id) DO UPDATE SET name = excluded.name, record = excluded.record",
        {network.id, network.name, network.created.unix_ns, record});
  });
}

void erase_network(store::Database& database, const std::string& id) {
  database.write([&](store::Transaction& transaction) {
    transaction.run("DELETE FROM networks WHERE id = ?", {id});
  });
}

}  // namespace wharf::network
