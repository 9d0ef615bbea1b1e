// /containers/{id}/stats, and /containers/stats for all that run.
#include "engine/engine.h"
#include "server/exchange.h"
#include "server/routes/containers.h"

namespace wharf::server {
namespace {

using engine::Engine;

container::StatsOptions options_of(const Exchange& exchange) {
  container::StatsOptions options;
  options.stream = exchange.flag("stream", true);
  options.one_shot = !exchange.before(41) && exchange.flag("one-shot");
  return options;
}

/// Every value on a line of its own, sent at once.
class Lines {
 public:
  explicit Lines(Exchange& exchange) : exchange_(exchange) {}

  void write(const base::Json& json) {
    if (!out_) out_ = &exchange_.stream(200, "application/json");
    out_->write(base::to_text(json) + "\n");
  }

 private:
  Exchange& exchange_;
  http::ChunkedWriter* out_ = nullptr;
};

}  // namespace

void container_stats(Engine& engine, Exchange& exchange) {
  const container::StatsOptions options = options_of(exchange);
  Lines lines(exchange);
  engine.containers.stats(
      exchange.variable("name"), options,
      [&](const std::vector<api::ContainerStats>& stats) {
        if (options.stream) return lines.write(api::to_json(stats.front()));
        exchange.reply(200, api::to_json(stats.front()));
      },
      exchange.gone());
}

/// An addition to Docker's API: one request for all containers, an array each time.
void stats_of_all(Engine& engine, Exchange& exchange) {
  const container::StatsOptions options = options_of(exchange);
  Lines lines(exchange);
  engine.containers.stats_of_all(
      options,
      [&](const std::vector<api::ContainerStats>& stats) {
        base::JsonArray array;
        for (const api::ContainerStats& one : stats) array.push_back(api::to_json(one));
        if (options.stream) return lines.write(array);
        exchange.reply(200, array);
      },
      exchange.gone());
}

}  // namespace wharf::server
