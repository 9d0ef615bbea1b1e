// The builder: POST /build and its cache.
#include <filesystem>
#include <mutex>

#include "api/container.h"
#include "base/fields.h"
#include "base/strings.h"
#include "base/text.h"
#include "build/builder.h"
#include "build/trace.h"
#include "engine/engine.h"
#include "server/exchange.h"
#include "server/route.h"

namespace wharf::server {
namespace {

using base::fail;
using base::Json;
using base::JsonArray;
using base::JsonObject;
using base::Kind;
using engine::Engine;

/// The lines of a classic build. With `quiet` they are held back, and shown if it fails.
class BuildLines final : public build::Report {
 public:
  BuildLines(Exchange& exchange, bool quiet) : exchange_(exchange), quiet_(quiet) {}

  void say(std::string_view text) override { stream(text); }
  void say_error(std::string_view text) override { stream(fmt::format("\x1b[91m{}\x1b[0m", text)); }
  void image(const base::Digest& id) override {
    if (!quiet_) send({{"aux", {{"ID", id.text()}}}});
  }
  void progress(std::string_view json) override {
    if (!quiet_) write(std::string(json));
  }

  void finish(const std::string& line) { send({{"stream", line}}); }

  /// False where nothing has been sent: then it is an ordinary answer.
  bool fail_with(const base::Error& error, int code) {
    if (quiet_ && !held_.empty()) send({{"stream", held_}});
    if (!out_ || !out_->started()) return false;
    JsonObject detail{{"message", error.what()}};
    if (code != 0) detail["code"] = code;
    send({{"errorDetail", detail}, {"error", error.what()}});
    return true;
  }

  void send(const JsonObject& line) { write(base::to_text(line)); }

 private:
  void stream(std::string_view text) {
    const std::lock_guard guard(lock_);
    if (quiet_) {
      constexpr std::size_t kHeldBytes = 1 << 20;
      if (held_.size() < kHeldBytes) held_ += text;
      return;
    }
    write_locked(base::to_text(JsonObject{{"stream", text}}));
  }
  void write(const std::string& json) {
    const std::lock_guard guard(lock_);
    write_locked(json);
  }
  void write_locked(const std::string& json) {
    if (!out_) out_ = &exchange_.stream(200, "application/json");
    out_->write(json + "\r\n");
  }

  std::mutex lock_;
  Exchange& exchange_;
  const bool quiet_;
  std::string held_;
  http::ChunkedWriter* out_ = nullptr;
};

/// What a graph's client hears: BuildKit's own progress, as Docker wraps it.
class GraphLines final : public build::Report {
 public:
  explicit GraphLines(BuildLines& lines) : lines_(lines) {}

  void say(std::string_view) override {}
  void say_error(std::string_view) override {}
  void image(const base::Digest&) override {}
  void progress(std::string_view) override {}
  void vertex(const build::Vertex& vertex) override { trace(build::status_of(vertex)); }
  void log(const std::string& vertex, unsigned stream, std::string_view bytes) override {
    trace(build::status_of_log(vertex, stream, bytes, base::now()));
  }

 private:
  void trace(const std::string& status) {
    lines_.send({{"id", "moby.buildkit.trace"}, {"aux", base::base64_encode(status)}});
  }

