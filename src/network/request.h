// What a container asks of its network, and what it is told: plain values.
//
// Room container fills a JoinRequest from HostConfig and NetworkingConfig; the answers are
// copied into NetworkSettings. Values, no threads.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace wharf::network {

enum class Protocol : std::uint8_t { Tcp = 6, Udp = 17, Sctp = 132 };

const char* protocol_name(Protocol protocol);

/// A port of the container: "80/tcp". Protocol defaults to tcp.
struct Port {
  std::uint16_t number = 0;
  Protocol protocol = Protocol::Tcp;

  /// Throws InvalidArgument with Docker's words.
  static Port parse(const std::string& text);
  std::string text() const;
  auto operator<=>(const Port&) const = default;
};

/// One entry of HostConfig.PortBindings: where a port shall be published.
struct PortBinding {
  std::string
      host_ip;  ///< "" is every address (or the network's default), "0.0.0.0", "127.0.0.1" ...
  std::string
      host_port;  ///< "" or "0": any free one; "8080"; "8000-8010": the first free one of these.
  auto operator<=>(const PortBinding&) const = default;
};

/// As NetworkSettings.Ports: null for a port that is exposed but not published.
using PortMap = std::map<Port, std::optional<std::vector<PortBinding>>>;

/// Throws InvalidArgument `invalid port specification: "9-5"` as the create call must.
void check_port_binding(const PortBinding& binding);

/// What the user asks of one network (EndpointSettings, the "in" fields).
struct EndpointRequest {
  std::string network;  ///< Name, id or unique prefix; "default" is the default bridge.
  std::string ipv4_address;
  std::string ipv6_address;
  std::string mac_address;
  std::vector<std::string> aliases;
  std::vector<std::string> links;
  std::map<std::string, std::string> driver_opts;
  std::int64_t gw_priority = 0;
};

/// Where names are looked up (HostConfig.Dns*; empty: as the daemon or the host has it).
struct DnsSettings {
  std::vector<std::string> servers;
  std::vector<std::string> search;  ///< {"."} is none at all.
  std::vector<std::string> options;
};

/// A line of /etc/hosts for a linked container (default bridge only).
struct LinkedHost {
  std::string address;
  std::vector<std::string> names;  ///< Alias, short id, container name.
};

struct JoinRequest {
  std::string container_id;
  std::string container_name;  ///< Without the leading slash.
  std::string hostname;
  std::string domainname;
  std::vector<EndpointRequest>
      endpoints;  ///< In connect order: eth0, eth1 ... Empty: loopback only.
  PortMap published;
  std::vector<Port> exposed;
  bool publish_all = false;  ///< Every exposed port on a random one of the host.
  DnsSettings dns;
  std::vector<LinkedHost> links;
  std::vector<std::string> extra_hosts;  ///< "name:address"; the address may be "host-gateway".
};

/// What one network gave (EndpointSettings, the "out" fields).
struct EndpointInfo {
  std::string network_name;
  std::string network_id;
  std::string endpoint_id;
  std::string gateway;
  std::string ip_address;
  int ip_prefix_len = 0;
  std::string mac_address;
  std::string interface;               ///< In the container: "eth0". Empty for host and none.
  std::vector<std::string> dns_names;  ///< Empty on the default bridge, host and none.
  EndpointRequest request;
};

}  // namespace wharf::network
