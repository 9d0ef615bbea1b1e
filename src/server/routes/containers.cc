// /containers: the verbs and what is told of containers. Streams are in container_streams.cc.
#include "server/routes/containers.h"

#include "base/strings.h"
#include "engine/engine.h"
#include "server/exchange.h"
#include "server/parameters.h"
#include "server/route.h"

namespace wharf::server {
namespace {

using base::fail;
using base::Json;
using base::JsonArray;
using base::JsonObject;
using base::Kind;
using engine::Engine;

const std::string& name_of(const Exchange& exchange) {
  return exchange.variable("name");
}

void list(Engine& engine, Exchange& exchange) {
  container::ListOptions options;
  options.all = exchange.flag("all");
  options.size = exchange.flag("size");
  options.limit = exchange.number("limit", -1);
  options.filters = exchange.filters();
  exchange.reply_text(200, "application/json",
                      api::to_text(engine.containers.list(options)) + "\n");
}

void create(Engine& engine, Exchange& exchange) {
  api::CreateRequest request;
  bool empty = false;
  const bool read = exchange.read_json([&](const Json& json) {
    empty = json.is_null();
    api::from_json(json, request);
  });
  if (!read) fail(Kind::InvalidArgument, "invalid JSON: EOF");
  if (empty) fail(Kind::InvalidArgument, "config cannot be empty in order to create a container");
  container::CreateOptions options;
  options.name = exchange.parameter("name");
  if (!exchange.before(41)) options.platform = exchange.parameter("platform");
  options.version = exchange.version();
  exchange.reply(201, api::to_json(engine.containers.create(std::move(request), options)));
}

void inspect(Engine& engine, Exchange& exchange) {
  const api::ContainerInspect found =
      engine.containers.inspect(name_of(exchange), exchange.flag("size"));
  exchange.reply(200, inspect_json(found, exchange.version()));
}

void top(Engine& engine, Exchange& exchange) {
  const std::string& arguments = exchange.parameter("ps_args");
  exchange.reply(200, api::to_json(engine.containers.top(name_of(exchange), arguments)));
}

void changes(Engine& engine, Exchange& exchange) {
  JsonArray answer;
  for (const api::FilesystemChange& change : engine.containers.changes(name_of(exchange))) {
    answer.push_back(api::to_json(change));
  }
  // Docker: none is null, not an empty list.
  exchange.reply(200, answer.empty() ? Json(nullptr) : Json(std::move(answer)));
}

void start(Engine& engine, Exchange& exchange) {
  constexpr std::int64_t kHarmlessBody = 7;  // Docker: clients of old sent "{}" or "null".
  if (exchange.head().content_length > kHarmlessBody || exchange.head().content_length < 0) {
    fail(Kind::InvalidArgument,
         "starting container with non-empty request body was deprecated since API v1.22 and "
         "removed in v1.24");
  }
  const std::string& checkpoint = exchange.parameter("checkpoint");
  if (!checkpoint.empty()) {
    const bool valid =
        checkpoint.size() > 1 && std::ranges::all_of(checkpoint, [](unsigned char c) {
          return std::isalnum(c) || c == '_' || c == '.' || c == '-';
        });
    if (!valid || !std::isalnum(static_cast<unsigned char>(checkpoint[0]))) {
      fail(Kind::InvalidArgument,
           "invalid checkpoint ID {}, only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
           base::quoted(checkpoint));
    }
    if (!engine.settings()->experimental) {
      fail(Kind::InvalidArgument, "checkpoint is only supported in experimental mode");
    }
    fail(Kind::NotImplemented, "starting from a checkpoint is not built in this engine yet");
  }
  engine.containers.start(name_of(exchange));
  exchange.reply(204);
}

container::StopOptions stop_options(const Exchange& exchange) {
  container::StopOptions options;
  // Docker: before 1.42 there was no such parameter, and it is not looked at.
  if (!exchange.before(42)) options.signal = exchange.parameter("signal");
  if (!exchange.parameter("t").empty()) options.timeout_s = exchange.number("t");
  return options;
}

void stop(Engine& engine, Exchange& exchange) {
  engine.containers.stop(name_of(exchange), stop_options(exchange));
  exchange.reply(204);
}

void restart(Engine& engine, Exchange& exchange) {
  engine.containers.restart(name_of(exchange), stop_options(exchange));
  exchange.reply(204);
}

void kill(Engine& engine, Exchange& exchange) {
  engine.containers.kill(name_of(exchange), exchange.parameter("signal"));
  exchange.reply(204);
}

void pause(Engine& engine, Exchange& exchange) {
  engine.containers.pause(name_of(exchange));
  exchange.reply(204);
}

void unpause(Engine& engine, Exchange& exchange) {
  engine.containers.unpause(name_of(exchange));
  exchange.reply(204);
}

void rename(Engine& engine, Exchange& exchange) {
  engine.containers.rename(name_of(exchange), exchange.parameter("name"));
  exchange.reply(204);
}

void remove(Engine& engine, Exchange& exchange) {
  container::RemoveOptions options;
  options.force = exchange.flag("force");
  options.volumes = exchange.flag("v");
  options.link = exchange.flag("link");
  engine.containers.remove(name_of(exchange), options);
  exchange.reply(204);
}

void resize(Engine& engine, Exchange& exchange) {
  const TerminalSize size = size_parameters(exchange);
  engine.containers.resize(name_of(exchange), size.rows, size.columns);
  exchange.reply(200);
}

void update(Engine& engine, Exchange& exchange) {
  api::UpdateRequest request;
  exchange.read_json([&](const Json& json) { api::from_json(json, request); });
  const std::vector<std::string> warnings = engine.containers.update(name_of(exchange), request);
  JsonArray list;
  for (const std::string& warning : warnings) list.emplace_back(warning);
  exchange.reply(200,
                 JsonObject{{"Warnings", list.empty() ? Json(nullptr) : Json(std::move(list))}});
}

void prune(Engine& engine, Exchange& exchange) {
  exchange.reply(200, api::to_json(engine.containers.prune(exchange.filters())));
}

container::WaitCondition wait_condition(const Exchange& exchange) {
  const std::string& text = exchange.parameter("condition");
  // Docker: clients before 1.30 do not know conditions.
  if (exchange.before(30) || text.empty() || text == "not-running")
    return container::WaitCondition::NotRunning;
  if (text == "next-exit") return container::WaitCondition::NextExit;
  if (text == "removed") return container::WaitCondition::Removed;
  fail(Kind::InvalidArgument, "invalid condition: {}", base::quoted(text));
}

void wait(Engine& engine, Exchange& exchange) {
  const container::WaitCondition condition = wait_condition(exchange);
  const auto waiting = engine.containers.wait(name_of(exchange), condition);
  http::ChunkedWriter& out = exchange.stream(200, "application/json");
  // Docker: the head comes at once, so that a client knows that the wait has begun before it starts
  // the container.
  if (!exchange.before(30)) out.flush();
  out.write(base::to_text(api::to_json(waiting->get(exchange.gone()))) + "\n");
}

constexpr Route kRoutes[] = {
    {"GET", "/containers/json", list},
    {"GET", "/containers/{name:.*}/json", inspect},
    {"GET", "/containers/{name:.*}/top", top},
    {"GET", "/containers/{name:.*}/changes", changes},
    {"GET", "/containers/{name:.*}/logs", container_logs},
    {"POST", "/containers/create", create},
    {"POST", "/containers/prune", prune, {1, 25}},
    {"POST", "/containers/{name:.*}/kill", kill},
    {"POST", "/containers/{name:.*}/pause", pause},
    {"POST", "/containers/{name:.*}/unpause", unpause},
    {"POST", "/containers/{name:.*}/restart", restart},
    {"POST", "/containers/{name:.*}/start", start},
    {"POST", "/containers/{name:.*}/stop", stop},
    {"POST", "/containers/{name:.*}/wait", wait},
    {"POST", "/containers/{name:.*}/resize", resize},
    {"POST", "/containers/{name:.*}/attach", container_attach},
    {"HEAD", "/containers/{name:.*}/archive", stat_archive},
    {"GET", "/containers/{name:.*}/archive", get_archive},
    {"PUT", "/containers/{name:.*}/archive", put_archive},
    {"GET", "/containers/stats", stats_of_all},
    {"GET", "/containers/{name:.*}/stats", container_stats},
    {"GET", "/containers/{name:.*}/export", export_container},
    {"POST", "/commit", commit_container},
    {"GET", "/containers/{name:.*}/attach/ws", container_attach_websocket},
    {"POST", "/containers/{name:.*}/rename", rename},
    {"POST", "/containers/{name:.*}/update", update},
    {"DELETE", "/containers/{name:.*}", remove},
};

}  // namespace

std::span<const Route> container_routes() {
  return kRoutes;
}

}  // namespace wharf::server
