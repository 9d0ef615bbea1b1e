// One container: its record, its state, and whose turn it is.
//
//   Created ──start──► Running ◄──pause/unpause──► Paused
//      ▲                  │ exit
//      │                  ▼
//      │    Restarting ◄─ or ─► Exited ──start──► Running ...      Dead: only removable
//
// The state is a variant that owns what the container holds in it: leaving Running gives back
// the network and the root file system. Verbs that change the state take a Turn, one at a
// time; a Turn is no lock, so everybody else can look meanwhile. The mutex is held for
// moments only, never across a system call that can block.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <variant>

#include "api/container.h"
#include "container/record.h"
#include "network/sandbox.h"
#include "os/fd.h"
#include "supervise/task.h"
#include "volume/volumes.h"

namespace wharf::container {

/// How the last run, or the last attempt at one, ended.
struct Ended {
  int exit_code = 0;
  std::string error;
  bool oom_killed = false;
  base::Time started_at;
  base::Time finished_at;
};

/// What a running container holds.
struct Run {
  std::uint64_t number = 0;  ///< Counts the starts of this container.
  os::Fd rootfs;             ///< Its root, for looking up users.
  os::Fd shm;                ///< Its /dev/shm, where others may share it.
  std::mutex roots_mutex;    ///< Guards those two once others can see the Run.
  network::Sandbox sandbox;  ///< Touched only by who holds the Turn.
  supervise::Task task;
  base::Time started_at;
  std::optional<bool> has_user_namespace;  ///< Of one that was taken over the kernel is asked.
  std::mutex endpoints_mutex;  ///< Guards the copies below.
  std::string sandbox_id;
  std::vector<network::EndpointInfo> endpoints;
  network::PortMap ports;

  /// Of `rootfs` or `shm`, as its end may close them at any moment. Invalid once it has.
  os::Fd copy_of(const os::Fd& root);
  /// Gives both back.
  void close_roots();
};

struct Created {
  Ended last;
};
struct Running {
  std::shared_ptr<Run> run;
};
struct Paused {
  std::shared_ptr<Run> run;
};
/// Between two runs, by its restart policy.
struct Restarting {
  Ended last;
};
struct Exited {
  Ended last;
};
/// Its record or its data is broken, or its removal failed.
struct Dead {
  Ended last;
};
using State = std::variant<Created, Running, Paused, Restarting, Exited, Dead>;

class Health;

/// What everybody may see of a container at one moment.
struct View {
  State state;
  bool removing = false;
  bool manually_stopped = false;
  bool kept = false;
  std::int64_t restart_count = 0;
  std::string name;

  const char* status() const;
  bool running() const;              ///< As the API has it: also while paused or restarting.
  std::shared_ptr<Run> run() const;  ///< Of Running and Paused; else nullptr.
  Ended last() const;
};

class Container : public std::enable_shared_from_this<Container> {
 public:
  Container(Record record, State state)
      : id(record.id), record_(std::make_shared<Record>(std::move(record))), state_(state) {}

  const std::string id;

  /// Its turn to change the container: given back by the destructor.
  class Turn {
   public:
    explicit Turn(Container& container) : container_(&container) {}
    Turn(Turn&& other) noexcept : container_(std::exchange(other.container_, nullptr)) {}
    ~Turn();

   private:
    Container* container_;
  };

  /// Waits until nobody else has it. Throws NotFound once the container is removed.
  Turn take_turn();

  View view() const;
  Record record() const;
  std::shared_ptr<const Record> shared_record() const;  ///< A change makes another one.
  std::string name() const;

  // By who holds the Turn.

  void set_state(State state);
  /// A run has ended: those who wait hear of it.
  void set_ended(State state);
  void change_record(const std::function<void(Record&)>& change);
  /// When the root of the last run has left: its writable layer has one user at a time.
  void set_roots_closed(std::shared_future<void> closed) { roots_closed_ = std::move(closed); }
  void wait_for_roots_closed() const;

  // By anyone.

  /// True for the one caller who may remove it now.
  bool begin_removing();
  void end_removing();
  void set_removed();
  bool removed() const;
  void set_manually_stopped(bool stopped);
  /// While it is being restarted, --rm does not apply.
  void set_kept(bool kept);
  void set_restart_count(std::int64_t count);

  /// The number of the next run.
  std::uint64_t next_run() { return ++runs_; }

  /// Counts exits, for those who wait for the next one.
  std::uint64_t exits() const;

  /// Waits for `done(view, exits, removed)`. False when stopped or past the deadline.
  using Condition = std::function<bool(const View&, std::uint64_t exits, bool removed)>;
  bool wait(const Condition& done, std::optional<std::chrono::steady_clock::time_point> deadline,
            std::stop_token stop) const;

  /// Readable while the container is stopped (and not about to be restarted).
  os::Fd stopped_signal();

  /// Attachments made before the start: given to the supervisor with it.
  /// False when there are `most` of them already.
  bool queue_attachment(supervise::Attachment attachment, std::size_t most);
  std::vector<supervise::Attachment> take_attachments();

  /// Volumes stay claimed from creation to removal. Touched by who creates and who removes.
  std::vector<volume::Attachment> volume_claims;

  std::shared_ptr<Health> health() const;
  void set_health(std::shared_ptr<Health> health);

 private:
  View view_locked() const;
  void signal_stopped_locked();

  mutable std::mutex mutex_;
  mutable std::condition_variable_any changed_;
  std::shared_ptr<const Record> record_;
  State state_;
  bool taken_ = false;
  bool removing_ = false;
  bool removed_ = false;
  bool manually_stopped_ = false;
  bool kept_ = false;
  std::int64_t restart_count_ = 0;
  std::uint64_t exits_ = 0;
  std::atomic<std::uint64_t> runs_ = 0;
  os::Fd stopped_;  ///< An eventfd, made when first asked for.
  std::vector<supervise::Attachment> attachments_;
  std::shared_ptr<Health> health_;
  std::shared_future<void> roots_closed_;  ///< Touched only by who holds the Turn.
};

using ContainerPointer = std::shared_ptr<Container>;

}  // namespace wharf::container
