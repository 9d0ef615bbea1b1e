// The supervisor: the process that is the parent of a container's PID 1.
//
// It is started with one socket, receives one Launch, makes the container, and from then on
// owns its standard streams, its log, its execs and its end, whether wharfd is there or not.
// One thread and one epoll; nothing in the loop waits for anybody but with a bound.
//
//   Waiting ─Launch─► Creating ─PID 1 ready─► Starting ─exec─► Running
//        Running ─PID 1 ended─► Draining ─record, clean up, tell─► Telling ─Heard─► end
//
// Before it runs the container is wharfd's: should wharfd go away, it is taken back. After that
// it is its own: the record of its end is on disk before anybody is told.
//
// Static runtime: no heap, no exceptions, false means the Failure is filled. Descriptors are
// closed by the end of the process. Protocol: docs/formats/supervisor-protocol.md.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "base/failure.h"
#include "base/text.h"
#include "cgroup/group.h"
#include "oci/spec.h"
#include "runtime/launch.h"
#include "supervise/execs.h"
#include "supervise/logfile.h"
#include "supervise/stdio.h"
#include "supervise/supervisor_wire.h"

namespace wharf::supervise {

/// `wharf-runtime supervise`: the exit status of the process.
int supervise();

/// exit.json, as docs/formats/exit-record.md says.
struct ExitRecord {
  int code = 0;
  int signal = 0;
  bool oom_killed = false;
  std::int64_t started_at_ns = 0;
  std::int64_t finished_at_ns = 0;
  std::uint64_t dropped_lines = 0;
};
/// Removes the record of the last run.
bool forget_exit_record(int directory);
/// Reserves space for the next one, so that a disk that is full by then does not lose it.
bool reserve_exit_record(int directory);
bool write_exit_record(int directory, const ExitRecord& record);

class Supervisor {
 public:
  Supervisor();
  int run(int command);

 private:
  enum class Stage { Waiting, Creating, Starting, Running, Draining, Telling, Done };

  // supervisor.cc: the loop and the stages.
  void dispatch(const Poller::Ready& ready);
  void after_turn();
  int timeout_ms() const;
  void init_channel_ready();
  void init_ended();
  void memory_short();
  void note_memory_kills();
  void finish();
  void take_back();
  void remove_traces();

  // supervisor_requests.cc: one function per request.
  void command_ready();
  void request(std::span<char> message, Descriptors& descriptors);
  void numbers_request(const wire::Numbers& numbers);
  void drop_joiners();
  void freeze(const wire::Head& head);
  bool signal_init(int number);
  void attach(const wire::Attach& message, Descriptors& descriptors);
  void exec(const wire::Document& message, Descriptors& descriptors);
  void update(const wire::Document& message, Descriptors& descriptors);
  void hello(const wire::Head& head, Descriptors& descriptors);

  // supervisor_launch.cc
  void discover();
  void launch(std::span<const char> message, Descriptors& descriptors);
  bool take_launch(const wire::Launch& launch, std::string_view text, Descriptors& descriptors);
  int local_log_directory() const;
  bool read_config(int file, base::Failure& failure);
  bool open_stdio(const wire::Launch& launch, base::Failure& failure);
  bool open_places(base::Failure& failure);
  bool create(base::Failure& failure);
  void adopt_container();
  void start();
  void start_ready();
  void start_failed(const base::Failure& failure);
  void release_config();
  void run_poststop();
  std::string_view bundle() const;
  runtime::HookState hook_state(std::string_view status) const;
  runtime::Listener listener(std::string_view status) const;

  // supervisor_talk.cc: connections, answers, events.
  void accept_connection();
  void pending_ready();
  void events_ready(std::uint32_t events);
  void disconnect();
  void answer(std::uint32_t number);
  void refuse(std::uint32_t number, const char* step, const base::Failure& failure);
  void refuse_errno(std::uint32_t number, const char* step, const char* what);
  void send_reply(wire::Reply& reply, std::string_view text, std::span<const int> descriptors);
  void finish_exec(std::uint32_t index);
  void tell();
  bool tell_one(wire::Event& event, wire::Type type, std::span<const int> descriptors);
  void tell_rotations();
  void compressed(std::uint64_t rotation, bool whole);
  bool compresses_still();

  Stage stage_ = Stage::Waiting;
  Poller poller_;
  LogFile log_;
  Stdio stdio_;
  Execs execs_;

  int command_ = -1;
  int pending_ = -1;  // Connected, but has not said Hello yet.
  int events_ = -1;
  int listener_ = -1;
  int data_directory_ = -1;
  int run_directory_ = -1;
  int rootfs_ = -1;
  int network_namespace_ = -1;
  int seccomp_ = -1;
  unsigned seccomp_flags_ = 0;
  int memory_event_ = -1;
  int child_stdio_[3] = {-1, -1, -1};

  base::Text<255> id_;
  base::Text<255> log_name_;
  bool tty_ = false;
  wire::State state_ = wire::State::Created;
  std::uint16_t rows_ = 0;
  std::uint16_t columns_ = 0;
  std::uint32_t launch_number_ = 0;

  base::Arena config_arena_;
  std::span<char> config_text_;
  oci::Spec* spec_ = nullptr;
  runtime::Inputs inputs_;
  runtime::Task task_;
  std::uint64_t namespaces_ = 0;
  bool discovered_ = false;
  cgroup::Hierarchies hierarchies_;
  cgroup::Group group_;

  ExitRecord record_;
  std::uint64_t memory_kills_ = 0;
  bool killed_ = false;  ///< By a request of wharfd; it is not frozen any more.
  bool memory_untold_ = false;
  bool exit_told_ = false;
  bool introduced_ = false;  // wharfd has the pidfd of PID 1.
  std::uint64_t rotations_told_ = 0;
  std::uint64_t compressing_ = 0;  ///< The rotation that wharfd has in hand, or 0.
  std::int64_t compressing_until_ms_ = 0;
  std::int64_t telling_until_ms_ = 0;

  alignas(8) char message_[wire::kMaxMessageBytes];
};

}  // namespace wharf::supervise
