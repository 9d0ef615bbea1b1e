// One supervisor as the daemon sees it: two sockets, its state, its events.
//
// Requests go over the command socket and are answered on it by number, so several threads
// may each wait for their own answer: whoever waits first reads for all. Events come over a
// second socket that only the Watcher reads. Room-internal; Task is the public face.
//
// Threads: every function may be called from any thread. deliver() holds a lock of its own,
// which close() takes too: after close() has returned no callback runs any more.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "os/process.h"
#include "supervise/client.h"
#include "supervise/protocol.h"
#include "supervise/worker.h"

namespace wharf::supervise {

struct Answer {
  wire::Reply reply{};
  std::string text;
  std::vector<os::Fd> descriptors;
};

/// What a request is sent as.
struct Outgoing {
  std::string bytes;  ///< Begins with wire::Head; number and version are filled in here.
  std::vector<const os::Fd*> descriptors;
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  /// `compressor` outlives all connections and does what compression there is.
  Connection(os::Fd command, os::Fd events, Events callbacks, Worker& compressor);

  /// Sends and waits for the answer; throws when it says that the request failed.
  Answer call(Outgoing request, std::chrono::milliseconds time = kRequestTimeout);

  /// Plain request without text or descriptors.
  Answer call(wire::Type type);
  Answer call(wire::Type type, std::uint64_t id, int first, int second = 0);

  /// Takes pid, pidfd, state and times from the answer to Launch or Hello.
  void learn(Answer& answer);

  void set_run_directory(std::filesystem::path path) { run_directory_ = std::move(path); }

  const os::Fd& events_socket() const { return events_; }
  const os::Process& init() const { return init_; }

  struct Facts {
    pid_t supervisor = 0;
    wire::State state = wire::State::Created;
    base::Time started_at;
  };
  Facts facts() const;
  void set_state(wire::State state);

  /// Terminals of execs, for their size.
  void keep_terminal(std::uint64_t exec, os::Fd master);
  void resize_exec(std::uint64_t exec, WindowSize window);

  /// The Watcher: handles one event message. False once the connection is at its end.
  bool read_event();
  /// True when `exited` was delivered.
  bool ended() const;
  /// What the supervisor left when it was killed. Slow.
  void sweep() const;
  /// All that is in its cgroup, also where it is paused.
  void kill_processes() const;
  void deliver_lost();

  /// No callback runs any more, and the supervisor notices.
  void close();

 private:
  struct Waiting {
    bool done = false;
    Answer answer;
  };
  void read_answers(std::unique_lock<std::mutex>& lock, std::chrono::milliseconds time);
  void compress(std::uint64_t rotation, os::Fd from, os::Fd into);
  void handle(const wire::Event& event, std::vector<os::Fd>& descriptors);

  os::Fd command_;
  os::Fd events_;
  os::Process init_;
  std::filesystem::path run_directory_;
  std::string cgroup_path_;
  Worker& compressor_;

  mutable std::mutex lock_;
  std::condition_variable answered_;
  bool somebody_reads_ = false;
  bool broken_ = false;
  std::uint32_t last_number_ = 0;
  std::map<std::uint32_t, Waiting*> waiting_;
  Facts facts_;
  std::map<std::uint64_t, os::Fd> terminals_;

  mutable std::recursive_mutex delivery_;
  Events callbacks_;
  bool ended_ = false;
  bool closed_ = false;
  std::atomic<bool> closing_ = false;
};

}  // namespace wharf::supervise
