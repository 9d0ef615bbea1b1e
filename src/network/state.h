// What Networks and Sandbox are made of. Inside room network only.
//
// Locks: State::changes is held while networks come and go (create, remove: slow); State::mutex
// guards the two maps and Entry::members, never across a system call.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/event.h"
#include "network/dns_server.h"
#include "network/driver.h"
#include "network/drivers/bridge.h"
#include "network/drivers/fixed.h"
#include "network/firewall.h"
#include "network/ipam.h"
#include "network/networks.h"
#include "network/pool.h"
#include "network/ports.h"

namespace wharf::network {

/// One network with what joining it needs. The network itself does not change after it was added.
struct Entry {
  Network network;
  Driver* driver = nullptr;               ///< Null: configuration only.
  std::shared_ptr<AddressRange> range;    ///< Null where there are no interfaces.
  std::map<std::string, Member> members;  ///< By container id.
  bool removed = false;
};
using EntryPointer = std::shared_ptr<Entry>;

struct Networks::State {
  State(Settings settings, store::Database& database, base::EventSink& events,
        const std::vector<Network>& kept);

  EntryPointer find(std::string_view name_or_id) const;
  EntryPointer find_locked(std::string_view name_or_id) const;
  void add(const EntryPointer& entry);

  // What was there at the last run (`kept`), made or taken over.
  void make_default_bridge(const std::vector<Network>& kept);
  void make_fixed(const std::vector<Network>& kept, const std::string& name, FixedDriver& driver);
  void load_user_networks(const std::vector<Network>& kept);
  /// Notes the boot in router_since where we are about to turn forwarding on.
  bool turns_host_into_router(const std::vector<Network>& kept);

  /// Takes the subnet and makes the kernel's part. On an error nothing of it stays.
  void bring_up(Entry& entry);
  /// Fills in subnet and gateway of a new network.
  void choose_subnet(Network& network);
  /// Firewall, then forwarding; once, and before the first container joins.
  void make_ready();
  void publish(const char* action, const Entry& entry, const std::string& container_id = {});
  std::vector<std::string> host_gateway() const;
  /// What `name` means to a container: addresses on the networks it is on. Nothing: unknown.
  std::optional<std::vector<Ipv4>> addresses_of(const std::string& container_id,
                                                const std::string& name) const;
  /// "container.network" of an address on one of its networks.
  std::vector<std::string> names_of(const std::string& container_id, Ipv4 address) const;
  /// Made when it is first needed.
  DnsServer& name_server();

  const Settings settings;
  store::Database& database;
  base::EventSink& events;
  std::string router_since;
  Firewall firewall;
  PortTable ports;
  BridgeDriver bridges;
  FixedDriver host{"host"};
  FixedDriver null{"null"};
  NamespacePool pool;
  AddressSpace space;
  std::string default_gateway;  ///< Of the default bridge: what host-gateway stands for.
  std::once_flag ready;

  std::mutex changes;
  mutable std::mutex mutex;
  std::map<std::string, EntryPointer> by_id;
  std::map<std::string, EntryPointer> by_name;

  std::once_flag dns_made;
  std::unique_ptr<DnsServer> dns;  // Last: its threads look names up here.
};

/// One container's place on one network.
struct EndpointState {
  EndpointState() = default;
  EndpointState(EndpointState&&) = default;
  EndpointState& operator=(EndpointState&&) = default;

  /// Being listed as a member, taken back when destroyed.
  struct Membership {
    Networks::State* state = nullptr;
    EntryPointer entry;
    std::string container_id;
    Membership() = default;
    Membership(Networks::State& of, EntryPointer at, const Member& member);
    Membership(Membership&& other) noexcept;
    Membership& operator=(Membership&& other) noexcept;
    ~Membership() { leave(); }
    void leave();
    void forget() { state = nullptr; }
  };

  AddressLease lease;  // Given back last.
  Membership membership;
  EndpointInfo info;
  int index = 0;  ///< Of the interface in the container; 0 where there is none.

  const Entry& entry() const { return *membership.entry; }
};

struct SandboxState {
  Networks::State* networks = nullptr;
  std::string id;
  JoinRequest request;
  std::optional<NetworkNamespace> netns;
  std::vector<EndpointState> endpoints;
  Publication publication;    // Ports go before addresses.
  DnsServer::Listener names;  // Last: closed first. Open on user-defined networks.
  os::Fd no_netns;

  bool shares_host() const { return !netns; }
  int next_index() const;
  /// The endpoint that has the default route, or nullptr.
  const EndpointState* gateway() const;
  /// Whether its names are looked up at 127.0.0.11: it is on a user-defined network.
  bool has_names() const;
};

/// Opens the container's name server where it has names and none is open (resolving.cc).
void serve_names(SandboxState& sandbox);
/// The servers that are asked for names that are not ours: the container's, the daemon's or the
/// host's own; none for a container without a way out.
std::vector<std::string> outer_servers(const SandboxState& sandbox);

}  // namespace wharf::network
