// Every network of this daemon, and the way of containers onto them.
//
// Three are always there: "bridge" (the default bridge, NAT to the outside), "host" and
// "none". Others are made by create(). join() is on the path of every container start and
// makes no fsync and no search: its cost does not grow with the containers there are.
//
// Thread-safe. Every function throws base::Error with Docker's texts.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "network/network.h"
#include "network/request.h"
#include "network/sandbox.h"
#include "network/settings.h"
#include "os/fd.h"

namespace wharf::base {
class EventSink;
}
namespace wharf::store {
class Database;
}

namespace wharf::network {

class Networks {
 public:
  /// Makes (or takes over, after a restart) the default bridge and the firewall table. What
  /// containers still hold must be given by restore() before restored() is called.
  Networks(Settings settings, store::Database& database, base::EventSink& events);
  ~Networks();
  Networks(const Networks&) = delete;

  /// Throws what the start call answers, beginning "failed to set up container networking: ". With
  /// `netns`, a fresh one that belongs to a user namespace, that is what the container gets.
  Sandbox join(const JoinRequest& request, os::Fd netns = {});

  /// Owns again what `record` says; `netns` is /proc/PID/ns/net of the container. Ports are bound
  /// anew: one that someone took meanwhile is logged and stays forwarded.
  Sandbox restore(const base::Json& record, os::Fd netns);

  /// All containers that live have been restored: what nobody owns is removed.
  void restored();

  /// Live: adds or removes an interface of a running container, and publishes the event (those
  /// of a container's start and end are published by who starts and ends it).
  void connect(Sandbox& sandbox, const EndpointRequest& endpoint);
  void disconnect(Sandbox& sandbox, std::string_view network);

  /// Live: publishes these ports in place of those that are published. Throws as join() does, and
  /// then nothing has changed.
  void publish(Sandbox& sandbox, const PortMap& published);

  /// A running container has another name now: so it is found by that one.
  void rename(Sandbox& sandbox, const std::string& name);

  /// The id. Throws Conflict, Forbidden, InvalidArgument with Docker's texts.
  std::string create(const NetworkConfig& config);

  /// By full id, then name, then unique prefix of an id. Throws NotFound, InvalidArgument.
  Network inspect(std::string_view name_or_id) const;
  std::vector<Network> list() const;
  void remove(std::string_view name_or_id);

  /// Whether containers may be created on it: exists, and its kind allows it. The name.
  std::string resolve(std::string_view name_or_id) const;

  /// Makes the firewall table anew, whole, from what is known (after a foreign `nft flush
  /// ruleset`).
  void repair_firewall();

  struct State;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace wharf::network
