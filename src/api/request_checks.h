// What Docker's decoder refuses in a create body beyond JSON itself: ports and addresses.
#pragma once

#include <string>

#include "api/container.h"

namespace wharf::api {

/// "80" and "80/TCP" are "80/tcp", "" stays. Throws InvalidArgument "invalid port 'x': invalid
/// syntax" or "...: value out of range".
std::string normalized_port(const std::string& text);

/// Throws InvalidArgument `ParseAddr("x"): unable to parse IP`; "" is no address.
void check_address(const std::string& text);

/// Normalises the ports of a request and checks its addresses.
void finish_decoding(CreateRequest& request);

}  // namespace wharf::api
