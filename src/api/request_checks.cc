#include "api/request_checks.h"

#include <arpa/inet.h>

#include <charconv>

#include "base/error.h"
#include "base/strings.h"

namespace wharf::api {

namespace {

void normalize(ContainerConfig& config) {
  if (!config.exposed_ports) return;
  std::map<std::string, Empty> ports;
  for (const auto& [port, empty] : *config.exposed_ports) {
    const std::string key = normalized_port(port);
    if (!key.empty()) ports[key] = {};
  }
  config.exposed_ports = std::move(ports);
}

void normalize(HostConfig& host) {
  for (const std::string& server : host.dns.value_or(std::vector<std::string>{})) {
    check_address(server);
  }
  if (!host.port_bindings) return;
  PortBindings bindings;
  for (auto& [port, list] : *host.port_bindings) {
    const std::string key = normalized_port(port);
    for (const PortBinding& binding : list.value_or(std::vector<PortBinding>{})) {
      check_address(binding.host_ip);
    }
    if (!key.empty()) bindings[key] = std::move(list);
  }
  host.port_bindings = std::move(bindings);
}

}  // namespace

std::string normalized_port(const std::string& text) {
  if (text.empty()) return {};
  const std::size_t slash = text.find('/');
  const std::string number = text.substr(0, slash);
  const std::string protocol =
      slash == std::string::npos || slash + 1 == text.size() ? "tcp" : text.substr(slash + 1);
  std::uint16_t port = 0;
  const auto [end, failed] = std::from_chars(number.data(), number.data() + number.size(), port);
  const bool digits =
      !number.empty() && number.find_first_not_of("0123456789") == std::string::npos;
  if (!digits) {
    base::fail(base::Kind::InvalidArgument, "invalid port '{}': invalid syntax", number);
  }
  if (failed != std::errc() || end != number.data() + number.size()) {
    base::fail(base::Kind::InvalidArgument, "invalid port '{}': value out of range", number);
  }
  return std::to_string(port) + "/" + base::lower(protocol);
}

void check_address(const std::string& text) {
  if (text.empty()) return;
  unsigned char address[16];
  const std::string without_zone = text.substr(0, text.find('%'));
  if (::inet_pton(AF_INET, text.c_str(), address) == 1) return;
  if (::inet_pton(AF_INET6, without_zone.c_str(), address) == 1) return;
  base::fail(base::Kind::InvalidArgument, "ParseAddr({}): unable to parse IP", base::quoted(text));
}

void finish_decoding(CreateRequest& request) {
  normalize(request);
  if (!request.host_config) return;
  request.host_config->console_size.resize(2);
  normalize(*request.host_config);
}

}  // namespace wharf::api