  BuildLines& lines_;
};

/// Docker: what is no number counts as 0.
std::int64_t number_or_zero(const Exchange& exchange, std::string_view key) {
  std::int64_t value = 0;
  return base::parse_number(exchange.parameter(key), value) ? value : 0;
}

/// A parameter that is JSON; `what` names it as Docker's errors do.
template <class Read>
void read_json_parameter(const Exchange& exchange, std::string_view key, std::string_view what,
                         Read read) {
  const std::string& text = exchange.parameter(key);
  if (text.empty()) return;
  try {
    read(base::parse_json(text));
  } catch (const base::Error& error) {
    fail(Kind::InvalidArgument, "error reading {}: {}", what, error.what());
  } catch (const std::exception& error) {
    fail(Kind::InvalidArgument, "error reading {}: {}", what, error.what());
  }
}

std::string text_of(const Json& json) {
  if (!json.is_string()) fail(Kind::InvalidArgument, "expected a string");
  return std::string(json.get_string());
}

void read_maps(const Exchange& exchange, build::Request& request) {
  read_json_parameter(exchange, "buildargs", "build args", [&](const Json& json) {
    if (json.is_null()) return;
    for (const auto& [name, value] : json.as_object()) {
      std::optional<std::string>& given = request.arguments[std::string(name)];
      if (!value.is_null()) given = text_of(value);
    }
  });
  read_json_parameter(exchange, "labels", "labels", [&](const Json& json) {
    if (json.is_null()) return;
    for (const auto& [name, value] : json.as_object()) {
      request.labels[std::string(name)] = text_of(value);
    }
  });
  read_json_parameter(exchange, "cachefrom", "cache-from", [&](const Json& json) {
    if (json.is_null()) return;
    for (const Json& one : json.as_array()) request.cache_from.push_back(text_of(one));
  });
  read_json_parameter(exchange, "ulimits", "ulimit settings", [&](const Json& json) {
    JsonObject resources{{"Ulimits", json}};
    api::HostConfig host;
    api::from_json(resources, host);
    request.limits.ulimits = host.ulimits;
  });
}

void read_limits(const Exchange& exchange, build::Request& request) {
  api::Resources& limits = request.limits;
  limits.memory = number_or_zero(exchange, "memory");
  limits.memory_swap = number_or_zero(exchange, "memswap");
  limits.cpu_shares = number_or_zero(exchange, "cpushares");
  limits.cpu_period = number_or_zero(exchange, "cpuperiod");
  limits.cpu_quota = number_or_zero(exchange, "cpuquota");
  limits.cpuset_cpus = exchange.parameter("cpusetcpus");
  limits.cpuset_mems = exchange.parameter("cpusetmems");
  limits.cgroup_parent = exchange.parameter("cgroupparent");
  request.shm_bytes = number_or_zero(exchange, "shmsize");
  request.network_mode = exchange.parameter("networkmode");
  request.extra_hosts = exchange.query().all("extrahosts");
  request.security_options = exchange.query().all("securityopt");
}

void read_tags(const Exchange& exchange, build::Request& request) {
  for (const std::string& text : exchange.query().all("t")) {
    if (text.empty()) continue;
    const oci::Reference name = oci::Reference::parse(text);
    if (name.has_digest()) {
      fail(Kind::InvalidArgument, "build tag cannot contain a digest");
    }
    const oci::Reference tagged = name.with_default_tag();
    // Docker: the same tag twice is one.
    if (std::find(request.tags.begin(), request.tags.end(), tagged) == request.tags.end()) {
      request.tags.push_back(tagged);
    }
  }
}

/// X-Registry-Config: an object of credentials by registry. Docker: one that cannot be read counts
/// as absent.
void read_credentials(const Exchange& exchange, build::Request& request) {
  const std::string_view header = exchange.headers().get("X-Registry-Config");
  if (header.empty()) return;
  try {
    const Json json = base::parse_json(base::base64_decode(header));
    for (const auto& [registry, one] : json.as_object()) {
      const std::string encoded = base::base64_encode(base::to_text(one), base::Base64::Url);
      request.credentials[std::string(registry)] = registry::Credentials::from_header(encoded);
    }
  } catch (const std::exception&) {
    request.credentials.clear();
  }
}

void refuse_unsupported(Engine& engine, const Exchange& exchange, const build::Request& request) {
  const std::string& isolation = exchange.parameter("isolation");
  if (!isolation.empty() && base::lower(isolation) != "default") {
    fail(Kind::InvalidArgument, "unsupported isolation: {}", isolation);
  }
  if (exchange.flag("squash")) {
    if (!engine.settings()->experimental) {
      fail(Kind::InvalidArgument, "squash is only supported with experimental mode");
    }
    fail(Kind::NotImplemented, "squash is not built in this engine yet");
  }
  if (request.remote == "client-session" || !exchange.parameter("session").empty()) {
    fail(
        Kind::NotImplemented,
        "builds over a session are not built in this engine yet: send the context as a tar, or set "
        "DOCKER_BUILDKIT=0");
  }
  if (request.remote.starts_with("http://buildkit-session/")) {
    fail(Kind::NotImplemented, "contexts over a session are not built in this engine yet");
  }
  const std::string& outputs = exchange.parameter("outputs");
  if (outputs.empty() || outputs == "null" || outputs == "[]") return;
  fail(Kind::NotImplemented, "outputs other than an image are not built in this engine yet");
}

build::Request read_request(Engine& engine, const Exchange& exchange) {
  build::Request request;
  const std::string& version = exchange.parameter("version");
  if (!version.empty() && version != "1" && version != "2") {
    fail(Kind::InvalidArgument, "invalid version: {}", version);
  }
  request.graph = version == "2";
  read_tags(exchange, request);
  if (const std::string& name = exchange.parameter("dockerfile"); !name.empty()) {
    request.dockerfile = name;
  }
  request.remote = exchange.parameter("remote");
  request.target = exchange.parameter("target");
  request.no_cache = exchange.flag("nocache");
  request.pull = exchange.flag("pull");
  request.remove = exchange.parameter("rm").empty() || exchange.flag("rm");
  request.force_remove = exchange.flag("forcerm");
  if (const std::string& platform = exchange.parameter("platform"); !platform.empty()) {
    request.platform = oci::parse_platform(platform);
  }
  read_limits(exchange, request);
  read_maps(exchange, request);
  read_credentials(exchange, request);
  refuse_unsupported(engine, exchange, request);
  return request;
}

build::ByteSource body_of(Exchange& exchange) {
  return [&exchange](std::span<char> into) { return exchange.body().read(into); };
}

void build_graph(Engine& engine, Exchange& exchange, const build::Request& request) {
  BuildLines lines(exchange, false);
  GraphLines graph(lines);
  try {
    const base::Digest id =
        engine.builder.build(request, body_of(exchange), graph, exchange.gone());
    lines.send({{"id", "moby.image.id"}, {"aux", {{"ID", id.text()}}}});
  } catch (const base::Error& error) {
    if (error.kind() == Kind::Cancelled) throw;
    // Docker: whatever goes wrong is said in a line of a 200.
    lines.send({{"errorDetail", {{"message", error.what()}}}, {"error", error.what()}});
  }
}

void post_build(Engine& engine, Exchange& exchange) {
  const build::Request request = read_request(engine, exchange);
  if (request.graph) return build_graph(engine, exchange, request);
  const bool quiet = exchange.flag("q");
  BuildLines lines(exchange, quiet);
  try {
    const base::Digest id =
        engine.builder.build(request, body_of(exchange), lines, exchange.gone());
    if (quiet) return lines.finish(id.text() + "\n");
    lines.say(fmt::format("Successfully built {}\n", id.hex().substr(0, 12)));
    for (const oci::Reference& name : request.tags) {
      lines.say(fmt::format("Successfully tagged {}\n", name.familiar()));
    }
  } catch (const base::Error& error) {
    if (error.kind() == Kind::Cancelled) throw;
    const auto* failed = dynamic_cast<const build::CommandFailed*>(&error);
    if (!lines.fail_with(error, failed ? failed->code() : 0)) throw;
  }
}

void cancel_build(Engine&, Exchange& exchange) {
  if (exchange.parameter("id").empty()) fail(Kind::InvalidArgument, "build ID not provided");
  // Docker: an id that is not known is no error. Builds here end with their connection.
  exchange.reply_text(200, "application/json", "");
}

/// Docker: bytes, as Go's Atoi has it.
std::int64_t bytes_parameter(const Exchange& exchange, std::string_view key) {
  const std::string& text = exchange.parameter(key);
  if (text.empty()) return 0;
  std::int64_t value = 0;
  if (!base::parse_number(text, value)) {
    fail(Kind::InvalidArgument,
         "{} is in bytes and expects an integer, got {}: strconv.Atoi: parsing {}: invalid syntax",
         key, text, base::quoted(text));
  }
  return value;
}

void prune_cache(Engine& engine, Exchange& exchange) {
  build::PruneOptions options;
  options.reserved_bytes = std::max(bytes_parameter(exchange, "keep-storage"),
                                    bytes_parameter(exchange, "reserved-space"));
  options.max_used_bytes = bytes_parameter(exchange, "max-used-space");
  options.min_free_bytes = bytes_parameter(exchange, "min-free-space");
  options.free_bytes =
      static_cast<std::int64_t>(std::filesystem::space(engine.settings()->data_root).available);
  options.all = exchange.flag("all");
  options.filters = exchange.filters();
  options.filters.require_known({"until", "unused-for", "id", "parents", "type", "description",
                                 "inuse", "shared", "private"});
  const build::PruneReport report = engine.builder.cache().prune(options);
  JsonObject answer{{"SpaceReclaimed", report.space_reclaimed}};
  answer["CachesDeleted"] = report.deleted.empty() ? Json() : base::to_json(report.deleted);
  exchange.reply(200, answer);
}

constexpr Route kRoutes[] = {
    {"POST", "/build", post_build},
    {"POST", "/build/prune", prune_cache, {1, 31}},
    {"POST", "/build/cancel", cancel_build},
};

}  // namespace

std::span<const Route> build_routes() {
  return kRoutes;
}

}  // namespace wharf::server
