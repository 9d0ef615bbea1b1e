// /_ping, /version, /info, /events and OPTIONS.
#include "api/system.h"

#include "api/event.h"
#include "base/time.h"
#include "engine/engine.h"
#include "engine/facts.h"
#include "server/exchange.h"
#include "server/parameters.h"
#include "server/route.h"
#include "server/routes/disk_usage.h"

namespace wharf::server {
namespace {

using base::fail;
using base::Kind;
using engine::Engine;

void ping(Engine& engine, Exchange& exchange) {
  const bool buildkit = !engine.settings()->features.contains("buildkit") ||
                        engine.settings()->features.at("buildkit");
  exchange.set_header("Builder-Version", buildkit ? "2" : "1");
  exchange.set_header("Swarm", "inactive");
  exchange.set_header("Cache-Control", "no-cache, no-store, must-revalidate");
  exchange.set_header("Pragma", "no-cache");
  const bool head = exchange.head().method == "HEAD";
  exchange.reply_text(200, "text/plain; charset=utf-8", head ? "" : "OK");
}

void options(Engine&, Exchange& exchange) {
  exchange.reply(200);
}

void version(Engine& engine, Exchange& exchange) {
  exchange.reply(200, api::to_json(engine::version_info(engine)));
}

void info(Engine& engine, Exchange& exchange) {
  exchange.reply(200, api::to_json(engine::info(engine), exchange.version()));
}

/// Docker: since 1.52 the stream is application/jsonl unless the client names one of three types.
std::string events_type(const Exchange& exchange) {
  if (exchange.before(52)) return "application/json";
  for (const std::string_view offered :
       {"application/jsonl", "application/x-ndjson", "application/json-seq"}) {
    if (exchange.headers().get("Accept") == offered) return std::string(offered);
  }
  return "application/jsonl";
}

class EventLines {
 public:
  EventLines(Exchange& exchange, std::string type)
      : version_(exchange.version()),
        filters_(exchange.filters()),
        sequence_(type == "application/json-seq"),
        out_(exchange.stream(200, type)) {}

  void begin() { out_.flush(); }

  void write(const base::Event& event) {
    // Docker: images had no "create" event before 1.46.
    if (event.type == "image" && event.action == "create" && version_ < api::Version{1, 46}) return;
    if (!api::event_passes(event, filters_)) return;
    const std::string line = base::to_text(api::event_json(event, version_)) + "\n";
    out_.write(sequence_ ? "\x1e" + line : line);
  }

 private:
  const api::Version version_;
  const base::Filters filters_;
  const bool sequence_;
  http::ChunkedWriter& out_;
};

void events(Engine& engine, Exchange& exchange) {
  const std::optional<base::Time> since = time_parameter(exchange, "since", "'since'");
  const std::optional<base::Time> until = time_parameter(exchange, "until", "'until'");
  if (since && until && *until < *since) {
    fail(Kind::InvalidArgument, "`since` time ({}) cannot be after `until` time ({})",
         exchange.parameter("since"), exchange.parameter("until"));
  }
  EventLines lines(exchange, events_type(exchange));
  const auto subscription = engine.events.subscribe(since, until);
  lines.begin();
  for (const auto& event : subscription->take_past()) lines.write(*event);

  const std::stop_token gone = exchange.gone();
  while (!gone.stop_requested() && !subscription->dropped()) {
    if (until && base::now() >= *until) return;
    if (const auto event = subscription->next(gone, until)) lines.write(*event);
  }
}

constexpr Route kRoutes[] = {
    {"OPTIONS", "/{anyroute:.*}", options},
    {"GET", "/_ping", ping},
    {"HEAD", "/_ping", ping},
    {"GET", "/version", version},
    {"GET", "/info", info},
    {"GET", "/events", events},
    {"GET", "/system/df", disk_usage, {1, 25}},
};

}  // namespace

std::span<const Route> system_routes() {
  return kRoutes;
}

}  // namespace wharf::server
