#include "supervise/connection.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include <cstring>

#include "base/log.h"
#include "os/poll.h"
#include "os/pty.h"
#include "os/socket.h"
#include "supervise/compressor.h"
#include "supervise/sweep.h"

namespace wharf::supervise {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

template <class Message>
std::string as_bytes(const Message& message) {
  return {reinterpret_cast<const char*>(&message), sizeof message};
}

[[noreturn]] void throw_gone() {
  throw base::Error(base::Kind::Conflict, "the container has ended", ESRCH);
}

[[noreturn]] void throw_refused(const wire::Reply& reply, const std::string& text) {
  const std::string step(reply.step, strnlen(reply.step, sizeof reply.step));
  if (step == "create" || step == "start" || step == "exec")
    throw StepError(step, text, reply.error_number, reply.exit_code);
  const bool gone = reply.error_number == ESRCH;
  throw base::Error(gone ? base::Kind::Conflict : base::Kind::Internal, text, reply.error_number);
}

}  // namespace

Connection::Connection(os::Fd command, os::Fd events, Events callbacks, Worker& compressor)
    : command_(std::move(command)),
      events_(std::move(events)),
      compressor_(compressor),
      callbacks_(std::move(callbacks)) {}

Answer Connection::call(Outgoing request, milliseconds time) {
  const auto deadline = Clock::now() + time;
  std::unique_lock lock(lock_);
  if (broken_) throw_gone();
  Waiting mine;
  wire::Head head{};
  std::memcpy(&head, request.bytes.data(), sizeof head);
  head.version = wire::kVersion;
  head.number = ++last_number_;
  std::memcpy(request.bytes.data(), &head, sizeof head);
  try {
    os::send_message(command_, request.bytes, request.descriptors);
  } catch (const base::Error& error) {
    if (error.error_number() != EPIPE && error.error_number() != ECONNRESET) throw;
    throw_gone();
  }
  waiting_[head.number] = &mine;
  while (!mine.done && !broken_) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) break;
    if (somebody_reads_) {
      answered_.wait_for(lock, left);
    } else {
      read_answers(lock, left);
    }
  }
  waiting_.erase(head.number);
  if (!mine.done && broken_) throw_gone();
  if (!mine.done)
    base::fail(base::Kind::Unavailable,
               "the container's supervisor (pid {}) did not answer in {} ms", facts_.supervisor,
               time.count());
  if (mine.answer.reply.failed) throw_refused(mine.answer.reply, mine.answer.text);
  return std::move(mine.answer);
}

void Connection::read_answers(std::unique_lock<std::mutex>& lock, milliseconds time) {
  somebody_reads_ = true;
  lock.unlock();
  Answer answer;
  bool at_end = false;
  bool got = false;
  try {
    if (os::wait_for(command_, POLLIN, time) != 0) {
      std::array<char, sizeof(wire::Reply) + 4096> buffer;
      os::Message message = os::receive_message(command_, buffer);
      at_end = message.size == 0;
      got = message.size >= sizeof answer.reply;
      if (got) {
        std::memcpy(&answer.reply, buffer.data(), sizeof answer.reply);
        answer.text.assign(buffer.data() + sizeof answer.reply, message.size - sizeof answer.reply);
        answer.descriptors = std::move(message.descriptors);
      }
    }
  } catch (const base::Error&) {
    at_end = true;
  }
  lock.lock();
  somebody_reads_ = false;
  if (at_end) broken_ = true;
  // An answer that nobody waits for any more came after its deadline; its descriptors close.
  const auto found = got ? waiting_.find(answer.reply.head.number) : waiting_.end();
  if (found != waiting_.end()) {
    found->second->answer = std::move(answer);
    found->second->done = true;
  }
  answered_.notify_all();
}

Answer Connection::call(wire::Type type) {
  wire::Plain message{};
  message.head.type = type;
  return call({as_bytes(message), {}});
}

Answer Connection::call(wire::Type type, std::uint64_t id, int first, int second) {
  wire::Numbers message{};
  message.head.type = type;
  message.id = id;
  message.first = first;
  message.second = second;
  return call({as_bytes(message), {}});
}

void Connection::learn(Answer& answer) {
  const std::scoped_lock lock(lock_);
  if (!init_.valid() && !answer.descriptors.empty()) {
    init_ = os::Process(answer.reply.pid, std::move(answer.descriptors.front()));
    cgroup_path_ = answer.text;
  }
  facts_.supervisor = answer.reply.supervisor;
  facts_.state = answer.reply.state;
  if (answer.reply.started_at_ns != 0) facts_.started_at = {answer.reply.started_at_ns};
}

