// A running container's place on the networks, owned.
//
// Networks::join() returns a Sandbox; destroying it gives everything back in reverse
// order: published ports, nft elements, endpoints, addresses, the network namespace.
// Nothing is mounted in the host's tree: the namespace is held by its descriptor and by
// the container's processes. After a restart of the daemon Networks::restore() owns the
// same kernel objects again, from record() and the namespace of the container's pid.
//
// Move-only. One thread at a time per Sandbox; different ones are independent.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "network/request.h"
#include "os/fd.h"

namespace wharf::network {

struct SandboxState;

class Sandbox {
 public:
  Sandbox();  ///< Owns nothing.
  explicit Sandbox(std::unique_ptr<SandboxState> state);
  Sandbox(Sandbox&& other) noexcept;
  Sandbox& operator=(Sandbox&& other) noexcept;
  ~Sandbox();

  /// The namespace to start the container in; not valid where it shares the host's.
  const os::Fd& netns() const;

  /// 64 hex digits: NetworkSettings.SandboxID.
  const std::string& id() const;

  /// In connect order.
  std::vector<EndpointInfo> endpoints() const;

  /// NetworkSettings.Ports: what is bound now, exposed ports without one as null.
  PortMap ports() const;

  /// The whole content of these files for the container. On the host's network: the host's own.
  std::string hosts_file() const;
  std::string resolv_conf() const;

  /// What restore() needs. To be kept (no fsync needed) before the container runs, and
  /// again after connect() and disconnect().
  base::Json record() const;

  /// Lets go without undoing anything: the container lives on, this daemon ends.
  void forget();

  SandboxState* state() const { return state_.get(); }

 private:
  std::unique_ptr<SandboxState> state_;
};

}  // namespace wharf::network
