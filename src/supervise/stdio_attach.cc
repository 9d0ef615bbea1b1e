// The attachments of a container's streams: copies out, input in.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "supervise/stdio.h"

namespace wharf::supervise {
namespace {

std::uint8_t bit_of(Output stream) {
  return stream == Output::Stdout ? wire::kStdout : wire::kStderr;
}

}  // namespace

bool Stdio::attach(int socket, std::uint8_t streams) {
  const std::uint32_t i = free_place();
  if (i == kMaxAttached) {
    errno = EMFILE;
    return false;
  }
  attached_[i] = {socket, streams, false, 0, 0};
  if (!poller_.watch(socket, 0, {Source::Attachment, i})) {
    attached_[i] = Attached();
    return false;
  }
  watch_attached(i);
  return true;
}

std::uint32_t Stdio::free_place() {
  for (std::uint32_t i = 0; i < kMaxAttached; ++i) {
    if (attached_[i].fd < 0) return i;
  }
  // Clients that have gone and left input behind that the container does not take: they
  // must not keep others out (threats A65).
  for (std::uint32_t i = 0; i < kMaxAttached; ++i) {
    if (attached_[i].armed != EPOLLET) continue;
    drop(i);
    return i;
  }
  return kMaxAttached;
}

/// EPOLL_CTL_MOD reports the present state anew, so it is done only where something differs.
void Stdio::arm(std::uint32_t index, std::uint32_t events) {
  Attached& attached = attached_[index];
  if (attached.armed == events) return;
  attached.armed = events;
  poller_.change(attached.fd, events, {Source::Attachment, index});
}

bool Stdio::feeds(const Attached& attached) const {
  return attached.fd >= 0 && stdin_ >= 0 && (attached.streams & wire::kStdin) != 0;
}

void Stdio::watch_attached(std::uint32_t index) {
  const Attached& attached = attached_[index];
  if (attached.fd < 0) return;
  const bool reads = running_ && input_size_ == 0 && feeds(attached);
  arm(index, (reads ? EPOLLIN : 0u) | (attached.behind ? EPOLLOUT : 0u));
}

void Stdio::watch_all_attached() {
  for (std::uint32_t i = 0; i < kMaxAttached; ++i) watch_attached(i);
}

void Stdio::drop(std::uint32_t index) {
  Attached& attached = attached_[index];
  const bool fed = feeds(attached);
  close_fd(attached.fd);
  attached = Attached();
  if (!fed || !options_.stdin_once || options_.tty || input_size_ != 0) return;
  close_stdin();
  watch_all_attached();
}

void Stdio::stop_output(std::uint32_t index) {
  // Nobody reads there any more, but what was written before may still be input.
  Attached& attached = attached_[index];
  attached.streams &= wire::kStdin;
  attached.behind = false;
  if (attached.streams == 0 || stdin_ < 0) return drop(index);
  watch_attached(index);
}

void Stdio::offer_chunk() {
  // api.md, "multiplexed-stream": type, three zeros, length in network order.
  const std::uint8_t header[8] = {static_cast<std::uint8_t>(chunk_stream_),
                                  0,
                                  0,
                                  0,
                                  static_cast<std::uint8_t>(chunk_size_ >> 24),
                                  static_cast<std::uint8_t>(chunk_size_ >> 16),
                                  static_cast<std::uint8_t>(chunk_size_ >> 8),
                                  static_cast<std::uint8_t>(chunk_size_)};
  memcpy(chunk_header_, header, sizeof header);
  chunk_since_ms_ = monotonic_ms();
  bool waiting = false;
  for (std::uint32_t i = 0; i < kMaxAttached; ++i) {
    Attached& attached = attached_[i];
    if (attached.fd < 0 || (attached.streams & bit_of(chunk_stream_)) == 0) continue;
    attached.sent = 0;
    if (!send_rest(attached)) {
      stop_output(i);
    } else if (attached.behind) {
      waiting = true;
      watch_attached(i);
    }
  }
  if (waiting) {
    watch_outputs();
  } else {
    chunk_size_ = 0;
  }
}

bool Stdio::send_rest(Attached& attached) {
  const std::uint32_t header = header_bytes();
  const std::uint32_t total = header + chunk_size_;
  while (attached.sent < total) {
    iovec parts[2];
    std::size_t count = 0;
    if (attached.sent < header)
      parts[count++] = {chunk_header_ + attached.sent, header - attached.sent};
    const std::uint32_t past = attached.sent > header ? attached.sent - header : 0;
    parts[count++] = {chunk_ + past, chunk_size_ - past};
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = static_cast<decltype(message.msg_iovlen)>(count);
    const ssize_t n = sendmsg(attached.fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno != EAGAIN) return false;
    if (n < 0) {
      attached.behind = true;
      return true;
    }
    attached.sent += static_cast<std::uint32_t>(n);
  }
  attached.behind = false;
  return true;
}

void Stdio::settle() {
  if (chunk_size_ == 0) return;
  for (const Attached& attached : attached_) {
    if (attached.fd >= 0 && attached.behind) return;
  }
  chunk_size_ = 0;
  watch_outputs();
  // The time a chunk spent waiting is not the terminal's.
  const std::int64_t again = monotonic_ms() + kDrainMs;
  if (draining_ && again < drain_limit_ms_) drain_until_ms_ = again;
}

void Stdio::attachment_ready(std::uint32_t index, std::uint32_t events) {
  Attached& attached = attached_[index];
  if (attached.fd < 0) return;
  if (attached.behind && (events & EPOLLOUT) != 0) {
    if (!send_rest(attached)) {
      stop_output(index);
    } else if (!attached.behind) {
      watch_attached(index);
    }
  }
  const bool hung = (events & (EPOLLHUP | EPOLLERR)) != 0;
  if (attached.fd >= 0 && (hung || (events & EPOLLIN) != 0)) {
    // What it sent before it went comes first; the end of it is found by reading.
    if (running_ && input_size_ == 0 && feeds(attached)) {
      read_input(index);
    } else if (hung) {
      hung_up(index);
    }
  }
  settle();
}

void Stdio::hung_up(std::uint32_t index) {
  // Its input is still to be read, once the container runs or has taken what came earlier:
  // until then only a change is reported.
  if (feeds(attached_[index]) && !attached_[index].behind) return arm(index, EPOLLET);
  drop(index);
}

void Stdio::expire() {
  if (chunk_size_ == 0) return;
  const std::int64_t patience = draining_ ? kLastPatienceMs : kPatienceMs;
  if (monotonic_ms() - chunk_since_ms_ < patience) return;
  for (std::uint32_t i = 0; i < kMaxAttached; ++i) {
    if (attached_[i].fd >= 0 && attached_[i].behind) drop(i);
  }
  settle();
}

int Stdio::timeout_ms() const {
  if (chunk_size_ != 0) {
    const std::int64_t patience = draining_ ? kLastPatienceMs : kPatienceMs;
    const std::int64_t left = chunk_since_ms_ + patience - monotonic_ms();
    return left < 0 ? 0 : static_cast<int>(left) + 1;
  }
  if (!draining_) return filled_at_ms_ == 0 ? -1 : 1000;
  const std::int64_t left = drain_until_ms_ - monotonic_ms();
  return left < 0 ? 0 : static_cast<int>(left) + 1;
}

void Stdio::read_input(std::uint32_t index) {
  if (input_size_ != 0 || stdin_ < 0) return;
  const ssize_t n = recv(attached_[index].fd, input_, sizeof input_, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) {
    end_of_input(index);
    return;
  }
  filled_at_ms_ = monotonic_ms();
  input_size_ = static_cast<std::uint32_t>(n);
  input_sent_ = 0;
  write_input();
}

void Stdio::end_of_input(std::uint32_t index) {
  if (options_.stdin_once && !options_.tty) {
    attached_[index].streams &= static_cast<std::uint8_t>(~wire::kStdin);
    close_stdin();
    watch_all_attached();
    if (attached_[index].streams == 0) drop(index);
    return;
  }
  // Docker: where the end of the input does not end the container's stdin, it ends the
  // attachment (moby, container/stream, CopyStreams).
  drop(index);
}

void Stdio::stdin_ready(std::uint32_t events) {
  if (stdin_ < 0) return;
  if (input_size_ != 0) {
    write_input();
    return;
  }
  // The container has closed its stdin: a pipe says EPOLLERR. A terminal's hang-up passes.
  if ((events & EPOLLERR) != 0 && !options_.tty) {
    close_stdin();
    watch_all_attached();
    return;
  }
  arm_stdin(EPOLLET);
}

void Stdio::arm_stdin(std::uint32_t events) {
  if (stdin_ < 0 || stdin_armed_ == events) return;
  stdin_armed_ = events;
  poller_.change(stdin_, events, {Source::Stdin, 0});
}

void Stdio::write_input() {
  while (input_sent_ < input_size_) {
    const ssize_t n = write(stdin_, input_ + input_sent_, input_size_ - input_sent_);
    if (n > 0) {
      input_sent_ += static_cast<std::uint32_t>(n);
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno != EAGAIN) {
      // EPIPE: nobody reads any more; EIO: the terminal has hung up. The input has no taker.
      if (!options_.tty) close_stdin();
      break;
    }
    if (!input_waits_) {
      input_waits_ = true;
      arm_stdin(EPOLLOUT);
      watch_all_attached();
    }
    return;
  }
  const bool waited = input_waits_;
  input_waits_ = false;
  input_size_ = 0;
  if (waited) arm_stdin(0);
  if (waited || stdin_ < 0) watch_all_attached();
}

void Stdio::close_all() {
  log_.finish();
  for (Pipe& pipe : outputs_) close_fd(pipe.fd);
  close_stdin();
  for (std::uint32_t i = 0; i < kMaxAttached; ++i) drop(i);
}

}  // namespace wharf::supervise
