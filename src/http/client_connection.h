// One connection of the client: sends a request, parses the response (Boost.Beast's push
// parser, seen only in the .cc file). One thread at a time, but for stream().interrupt().
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "http/client.h"

namespace wharf::http::client {

struct Head {
  int status = 0;
  std::string reason;
  Headers headers;
};

/// Request line and headers. Throws InvalidArgument for control characters in them.
std::string request_head(const Request& request, const Options& options);

class Connection {
 public:
  explicit Connection(std::unique_ptr<Stream> stream);
  ~Connection();

  /// Writes `head` and the body, until the head of the response has come.
  void exchange(const Request& request, const std::string& head);

  const Head& head() const { return head_; }
  Stream& stream() { return *stream_; }

  /// See Response::read_some.
  std::size_t read_body(std::span<char> into);

  Hijacked hijack() &&;

  /// The response is read to its end and both sides keep the connection.
  bool reusable() const;

  /// An idle connection on which nothing, not even an end, has arrived.
  bool quiet() const;

  bool buffered() const { return !received_bytes_.empty() || stream_->buffered(); }

  /// No byte of the response has come and nothing was taken from the body's source.
  bool untouched() const { return !received_ && !source_taken_; }

  /// The stop token of the request no longer ends this connection.
  void forget_stop() { interrupt_.reset(); }

 private:
  struct Parser;
  struct Interrupt {
    Stream* stream;
    void operator()() const noexcept { stream->interrupt(); }
  };

  void read_head(const Request& request);
  /// Moves body out and bytes in, until bytes have come (false: the peer's end).
  bool receive();
  void send_more();
  void next_piece();
  bool sending() const { return !unsent_.empty() || source_; }
  void copy_head();

  std::unique_ptr<Stream> stream_;
  std::unique_ptr<Parser> parser_;
  Head head_;
  std::string received_bytes_;  ///< Read, not yet parsed.
  std::string outgoing_;
  std::string_view unsent_;  ///< The part of outgoing_ still to go.
  BodySource source_;
  bool chunked_ = false;
  std::uint64_t source_left_ = 0;
  bool received_ = false;
  bool source_taken_ = false;
  std::optional<std::stop_callback<Interrupt>> interrupt_;
};

}  // namespace wharf::http::client
