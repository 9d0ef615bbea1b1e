// An HTTP/1.1 client for one endpoint: the daemon's socket, a registry, a token server.
//
// Client keeps idle connections and reuses them; a Response owns its connection until its
// body is read, and gives it back then. A request may carry a body of unknown length while
// the response already comes (load, build): both move in one loop, so neither side can
// block the other. Client is thread-safe; each Response belongs to one thread.
//
//   http::Client client({.path = "/run/docker.sock"}, {});
//   http::client::Response response = client.send({.method = "GET", .target = "/version"});
//   base::parse_json(response.read_all(kLimit));
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "http/dial.h"
#include "http/stream.h"

namespace wharf::http::client {

inline constexpr std::size_t kHeadLimit = 64 << 10;

struct Header {
  std::string name;
  std::string value;
};
using Headers = std::vector<Header>;

/// Fills the buffer with the next bytes of a body; 0 is its end. May throw.
using BodySource = std::function<std::size_t(std::span<char> into)>;

struct Request {
  std::string method = "GET";
  std::string target = "/";  ///< Path and query, encoded.
  Headers headers;           ///< Host, Content-Length, Transfer-Encoding are added.
  std::string body;
  BodySource source;                          ///< Instead of `body`.
  std::optional<std::uint64_t> source_bytes;  ///< Known length of `source`; else chunked.
  std::stop_token stop;                       ///< Ends this request and its response: Cancelled.
};

/// A connection taken out of HTTP: after 101, or an un-upgraded attach.
struct Hijacked {
  std::unique_ptr<Stream> stream;
  std::string leftover;  ///< Bytes that came with the head and belong to the stream.
};

class Connection;
class Pool;

class Response {
 public:
  Response(std::unique_ptr<Connection> connection, std::shared_ptr<Pool> pool);
  ~Response();
  Response(Response&&) noexcept;
  Response& operator=(Response&&) noexcept;

  int status() const;
  /// The status line's words: "Not Found".
  std::string_view reason() const;
  const Headers& headers() const;
  /// The first header of that name in any case; empty where absent.
  std::string_view header(std::string_view name) const;

  /// Body bytes; 0 at the end, after which the connection is free for others. Throws
  /// Unavailable "unexpected EOF" when the peer ends within the body.
  std::size_t read_some(std::span<char> into);

  /// The rest of the body. Throws TooLarge past `limit` bytes.
  std::string read_all(std::size_t limit);

  /// The raw connection; only directly after the head.
  Hijacked hijack() &&;

  /// From any thread: reads end with Cancelled.
  void interrupt() noexcept;

  /// For poll(2) besides other descriptors: readable means read_some has something to do.
  int poll_fd() const;

  /// True when read_some has bytes already, which poll(2) does not show.
  bool buffered() const;

 private:
  std::unique_ptr<Connection> connection_;
  std::shared_ptr<Pool> pool_;
};

struct Options {
  std::string host_header;    ///< Default: "host:port" of the endpoint, "docker" for unix.
  Headers headers;            ///< Sent with every request.
  std::string target_prefix;  ///< Before every target: "http://host" through a proxy.
  int connect_timeout_ms = kConnectTimeoutMs;
  int idle_timeout_ms = -1;
  std::size_t idle_connections = 4;
};

class Client {
 public:
  Client(Endpoint endpoint, Options options);
  ~Client();

  /// Sends and reads the head. An idle connection that the peer had closed meanwhile is
  /// replaced once, unless part of a `source` was already taken. Throws Unavailable,
  /// Cancelled, InvalidArgument (a line feed in a header).
  Response send(const Request& request);

  const Endpoint& endpoint() const { return endpoint_; }

 private:
  std::unique_ptr<Connection> connect(const Request& request) const;
  std::string host_of_endpoint() const;

  Endpoint endpoint_;
  Options options_;
  std::shared_ptr<Pool> pool_;
};

}  // namespace wharf::http::client

namespace wharf::http {
using client::Client;
}  // namespace wharf::http
