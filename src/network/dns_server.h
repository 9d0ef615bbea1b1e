// The name server that containers on user-defined networks find at 127.0.0.11.
//
// Each container has sockets of its own, opened in its network namespace, so who asks is known by
// where the question arrives. Names of the container's networks are answered by one thread that
// never blocks; everything else is sent on to the container's name servers by short-lived
// threads, with limits per container and in all: one that asks dead servers starves no other.
//
// Thread-safe. The sockets open and close with the Listener.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/jobs.h"
#include "network/dns_message.h"
#include "network/pool.h"
#include "os/poll.h"

namespace wharf::network {

/// What one container's questions are answered from. Called by any thread, one at a time.
struct DnsView {
  /// Nothing: no such name here, ask on. Empty: known, but without an address.
  std::function<std::optional<std::vector<Ipv4>>(const std::string& name)> addresses;
  std::function<std::vector<std::string>(Ipv4 address)> names;
  std::vector<std::string> servers;  ///< Asked for all other names, in this order.
};

class DnsServer {
 public:
  DnsServer();
  ~DnsServer();
  DnsServer(const DnsServer&) = delete;

  struct Desk;

  /// One container's; its view is not called any more once it is gone.
  class Listener {
   public:
    Listener() = default;
    Listener(DnsServer& server, std::shared_ptr<Desk> desk);
    Listener(Listener&& other) noexcept;
    Listener& operator=(Listener&& other) noexcept;
    ~Listener() { close(); }
    bool open() const { return desk_ != nullptr; }

   private:
    void close();
    DnsServer* server_ = nullptr;
    std::shared_ptr<Desk> desk_;
  };

  /// Opens the sockets in `netns` and leads 127.0.0.11:53 to them, so that the container may use
  /// port 53 itself. What an earlier daemon made there is replaced. Throws.
  Listener listen(const NetworkNamespace& netns, DnsView view);

 private:
  using DeskPointer = std::shared_ptr<Desk>;
  void run(std::stop_token stop);
  void answer_datagrams(const DeskPointer& desk);
  void take_connection(const DeskPointer& desk);
  void converse(const DeskPointer& desk, const os::Fd& client) const;
  /// Answers what needs no other server; nothing for the rest.
  static std::optional<std::string> answer_here(Desk& desk, const DnsQuestion& question);
  std::string ask_others(Desk& desk, const DnsQuestion& question, std::string_view message,
                         bool by_tcp) const;
  /// False when too much is under way.
  bool begin(Desk& desk);
  void end(Desk& desk);

  os::Epoll epoll_;
  os::Wakeup ending_;
  std::mutex mutex_;
  std::map<std::uint64_t, DeskPointer> desks_;
  std::uint64_t next_key_ = 2;
  std::size_t under_way_ = 0;
  base::Jobs jobs_;
  std::jthread thread_;  // Last: stopped before the rest goes.
};

}  // namespace wharf::network
