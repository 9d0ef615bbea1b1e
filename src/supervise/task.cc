#include "supervise/task.h"

#include <sys/socket.h>

#include <cstring>

#include "base/ids.h"
#include "os/socket.h"
#include "supervise/connection.h"
#include "supervise/documents.h"

namespace wharf::supervise {
namespace {

constexpr int kAttachBufferBytes = 512 * 1024;

std::uint8_t bits(Streams streams) {
  return static_cast<std::uint8_t>((streams.in ? wire::kStdin : 0) |
                                   (streams.out ? wire::kStdout : 0) |
                                   (streams.err ? wire::kStderr : 0));
}

std::uint64_t random_number() {
  const std::string bytes = base::random_bytes(sizeof(std::uint64_t));
  std::uint64_t number = 0;
  std::memcpy(&number, bytes.data(), sizeof number);
  return number;
}

template <class Message>
std::string as_bytes(const Message& message) {
  return {reinterpret_cast<const char*>(&message), sizeof message};
}

}  // namespace

AttachPair attach_pair() {
  os::SocketPair pair = os::make_socket_pair(SOCK_STREAM);
  os::set_send_buffer(pair.second, kAttachBufferBytes);
  return {std::move(pair.first), std::move(pair.second)};
}

Task::Task() = default;
Task::Task(std::shared_ptr<Connection> connection, std::function<void(const Connection&)> forget)
    : connection_(std::move(connection)), forget_(std::move(forget)) {}
Task::~Task() {
  release();
}
Task::Task(Task&& other) noexcept
    : connection_(std::move(other.connection_)), forget_(std::move(other.forget_)) {}

Task& Task::operator=(Task&& other) noexcept {
  if (this == &other) return *this;
  release();
  connection_ = std::move(other.connection_);
  forget_ = std::move(other.forget_);
  return *this;
}

void Task::release() noexcept {
  if (!connection_) return;
  connection_->close();
  forget_(*connection_);
  connection_.reset();
}

pid_t Task::pid() const {
  return connection_->init().pid();
}
pid_t Task::supervisor_pid() const {
  return connection_->facts().supervisor;
}
base::Time Task::started_at() const {
  return connection_->facts().started_at;
}
bool Task::paused() const {
  return connection_->facts().state == wire::State::Paused;
}
bool Task::init_ends_within(std::chrono::milliseconds time) const {
  return connection_->init().ended_within(time);
}

void Task::signal(int number) {
  connection_->call(wire::Type::Signal, 0, number);
}
void Task::kill_all() {
  connection_->call(wire::Type::KillAll);
}
void Task::reopen_log() {
  connection_->call(wire::Type::ReopenLog);
}

void Task::resize(WindowSize window) {
  connection_->call(wire::Type::Resize, 0, window.rows, window.columns);
}

void Task::attach(Attachment attachment) {
  wire::Attach message{};
  message.head.type = wire::Type::Attach;
  message.streams = bits(attachment.streams);
  connection_->call({as_bytes(message), {&attachment.socket}});
}

void Task::freeze() {
  connection_->call(wire::Type::Freeze);
  connection_->set_state(wire::State::Paused);
}

void Task::thaw() {
  connection_->call(wire::Type::Thaw);
  connection_->set_state(wire::State::Running);
}

void Task::update(std::string_view resources_json) {
  const os::Fd file = document_file(resources_json);
  wire::Document message{};
  message.head.type = wire::Type::Update;
  connection_->call({as_bytes(message), {&file}});
}

Exec Task::exec(const ExecRequest& request) {
  const os::Fd file = document_file(request.process_json);
  wire::Document message{};
  message.head.type = wire::Type::Exec;
  message.flags = request.tty ? std::uint32_t{wire::kTty} : 0u;
  message.streams = bits(request.streams);
  message.rows = request.window.rows;
  message.columns = request.window.columns;
  message.id = request.id != 0 ? request.id : random_number();
  Answer answer = connection_->call({as_bytes(message), {&file}});

  Exec exec;
  exec.id = answer.reply.exec;
  exec.pid = answer.reply.pid;
  auto next = answer.descriptors.begin();
  const auto take = [&](os::Fd& into) {
    if (next != answer.descriptors.end()) into = std::move(*next++);
  };
  if (request.tty) {
    take(exec.pty);
    connection_->keep_terminal(exec.id, exec.pty.duplicate());
  } else {
    if (request.streams.in) take(exec.in);
    if (request.streams.out) take(exec.out);
    if (request.streams.err) take(exec.err);
  }
  return exec;
}

void Task::exec_resize(std::uint64_t exec, WindowSize window) {
  connection_->resize_exec(exec, window);
}

void Task::exec_signal(std::uint64_t exec, int number) {
  connection_->call(wire::Type::ExecSignal, exec, number);
}

}  // namespace wharf::supervise
