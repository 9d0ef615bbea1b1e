#include "network/drivers/fixed.h"

#include "base/error.h"

namespace wharf::network {

void FixedDriver::plug(const Network& network, const InterfacePlan&, NetworkNamespace&) {
  base::fail(base::Kind::Internal, "network {} has no interfaces to give", network.name);
}

}  // namespace wharf::network
