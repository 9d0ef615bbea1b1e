// Connection tracking entries that point at the wrong container.
//
// A UDP client that keeps sending keeps its entry alive: after its container is replaced it
// would go on talking to the old address, or, having begun before the port was published, to
// nobody (moby#50669, threats A60). Thread-safe. Throws base::Error.
#pragma once

#include <vector>

#include "network/nft.h"
#include "os/netlink.h"

namespace wharf::network {

/// Deletes the UDP entries whose original destination is one of the ports of `targets`. Costs a
/// look at every entry there is, so it is done only where a UDP port is published or withdrawn.
void forget_udp_flows(os::NetlinkSocket& netfilter, const std::vector<NftTarget>& targets);

}  // namespace wharf::network
