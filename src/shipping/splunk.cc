// The splunk driver: the HTTP event collector, events one after another in each request.
#include "base/error.h"
#include "base/ids.h"
#include "base/json.h"
#include "base/strings.h"
#include "http/client.h"
#include "http/url.h"
#include "shipping/drivers.h"
#include "shipping/squeeze.h"
#include "shipping/wire.h"

namespace wharf::shipping {

namespace {

using base::Kind;

constexpr const char* kEventPath = "/services/collector/event/1.0";
constexpr std::size_t kAnswerLimit = 64 << 10;
constexpr std::size_t kShownBytes = 1024;

enum class Format { Inline, Json, Raw };

[[noreturn]] void bad(const std::string& what) {
  base::fail(Kind::InvalidArgument, "splunk: {}", what);
}

http::Url url_of(const Options& options) {
  const std::string text = option(options, "splunk-url");
  if (text.empty()) bad("splunk-url is expected");
  http::Url url;
  try {
    url = http::parse_url(text);
  } catch (const base::Error&) {
    bad(fmt::format("failed to parse {} as url value in splunk-url", text));
  }
  const bool web = url.scheme == "http" || url.scheme == "https";
  if (!web || !(url.path.empty() || url.path == "/") || !url.query.empty() ||
      text.find('#') != std::string::npos) {
    bad("expected format scheme://dns_name_or_ip:port for splunk-url");
  }
  return url;
}

bool flag(const Options& options, const std::string& name, bool standard) {
  const std::string text = option(options, name);
  return text.empty() ? standard : parse_bool(text);
}

http::Endpoint endpoint_of(const Options& options) {
  const http::Url url = url_of(options);
  http::Endpoint endpoint;
  endpoint.host = url.host;
  endpoint.port = url.port_or_default();
  if (url.scheme == "http") return endpoint;
  http::TlsOptions tls;
  tls.ca_file = option(options, "splunk-capath");
  tls.server_name = option(options, "splunk-caname");
  tls.verify = !flag(options, "splunk-insecureskipverify", false);
  endpoint.tls = std::make_shared<http::TlsContext>(tls);
  return endpoint;
}

http::client::Options client_options(const Options& options) {
  const std::string token = option(options, "splunk-token");
  if (token.empty()) bad("splunk-token is expected");
  http::client::Options made;
  made.headers = {{"Authorization", "Splunk " + token}, {"User-Agent", "Go-http-client/1.1"}};
  if (flag(options, "splunk-index-acknowledgment", false)) {
    const std::string id = base::random_id();
    made.headers.push_back({"X-Splunk-Request-Channel",
                            fmt::format("{}-{}-4{}-a{}-{}", id.substr(0, 8), id.substr(8, 4),
                                        id.substr(13, 3), id.substr(17, 3), id.substr(20, 12))});
  }
  made.connect_timeout_ms = kPatienceMs;
  made.idle_timeout_ms = kPatienceMs;
  return made;
}

Format format_of(const Options& options) {
  const std::string text = option(options, "splunk-format");
  if (text.empty() || text == "inline") return Format::Inline;
  if (text == "json") return Format::Json;
  if (text == "raw") return Format::Raw;
  base::fail(Kind::InvalidArgument,
             "Unknown format specified {}, supported formats are inline, json and raw", text);
}

std::int64_t level_of(const Options& options) {
  const std::string text = option(options, "splunk-gzip-level");
  if (text.empty()) return -1;
  const auto level = parse_integer(text);
  if (!level) {
    base::fail(Kind::InvalidArgument, "strconv.ParseInt: parsing {}: invalid syntax",
               base::quoted(text));
  }
  if (*level >= -1 && *level <= 9) return *level;
  base::fail(Kind::InvalidArgument,
             "not supported level '{}' for splunk-gzip-level (supported values between -1 and 9)",
             text);
}

class Splunk final : public Destination {
 public:
  explicit Splunk(const Subject& subject);

  void connect(std::stop_token stop) override;
  void send(std::span<const Entry> entries, std::stop_token stop) override;

 private:
  std::string event(const Entry& entry) const;
  std::string content(const Entry& entry) const;

