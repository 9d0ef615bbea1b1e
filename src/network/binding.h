// A host port as it is written in a port binding.
#pragma once

#include <cstdint>
#include <string>

namespace wharf::network {

/// 0 and 0: any free one.
struct HostPorts {
  std::uint16_t first = 0;
  std::uint16_t last = 0;
};

/// "", "80" or "8000-8010". Throws InvalidArgument `invalid port specification: "9-5"`.
HostPorts parse_host_ports(const std::string& text);

}  // namespace wharf::network
