#include "supervise/stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

namespace wharf::supervise {
namespace {

constexpr ssize_t kPageBytes = 4096;
constexpr std::int64_t kIdleMs = 1000;

/// Our end does not block; the container's end does, as programs expect.
bool make_pipe(int& ours, int& theirs, bool we_read) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return false;
  ours = ends[we_read ? 0 : 1];
  theirs = ends[we_read ? 1 : 0];
  return fcntl(ours, F_SETFL, O_NONBLOCK) == 0;
}

}  // namespace

bool Stdio::open(const StdioOptions& options, int (&child)[3]) {
  options_ = options;
  if (options.tty) return true;
  outputs_[0].stream = Output::Stdout;
  outputs_[1].stream = Output::Stderr;
  if (options.open_stdin && !make_pipe(stdin_, child[0], false)) return false;
  return make_pipe(outputs_[0].fd, child[1], true) && make_pipe(outputs_[1].fd, child[2], true);
}

bool Stdio::take_terminal(int master) {
  outputs_[0] = {master, Output::Stdout, false};
  if (fcntl(master, F_SETFL, O_NONBLOCK) < 0) return false;
  if (!options_.open_stdin) return true;
  // Watched for reading and for writing apart, which takes two numbers.
  stdin_ = fcntl(master, F_DUPFD_CLOEXEC, 3);
  return stdin_ >= 0;
}

bool Stdio::run() {
  running_ = true;
  for (std::uint32_t i = 0; i < 2; ++i) {
    const int fd = outputs_[i].fd;
    if (fd >= 0 && !poller_.watch(fd, EPOLLIN, {Source::Output, i})) return false;
  }
  if (stdin_ >= 0 && !poller_.watch(stdin_, 0, {Source::Stdin, 0})) return false;
  watch_all_attached();
  return true;
}

bool Stdio::resize(std::uint16_t rows, std::uint16_t columns) {
  winsize size{};
  size.ws_row = rows;
  size.ws_col = columns;
  // Docker: where there is no terminal, there is nothing to do, and nobody is told.
  if (!options_.tty) return true;
  if (outputs_[0].fd < 0) {
    errno = ENOTTY;
    return false;
  }
  return ioctl(outputs_[0].fd, TIOCSWINSZ, &size) == 0;
}

void Stdio::watch_outputs() {
  // While a chunk is on its way nothing is read: the container waits in its pipe. A hang-up
  // would be reported again and again but for EPOLLET.
  const std::uint32_t events = chunk_size_ == 0 ? EPOLLIN : EPOLLET;
  for (std::uint32_t i = 0; i < 2; ++i) {
    outputs_[i].hung_up = false;
    if (outputs_[i].fd >= 0) poller_.change(outputs_[i].fd, events, {Source::Output, i});
  }
}

void Stdio::output_ready(std::uint32_t index) {
  read_chunk(index);
}

bool Stdio::read_chunk(std::uint32_t index) {
  Pipe& pipe = outputs_[index];
  if (pipe.fd < 0 || chunk_size_ != 0) return false;
  ssize_t n = -1;
  do {
    n = read(pipe.fd, chunk_, sizeof chunk_);
  } while (n < 0 && errno == EINTR);
  if (n < 0 && errno == EAGAIN) return false;
  if (n <= 0) {
    end_of_output(index, n < 0 && errno == EIO);
    return false;
  }
  if (n > kPageBytes) filled_at_ms_ = monotonic_ms();
  left_[index] -= n;
  log_.take(pipe.stream, {chunk_, static_cast<std::size_t>(n)});
  chunk_size_ = static_cast<std::uint32_t>(n);
  chunk_stream_ = pipe.stream;
  offer_chunk();
  return true;
}

void Stdio::end_of_output(std::uint32_t index, bool hung_up) {
  // pty(7): EIO says that nobody has the other side open now. While PID 1 lives a process
  // may open it again: only a change is waited for.
  Pipe& pipe = outputs_[index];
  if (options_.tty && hung_up && !draining_) {
    // EPOLL_CTL_MOD reports the present state once more: done at each report, it never ends.
    if (pipe.hung_up) return;
    pipe.hung_up = true;
    poller_.change(pipe.fd, EPOLLIN | EPOLLET, {Source::Output, index});
    return;
  }
  close_fd(pipe.fd);
}

void Stdio::close_stdin() {
  close_fd(stdin_);
}

void Stdio::begin_drain() {
  draining_ = true;
  // What PID 1 wrote is in the pipes by now, and no more is read than is there now: what
  // comes later is somebody else's who holds the pipe open (threats F34). A terminal hands
  // its bytes on by a worker of the kernel, so there the hang-up is awaited.
  drain_until_ms_ = monotonic_ms() + kDrainMs;
  drain_limit_ms_ = drain_until_ms_ + kPatienceMs;
  for (std::uint32_t i = 0; i < 2; ++i) {
    int bytes = 0;
    if (outputs_[i].fd >= 0 && ioctl(outputs_[i].fd, FIONREAD, &bytes) == 0) left_[i] = bytes;
  }
  close_stdin();
  input_size_ = 0;
  input_waits_ = false;
  watch_all_attached();
}

bool Stdio::drained() {
  for (std::uint32_t i = 0; i < 2; ++i) {
    int& fd = outputs_[i].fd;
    while (fd >= 0 && chunk_size_ == 0) {
      const bool over = options_.tty ? monotonic_ms() >= drain_until_ms_ : left_[i] <= 0;
      if (!over && read_chunk(i)) continue;
      if (!over && fd >= 0 && options_.tty) return false;
      close_fd(fd);
    }
  }
  return chunk_size_ == 0 && outputs_[0].fd < 0 && outputs_[1].fd < 0;
}

void Stdio::trim_if_idle() {
  if (filled_at_ms_ == 0 || chunk_size_ != 0 || input_size_ != 0) return;
  if (monotonic_ms() - filled_at_ms_ < kIdleMs) return;
  filled_at_ms_ = 0;
  madvise(chunk_, sizeof chunk_, MADV_DONTNEED);
  madvise(input_, sizeof input_, MADV_DONTNEED);
  log_.trim();
}

}  // namespace wharf::supervise
