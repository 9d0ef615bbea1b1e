// One request and its answer, as a route's function sees them.
//
//   void inspect(engine::Engine& engine, Exchange& exchange) {
//     const auto found = engine.containers.inspect(exchange.variable("name"));
//     exchange.reply(200, to_json(found, exchange.version()));
//   }
//
// Errors are thrown as base::Error: before anything was sent the server answers with the
// kind's status and {"message": ...}. Once a stream has started the connection is cut, so
// a route that streams writes its error into the stream itself. One thread.
#pragma once

#include <map>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "api/version.h"
#include "base/filters.h"
#include "base/json.h"
#include "http/message.h"

namespace wharf::server {

/// JSON bodies are read whole: this is their limit (threats A66).
inline constexpr std::size_t kJsonBodyLimit = 8 << 20;

/// Docker's two media types of hijacked streams.
inline constexpr std::string_view kRawStream = "application/vnd.docker.raw-stream";
inline constexpr std::string_view kMultiplexedStream = "application/vnd.docker.multiplexed-stream";

/// Docker: whether the hijacked answer carries the usual headers too: exec's does, attach's not.
enum class HijackHeaders { None, All };

class Exchange {
 public:
  virtual ~Exchange() = default;

  // The request.

  const http::RequestHead& head() const { return head_; }
  const http::Headers& headers() const { return head_.headers; }
  api::Version version() const { return version_; }
  bool before(int minor) const { return version_ < api::Version{1, minor}; }

  /// The decoded part of the path for "{name}" of the route's pattern; "" if it has none.
  const std::string& variable(std::string_view name) const;

  const http::Query& query() const { return query_; }
  const std::string& parameter(std::string_view key) const { return query_.get(key); }

  /// Docker: "", "0", "no", "false", "none" are false, all else is true; absent is `otherwise`.
  bool flag(std::string_view key, bool otherwise = false) const;

  /// Go's ParseBool. Throws InvalidArgument `invalid value for KEY: x: strconv.ParseBool: ...`.
  bool strict_flag(std::string_view key, bool otherwise = false) const;

  /// A decimal number; absent or "" is `otherwise`. Throws InvalidArgument with Go's words.
  std::int64_t number(std::string_view key, std::int64_t otherwise = 0) const;

  /// The parameter "filters". The route names the keys it knows with require_known().
  base::Filters filters() const;

  /// The JSON body; nothing when there is none. Throws InvalidArgument with Docker's texts for
  /// a wrong Content-Type and (after "invalid JSON: ") for what is no JSON.
  std::optional<base::Json> json_body();

  /// Reads the body with `decode(json)`, giving its complaints the prefix "invalid JSON: ".
  /// False, and nothing called, when there is no body.
  template <class Decode>
  bool read_json(Decode decode);

  /// The body as a stream: tar archives and the like.
  virtual http::Body& body() = 0;

  /// Asked to stop when the client went away or the daemon ends: for long waits.
  virtual std::stop_token gone() = 0;

  // The answer. One of reply, stream, hijack, once.

  /// A header of the answer, also of an error's.
  void set_header(std::string_view name, std::string value) {
    answer_headers_.set(name, std::move(value));
  }

  /// JSON with Docker's one line feed at the end.
  void reply(int status, const base::Json& value);

  /// Without a body (201, 204, 304 ...).
  void reply(int status) { send(status, {}, {}); }

  void reply_text(int status, std::string_view content_type, std::string_view text) {
    send(status, content_type, text);
  }

  /// The head is sent with the first byte or flush(), so errors before that are ordinary answers.
  virtual http::ChunkedWriter& stream(int status, std::string_view content_type) = 0;

  /// Answers 101 UPGRADED, or 200 to a client that did not ask for an upgrade, and hands over
  /// the connection. From here on nothing can be answered; errors go into the stream.
  http::Hijacked hijack(std::string_view content_type, HijackHeaders with = HijackHeaders::None);

  /// The connection with nothing answered: the caller writes the head itself.
  virtual http::Hijacked take_connection() = 0;

  /// True when the client asked for "Upgrade: ..." and so will get 101.
  bool wants_upgrade() const;

 protected:
  Exchange(http::RequestHead head, api::Version version)
      : head_(std::move(head)), version_(version) {}
  /// The usual headers of an answer: Server, Api-Version and so on, and what set_header() added.
  virtual http::Headers usual_headers() const = 0;
  virtual void send(int status, std::string_view content_type, std::string_view text) = 0;

  http::RequestHead head_;
  api::Version version_;
  http::Query query_;
  std::map<std::string, std::string, std::less<>> variables_;
  http::Headers answer_headers_;
};

/// InvalidArgument with "invalid JSON: " before its text; other errors as they are.
[[noreturn]] void rethrow_as_invalid_json();

template <class Decode>
bool Exchange::read_json(Decode decode) {
  const std::optional<base::Json> json = json_body();
  if (!json) return false;
  try {
    decode(*json);
  } catch (const base::Error&) {
    rethrow_as_invalid_json();
  }
  return true;
}

}  // namespace wharf::server
