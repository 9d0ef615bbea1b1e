#include "server/routes/image_streams.h"

#include "api/image.h"
#include "engine/engine.h"
#include "http/client.h"
#include "http/url.h"
#include "image/import.h"
#include "image/load.h"
#include "image/pull.h"
#include "image/push.h"
#include "image/save.h"
#include "server/exchange.h"

namespace wharf::server {
namespace {

using base::Error;
using base::fail;
using base::Kind;
using engine::Engine;

constexpr std::size_t kChunkBytes = 64 << 10;

/// Progress as JSON lines. The head of the answer goes out with the first line, so an error
/// before it is an ordinary answer; one after it is the last line.
class ProgressLines {
 public:
  explicit ProgressLines(Exchange& exchange) : exchange_(exchange) {}

  image::ProgressSink sink() {
    return [this](const image::Progress& progress) { write(progress); };
  }

  void write(const image::Progress& progress) {
    api::ProgressLine line;
    line.stream = progress.stream;
    line.status = progress.status;
    line.id = progress.id;
    if (progress.current) line.detail = {.current = *progress.current, .total = progress.total};
    if (!progress.aux_json.empty()) line.aux = base::parse_json(progress.aux_json);
    send(line);
  }

  void write_error(const std::string& text) {
    api::ProgressLine line;
    line.error = text;
    send(line);
  }

  bool started() const { return out_ != nullptr && out_->started(); }

 private:
  void send(const api::ProgressLine& line) {
    if (!out_) out_ = &exchange_.stream(200, "application/json");
    out_->write(base::to_text(api::to_json(line)) + "\r\n");
  }

  Exchange& exchange_;
  http::ChunkedWriter* out_ = nullptr;
};

/// Runs `work`; once a line is out, its error becomes the last line.
template <class Work>
void with_errors_in_band(ProgressLines& lines, Work work) {
  try {
    work();
  } catch (const Error& error) {
    if (!lines.started() || error.kind() == Kind::Cancelled) throw;
    lines.write_error(error.what());
  }
}

std::optional<oci::Platform> platform_of(const std::string& specifier) {
  if (specifier.empty()) return std::nullopt;
  return oci::parse_platform(specifier);
}

image::ByteSource body_of(Exchange& exchange) {
  return [&exchange](std::span<char> into) { return exchange.body().read(into); };
}

void pull(Engine& engine, Exchange& exchange) {
  image::PullRequest request;
  request.reference = oci::Reference::parse(exchange.parameter("fromImage"));
  const std::string& tag = exchange.parameter("tag");
  if (base::Digest::valid(tag))
    request.reference = request.reference.trimmed().with_digest(base::Digest::parse(tag));
  else if (!tag.empty())
    request.reference = request.reference.with_tag(tag);
  request.platform = platform_of(exchange.parameter("platform"));
  request.credentials =
      registry::Credentials::from_header(exchange.headers().get("X-Registry-Auth"));
  ProgressLines lines(exchange);
  with_errors_in_band(lines, [&] {
    image::pull(engine.images, engine.registry, request, lines.sink(), exchange.gone());
  });
}

/// Reads what `source` names: a URL, with or without its "http://".
class Download {
 public:
  Download(const registry::Settings& settings, const std::string& source, std::stop_token stop) {
    if (source.empty()) fail(Kind::Internal, "Get \"http:\": http: no Host in request URL");
    const bool has_scheme = source.find("://") != std::string::npos;
    const http::Url url = http::parse_url(has_scheme ? source : "http://" + source);
    if (url.scheme != "http" && url.scheme != "https") {
      fail(Kind::InvalidArgument, "cannot import from {}: only http and https", url.scheme);
    }
    http::Endpoint endpoint{.host = url.host, .port = url.port_or_default()};
    endpoint.proxy = http::proxy_for(settings.proxies, url);
    if (url.scheme == "https")
      endpoint.tls = std::make_shared<const http::TlsContext>(http::TlsOptions{});
    client_.emplace(std::move(endpoint),
                    http::client::Options{.idle_timeout_ms = registry::kIdleTimeoutMs});
    try {
      response_.emplace(client_->send({.target = url.target(), .stop = std::move(stop)}));
    } catch (const Error& error) {
      if (error.kind() != Kind::Unavailable) throw;
      fail(Kind::Internal, "Get \"{}\": {}", url.text(), error.what());
    }
    if (response_->status() == 200) return;
    fail(Kind::Internal, "failed to GET {}: {} {}", url.text(), response_->status(),
         response_->reason());
  }

