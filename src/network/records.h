// How networks are kept in the store (table networks, docs/formats/database.md).
//
// Thread-safe as the store is.
#pragma once

#include <vector>

#include "base/json.h"
#include "network/network.h"
#include "network/request.h"

namespace wharf::store {
class Database;
}

namespace wharf::network {

/// What a Sandbox keeps of what it was asked, for its own record.
base::Json to_json(const EndpointRequest& request);
EndpointRequest endpoint_request(const base::Json& json);
base::Json to_json(const EndpointInfo& info);
EndpointInfo endpoint_info(const base::Json& json);
base::Json to_json(const JoinRequest& request);
JoinRequest join_request(const base::Json& json);

std::vector<Network> load_networks(const store::Database& database);
/// Durable when it returns. Throws Conflict where the name is taken.
void save_network(store::Database& database, const Network& network);
void erase_network(store::Database& database, const std::string& id);

}  // namespace wharf::network
