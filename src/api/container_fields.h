// The field tables of ContainerConfig and EndpointSettings, for the .cc files of this room.
#pragma once

#include "api/container_config.h"
#include "api/endpoint.h"
#include "api/host_config_fields.h"

namespace wharf::base {

template <>
struct Fields<api::HealthConfig> {
  using T = api::HealthConfig;
  static constexpr auto table = std::make_tuple(
      field("Test", &T::test, kOmit), field("Interval", &T::interval_ns, kOmit),
      field("Timeout", &T::timeout_ns, kOmit), field("StartPeriod", &T::start_period_ns, kOmit),
      field("StartInterval", &T::start_interval_ns, kOmit), field("Retries", &T::retries, kOmit));
};

inline constexpr auto kContainerConfigFields = [] {
  using T = api::ContainerConfig;
  return std::make_tuple(
      field("Hostname", &T::hostname), field("Domainname", &T::domainname), field("User", &T::user),
      field("AttachStdin", &T::attach_stdin), field("AttachStdout", &T::attach_stdout),
      field("AttachStderr", &T::attach_stderr), field("ExposedPorts", &T::exposed_ports, kOmit),
      field("Tty", &T::tty), field("OpenStdin", &T::open_stdin), field("StdinOnce", &T::stdin_once),
      field("Env", &T::env), field("Cmd", &T::cmd), field("Healthcheck", &T::healthcheck, kOmit),
      field("ArgsEscaped", &T::args_escaped, kOmit), field("Image", &T::image),
      field("Volumes", &T::volumes), field("WorkingDir", &T::working_dir),
      field("Entrypoint", &T::entrypoint), field("NetworkDisabled", &T::network_disabled, kOmit),
      field("MacAddress", &T::mac_address, kOmit), field("OnBuild", &T::on_build, kOmit),
      field("Labels", &T::labels), field("StopSignal", &T::stop_signal, kOmit),
      field("StopTimeout", &T::stop_timeout, kOmit), field("Shell", &T::shell, kOmit));
}();

template <>
struct Fields<api::ContainerConfig> {
  static constexpr auto table = kContainerConfigFields;
};

template <>
struct Fields<api::EndpointIpamConfig> {
  using T = api::EndpointIpamConfig;
  static constexpr auto table = std::make_tuple(field("IPv4Address", &T::ipv4_address, kOmit),
                                                field("IPv6Address", &T::ipv6_address, kOmit),
                                                field("LinkLocalIPs", &T::link_local_ips, kOmit));
};

template <>
struct Fields<api::EndpointSettings> {
  using T = api::EndpointSettings;
  static constexpr auto table = std::make_tuple(
      field("IPAMConfig", &T::ipam_config), field("Links", &T::links),
      field("Aliases", &T::aliases), field("DriverOpts", &T::driver_opts),
      field("GwPriority", &T::gw_priority), field("NetworkID", &T::network_id),
      field("EndpointID", &T::endpoint_id), field("Gateway", &T::gateway),
      field("IPAddress", &T::ip_address), field("MacAddress", &T::mac_address),
      field("IPPrefixLen", &T::ip_prefix_len), field("IPv6Gateway", &T::ipv6_gateway),
      field("GlobalIPv6Address", &T::global_ipv6_address),
      field("GlobalIPv6PrefixLen", &T::global_ipv6_prefix_len), field("DNSNames", &T::dns_names));
};

template <>
struct Fields<api::NetworkingConfig> {
  static constexpr auto table =
      std::make_tuple(field("EndpointsConfig", &api::NetworkingConfig::endpoints_config));
};

}  // namespace wharf::base
