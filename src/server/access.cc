#include "server/access.h"

#include <arpa/inet.h>

#include "base/strings.h"

namespace wharf::server {
namespace {

std::string host_of(std::string_view header) {
  if (header.starts_with('[')) return std::string(header.substr(1, header.find(']') - 1));
  return std::string(header.substr(0, header.find(':')));
}

bool is_address(const std::string& host) {
  std::array<unsigned char, 16> address{};
  return ::inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
}

}  // namespace

void check_origin(const http::RequestHead& head, http::Transport transport,
                  const std::vector<std::string>& names) {
  if (transport == http::Transport::Unix) return;
  if (head.headers.contains("Origin")) {
    base::fail(base::Kind::Forbidden, "requests of web pages (header Origin) are refused");
  }
  const std::string host = host_of(head.headers.get("Host"));
  if (host.empty() || is_address(host)) return;
  for (const std::string& name : names) {
    if (base::equal_fold(host, name)) return;
  }
  base::fail(
      base::Kind::Forbidden,
      "host name {} is not a name of this daemon: use its address, or name it with -H tcp://NAME",
      base::quoted(host));
}

}  // namespace wharf::server
