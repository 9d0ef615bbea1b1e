// The options of a bridge network, read from its labels ("com.docker.network.bridge.*").
//
// Values. parse() throws InvalidArgument with Docker's text for a value that cannot be read,
// NotImplemented for an option that exists in Docker and not yet here; names that Docker does
// not know are ignored, as there.
#pragma once

#include <string>

#include "network/network.h"

namespace wharf::network {

struct BridgeOptions {
  std::string bridge;  ///< Name of the link.
  bool icc = true;
  bool masquerade = true;
  int mtu = 0;               ///< 0: the kernel's.
  std::string host_address;  ///< "" publishes on every address.
  std::string interface_prefix = "eth";

  static BridgeOptions parse(const NetworkConfig& config, const std::string& id);
};

inline constexpr const char* kBridgeName = "com.docker.network.bridge.name";
inline constexpr const char* kDefaultBridge = "com.docker.network.bridge.default_bridge";
inline constexpr const char* kEnableIcc = "com.docker.network.bridge.enable_icc";
inline constexpr const char* kEnableMasquerade = "com.docker.network.bridge.enable_ip_masquerade";
inline constexpr const char* kHostBinding = "com.docker.network.bridge.host_binding_ipv4";
inline constexpr const char* kMtu = "com.docker.network.driver.mtu";
inline constexpr const char* kInterfacePrefix = "com.docker.network.container_iface_prefix";

/// Go's strconv.ParseBool. Throws InvalidArgument with the option's name.
bool parse_bool_option(const std::string& name, const std::string& value);

}  // namespace wharf::network