  http::Client client_;
  Format format_;
  bool verified_;
  bool gzip_;
  std::int64_t level_;
  std::string common_;  ///< Members that all events have.
  std::string inline_;  ///< Of the event itself.
  std::string prefix_;  ///< Of a raw event.
};

Splunk::Splunk(const Subject& subject)
    : client_{endpoint_of(subject.options), client_options(subject.options)},
      format_(format_of(subject.options)),
      verified_(flag(subject.options, "splunk-verify-connection", true)),
      gzip_(flag(subject.options, "splunk-gzip", false)),
      level_(level_of(subject.options)) {
  common_ = R"(,"host":)" + json_string(host_name());
  for (const char* name : {"source", "sourcetype", "index"}) {
    const std::string value = option(subject.options, std::string("splunk-") + name);
    if (!value.empty()) common_ += fmt::format(R"(,"{}":{})", name, json_string(value));
  }
  // Docker: an empty tag is no tag, but a tag that is not given is the short id.
  const auto given = subject.options.find("tag");
  const bool none = given != subject.options.end() && given->second.empty();
  const std::string tag = none ? std::string() : tag_of(subject);
  const Options attributes = chosen_attributes(subject);
  if (!tag.empty()) inline_ += R"(,"tag":)" + json_string(tag);
  if (!attributes.empty()) {
    base::JsonObject object;
    for (const auto& [name, value] : attributes) object[name] = value;
    inline_ += R"(,"attrs":)" + base::to_text(object);
  }
  if (!tag.empty()) prefix_ = tag + " ";
  for (const auto& [name, value] : attributes) prefix_ += name + "=" + value + " ";
}

std::string Splunk::content(const Entry& entry) const {
  if (format_ == Format::Raw) return json_string(prefix_ + entry.text);
  std::string line = json_string(entry.text);
  if (format_ == Format::Json) {
    try {
      line = base::to_text(base::parse_json(entry.text));
    } catch (const base::Error&) {
      // Docker: what is no JSON goes as text.
    }
  }
  return fmt::format(R"({{"line":{},"source":"{}"{}}})", line, entry.err ? "stderr" : "stdout",
                     inline_);
}

std::string Splunk::event(const Entry& entry) const {
  return fmt::format(R"({{"event":{},"time":"{}.{:06}"{}}})", content(entry),
                     entry.time.unix_ns / 1'000'000'000, entry.time.unix_ns / 1000 % 1'000'000,
                     common_);
}

void Splunk::connect(std::stop_token stop) {
  if (!verified_) return;
  http::client::Request request;
  request.method = "OPTIONS";
  request.target = kEventPath;
  request.stop = stop;
  http::client::Response response = client_.send(request);
  const std::string body = response.read_all(kAnswerLimit);
  if (response.status() == 200) return;
  base::fail(Kind::Unavailable, "splunk: failed to verify connection - {} {} - {}",
             response.status(), response.reason(), body.substr(0, kShownBytes));
}

void Splunk::send(std::span<const Entry> entries, std::stop_token stop) {
  std::string body;
  for (const Entry& entry : entries) {
    // Docker: blank lines are left out of raw events, as the collector refuses them.
    if (format_ == Format::Raw && base::trim(entry.text).empty()) continue;
    body += event(entry);
  }
  if (body.empty()) return;
  http::client::Request request;
  request.method = "POST";
  request.target = kEventPath;
  request.stop = stop;
  if (gzip_) {
    request.headers.push_back({"Content-Encoding", "gzip"});
    body = squeezed(body, Squeeze::Gzip, level_);
  }
  request.body = std::move(body);
  http::client::Response response = client_.send(request);
  const std::string answer = response.read_all(kAnswerLimit);
  if (response.status() == 200) return;
  base::fail(Kind::Unavailable, "splunk: failed to send event - {} {} - {}", response.status(),
             response.reason(), answer.substr(0, kShownBytes));
}

}  // namespace

void check_splunk(const Options& options) {
  check_names(options, "splunk",
              {"splunk-url", "splunk-token", "splunk-source", "splunk-sourcetype", "splunk-index",
               "splunk-capath", "splunk-caname", "splunk-insecureskipverify", "splunk-format",
               "splunk-verify-connection", "splunk-gzip", "splunk-gzip-level",
               "splunk-index-acknowledgment"});
}

std::unique_ptr<Destination> make_splunk(const Subject& subject) {
  return std::make_unique<Splunk>(subject);
}

}  // namespace wharf::shipping
