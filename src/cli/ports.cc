#include "cli/ports.h"

#include <arpa/inet.h>

#include "base/error.h"
#include "base/strings.h"
#include "cli/flags.h"

namespace wharf::cli {
namespace {

using base::Kind;

struct Range {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};

/// Throws std::exception with Go's reason.
Range parse_range(const std::string& text) {
  if (text.empty()) throw UsageError("empty string specified for ports");
  const std::size_t dash = text.find('-');
  const std::uint64_t first = parse_unsigned(text.substr(0, dash), 16);
  const std::uint64_t last =
      dash == std::string::npos ? first : parse_unsigned(text.substr(dash + 1), 16);
  if (last < first) throw UsageError("invalid range specified for port: " + text);
  return {first, last};
}

struct Parts {
  std::string ip;
  std::string host;
  std::string container;
  std::string protocol = "tcp";
};

void split_protocol(const std::string& text, std::string& port, std::string& protocol) {
  const std::size_t slash = text.find('/');
  port = text.substr(0, slash);
  if (slash != std::string::npos && slash + 1 < text.size())
    protocol = base::lower(text.substr(slash + 1));
}

void check_protocol(const std::string& protocol) {
  if (protocol != "tcp" && protocol != "udp" && protocol != "sctp") {
    base::fail(Kind::InvalidArgument, "invalid proto: {}", protocol);
  }
}

std::string checked_ip(const std::string& text) {
  std::string ip = text;
  if (ip.starts_with('[') && ip.ends_with(']')) ip = ip.substr(1, ip.size() - 2);
  std::array<unsigned char, 16> address{};
  const bool valid = ip.empty() || ::inet_pton(AF_INET, ip.c_str(), address.data()) == 1 ||
                     ::inet_pton(AF_INET6, ip.c_str(), address.data()) == 1;
  if (!valid) base::fail(Kind::InvalidArgument, "invalid IP address: {}", ip);
  return ip;
}

Parts split_specification(const std::string& text) {
  Parts parts;
  std::vector<std::string> pieces = base::split(text, ':');
  split_protocol(pieces.back(), parts.container, parts.protocol);
  if (pieces.size() >= 2) parts.host = pieces[pieces.size() - 2];
  if (pieces.size() >= 3) {
    pieces.resize(pieces.size() - 2);
    parts.ip = base::join(pieces, ":");
  }
  return parts;
}

/// The long form, "published=8080,target=80,protocol=udp", as the short one.
std::string standard_notation(const std::string& text) {
  if (text.find('=') == std::string::npos) return text;
  std::map<std::string, std::string> values{{"protocol", "tcp"}};
  for (const std::string& each : base::split(text, ',')) {
    const std::size_t equals = each.find('=');
    if (equals == std::string::npos || equals == 0) {
      base::fail(Kind::InvalidArgument,
                 "invalid publish opts format (should be name=value but got '{}')", each);
    }
    values[each.substr(0, equals)] = each.substr(equals + 1);
  }
  return values["published"] + ":" + values["target"] + "/" + values["protocol"];
}

Range checked_range(const std::string& text, const char* which) {
  try {
    return parse_range(text);
  } catch (const UsageError&) {
    base::fail(Kind::InvalidArgument, "invalid {}: {}", which, text);
  }
}

void add_published(Ports& ports, const std::string& given) {
  const std::string text = standard_notation(given);
  Parts parts = split_specification(text);
  parts.ip = checked_ip(parts.ip);
  if (parts.container.empty())
    base::fail(Kind::InvalidArgument, "no port specified: {}<empty>", text);
  const Range inside = checked_range(parts.container, "containerPort");
  Range outside;
  if (!parts.host.empty()) {
    outside = checked_range(parts.host, "hostPort");
    // A range outside for one port inside lets the daemon choose from it.
    if (inside.last - inside.first != outside.last - outside.first && inside.first != inside.last) {
      base::fail(Kind::InvalidArgument,
                 "invalid ranges specified for container and host Ports: {} and {}",
                 parts.container, parts.host);
    }
  }
  check_protocol(parts.protocol);
  for (std::uint64_t i = 0; i <= inside.last - inside.first; ++i) {
    const std::string port = fmt::format("{}/{}", inside.first + i, parts.protocol);
    std::string host = parts.host.empty() ? "" : std::to_string(outside.first + i);
    if (inside.first == inside.last && outside.first != outside.last)
      host = fmt::format("{}-{}", outside.first, outside.last);
    ports.exposed.insert(port);
    ports.bindings[port].push_back({parts.ip, host});
  }
}

void add_exposed(Ports& ports, const std::string& text) {
  if (text.find(':') != std::string::npos) {
    base::fail(Kind::InvalidArgument, "invalid port format for --expose: {}", text);
  }
  std::string range;
  std::string protocol = "tcp";
  split_protocol(text, range, protocol);
  Range parsed;
  try {
    parsed = parse_range(range);
  } catch (const UsageError& why) {
    base::fail(Kind::InvalidArgument, "invalid range format for --expose: {}, error: {}", text,
               why.what());
  }
  check_protocol(protocol);
  for (std::uint64_t port = parsed.first; port <= parsed.last; ++port) {
    ports.exposed.insert(fmt::format("{}/{}", port, protocol));
  }
}

}  // namespace

Ports parse_ports(const std::vector<std::string>& published,
                  const std::vector<std::string>& exposed) {
  Ports ports;
  for (const std::string& each : published) add_published(ports, each);
  for (const std::string& each : exposed) add_exposed(ports, each);
  return ports;
}

}  // namespace wharf::cli
