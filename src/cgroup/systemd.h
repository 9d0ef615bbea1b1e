// A talk with systemd: calls of its manager, and jobs that are waited for.
//
// First over /run/systemd/private, where systemd itself listens and no bus is needed, then over
// the system bus. WHARF_SYSTEMD_SOCKET names another such private socket, as of a systemd in a
// container. All of it has one time limit, so that a systemd that hangs holds up nobody.
//
//   us                                  systemd
//    │ ── \0AUTH EXTERNAL uid ─────────► │
//    │ ◄─ OK guid ────────────────────── │
//    │ ── BEGIN ───────────────────────► │   (and wait until it is read)
//    │ ── StartTransientUnit ──────────► │
//    │ ◄─ the job's path ─────────────── │
//    │ ◄─ JobRemoved(path, "done") ───── │   with others' signals between
//
// Compiled for both worlds: no heap, no exceptions. One thread. See org.freedesktop.systemd1(5).
#pragma once

#include <cstdint>
#include <string_view>

#include "base/failure.h"
#include "cgroup/dbus.h"

namespace wharf::cgroup {

using base::Failure;

class Systemd {
 public:
  explicit Systemd(int patience_ms);
  ~Systemd();
  Systemd(const Systemd&) = delete;
  Systemd& operator=(const Systemd&) = delete;

  bool connect(Failure& failure);

  /// The head of a call of systemd's manager; the arguments follow.
  void begin(dbus::Marshal& message, std::string_view member, std::string_view signature);

  /// Sends it and waits for the answer.
  bool call(dbus::Marshal& message, Failure& failure);
  /// The same for a call that answers with a job: waits until the job of `unit` has ended.
  bool run_job(dbus::Marshal& message, std::string_view unit, Failure& failure);
  /// Sends it and waits for nothing.
  void send_only(dbus::Marshal& message);

  /// The name of the error that the last call was answered with; "" when there was none.
  std::string_view error_name() const { return error_name_.view(); }
  bool timed_out() const { return timed_out_; }

 private:
  struct Job;

  bool connect_to(std::string_view path, Failure& failure);
  bool authenticate(Failure& failure);
  bool await_read(Failure& failure);
  bool enter_bus(Failure& failure);
  bool send(std::string_view bytes, Failure& failure);
  bool receive(char* bytes, std::size_t count, Failure& failure);
  bool receive_line(base::Writer& line, Failure& failure);
  bool receive_message(dbus::Message& message, Failure& failure);
  bool wait(short events, Failure& failure);
  bool take_answer(const dbus::Message& answer, Job* job, Failure& failure);
  bool converse(dbus::Marshal& message, Job* job, Failure& failure);

  int socket_ = -1;
  bool bus_ = false;
  bool timed_out_ = false;
  std::uint32_t serial_ = 0;
  std::int64_t until_ms_;
  base::Text<127> error_name_;
  char buffer_[4096];
};

}  // namespace wharf::cgroup
