// /containers/{id}/logs and /attach: where a request becomes a stream of bytes.
#include "base/strings.h"
#include "engine/engine.h"
#include "http/pump.h"
#include "http/websocket.h"
#include "os/fd.h"
#include "server/exchange.h"
#include "server/parameters.h"
#include "server/routes/containers.h"

namespace wharf::server {
namespace {

using base::fail;
using base::Kind;
using engine::Engine;

/// Docker: "all" and what is no number mean everything, as a negative number does.
std::int64_t tail_parameter(const Exchange& exchange) {
  try {
    return std::max<std::int64_t>(-1, exchange.number("tail", -1));
  } catch (const base::Error&) {
    return -1;
  }
}

bool wants_json(const Exchange& exchange) {
  const std::string& format = exchange.parameter("format");
  if (exchange.before(54) || format.empty()) return false;
  if (format != "json") fail(Kind::InvalidArgument, "unsupported log format");
  return true;
}

const char* status_words(int status) {
  switch (status) {
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 409:
      return "Conflict";
    default:
      return "Internal Server Error";
  }
}

/// Docker: attach takes the connection first, so its errors are written by hand, as plain text.
void refuse_attach(Exchange& exchange, const base::Error& error) {
  const int status = base::http_status(error.kind());
  const http::Hijacked hijacked = exchange.take_connection();
  os::write_all(hijacked.socket,
                fmt::format("HTTP/1.1 {} {}\r\nContent-Type: {}\r\n\r\n{}\r\n", status,
                            status_words(status), kRawStream, error.what()));
}

container::AttachOptions attach_options(const Exchange& exchange) {
  container::AttachOptions options;
  options.logs = exchange.flag("logs");
  options.stream = exchange.flag("stream");
  options.in = exchange.flag("stdin");
  options.out = exchange.flag("stdout");
  options.err = exchange.flag("stderr");
  options.detach_keys = exchange.parameter("detachKeys");
  return options;
}

}  // namespace

std::string stream_type(bool raw, api::Version version) {
  return std::string(raw || version < api::Version{1, 42} ? kRawStream : kMultiplexedStream);
}

void container_logs(Engine& engine, Exchange& exchange) {
  container::LogQuery query;
  query.out = exchange.flag("stdout");
  query.err = exchange.flag("stderr");
  if (!query.out && !query.err) {
    fail(Kind::InvalidArgument, "must specify at least one of 'stdout' or 'stderr'");
  }
  query.follow = exchange.flag("follow");
  query.timestamps = exchange.flag("timestamps");
  query.details = exchange.flag("details");
  query.json = wants_json(exchange);
  query.tail = tail_parameter(exchange);
  query.since = time_parameter(exchange, "since", "\"since\"");
  // Docker: here, and for `until` alone, 0 is as good as nothing.
  if (exchange.parameter("until") != "0")
    query.until = time_parameter(exchange, "until", "\"until\"");
  const auto log = engine.containers.logs(exchange.variable("name"), query);

  const std::string type =
      query.json ? "application/x-ndjson" : stream_type(log->raw(), exchange.version());
  http::ChunkedWriter& out = exchange.stream(200, type);
  out.flush();
  log->send([&](std::string_view frame) { out.write(frame); }, exchange.gone());
}

void container_attach(Engine& engine, Exchange& exchange) {
  std::unique_ptr<container::Attached> attached;
  try {
    attached = engine.containers.attach(exchange.variable("name"), attach_options(exchange));
  } catch (const base::Error& error) {
    return refuse_attach(exchange, error);
  }
  http::Hijacked hijacked = exchange.hijack(stream_type(attached->raw(), exchange.version()));
  attached->run({std::move(hijacked.socket), std::move(hijacked.already_read)}, exchange.gone());
}

void container_attach_websocket(Engine& engine, Exchange& exchange) {
  const std::string& name = exchange.variable("name");
  engine.containers.resolve(name);
  // Docker: its library's words, as plain text.
  if (!http::wants_websocket(exchange.headers()))
    return exchange.reply_text(400, "", "not websocket protocol");
  container::AttachOptions options = attach_options(exchange);
  // Docker: before 1.42 a WebSocket had all three, whatever was asked.
  if (exchange.before(42)) options.in = options.out = options.err = true;
  options.unframed = true;
  const auto attached = engine.containers.attach(name, options);
  const std::string key(exchange.headers().get("Sec-WebSocket-Key"));
  http::Hijacked hijacked = exchange.take_connection();
  os::write_all(hijacked.socket, http::websocket_answer(key));
  os::Fd bytes = http::pump(
      http::websocket_stream(std::move(hijacked.socket), std::move(hijacked.already_read)));
  attached->run({std::move(bytes), {}}, exchange.gone());
}

}  // namespace wharf::server