  std::size_t read(std::span<char> into) { return response_->read_some(into); }

 private:
  std::optional<http::Client> client_;
  std::optional<http::client::Response> response_;
};

void import(Engine& engine, Exchange& exchange) {
  image::ImportRequest request;
  if (const std::string& repository = exchange.parameter("repo"); !repository.empty()) {
    oci::Reference name = oci::Reference::parse(repository);
    if (name.has_digest()) fail(Kind::InvalidArgument, "cannot import digest reference");
    const std::string& tag = exchange.parameter("tag");
    request.name = tag.empty() ? name.with_default_tag() : name.with_tag(tag);
  }
  request.platform = platform_of(exchange.parameter("platform"));
  request.message = exchange.parameter("message");
  request.changes = exchange.query().all("changes");
  const std::string& from = exchange.parameter("fromSrc");
  ProgressLines lines(exchange);
  with_errors_in_band(lines, [&] {
    base::Digest id;
    if (from == "-") {
      id = image::import_tar(engine.images, body_of(exchange), request, exchange.gone());
    } else {
      Download download(engine.registry.settings(), from, exchange.gone());
      lines.write({.status = "Downloading from " + from});
      const auto source = [&](std::span<char> into) { return download.read(into); };
      id = image::import_tar(engine.images, source, request, exchange.gone());
    }
    lines.write({.status = id.text()});
  });
}

/// Every "platform" is an object's text. Throws InvalidArgument.
std::vector<oci::Platform> platforms_of(const Exchange& exchange) {
  std::vector<oci::Platform> out;
  for (const std::string& text : exchange.query().all("platform")) {
    if (!text.empty()) out.push_back(oci::platform_from_json(base::parse_json(text)));
  }
  return out;
}

void send_tar(Engine& engine, Exchange& exchange, std::vector<std::string> names) {
  const image::SaveRequest request{std::move(names), platforms_of(exchange)};
  http::ChunkedWriter* out = nullptr;
  std::string chunk;
  const auto flush = [&] {
    if (!out) out = &exchange.stream(200, "application/x-tar");
    out->write(chunk);
    chunk.clear();
  };
  image::save(engine.images, request, [&](std::string_view bytes) {
    chunk += bytes;
    if (chunk.size() >= kChunkBytes) flush();
  });
  flush();
}

}  // namespace

void create_image(Engine& engine, Exchange& exchange) {
  if (!exchange.parameter("fromImage").empty())
    pull(engine, exchange);
  else
    import(engine, exchange);
}

void push_image(Engine& engine, Exchange& exchange) {
  image::PushRequest request;
  request.reference = oci::Reference::parse(exchange.variable("name"));
  if (const std::string& tag = exchange.parameter("tag"); !tag.empty()) {
    request.reference = request.reference.with_tag(tag);
  }
  if (const std::string& platform = exchange.parameter("platform");
      !platform.empty() && !exchange.before(46)) {
    request.platform = oci::platform_from_json(base::parse_json(platform));
  }
  request.credentials =
      registry::Credentials::from_header(exchange.headers().get("X-Registry-Auth"));
  ProgressLines lines(exchange);
  with_errors_in_band(lines, [&] {
    image::push(engine.images, engine.registry, request, lines.sink(), exchange.gone());
  });
}

void load_images(Engine& engine, Exchange& exchange) {
  ProgressLines lines(exchange);
  try {
    const image::LoadRequest request{exchange.flag("quiet", true), platforms_of(exchange)};
    image::load(engine.images, body_of(exchange), request, lines.sink(), exchange.gone());
  } catch (const Error& error) {
    // Docker: whatever goes wrong with an archive is said in a line of a 200.
    if (error.kind() == Kind::Cancelled) throw;
    lines.write_error(error.what());
  }
}

void save_image(Engine& engine, Exchange& exchange) {
  send_tar(engine, exchange, {exchange.variable("name")});
}

void save_images(Engine& engine, Exchange& exchange) {
  send_tar(engine, exchange, exchange.query().all("names"));
}

}  // namespace wharf::server
