// Connections, answers and events: how the supervisor speaks with whichever wharfd there is.
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "supervise/supervisor.h"

namespace wharf::supervise {

void Supervisor::accept_connection() {
  int made = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (made < 0) return;
  // The socket is 0600 in a 0700 directory; this is the second lock (threats A10).
  ucred peer{};
  socklen_t size = sizeof peer;
  const bool ours = getsockopt(made, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
                    (peer.uid == 0 || peer.uid == geteuid());
  if (!ours || !poller_.watch(made, EPOLLIN, {Source::Command, 1})) {
    close_fd(made);
    return;
  }
  close_fd(pending_);
  pending_ = made;
}

void Supervisor::pending_ready() {
  if (pending_ < 0) return;
  Descriptors descriptors;
  const ssize_t size = receive(pending_, message_, descriptors);
  if (size < 0 && errno == EAGAIN) return;
  wire::Head head{};
  if (size >= static_cast<ssize_t>(sizeof head)) memcpy(&head, message_, sizeof head);
  if (head.type != wire::Type::Hello) {
    close_fd(pending_);
    return;
  }
  hello(head, descriptors);
}

void Supervisor::hello(const wire::Head& head, Descriptors& descriptors) {
  // The newest wharfd is the right one: it holds the lock on the data directory.
  disconnect();
  command_ = pending_;
  pending_ = -1;
  poller_.change(command_, EPOLLIN, {Source::Command, 0});
  events_ = descriptors.take(0);
  if (events_ >= 0) poller_.watch(events_, EPOLLIN, {Source::Events, 0});
  compressed(compressing_, false);
  rotations_told_ = 0;
  introduced_ = false;
  answer(head.number);
}

void Supervisor::events_ready(std::uint32_t events) {
  wire::Plain message{};
  Descriptors none;
  const std::span<char> into(reinterpret_cast<char*>(&message), sizeof message);
  const ssize_t size = receive(events_, into, none);
  if (size < 0 && errno == EAGAIN && (events & (EPOLLHUP | EPOLLERR)) == 0) {
    // There is room again for what tell() could not send.
    poller_.change(events_, EPOLLIN, {Source::Events, 0});
    return;
  }
  if (size <= 0) {
    close_fd(events_);
    return;
  }
  if (message.head.type == wire::Type::Heard && stage_ == Stage::Telling) stage_ = Stage::Done;
}

void Supervisor::disconnect() {
  close_fd(command_);
  close_fd(events_);
}

void Supervisor::send_reply(wire::Reply& reply, std::string_view text,
                            std::span<const int> descriptors) {
  reply.head.version = wire::kVersion;
  reply.head.type = wire::Type::Reply;
  if (reply.pid == 0) reply.pid = task_.pid;
  reply.supervisor = getpid();
  reply.state = state_;
  reply.started_at_ns = record_.started_at_ns;
  reply.text_bytes = static_cast<std::uint32_t>(text.size());
  // One request is under way at a time, so there is room for its answer; a wharfd that is
  // gone is noticed by its socket.
  send(command_, bytes_of(reply), text, descriptors);
}

void Supervisor::answer(std::uint32_t number) {
  wire::Reply reply{};
  reply.head.number = number;
  const int pidfd[] = {task_.pidfd};
  // Launch and Hello are answered with the pidfd and the cgroup's path.
  const bool first = !introduced_ && task_.pidfd >= 0;
  introduced_ = introduced_ || first;
  const std::string_view cgroup = first ? group_.path() : std::string_view();
  send_reply(reply, cgroup, {pidfd, first ? 1u : 0u});
}

void Supervisor::refuse(std::uint32_t number, const char* step, const base::Failure& failure) {
  wire::Reply reply{};
  reply.head.number = number;
  reply.failed = 1;
  reply.error_number = failure.error;
  reply.exit_code = runtime::exit_code_of(failure);
  strncpy(reply.step, step, sizeof reply.step - 1);
  send_reply(reply, failure.text.view(), {});
}

void Supervisor::refuse_errno(std::uint32_t number, const char* step, const char* what) {
  base::Failure failure;
  failure.because_of_errno(what);
  refuse(number, step, failure);
}

void Supervisor::finish_exec(std::uint32_t index) {
  base::Failure failure;
  Execs::Started started = execs_.channel_ready(index, failure);
  if (!started.running) return refuse(started.request, "exec", failure);
  wire::Reply reply{};
  reply.head.number = started.request;
  reply.pid = started.pid;
  reply.exec = started.id;
  send_reply(reply, {}, {started.ends, started.end_count});
  for (int& end : started.ends) close_fd(end);
}

bool Supervisor::tell_one(wire::Event& event, wire::Type type, std::span<const int> descriptors) {
  event.head.version = wire::kVersion;
  event.head.type = type;
  event.started_at_ns = record_.started_at_ns;
  if (send(events_, bytes_of(event), {}, descriptors)) return true;
  if (errno == EAGAIN) poller_.change(events_, EPOLLIN | EPOLLOUT, {Source::Events, 0});
  return false;
}

void Supervisor::tell() {
  if (events_ < 0) return;
  wire::Event event{};
  if (memory_untold_) {
    if (!tell_one(event, wire::Type::Oom, {})) return;
    memory_untold_ = false;
  }
  std::uint32_t index = 0;
  while (execs_.untold(index, event.exec, event.code)) {
    if (!tell_one(event, wire::Type::ExecExited, {})) return;
    execs_.told(index);
  }
  if (rotations_told_ < log_.rotations()) tell_rotations();
  if (stage_ != Stage::Telling || exit_told_ || compresses_still()) return;
  event = {};
  event.code = record_.code;
  event.oom_killed = record_.oom_killed;
  event.finished_at_ns = record_.finished_at_ns;
  event.dropped_lines = record_.dropped_lines;
  exit_told_ = tell_one(event, wire::Type::Exited, {});
}

void Supervisor::tell_rotations() {
  // One at a time: what waits is a count, however fast the files turn over.
  std::uint64_t rotation = 0;
  while (compressing_ == 0 && (rotation = log_.next_to_compress(rotations_told_)) != 0) {
    int files[2] = {-1, -1};
    // One that is not there any more was compressed before wharfd or the container restarted.
    if (log_.open_for_compression(rotation, files[0], files[1])) {
      wire::Event event{};
      event.exec = rotation;
      const bool told = tell_one(event, wire::Type::Rotated, files);
      for (int& file : files) close_fd(file);
      if (!told) return;
      compressing_ = rotation;
    }
    rotations_told_ = rotation;
  }
}

void Supervisor::compressed(std::uint64_t rotation, bool whole) {
  // An answer that comes too late names no rotation of ours any more.
  if (rotation == 0 || rotation != compressing_) return;
  log_.compressed(rotation, whole);
  compressing_ = 0;
}

/// Whoever hears of the end may read the log, and find its files as they stay.
bool Supervisor::compresses_still() {
  if (compressing_ != 0 && monotonic_ms() < compressing_until_ms_) return true;
  compressed(compressing_, false);
  return false;
}

}  // namespace wharf::supervise
