#include "http/connection.h"

#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#include "base/time.h"
#include "http/pump.h"

namespace wharf::http {
namespace {

using base::Kind;

constexpr std::size_t kFillBytes = 16 << 10;
constexpr std::size_t kDrainBytes = 256 << 10;

const char* reason_phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 204:
      return "No Content";
    case 301:
      return "Moved Permanently";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Request Entity Too Large";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Status";
  }
}

std::string http_date() {
  const time_t now = ::time(nullptr);
  tm utc{};
  ::gmtime_r(&now, &utc);
  std::array<char, 64> text{};
  const std::size_t length =
      ::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &utc);
  return {text.data(), length};
}

bool has_no_body(int status) {
  return status == 204 || status == 304 || status < 200;
}

/// Whatever the stream says went wrong, the client is not there any more.
template <class Step>
auto with_client(Step step) {
  try {
    return step();
  } catch (const base::Error& error) {
    throw base::Error(Kind::Cancelled, fmt::format("client gone: {}", error.what()),
                      error.error_number());
  }
}

}  // namespace

/// Reads a body of known length straight from the stream, and a chunked one through the parser.
class Connection::RequestBody final : public Body {
 public:
  explicit RequestBody(Connection& connection)
      : connection_(connection), left_(connection.head_.content_length) {}

  std::size_t read(std::span<char> into) override {
    if (into.empty() || done()) return 0;
    answer_expectation();
    return left_ >= 0 ? read_known(into) : read_chunked(into);
  }

  bool done() const {
    if (!connection_.head_.has_body) return true;
    return left_ >= 0 ? left_ == 0 : chunks_.done();
  }

  bool untouched_expectation() const { return !expectation_answered_ && expects_continue(); }

 private:
  bool expects_continue() const {
    return !connection_.head_.http_1_0 &&
           connection_.head_.headers.has_token("Expect", "100-continue");
  }

  void answer_expectation() {
    if (expectation_answered_) return;
    expectation_answered_ = true;
    if (expects_continue()) connection_.write("HTTP/1.1 100 Continue\r\n\r\n");
  }

  std::size_t read_known(std::span<char> into) {
    const std::size_t wanted = std::min(into.size(), static_cast<std::size_t>(left_));
    std::size_t got = 0;
    if (!connection_.input_.empty()) {
      got = connection_.input_.copy(into.data(), wanted);
      connection_.input_.erase(0, got);
    } else {
      connection_.stream_->set_idle_timeout_ms(kBodyTimeoutMs);
      got = with_client([&] { return connection_.stream_->read_some(into.first(wanted)); });
      if (got == 0) base::fail(Kind::InvalidArgument, "unexpected EOF");
    }
    left_ -= static_cast<std::int64_t>(got);
    return got;
  }

  std::size_t read_chunked(std::span<char> into) {
    while (true) {
      const std::size_t got = chunks_.put(connection_.input_, into);
      if (got != 0 || chunks_.done()) return got;
      more_input();
    }
  }

  void more_input() {
    connection_.stream_->set_idle_timeout_ms(kBodyTimeoutMs);
    if (!with_client([&] { return connection_.fill(); }))
      base::fail(Kind::InvalidArgument, "unexpected EOF");
  }

  Connection& connection_;
  std::int64_t left_;  ///< -1 when chunked.
  ChunkDecoder chunks_;
  bool expectation_answered_ = false;
};

class Connection::Chunks final : public ChunkedWriter {
 public:
  Chunks(Connection& connection, int status, Headers headers)
      : connection_(connection), status_(status), headers_(std::move(headers)) {}

  void write(std::string_view bytes) override {
    flush();
    if (bytes.empty() || connection_.head_.method == "HEAD") return;
    if (connection_.head_.http_1_0) {
      connection_.write(bytes);
      return;
    }
    std::string chunk = fmt::format("{:x}\r\n", bytes.size());
    chunk.reserve(chunk.size() + bytes.size() + 2);
    chunk += bytes;
    chunk += "\r\n";
    connection_.write(chunk);
  }

  void flush() override {
    if (connection_.answered_) return;
    connection_.stream_->set_idle_timeout_ms(-1);  // A slow reader of a stream delays only itself.
    connection_.cut_ = true;
    connection_.send_head(status_, headers_,
                          connection_.head_.http_1_0 ? "" : "Transfer-Encoding: chunked\r\n", {});
  }

  bool started() const override { return connection_.answered_; }

  void finish() {
    flush();
    if (connection_.head_.http_1_0) return;
    if (connection_.head_.method != "HEAD") connection_.write("0\r\n\r\n");
    connection_.cut_ = false;
  }

 private:
  Connection& connection_;
  int status_;
  Headers headers_;
};

std::string Body::read_all(std::size_t limit) {
  std::string all;
  std::array<char, 16 << 10> piece;
  while (const std::size_t got = read(piece)) {
    if (all.size() + got > limit)
      base::fail(Kind::TooLarge, "request body is larger than {} bytes", limit);
    all.append(piece.data(), got);
  }
  return all;
}

Connection::Connection(std::unique_ptr<Stream> stream, Watcher& watcher, Transport transport)
    : stream_(std::move(stream)), watcher_(watcher), transport_(transport) {}

Connection::~Connection() {
  watch_.reset();
  const std::lock_guard lock(mutex_);
  stream_.reset();
}

void Connection::write(std::string_view bytes) {
  with_client([&] { stream_->write_all(bytes); });
}

