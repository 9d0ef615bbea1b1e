#include "container/relay.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace wharf::container {

namespace {

constexpr std::size_t kChunk = 32 << 10;
/// What a pipe takes without blocking once poll(2) says it is writable.
constexpr std::size_t kInputChunk = 4096;
/// Typed bytes that may wait for a container that does not read.
constexpr std::size_t kInputLimit = 256 << 10;
constexpr int kQuietMs = 500;
constexpr int kLookMs = 100;
/// How long the first bytes wait for the client to take the head of the answer, and how often is
/// looked meanwhile.
constexpr std::chrono::seconds kHeadTime{1};
constexpr int kHeadLookMs = 1;

}  // namespace

Relay::Relay(ClientStream client, Spool spool, std::string detach_keys)
    : client_(std::move(client)), spool_(std::move(spool)), keys_(std::move(detach_keys)) {}

void Relay::add_source(const os::Fd& fd, int stream) {
  if (fd.valid()) sources_.push_back({fd.get(), stream});
}

void Relay::add_framed_source(const os::Fd& fd) {
  if (fd.valid()) sources_.push_back({fd.get(), 0, true});
}

void Relay::set_input(const os::Fd& fd, std::function<void()> close) {
  input_ = fd.get();
  close_input_ = std::move(close);
}

bool Relay::sources_open() const {
  return std::any_of(sources_.begin(), sources_.end(),
                     [](const Source& each) { return each.open; });
}

void Relay::end_input() {
  if (input_ < 0 || !pending_.empty() || !client_reading_ended_) return;
  input_ = -1;
  if (close_input_) close_input_();
}

bool Relay::typed(std::string_view bytes) {
  if (input_ < 0) return false;
  return keys_.feed(bytes, pending_);
}

/// False when the detach keys are complete.
bool Relay::read_client() {
  char buffer[kChunk];
  const auto got = ::recv(client_.socket.get(), buffer, sizeof buffer, MSG_DONTWAIT);
  if (got > 0) return !typed({buffer, static_cast<std::size_t>(got)});
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  client_reading_ended_ = true;
  end_input();
  return true;
}

/// Clients that read the head of the answer through a buffer and the stream past it (docker-py)
/// lose what comes with the head: nothing follows before it was read. Only unix sockets tell.
bool Relay::client_has_head() {
  int unread = 0;
  client_has_head_ = client_has_head_ || std::chrono::steady_clock::now() >= head_until_ ||
                     ::ioctl(client_.socket.get(), SIOCOUTQ, &unread) != 0 || unread == 0;
  return client_has_head_;
}

/// False when the client is gone.
bool Relay::write_client() {
  if (!client_has_head()) return true;
  while (!spool_.empty()) {
    const std::string_view bytes = spool_.front();
    const auto put =
        ::send(client_.socket.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (put < 0) return errno == EAGAIN || errno == EINTR;
    spool_.take(static_cast<std::size_t>(put));
  }
  return true;
}

void Relay::read_source(Source& source) {
  char buffer[kChunk];
  const auto got = ::read(source.fd, buffer, sizeof buffer);
  if (got > 0) {
    const std::string_view bytes(buffer, static_cast<std::size_t>(got));
    if (source.unframe) {
      stripper_.feed(bytes, [&](std::string_view payload) { spool_.put(payload); });
      return;
    }
    if (source.stream != 0) spool_.put(logs::frame_header(source.stream, bytes.size()));
    spool_.put(bytes);
    return;
  }
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  // 0 from a pipe or socket, EIO from a pty whose last process is gone.
  source.open = false;
}

void Relay::write_input() {
  const std::size_t size = std::min(pending_.size(), kInputChunk);
  const auto put = ::write(input_, pending_.data(), size);
  if (put >= 0) {
    pending_.erase(0, static_cast<std::size_t>(put));
  } else if (errno != EAGAIN && errno != EINTR) {
    // The container has closed its stdin: what is typed from now on goes nowhere.
    pending_.clear();
    input_ = -1;
  }
  end_input();
}

Relay::End Relay::run(std::stop_token stop) {
  const os::Fd stopped(os::check(WHARF_CALL(eventfd, 0, EFD_CLOEXEC), "make an eventfd"));
  const std::stop_callback wake(stop, [&] {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto put = ::write(stopped.get(), &one, sizeof one);
  });
  if (!client_.already_read.empty() && typed(std::exchange(client_.already_read, {}))) {
    return End::Detached;
  }
  int quiet_ms = 0;
  head_until_ = std::chrono::steady_clock::now() + kHeadTime;
  std::vector<pollfd> waits;
  while (true) {
    if (!write_client()) return End::ClientGone;
    if (!sources_open() && spool_.empty()) return End::SourcesEnded;
    if (quiet_ms >= kQuietMs && spool_.empty()) return End::SourcesEnded;

    const bool take_input = !client_reading_ended_ && pending_.size() < kInputLimit;
    const bool read_sources = spool_.size() < back_pressure_;
    waits.clear();
    waits.push_back({client_.socket.get(),
                     static_cast<short>((take_input ? POLLIN : 0) |
                                        (spool_.empty() || !client_has_head_ ? 0 : POLLOUT)),
                     0});
    waits.push_back({stopped.get(), POLLIN, 0});
    waits.push_back({pending_.empty() ? -1 : input_, POLLOUT, 0});
    for (const Source& source : sources_) {
      waits.push_back({source.open && read_sources ? source.fd : -1, POLLIN, 0});
    }
    const bool finished = finished_ && finished_();
    const bool head_waits = !spool_.empty() && !client_has_head_;
    const int look_ms = head_waits ? kHeadLookMs : finished_ ? kLookMs : -1;
    const int ready = ::poll(waits.data(), waits.size(), look_ms);
    if (ready < 0 && errno != EINTR) throw os::last_error("wait for streams");
    quiet_ms = ready == 0 && finished && !head_waits ? quiet_ms + kLookMs : 0;

    if (waits[1].revents != 0) return End::Stopped;
    if ((waits[0].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0) return End::ClientGone;
    if ((waits[0].revents & POLLIN) != 0 && !read_client()) return End::Detached;
    if (waits[2].revents != 0 && input_ >= 0) write_input();
    try {
      for (std::size_t i = 0; i < sources_.size(); ++i) {
        if (waits[3 + i].revents != 0) read_source(sources_[i]);
      }
    } catch (const base::Error& error) {
      if (error.kind() == base::Kind::TooLarge) return End::ClientTooSlow;
      throw;
    }
  }
}

}  // namespace wharf::container
