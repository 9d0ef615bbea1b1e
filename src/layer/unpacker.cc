#include "layer/unpacker.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <charconv>

#include "layer/unpacker_process.h"

namespace wharf::layer {
namespace {

/// Above every number the process gets, so that no dup2(2) hits a source of a later one.
os::Fd out_of_the_way(const os::Fd& fd) {
  return os::Fd(os::check(WHARF_CALL(fcntl, fd.get(), F_DUPFD_CLOEXEC, 16), "duplicate"));
}

struct Inherited {
  const os::Fd& fd;
  int number;
};

pid_t spawn(const os::Path& program, std::initializer_list<Inherited> descriptors) {
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  std::vector<os::Fd> sources;
  for (const Inherited& one : descriptors) {
    sources.push_back(out_of_the_way(one.fd));
    ::posix_spawn_file_actions_adddup2(&actions, sources.back().get(), one.number);
  }
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t none;
  ::sigemptyset(&none);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  // A group of its own: a signal typed at the daemon's terminal is not for it.
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  std::string path = program.native(), verb = "unpack";
  std::array<char*, 3> arguments = {path.data(), verb.data(), nullptr};
  std::array<char*, 1> environment = {nullptr};
  pid_t process = -1;
  const int failure = ::posix_spawn(&process, path.c_str(), &actions, &attributes, arguments.data(),
                                    environment.data());
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  if (failure != 0) throw base::errno_error(failure, "start unpacker " + path);
  return process;
}

}  // namespace

Unpacker::Unpacker(const os::Path& program, const Order& order, const os::Fd& directory,
                   int stall_seconds)
    : stall_seconds_(stall_seconds) {
  // A socket and not a pipe: send(2) can be told not to raise SIGPIPE.
  std::array<int, 2> ends{};
  os::check(WHARF_CALL(socketpair, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()),
            "make socket pair");
  stream_ = os::Fd(ends[0]);
  const os::Fd stream(ends[1]);
  const int buffer = 1 << 20;
  ::setsockopt(stream_.get(), SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
  os::Pipe verdict = os::make_pipe();
  os::Pipe orders = os::make_pipe();
  os::write_all(orders.write, to_text(order));
  orders.write.reset();
  process_ = spawn(program, {{stream, kStreamFd},
                             {directory, kDirectoryFd},
                             {verdict.write, kVerdictFd},
                             {orders.read, kOrderFd}});
  verdict_ = std::move(verdict.read);
  os::check(WHARF_CALL(fcntl, verdict_.get(), F_SETFL, O_NONBLOCK), "set non-blocking");
}

Unpacker::~Unpacker() {
  if (process_ < 0) return;
  ::kill(process_, SIGKILL);
  while (::waitpid(process_, nullptr, 0) < 0 && errno == EINTR) continue;
}

void Unpacker::line(std::string_view text) {
  if (text.starts_with("P ")) {
    std::uint64_t bytes = 0;
    std::from_chars(text.data() + 2, text.data() + text.size(), bytes);
    unpacked_ = bytes;
  } else if (text.starts_with("V ")) {
    said_ = parse_verdict(text.substr(2));
  } else {
    base::fail(base::Kind::Internal, "unpacker says something unknown");
  }
}

void Unpacker::hear() {
  std::array<char, 4096> buffer;
  const ssize_t size = WHARF_CALL(read, verdict_.get(), buffer.data(), buffer.size());
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  ended_ = os::check(size, "read verdict") == 0;
  heard_.append(buffer.data(), static_cast<std::size_t>(size));
  if (heard_.size() > kMaxVerdict) base::fail(base::Kind::Internal, "unpacker says too much");
  for (std::size_t end; !said_ && (end = heard_.find('\n')) != std::string::npos;) {
    line(std::string_view(heard_).substr(0, end));
    heard_.erase(0, end + 1);
  }
}

/// Until the stream takes bytes (POLLOUT), or the process has said or done something.
void Unpacker::wait(short stream_events) {
  std::array<pollfd, 2> both = {{{verdict_.get(), POLLIN, 0}, {stream_.get(), stream_events, 0}}};
  const nfds_t count = stream_events == 0 ? 1 : 2;
  const int ready = WHARF_CALL(poll, both.data(), count, stall_seconds_ * 1000);
  if (ready < 0 && errno == EINTR) return;
  if (os::check(ready, "wait for unpacker") == 0) {
    base::fail(base::Kind::Unavailable, "unpacking made no progress for {} seconds (stall_seconds)",
               stall_seconds_);
  }
  if (both[0].revents != 0) hear();
  writable_ = both[1].revents != 0;
}

void Unpacker::refuse_or_died() {
  if (said_ && !said_->refusal.empty()) {
    throw base::Error(said_->kind, said_->refusal, said_->error_number);
  }
  int status = 0;
  while (::waitpid(process_, &status, 0) < 0 && errno == EINTR) continue;
  process_ = -1;
  const std::string how = WIFSIGNALED(status) ? fmt::format("signal {}", WTERMSIG(status))
                                              : fmt::format("status {}", WEXITSTATUS(status));
  base::fail(base::Kind::Internal, "unpacker ended with {} and no verdict", how);
}

void Unpacker::write(std::string_view bytes) {
  while (!bytes.empty()) {
    if (said_ || ended_) refuse_or_died();
    const ssize_t sent =
        WHARF_CALL(send, stream_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      wait(POLLOUT);
    } else if (errno == EPIPE || errno == ECONNRESET) {
      wait(0);
    } else if (errno != EINTR) {
      throw os::last_error("send to unpacker");
    }
  }
}

Verdict Unpacker::finish() {
  ::shutdown(stream_.get(), SHUT_WR);
  while (!said_ && !ended_) wait(0);
  if (!said_ || !said_->refusal.empty()) refuse_or_died();
  int status = 0;
  while (::waitpid(process_, &status, 0) < 0 && errno == EINTR) continue;
  process_ = -1;
  return *said_;
}

}  // namespace wharf::layer
