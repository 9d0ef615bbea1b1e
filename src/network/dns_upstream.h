// Asking another name server, as a client.
//
// Inside room network. Blocks up to the patience of one server; any thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "network/dns_message.h"

namespace wharf::network {

struct DnsAsking {
  bool by_tcp = false;
  std::function<bool()> stopping;  ///< Looked at often: true ends the wait.
};

/// The answer of `server` (an address, IPv4 or IPv6) to `message`, under the id that `message`
/// has. Nothing when it does not answer in time, or not to this question. Asked with an id and
/// from a port that nobody can guess (threats A58).
std::optional<std::string> ask_name_server(const std::string& server, const DnsQuestion& question,
                                           std::string_view message, const DnsAsking& how);

}  // namespace wharf::network
