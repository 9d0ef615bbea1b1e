// The content of /etc/hosts and /etc/resolv.conf of a container, as Docker writes them.
//
// Pure functions of what they are given, but for the host's own file that they read.
#pragma once

#include <string>
#include <vector>

#include "network/request.h"

namespace wharf::network {

struct HostsFile {
  std::string base;  ///< The host's own file where its network is shared; else the usual lines.
  std::vector<std::string> extra_hosts;   ///< "name:address", also "name=address".
  std::vector<std::string> host_gateway;  ///< What "host-gateway" stands for.
  std::vector<LinkedHost> links;
  std::vector<std::string> addresses;  ///< The container's own.
  std::string hostname;
  std::string domainname;
};

/// Throws InvalidArgument for an extra host without a colon or with no address.
std::string build_hosts_file(const HostsFile& hosts);

/// The name servers of the host's file, behind systemd-resolved's stub where that is used.
std::vector<std::string> host_name_servers(const std::string& host_file);

/// `daemon` holds where `container` is silent, the host's file where both are. Servers on the
/// loopback of the host are left out of what is copied, as nobody answers there in a container;
/// if none is left, Google's public ones are used (Docker does so).
std::string build_resolv_conf(const DnsSettings& container, const DnsSettings& daemon,
                              const std::string& host_file);

/// For a container whose names are looked up at 127.0.0.11, which asks `outer` for others.
std::string build_resolv_conf_for_names(const DnsSettings& container, const DnsSettings& daemon,
                                        const std::string& host_file,
                                        const std::vector<std::string>& outer);

}  // namespace wharf::network
