// -p, -P and --expose: port specifications in all of Docker's forms.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

namespace wharf::cli {

struct PortBinding {
  std::string host_ip;
  std::string host_port;  ///< "", "8080" or a range "9000-9010".
  bool operator==(const PortBinding&) const = default;
};

struct Ports {
  std::set<std::string> exposed;  ///< "80/tcp".
  std::map<std::string, std::vector<PortBinding>> bindings;
};

/// `published`: "80", "8080:80", "127.0.0.1::80/udp", "[::1]:8000-8001:80-81",
/// "published=1,target=2"; `exposed`: "80", "80-90/udp". Throws base::Error with Docker's words.
Ports parse_ports(const std::vector<std::string>& published,
                  const std::vector<std::string>& exposed);

}  // namespace wharf::cli
