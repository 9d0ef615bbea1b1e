// Ships the logs of containers whose driver sends them somewhere: syslog, gelf, fluentd, journald,
// splunk.
//
//   supervisor ──writes──► NAME, NAME.1 ... ──Source──► Shipment ──Destination──► receiver
//                                                          └─ cursor "shipped"
//
// The local files are the queue between container and receiver: a slow or dead receiver never holds
// a container up, and a daemon that is killed goes on at the cursor. Every record is sent at
// least once while the files hold it; with mode=non-blocking what is further behind than
// max-buffer-size is left out and counted.
//
// A container that writes nothing costs no thread: one thread waits for all of them, and a job is
// run for one that has something to send. A shipment is one job at a time. Any thread may call.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "base/jobs.h"
#include "logs/watch.h"
#include "os/file.h"
#include "os/poll.h"
#include "shipping/destination.h"

namespace wharf::shipping {

class Shipment;

struct Request {
  Subject subject;
  os::Path directory;  ///< The container's, with the log in it.
  std::string name;    ///< Of the log file.
  std::uint32_t max_files = 1;
  bool connect = false;  ///< The driver's first errors are thrown, as before a start.
  bool ended = false;    ///< The container does not run: only what is left is sent.
};

class Shipper {
 public:
  explicit Shipper(logs::Watch& watch);
  ~Shipper();  ///< What is not sent yet is sent by the daemon's next life.
  Shipper(const Shipper&) = delete;

  /// From here on. Throws InvalidArgument for options that make no driver; with `connect` also
  /// Unavailable.
  void start(const Request& request);

  /// The container has ended and everything it wrote is in the files: the rest is sent, however
  /// long the receiver takes.
  void end(const std::string& id);

  /// The container is being removed: waits at most `patience` for the rest, and forgets it.
  void remove(const std::string& id, std::chrono::milliseconds patience);

 private:
  friend class Shipment;
  using Pointer = std::shared_ptr<Shipment>;

  Pointer find(const std::string& id);
  void watch_all(std::stop_token stop);
  void queue(const Pointer& shipment);
  void step(const Pointer& shipment);
  /// True when there was nothing left of a container that has ended.
  bool finished(const Pointer& shipment);

  logs::Watch& watch_;
  os::Epoll epoll_;
  os::Wakeup wakeup_;
  std::mutex mutex_;
  std::condition_variable left_;
  std::map<std::string, Pointer> by_id_;
  std::map<std::uint64_t, std::weak_ptr<Shipment>> by_key_;
  std::uint64_t next_key_ = 1;
  std::jthread thread_;
  base::Jobs jobs_;
};

}  // namespace wharf::shipping
