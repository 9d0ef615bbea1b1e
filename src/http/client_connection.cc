#include "http/client_connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>

#include "base/strings.h"

namespace wharf::http::client {

namespace beast = boost::beast::http;
using base::Kind;

namespace {

constexpr std::size_t kPiece = 64 << 10;

void check_text(std::string_view text, std::string_view what) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == '\r' || byte == '\n' || byte == 0) {
      base::fail(Kind::InvalidArgument, "net/http: invalid {} {}", what, base::quoted(text));
    }
  }
}

void add_header(std::string& out, const Header& header) {
  check_text(header.name, "header field name");
  check_text(header.value, "header field value");
  out += header.name + ": " + header.value + "\r\n";
}

}  // namespace

std::string request_head(const Request& request, const Options& options) {
  check_text(request.target, "request target");
  if (request.target.find(' ') != std::string::npos) {
    base::fail(Kind::InvalidArgument, "net/http: invalid request target {}",
               base::quoted(request.target));
  }
  std::string out = request.method + " " + options.target_prefix + request.target + " HTTP/1.1\r\n";
  add_header(out, {"Host", options.host_header});
  for (const Header& each : options.headers) add_header(out, each);
  for (const Header& each : request.headers) add_header(out, each);
  if (request.source && !request.source_bytes) {
    out += "Transfer-Encoding: chunked\r\n";
  } else if (request.source) {
    out += fmt::format("Content-Length: {}\r\n", *request.source_bytes);
  } else if (!request.body.empty() || (request.method != "GET" && request.method != "HEAD")) {
    out += fmt::format("Content-Length: {}\r\n", request.body.size());
  }
  return out + "\r\n";
}

struct Connection::Parser {
  explicit Parser(bool head_only) {
    response.header_limit(kHeadLimit);
    response.body_limit(boost::none);
    response.skip(head_only);
  }

  beast::response_parser<beast::buffer_body> response;
};

Connection::Connection(std::unique_ptr<Stream> stream) : stream_(std::move(stream)) {}
Connection::~Connection() = default;

void Connection::exchange(const Request& request, const std::string& head) {
  forget_stop();
  if (request.stop.stop_possible()) interrupt_.emplace(request.stop, Interrupt{stream_.get()});
  received_ = source_taken_ = false;
  outgoing_ = head + request.body;
  unsent_ = outgoing_;
  source_ = request.source;
  chunked_ = request.source && !request.source_bytes;
  source_left_ = request.source_bytes.value_or(0);
  // What fits goes out at once; the rest moves together with the response.
  send_more();
  do {
    read_head(request);
  } while (head_.status >= 100 && head_.status < 200 && head_.status != 101);
}

void Connection::read_head(const Request& request) {
  parser_ = std::make_unique<Parser>(request.method == "HEAD");
  while (!parser_->response.is_header_done()) {
    if (received_bytes_.empty() && !receive()) {
      base::fail(Kind::Unavailable, "{}", received_ ? "unexpected EOF" : "EOF");
    }
    boost::system::error_code failed;
    const std::size_t used = parser_->response.put(
        boost::asio::const_buffer(received_bytes_.data(), received_bytes_.size()), failed);
    received_bytes_.erase(0, used);
    if (failed == beast::error::need_more) {
      if (!receive()) base::fail(Kind::Unavailable, "unexpected EOF");
    } else if (failed && failed != beast::error::need_buffer) {
      base::fail(Kind::Unavailable, "malformed HTTP response: {}", failed.message());
    }
  }
  copy_head();
}

void Connection::copy_head() {
  const auto& message = parser_->response.get();
  head_ = {};
  head_.status = static_cast<int>(message.result_int());
  head_.reason = std::string(message.reason());
  for (const auto& field : message) {
    head_.headers.push_back({std::string(field.name_string()), std::string(field.value())});
  }
}

std::size_t Connection::read_body(std::span<char> into) {
  auto& response = parser_->response;
  while (!response.is_done()) {
    auto& body = response.get().body();
    body.data = into.data();
    body.size = into.size();
    body.more = true;
    boost::system::error_code failed;
    if (!received_bytes_.empty()) {
      const std::size_t used = response.put(
          boost::asio::const_buffer(received_bytes_.data(), received_bytes_.size()), failed);
      received_bytes_.erase(0, used);
      if (failed && failed != beast::error::need_buffer && failed != beast::error::need_more) {
        base::fail(Kind::Unavailable, "malformed HTTP response: {}", failed.message());
      }
      const std::size_t filled = into.size() - body.size;
      if (filled > 0) return filled;
      if (used > 0 && !received_bytes_.empty()) continue;
      if (response.is_done()) break;
    }
    if (receive()) continue;
    failed = {};
    response.put_eof(failed);
    if (failed) base::fail(Kind::Unavailable, "unexpected EOF");
    return 0;
  }
  return 0;
}

bool Connection::receive() {
  const std::size_t old = received_bytes_.size();
  received_bytes_.resize(old + kPiece);
  while (true) {
    const Stream::Attempt got = stream_->try_read(std::span(received_bytes_).subspan(old));
    if (got.wait_for == 0) {
      received_bytes_.resize(old + got.bytes);
      received_ = received_ || got.bytes > 0;
      return got.bytes > 0;
    }
    const short events = static_cast<short>(got.wait_for | (sending() ? POLLOUT : 0));
    if (stream_->wait(events) & POLLOUT) send_more();
  }
}

void Connection::send_more() {
  try {
    while (sending()) {
      if (unsent_.empty()) next_piece();
      if (unsent_.empty()) return;
      const Stream::Attempt sent = stream_->try_write(unsent_);
      unsent_.remove_prefix(sent.bytes);
      if (sent.wait_for != 0) return;
    }
  } catch (const base::Error& failed) {
    // The peer may refuse a body and close; its answer is then still to be read.
    if (failed.error_number() != EPIPE && failed.error_number() != ECONNRESET) throw;
    unsent_ = {};
    source_ = nullptr;
  }
}

void Connection::next_piece() {
  source_taken_ = true;
  std::array<char, kPiece> buffer;
  const std::size_t limit =
      chunked_ ? buffer.size()
               : static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), source_left_));
  const std::size_t n = limit ? source_(std::span(buffer).first(limit)) : 0;
  const std::string_view bytes(buffer.data(), n);
  if (chunked_) {
    outgoing_ = n ? fmt::format("{:x}\r\n{}\r\n", n, bytes) : "0\r\n\r\n";
  } else {
    if (n == 0 && source_left_ > 0) {
      base::fail(Kind::InvalidArgument, "request body is {} bytes short", source_left_);
    }
    source_left_ -= n;
    outgoing_ = bytes;
  }
  if (n == 0 || (!chunked_ && source_left_ == 0)) source_ = nullptr;
  unsent_ = outgoing_;
}

Hijacked Connection::hijack() && {
  forget_stop();
  return {std::move(stream_), std::move(received_bytes_)};
}

bool Connection::reusable() const {
  if (!stream_ || !parser_ || !parser_->response.is_done()) return false;
  if (head_.status == 101) return false;
  // A body that is still being sent when the answer is complete was not wanted.
  return !sending() && received_bytes_.empty() && parser_->response.keep_alive();
}

bool Connection::quiet() const {
  pollfd watched{stream_->fd().get(), POLLIN, 0};
  return !stream_->buffered() && ::poll(&watched, 1, 0) == 0;
}

}  // namespace wharf::http::client