bool Connection::fill() {
  const std::size_t before = input_.size();
  input_.resize(before + kFillBytes);
  std::size_t got = 0;
  try {
    got = stream_->read_some({input_.data() + before, kFillBytes});
  } catch (...) {
    input_.resize(before);
    throw;
  }
  input_.resize(before + got);
  return got != 0;
}

const RequestHead* Connection::next_request() {
  if (input_.empty()) {
    stream_->set_idle_timeout_ms(kIdleTimeoutMs);
    std::string().swap(input_);  // An idle connection keeps no buffer.
    if (!(stream_->wait(POLLIN) && fill())) return nullptr;
  }
  const std::int64_t deadline = base::monotonic_ns() + kHeadTimeoutMs * std::int64_t{1'000'000};
  RequestParser parser;
  while (!parser.put_head(input_)) {
    const std::int64_t left_ms = (deadline - base::monotonic_ns()) / 1'000'000;
    if (left_ms <= 0) throw BadRequest(408, "the request header took longer than 10 s");
    stream_->set_idle_timeout_ms(static_cast<int>(left_ms));
    if (!fill()) return nullptr;
  }
  head_ = parser.head();
  if (input_.empty()) std::string().swap(input_);  // The answer may take for ever.
  body_ = std::make_unique<RequestBody>(*this);
  stream_->set_idle_timeout_ms(kReplyTimeoutMs);
  chunks_.reset();
  answered_ = false;
  cut_ = false;
  const std::lock_guard lock(mutex_);
  gone_ = std::stop_source();
  if (interrupted_) gone_.request_stop();
  return &head_;
}

Body& Connection::body() {
  return *body_;
}

void Connection::send_head(int status, const Headers& headers, std::string_view framing,
                           std::string_view text) {
  std::string out =
      fmt::format("HTTP/1.{} {} {}\r\n", head_.http_1_0 ? 0 : 1, status, reason_phrase(status));
  for (const auto& [name, value] : headers) {
    // A line feed in a value would begin another header: it came from an object's name.
    if (value.find_first_of("\r\n") != std::string::npos) continue;
    out += fmt::format("{}: {}\r\n", name, value);
  }
  out += fmt::format("Date: {}\r\n{}", http_date(), framing);
  const bool closes = !head_.keep_alive || (head_.http_1_0 && framing.empty());
  if (closes) out += "Connection: close\r\n";
  if (closes) cut_ = true;
  out += "\r\n";
  out += text;
  answered_ = true;
  write(out);
}

void Connection::respond(int status, const Headers& headers, std::string_view text) {
  const std::string framing =
      has_no_body(status) ? "" : fmt::format("Content-Length: {}\r\n", text.size());
  stream_->set_idle_timeout_ms(kReplyTimeoutMs);
  send_head(status, headers, framing,
            head_.method == "HEAD" || has_no_body(status) ? std::string_view() : text);
}

ChunkedWriter& Connection::stream(int status, const Headers& headers) {
  chunks_ = std::make_unique<Chunks>(*this, status, headers);
  return *chunks_;
}

Hijacked Connection::take() {
  watch_.reset();
  const std::lock_guard lock(mutex_);
  answered_ = true;
  os::Fd socket =
      transport_ == Transport::Tls ? pump(std::move(stream_)) : blocking_copy(stream_->fd());
  stream_.reset();
  return {std::move(socket), std::move(input_)};
}

std::stop_token Connection::gone() {
  if (!watch_ && stream_) watch_.emplace(watcher_.watch(stream_->fd().get(), gone_));
  const std::lock_guard lock(mutex_);
  return gone_.get_token();
}

bool Connection::finish_request() {
  watch_.reset();
  if (taken()) return false;
  if (chunks_ && chunks_->started()) chunks_->finish();
  std::array<char, 16 << 10> piece;
  for (std::size_t dropped = 0; !body_->done() && !body_->untouched_expectation();) {
    if (dropped > kDrainBytes) break;
    dropped += body_->read(piece);
  }
  if (!body_->done()) linger();
  if (!body_->done() || cut_ || !head_.keep_alive) return false;
  body_.reset();
  return true;
}

void Connection::refuse(const BadRequest& bad) {
  head_ = RequestHead{};
  head_.keep_alive = false;
  Headers headers;
  headers.add("Content-Type", "text/plain; charset=utf-8");
  respond(bad.status(), headers,
          fmt::format("{} {}: {}", bad.status(), reason_phrase(bad.status()), bad.what()));
  linger();
}

/// Closing with unread bytes resets the connection, and the answer may be lost with it.
void Connection::linger() {
  constexpr std::int64_t kLingerNs = 1'000'000'000;
  stream_->shutdown_write();
  const std::int64_t deadline = base::monotonic_ns() + kLingerNs;
  stream_->set_idle_timeout_ms(500);
  std::array<char, 16 << 10> piece;
  try {
    while (base::monotonic_ns() < deadline && stream_->read_some(piece) != 0) continue;
  } catch (const base::Error&) {
    return;  // The client is slow or gone: it had its chance.
  }
}

void Connection::interrupt_reads() {
  const std::lock_guard lock(mutex_);
  interrupted_ = true;
  gone_.request_stop();
  if (stream_) ::shutdown(stream_->fd().get(), SHUT_RD);
}

void Connection::interrupt() {
  const std::lock_guard lock(mutex_);
  interrupted_ = true;
  gone_.request_stop();
  if (stream_) stream_->interrupt();
}

}  // namespace wharf::http
