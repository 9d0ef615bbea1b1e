// Serving HTTP: listeners, a thread for each connection, and an orderly end.
//
// listen() may be called several times. Each connection has its own thread, at most
// `connections` at once: beyond that, and where no thread can be made, the client gets 503
// at once (threats F19). Without descriptors accepting pauses and goes on (F18).
#pragma once

#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "http/connection.h"

namespace wharf::http {

class TlsServer;

/// A listening socket and how its clients are spoken to.
struct Listener {
  os::Fd socket;
  Transport transport = Transport::Unix;
  std::shared_ptr<const TlsServer> tls;
  std::string name;  ///< "/run/docker.sock", "127.0.0.1:2376": for the log.
};

class Server {
 public:
  /// Answers one request. What it throws closes the connection.
  using Service = std::function<void(Connection&, const RequestHead&)>;

  explicit Server(Service service, std::size_t connections = 4096);
  /// Stops as stop(0) does.
  ~Server();
  Server(const Server&) = delete;

  void listen(Listener listener);

  /// Accepts no more and tells every request that it is over; after `grace_ms` cuts those that
  /// still run, and returns when every thread has ended.
  void stop(int grace_ms);

  /// As stop(), but waits no longer than `cut_ms` for requests that were cut: false where some
  /// still run. They hold what they work on, so then only the end of the process is left.
  bool try_stop(int grace_ms, int cut_ms);

  std::size_t connections() const;

  /// How many there were since the start.
  std::uint64_t accepted() const;

 private:
  void accept_clients(const Listener& listener);
  void admit(const Listener& listener, os::Fd client);
  void serve(const Listener& listener, os::Fd client);
  void converse(Connection& connection);

  const Service service_;
  const std::size_t limit_;
  Watcher watcher_;
  os::Fd stop_event_;
  std::list<Listener> listeners_;
  std::vector<std::thread> acceptors_;

  mutable std::mutex mutex_;
  std::condition_variable ended_;
  std::size_t threads_ = 0;
  std::uint64_t accepted_ = 0;
  bool stopping_ = false;
  std::list<Connection*> live_;
};

}  // namespace wharf::http
