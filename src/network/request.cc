#include "network/request.h"

#include <fmt/format.h>

#include <charconv>

#include "base/error.h"
#include "base/strings.h"
#include "network/binding.h"

namespace wharf::network {
namespace {

using base::fail;
using base::Kind;

std::optional<std::uint16_t> port_number(std::string_view text) {
  std::uint16_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || read.ec != std::errc{} || read.ptr != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

}  // namespace

const char* protocol_name(Protocol protocol) {
  switch (protocol) {
    case Protocol::Tcp:
      return "tcp";
    case Protocol::Udp:
      return "udp";
    case Protocol::Sctp:
      return "sctp";
  }
  return "?";
}

Port Port::parse(const std::string& text) {
  const std::size_t slash = text.find('/');
  const std::string digits = text.substr(0, slash);
  const std::string protocol =
      slash == std::string::npos ? "tcp" : base::lower(std::string_view(text).substr(slash + 1));
  Port port;
  const auto number = port_number(digits);
  if (!number) fail(Kind::InvalidArgument, "invalid port '{}': invalid syntax", digits);
  port.number = *number;
  if (protocol == "udp") {
    port.protocol = Protocol::Udp;
  } else if (protocol == "sctp") {
    port.protocol = Protocol::Sctp;
  } else if (protocol != "tcp") {
    fail(Kind::InvalidArgument,
         "invalid transport protocol \"{}\" of port {}: tcp, udp and sctp exist", protocol, text);
  }
  return port;
}

std::string Port::text() const {
  return fmt::format("{}/{}", number, protocol_name(protocol));
}

HostPorts parse_host_ports(const std::string& text) {
  const auto refuse = [&] {
    fail(Kind::InvalidArgument, "invalid port specification: {}", base::quoted(text));
  };
  if (text.empty()) return {};
  const std::size_t dash = text.find('-');
  const auto first = port_number(std::string_view(text).substr(0, dash));
  if (!first) refuse();
  if (dash == std::string::npos) return {*first, *first};
  const auto last = port_number(std::string_view(text).substr(dash + 1));
  if (!last || *last < *first || *first == 0) refuse();
  return {*first, *last};
}

void check_port_binding(const PortBinding& binding) {
  parse_host_ports(binding.host_port);
}

}  // namespace wharf::network
