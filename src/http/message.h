// What a server knows of a request, and how the body is read and the answer written.
//
// Body and ChunkedWriter are used by the thread that serves the request, only while it does.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "http/headers.h"
#include "os/fd.h"

namespace wharf::http {

/// The head of a request: what stands before the body.
struct RequestHead {
  std::string method;
  std::string target;  ///< As sent, "/v1.51/info?x=1".
  bool http_1_0 = false;
  bool keep_alive = true;
  bool has_body = false;             ///< A length other than 0, or chunks.
  std::int64_t content_length = -1;  ///< -1 when chunked.
  Headers headers;
};

/// The body of a request, decoded, as a stream.
class Body {
 public:
  virtual ~Body() = default;

  /// At most into.size() bytes; 0 at the end. The first read answers "Expect: 100-continue".
  /// Throws InvalidArgument for broken chunks or an early end, Cancelled when the client
  /// sends nothing for 60 s.
  virtual std::size_t read(std::span<char> into) = 0;

  /// Everything. One byte more than `limit` is an Error TooLarge.
  std::string read_all(std::size_t limit);
};

/// A body of unknown length. Every write is one chunk and is sent at once.
class ChunkedWriter {
 public:
  virtual ~ChunkedWriter() = default;

  /// Sends the head if it was not sent, then `bytes`. Throws Cancelled when the client is gone.
  virtual void write(std::string_view bytes) = 0;

  /// Sends the head now, before there is a first byte to send.
  virtual void flush() = 0;

  /// False while an error can still become an ordinary answer.
  virtual bool started() const = 0;
};

/// A connection that stopped being HTTP.
struct Hijacked {
  os::Fd socket;  ///< Plain bytes both ways, also when the client speaks TLS.
  std::string
      already_read;  ///< What the client sent after the head: comes before the socket's bytes.
};

}  // namespace wharf::http
