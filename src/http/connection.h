// One client's connection as the server sees it: requests in, answers out.
//
// Connection owns the Stream. A request is read with next_request(), its body with body(),
// and answered once by respond(), stream() or take(). One thread serves it; gone() is a
// token that a watcher thread triggers, and interrupt() may come from any thread.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "http/chunks.h"
#include "http/message.h"
#include "http/request_parser.h"
#include "http/stream.h"
#include "http/watcher.h"

namespace wharf::http {

/// Waits of the server, threats F40.
inline constexpr int kHeadTimeoutMs = 10'000;   ///< From the first byte to the end of a head.
inline constexpr int kBodyTimeoutMs = 60'000;   ///< Between two pieces of a body.
inline constexpr int kIdleTimeoutMs = 300'000;  ///< Between two requests.
inline constexpr int kReplyTimeoutMs = 60'000;  ///< While the client does not read a plain answer.

enum class Transport { Unix, Tcp, Tls };

class Connection {
 public:
  Connection(std::unique_ptr<Stream> stream, Watcher& watcher, Transport transport);
  ~Connection();
  Connection(const Connection&) = delete;

  /// The next head; nothing when the client is done or idle for too long. Throws BadRequest.
  const RequestHead* next_request();

  Body& body();

  /// "NAME: value" lines of the answer; Date, Connection and the framing are added here.
  void respond(int status, const Headers& headers, std::string_view text);
  ChunkedWriter& stream(int status, const Headers& headers);

  /// The connection itself, with nothing answered yet.
  Hijacked take();

  bool answered() const { return answered_; }
  bool taken() const { return stream_ == nullptr; }
  Transport transport() const { return transport_; }

  /// Stops when the client closes its end, until the request is finished.
  std::stop_token gone();

  /// Ends the request: drops what is left of a small body. False when the connection must close.
  bool finish_request();

  /// Sends an answer to what was no request, and lets the client read it before the close.
  void refuse(const BadRequest& bad);

  /// From another thread: no more is read from the client, and gone() stops.
  void interrupt_reads();
  /// From another thread: every wait ends.
  void interrupt();

 private:
  class RequestBody;
  class Chunks;

  void write(std::string_view bytes);
  bool fill();
  void send_head(int status, const Headers& headers, std::string_view framing,
                 std::string_view text);
  void linger();

  std::unique_ptr<Stream> stream_;
  Watcher& watcher_;
  const Transport transport_;
  std::mutex mutex_;   ///< Between take(), gone() and the interrupts of another thread.
  std::string input_;  ///< Read and not yet used.
  RequestHead head_;
  std::unique_ptr<RequestBody> body_;
  std::unique_ptr<Chunks> chunks_;
  std::stop_source gone_;
  std::optional<Watcher::Watch> watch_;
  bool interrupted_ = false;
  bool answered_ = false;
  bool cut_ = false;  ///< The answer is not whole: nothing may follow on this connection.
};

}  // namespace wharf::http
