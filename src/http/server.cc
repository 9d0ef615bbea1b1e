#include "http/server.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "base/log.h"
#include "http/tls_server.h"

namespace wharf::http {
namespace {

constexpr int kFirstPauseMs = 5;
constexpr int kLongestPauseMs = 1000;

/// Accepting failed for want of something that others will give back.
bool is_shortage(int error_number) {
  return error_number == EMFILE || error_number == ENFILE || error_number == ENOBUFS ||
         error_number == ENOMEM;
}

/// Said without a thread and without waiting: a client that does not read loses it.
void turn_away(const os::Fd& client, std::string_view why) {
  const std::string body = fmt::format("{{\"message\":\"{}\"}}\n", why);
  const std::string answer = fmt::format(
      "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: {}\r\n"
      "Connection: close\r\n\r\n{}",
      body.size(), body);
  WHARF_CALL(send, client.get(), answer.data(), answer.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  ::shutdown(client.get(), SHUT_WR);
}

}  // namespace

Server::Server(Service service, std::size_t connections)
    : service_(std::move(service)), limit_(connections) {
  stop_event_ =
      os::Fd(os::check(WHARF_CALL(eventfd, 0, EFD_CLOEXEC | EFD_NONBLOCK), "make eventfd"));
}

Server::~Server() {
  stop(0);
}

void Server::listen(Listener listener) {
  listeners_.push_back(std::move(listener));
  acceptors_.emplace_back([this, &added = listeners_.back()] { accept_clients(added); });
}

void Server::accept_clients(const Listener& listener) {
  int pause_ms = kFirstPauseMs;
  std::array<pollfd, 2> watched{
      {{stop_event_.get(), POLLIN, 0}, {listener.socket.get(), POLLIN, 0}}};
  while (true) {
    WHARF_CALL(poll, watched.data(), watched.size(), -1);
    if (watched[0].revents != 0) return;
    os::Fd client(
        WHARF_CALL(accept4, listener.socket.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (client) {
      pause_ms = kFirstPauseMs;
      admit(listener, std::move(client));
    } else if (is_shortage(errno)) {
      const int error_number = errno;
      base::log_warn("accept on {}: {}; trying again in {} ms", listener.name,
                     base::errno_error(error_number, "no connection").what(), pause_ms);
      WHARF_CALL(poll, watched.data(), 1, pause_ms);
      pause_ms = std::min(pause_ms * 2, kLongestPauseMs);
    }
  }
}

void Server::admit(const Listener& listener, os::Fd client) {
  {
    const std::lock_guard lock(mutex_);
    if (threads_ >= limit_)
      return turn_away(client, "too many connections: the daemon serves at most 4096 at once");
    ++threads_;
    ++accepted_;
  }
  const auto owned = std::make_shared<os::Fd>(std::move(client));
  try {
    std::thread([this, &listener, owned] {
      serve(listener, std::move(*owned));
      const std::lock_guard lock(mutex_);
      --threads_;
      ended_.notify_all();
    }).detach();
  } catch (const std::exception& error) {
    base::log_error("no thread for a client of {}: {}", listener.name, error.what());
    turn_away(*owned, "the daemon cannot make a thread for this connection; try again");
    const std::lock_guard lock(mutex_);
    --threads_;
  }
}

void Server::serve(const Listener& listener, os::Fd client) {
  try {
    std::unique_ptr<Stream> stream = listener.tls
                                         ? listener.tls->accept(std::move(client), kHeadTimeoutMs)
                                         : plain_stream(std::move(client));
    Connection connection(std::move(stream), watcher_, listener.transport);
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      live_.push_back(&connection);
    }
    try {
      converse(connection);
    } catch (const std::exception& error) {
      base::log_debug("connection on {} ended: {}", listener.name, error.what());
    }
    const std::lock_guard lock(mutex_);
    live_.remove(&connection);
  } catch (const std::exception& error) {
    base::log_debug("connection on {} refused: {}", listener.name, error.what());
  }
}

void Server::converse(Connection& connection) {
  try {
    while (const RequestHead* head = connection.next_request()) {
      service_(connection, *head);
      if (!connection.finish_request()) return;
    }
  } catch (const BadRequest& bad) {
    if (!connection.taken() && !connection.answered()) connection.refuse(bad);
  }
}

std::size_t Server::connections() const {
  const std::lock_guard lock(mutex_);
  return threads_;
}

std::uint64_t Server::accepted() const {
  const std::lock_guard lock(mutex_);
  return accepted_;
}

void Server::stop(int grace_ms) {
  if (try_stop(grace_ms, 0)) return;
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [this] { return threads_ == 0; });
}

bool Server::try_stop(int grace_ms, int cut_ms) {
  const std::uint64_t one = 1;
  os::write_all(stop_event_, {reinterpret_cast<const char*>(&one), sizeof one});
  for (std::thread& acceptor : acceptors_) acceptor.join();
  acceptors_.clear();

  std::unique_lock lock(mutex_);
  stopping_ = true;
  for (Connection* connection : live_) connection->interrupt_reads();
  const auto none_left = [this] { return threads_ == 0; };
  if (ended_.wait_for(lock, std::chrono::milliseconds(grace_ms), none_left)) return true;
  for (Connection* connection : live_) connection->interrupt();
  return ended_.wait_for(lock, std::chrono::milliseconds(cut_ms), none_left);
}

}  // namespace wharf::http
