#include "http/client.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/strings.h"
#include "http/client_connection.h"

namespace wharf::http::client {

using base::Kind;

/// Idle connections of one client, the latest used first. Thread-safe.
class Pool {
 public:
  explicit Pool(std::size_t limit) : limit_(limit) {}

  std::unique_ptr<Connection> take() {
    const std::lock_guard lock(mutex_);
    while (!idle_.empty()) {
      std::unique_ptr<Connection> last = std::move(idle_.back());
      idle_.pop_back();
      if (last->quiet()) return last;
    }
    return nullptr;
  }

  void give(std::unique_ptr<Connection> connection) {
    const std::lock_guard lock(mutex_);
    if (idle_.size() < limit_) idle_.push_back(std::move(connection));
  }

 private:
  std::mutex mutex_;
  std::size_t limit_;
  std::vector<std::unique_ptr<Connection>> idle_;
};

Response::Response(std::unique_ptr<Connection> connection, std::shared_ptr<Pool> pool)
    : connection_(std::move(connection)), pool_(std::move(pool)) {}
Response::Response(Response&&) noexcept = default;
Response& Response::operator=(Response&&) noexcept = default;

Response::~Response() {
  if (!connection_ || !connection_->reusable()) return;
  connection_->forget_stop();
  pool_->give(std::move(connection_));
}

int Response::status() const {
  return connection_->head().status;
}
std::string_view Response::reason() const {
  return connection_->head().reason;
}
const Headers& Response::headers() const {
  return connection_->head().headers;
}

std::string_view Response::header(std::string_view name) const {
  for (const Header& each : headers()) {
    if (base::equal_fold(each.name, name)) return each.value;
  }
  return {};
}

std::size_t Response::read_some(std::span<char> into) {
  return connection_->read_body(into);
}

std::string Response::read_all(std::size_t limit) {
  std::string out;
  std::array<char, 16384> buffer;
  while (const std::size_t n = read_some(buffer)) {
    if (out.size() + n > limit) base::fail(Kind::TooLarge, "response of more than {} bytes", limit);
    out.append(buffer.data(), n);
  }
  return out;
}

Hijacked Response::hijack() && {
  Hijacked out = std::move(*connection_).hijack();
  connection_.reset();
  return out;
}

void Response::interrupt() noexcept {
  connection_->stream().interrupt();
}
bool Response::buffered() const {
  return connection_->buffered();
}
int Response::poll_fd() const {
  return connection_->stream().fd().get();
}

Client::Client(Endpoint endpoint, Options options)
    : endpoint_(std::move(endpoint)),
      options_(std::move(options)),
      pool_(std::make_shared<Pool>(options_.idle_connections)) {
  if (options_.host_header.empty()) options_.host_header = host_of_endpoint();
  if (!endpoint_.proxy || endpoint_.tls) return;
  options_.target_prefix = "http://" + options_.host_header;
  if (!endpoint_.proxy->authorization.empty())
    options_.headers.push_back({"Proxy-Authorization", endpoint_.proxy->authorization});
}

std::string Client::host_of_endpoint() const {
  std::string out = "docker";
  if (endpoint_.path.empty()) {
    const bool v6 = endpoint_.host.find(':') != std::string::npos;
    out = v6 ? "[" + endpoint_.host + "]" : endpoint_.host;
    if (endpoint_.port != (endpoint_.tls ? 443 : 80)) {
      out += ":" + std::to_string(endpoint_.port);
    }
  }
  return out;
}

Client::~Client() = default;

std::unique_ptr<Connection> Client::connect(const Request& request) const {
  const DialOptions options{options_.connect_timeout_ms, options_.idle_timeout_ms, request.stop};
  return std::make_unique<Connection>(dial(endpoint_, options));
}

Response Client::send(const Request& request) {
  const std::string head = request_head(request, options_);
  if (std::unique_ptr<Connection> idle = pool_->take()) {
    try {
      idle->exchange(request, head);
      return Response(std::move(idle), pool_);
    } catch (const base::Error&) {
      // The peer may close an idle connection just when we write. Nothing of it came back
      // and the body can be sent again: this request has not been seen.
      if (!idle->untouched() || request.stop.stop_requested()) throw;
    }
  }
  std::unique_ptr<Connection> fresh = connect(request);
  fresh->exchange(request, head);
  return Response(std::move(fresh), pool_);
}

}  // namespace wharf::http::client
