// /containers/{id}/exec and /exec: a second process in a running container.
#include "api/exec.h"
#include "engine/engine.h"
#include "os/fd.h"
#include "server/exchange.h"
#include "server/parameters.h"
#include "server/route.h"
#include "server/routes/containers.h"

namespace wharf::server {
namespace {

using base::Json;
using base::JsonObject;
using base::Kind;
using engine::Engine;

void create(Engine& engine, Exchange& exchange) {
  api::ExecCreateRequest request;
  exchange.read_json([&](const Json& json) { api::from_json(json, request); });
  if (!request.cmd || request.cmd->empty())
    base::fail(base::Kind::InvalidArgument, "No exec command specified");
  // Docker: before 1.42 there was no such field.
  if (exchange.before(42)) request.console_size.reset();
  const std::string id = engine.containers.create_exec(exchange.variable("name"), request);
  exchange.reply(201, JsonObject{{"Id", id}});
}

/// One frame of the stream's protocol: 8 bytes of head (stdout), then the text.
std::string stdout_frame(std::string_view text) {
  const auto size = static_cast<std::uint32_t>(text.size());
  std::string frame = {1,
                       0,
                       0,
                       0,
                       static_cast<char>(size >> 24),
                       static_cast<char>(size >> 16),
                       static_cast<char>(size >> 8),
                       static_cast<char>(size)};
  return frame.append(text);
}

/// Docker: what goes wrong after the connection was taken is told in the stream, as output.
void tell_in_stream(Exchange& exchange, const api::ExecStartRequest& request,
                    const base::Error& error) {
  const std::string type = stream_type(request.tty, exchange.version());
  const http::Hijacked hijacked = exchange.hijack(type, HijackHeaders::All);
  const std::string text = std::string(error.what()) + "\r\n";
  os::write_all(hijacked.socket, request.tty ? text : stdout_frame(text));
}

void start(Engine& engine, Exchange& exchange) {
  const std::string& id = exchange.variable("name");
  api::ExecStartRequest request;
  exchange.read_json([&](const Json& json) { api::from_json(json, request); });
  if (exchange.before(42)) request.console_size.reset();
  if (request.detach) {
    engine.containers.start_exec_detached(id);
    return exchange.reply(200);
  }
  std::unique_ptr<container::Attached> attached;
  try {
    attached = engine.containers.start_exec(id, request);
  } catch (const base::Error& error) {
    if (error.kind() == Kind::NotFound) throw;
    return tell_in_stream(exchange, request, error);
  }
  // Docker: the type follows what this request says of a TTY, whatever the exec was created with.
  const std::string type = stream_type(request.tty, exchange.version());
  http::Hijacked hijacked = exchange.hijack(type, HijackHeaders::All);
  attached->run({std::move(hijacked.socket), std::move(hijacked.already_read)}, exchange.gone());
}

void resize(Engine& engine, Exchange& exchange) {
  const TerminalSize size = size_parameters(exchange);
  engine.containers.resize_exec(exchange.variable("name"), size.rows, size.columns);
  exchange.reply(200);
}

void inspect(Engine& engine, Exchange& exchange) {
  exchange.reply(200, api::to_json(engine.containers.inspect_exec(exchange.variable("id"))));
}

constexpr Route kRoutes[] = {
    {"GET", "/exec/{id:.*}/json", inspect},
    {"POST", "/containers/{name:.*}/exec", create},
    {"POST", "/exec/{name:.*}/start", start},
    {"POST", "/exec/{name:.*}/resize", resize},
};

}  // namespace

std::span<const Route> exec_routes() {
  return kRoutes;
}

}  // namespace wharf::server
