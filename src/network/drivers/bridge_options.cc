#include "network/drivers/bridge_options.h"

#include <net/if.h>

#include <array>
#include <charconv>

#include "base/error.h"
#include "base/ids.h"
#include "base/strings.h"
#include "network/address.h"

namespace wharf::network {
namespace {

using base::fail;
using base::Kind;

constexpr std::array<std::string_view, 6> kNotBuilt = {
    "com.docker.network.bridge.inhibit_ipv4",
    "com.docker.network.bridge.gateway_mode_ipv4",
    "com.docker.network.bridge.gateway_mode_ipv6",
    "com.docker.network.bridge.trusted_host_interfaces",
    "com.docker.network.host_ipv4",
    "com.docker.network.host_ipv6"};

int parse_mtu(const std::string& value) {
  int mtu = 0;
  const auto read = std::from_chars(value.data(), value.data() + value.size(), mtu);
  if (value.empty() || read.ec != std::errc{} || read.ptr != value.data() + value.size()) {
    fail(Kind::InvalidArgument,
         "failed to parse {} value: {} (strconv.Atoi: parsing {}: invalid syntax)", kMtu, value,
         base::quoted(value));
  }
  if (mtu < 0) fail(Kind::InvalidArgument, "invalid MTU number: {}", mtu);
  return mtu;
}

void check_interface_name(const std::string& name) {
  const bool odd =
      name.find_first_of("/ \t\n:") != std::string::npos || name == "." || name == "..";
  if (name.empty() || name.size() >= IFNAMSIZ || odd) {
    fail(Kind::InvalidArgument, "invalid interface name {}: at most {} characters, none of \"/: \"",
         base::quoted(name), IFNAMSIZ - 1);
  }
}

}  // namespace

bool parse_bool_option(const std::string& name, const std::string& value) {
  for (const char* yes : {"1", "t", "T", "true", "TRUE", "True"}) {
    if (value == yes) return true;
  }
  for (const char* no : {"0", "f", "F", "false", "FALSE", "False"}) {
    if (value == no) return false;
  }
  fail(Kind::InvalidArgument,
       "failed to parse {} value: {} (strconv.ParseBool: parsing {}: invalid syntax)", name, value,
       base::quoted(value));
}

BridgeOptions BridgeOptions::parse(const NetworkConfig& config, const std::string& id) {
  BridgeOptions options;
  options.bridge = "br-" + base::short_id(id);
  for (const auto& [name, value] : config.options) {
    if (name == kBridgeName) {
      check_interface_name(value);
      options.bridge = value;
    } else if (name == kEnableIcc) {
      options.icc = parse_bool_option(name, value);
    } else if (name == kEnableMasquerade) {
      options.masquerade = parse_bool_option(name, value);
    } else if (name == kMtu) {
      options.mtu = parse_mtu(value);
    } else if (name == kHostBinding) {
      if (!Ipv4::try_parse(value)) {
        fail(Kind::InvalidArgument, "failed to parse {} value: {} (not an IPv4 address)", name,
             value);
      }
      options.host_address = value == "0.0.0.0" ? "" : value;
    } else if (name == kInterfacePrefix) {
      check_interface_name(value + "0");
      options.interface_prefix = value;
    } else if (std::find(kNotBuilt.begin(), kNotBuilt.end(), name) != kNotBuilt.end() &&
               value != "nat") {
      fail(Kind::NotImplemented, "network option {} is not supported yet", name);
    }
  }
  return options;
}

}  // namespace wharf::network