Connection::Facts Connection::facts() const {
  const std::scoped_lock lock(lock_);
  return facts_;
}

void Connection::set_state(wire::State state) {
  const std::scoped_lock lock(lock_);
  facts_.state = state;
}

void Connection::keep_terminal(std::uint64_t exec, os::Fd master) {
  const std::scoped_lock lock(lock_);
  terminals_[exec] = std::move(master);
}

void Connection::resize_exec(std::uint64_t exec, WindowSize window) {
  const std::scoped_lock lock(lock_);
  const auto found = terminals_.find(exec);
  if (found == terminals_.end())
    throw base::Error(base::Kind::Conflict, "the process has ended or has no terminal", ESRCH);
  const os::Pty terminal(found->second.duplicate());
  terminal.resize(window.rows, window.columns);
}

bool Connection::read_event() {
  wire::Event event{};
  os::Message message;
  try {
    message = os::receive_message(events_, {reinterpret_cast<char*>(&event), sizeof event});
  } catch (const base::Error& error) {
    return error.error_number() == EAGAIN;
  }
  if (message.size == 0) return false;
  if (message.size == sizeof event) handle(event, message.descriptors);
  return true;
}

void Connection::handle(const wire::Event& event, std::vector<os::Fd>& descriptors) {
  if (event.head.type == wire::Type::ExecExited) {
    const std::scoped_lock lock(lock_);
    terminals_.erase(event.exec);
  }
  const std::scoped_lock delivery(delivery_);
  if (closed_ || ended_) return;
  switch (event.head.type) {
    case wire::Type::Exited: {
      ended_ = true;
      set_state(wire::State::Ended);
      const Exit exit{event.code,
                      event.oom_killed != 0,
                      {event.started_at_ns},
                      {event.finished_at_ns},
                      event.dropped_lines};
      if (callbacks_.exited) callbacks_.exited(exit);
      // The record is on disk, so the supervisor may go whatever the callback makes of it.
      wire::Plain heard{};
      heard.head = {wire::kVersion, wire::Type::Heard, 0};
      ::send(events_.get(), &heard, sizeof heard, MSG_NOSIGNAL | MSG_DONTWAIT);
      return;
    }
    case wire::Type::ExecExited:
      if (callbacks_.exec_exited) callbacks_.exec_exited({event.exec, event.code});
      return;
    case wire::Type::Oom:
      if (callbacks_.oom) callbacks_.oom();
      return;
    case wire::Type::Rotated:
      if (descriptors.size() == 2)
        compress(event.exec, std::move(descriptors[0]), std::move(descriptors[1]));
      return;
    default:
      return;
  }
}

void Connection::compress(std::uint64_t rotation, os::Fd from, os::Fd into) {
  // std::function wants what can be copied.
  const auto files = std::make_shared<std::pair<os::Fd, os::Fd>>(std::move(from), std::move(into));
  compressor_.submit([weak = weak_from_this(), rotation, files] {
    bool whole = false;
    try {
      compress_file(files->first, files->second);
      whole = true;
    } catch (const base::Error& error) {
      base::log_warn("compress a rotated log: {}", error.what());
    }
    const std::shared_ptr<Connection> connection = weak.lock();
    if (!connection) return;
    try {
      connection->call(wire::Type::Compressed, rotation, whole ? 1 : 0);
    } catch (const base::Error& error) {
      // The container has ended: its last rotated file stays as it is.
      base::log_debug("put a compressed log in place: {}", error.what());
    }
  });
}

void Connection::kill_processes() const {
  supervise::kill_processes(cgroup_path_);
}

void Connection::sweep() const {
  supervise::sweep(cgroup_path_, run_directory_);
}

bool Connection::ended() const {
  const std::scoped_lock delivery(delivery_);
  return ended_ || closed_ || closing_;
}

void Connection::deliver_lost() {
  const std::scoped_lock delivery(delivery_);
  if (closed_ || ended_) return;
  set_state(wire::State::Ended);
  ended_ = true;
  if (callbacks_.lost) callbacks_.lost();
}

void Connection::close() {
  // Before the peer can hang up in answer: a hang-up that we caused is no death of a supervisor.
  closing_ = true;
  // shutdown(2) wakes whoever waits for an answer; the descriptors close with the object.
  ::shutdown(command_.get(), SHUT_RDWR);
  const std::scoped_lock delivery(delivery_);
  closed_ = true;
  callbacks_ = {};
}

}  // namespace wharf::supervise
