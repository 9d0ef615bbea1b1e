// The awslogs driver: CloudWatch Logs, a stream of a group of a region.
#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "http/client.h"
#include "http/url.h"
#include "shipping/aws_signature.h"
#include "shipping/drivers.h"
#include "shipping/wire.h"

namespace wharf::shipping {

namespace {

using base::Kind;

constexpr std::size_t kAnswerLimit = 64 << 10;
// The service's own limits of PutLogEvents, in bytes of text and 26 for each event.
constexpr std::size_t kEventOverhead = 26;
constexpr std::size_t kRequestBytes = 1'048'576;
constexpr std::size_t kEventBytes = 262'144 - kEventOverhead;

/// What the service answers to what it refuses.
struct Refusal {
  std::string type;
  std::string message;
};

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

std::string region_of(const Options& options) {
  const std::string given = option(options, "awslogs-region");
  const std::string region = given.empty() ? environment("AWS_REGION") : given;
  if (!region.empty()) return region;
  base::fail(Kind::InvalidArgument,
             "Cannot get region from EC2 metadata, environment, or log option");
}

http::Url endpoint_of(const Options& options) {
  const std::string given = option(options, "awslogs-endpoint");
  if (given.empty())
    return http::parse_url("https://logs." + region_of(options) + ".amazonaws.com");
  const http::Url url = http::parse_url(given);
  if (url.scheme == "http" || url.scheme == "https") return url;
  base::fail(Kind::InvalidArgument, "unsupported scheme {} of awslogs-endpoint",
             base::quoted(url.scheme));
}

http::Endpoint place_of(const http::Url& url) {
  http::Endpoint place;
  place.host = url.host;
  place.port = url.port_or_default();
  if (url.scheme == "https") place.tls = std::make_shared<http::TlsContext>(http::TlsOptions{});
  return place;
}

http::client::Options client_options(const http::Url& url) {
  http::client::Options options;
  options.host_header = url.authority();
  options.connect_timeout_ms = kPatienceMs;
  options.idle_timeout_ms = kPatienceMs;
  return options;
}

bool flag(const Options& options, const std::string& name, bool standard) {
  const std::string text = option(options, name);
  return text.empty() ? standard : parse_bool(text);
}

void check_flag(const Options& options, const std::string& name) {
  try {
    flag(options, name, false);
  } catch (const base::Error& error) {
    base::fail(Kind::InvalidArgument, "must specify valid value for log opt '{}': {}", name,
               error.what());
  }
}

void check_positive(const Options& options, const std::string& name) {
  const std::string text = option(options, name);
  const auto number = parse_integer(text);
  if (text.empty() || (number && *number > 0)) return;
  base::fail(Kind::InvalidArgument, "must specify a positive integer for log opt '{}': {}", name,
             text);
}

class Awslogs final : public Destination {
 public:
  explicit Awslogs(const Subject& subject);

  void connect(std::stop_token stop) override;
  void send(std::span<const Entry> entries, std::stop_token stop) override;

 private:
  std::optional<Refusal> call(const std::string& action, const std::string& body,
                              std::stop_token stop);
  void create_stream(std::stop_token stop);
  void put(std::span<const Entry* const> events, std::stop_token stop);
  AwsIdentity identity() const;

  http::Url url_;
  http::Client client_;
  std::string region_;
  std::string group_;
  std::string stream_;
  std::string format_;
  bool create_group_;
  bool create_stream_;
  bool created_ = false;
};

Awslogs::Awslogs(const Subject& subject)
    : url_(endpoint_of(subject.options)),
      client_{place_of(url_), client_options(url_)},
      region_(region_of(subject.options)),
      group_(option(subject.options, "awslogs-group")),
      stream_(option(subject.options, "awslogs-stream")),
      format_(option(subject.options, "awslogs-format")),
      create_group_(flag(subject.options, "awslogs-create-group", false)),
      create_stream_(flag(subject.options, "awslogs-create-stream", true)) {
  // Docker: the tag names the stream where nothing else does.
  if (stream_.empty()) stream_ = tag_of(subject, "{{.FullID}}");
}

/// Those of the daemon's environment, looked up each time: whoever changes them restarts it.
AwsIdentity Awslogs::identity() const {
  AwsIdentity identity{environment("AWS_ACCESS_KEY_ID"), environment("AWS_SECRET_ACCESS_KEY"),
                       environment("AWS_SESSION_TOKEN")};
  if (!identity.key_id.empty() && !identity.secret.empty()) return identity;
  base::fail(Kind::Unavailable,
             "awslogs: no credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not in the "
             "environment of the daemon");
}

std::optional<Refusal> Awslogs::call(const std::string& action, const std::string& body,
                                     std::stop_token stop) {
  const AwsIdentity identity = this->identity();
  AwsRequest signed_request{"POST", region_, "logs", {}, body, base::now()};
  signed_request.headers = {{"content-type", "application/x-amz-json-1.1"},
                            {"host", url_.authority()},
                            {"x-amz-date", aws_time(signed_request.time)},
                            {"x-amz-target", "Logs_20140328." + action}};
  if (!identity.token.empty()) signed_request.headers["x-amz-security-token"] = identity.token;
  if (!format_.empty() && action == "PutLogEvents")
    signed_request.headers["x-amzn-logs-format"] = format_;
  http::client::Request request;
  request.method = "POST";
  for (const auto& [name, value] : signed_request.headers) {
    if (name != "host") request.headers.push_back({name, value});
  }
  request.headers.push_back({"Authorization", aws_authorization(signed_request, identity)});
  request.body = body;
  request.stop = stop;
  http::client::Response response = client_.send(request);
  const std::string answer = response.read_all(kAnswerLimit);
  if (response.status() == 200) return std::nullopt;
  Refusal refusal{fmt::format("{} {}", response.status(), response.reason()), answer};
  try {
    const base::Json json = base::parse_json(answer);
    const std::string type(base::text_at(json.get_object(), "__type"));
    refusal = {type.substr(type.find('#') + 1),
               std::string(base::text_at(json.get_object(), "message"))};
  } catch (const std::exception&) {
    // No answer of the service's own: of what is between.
  }
  return refusal;
}

void Awslogs::create_stream(std::stop_token stop) {
  if (created_ || !create_stream_) return;
  const std::string group = fmt::format(R"("logGroupName":{})", json_string(group_));
  const std::string body = fmt::format(R"({{{},"logStreamName":{}}})", group, json_string(stream_));
  std::optional<Refusal> refusal = call("CreateLogStream", body, stop);
  if (refusal && refusal->type == "ResourceNotFoundException" && create_group_) {
    refusal = call("CreateLogGroup", "{" + group + "}", stop);
    if (!refusal || refusal->type == "ResourceAlreadyExistsException")
      refusal = call("CreateLogStream", body, stop);
  }
  created_ = !refusal || refusal->type == "ResourceAlreadyExistsException";
  if (created_) return;
  base::fail(Kind::Unavailable, "failed to create Cloudwatch log stream: {}: {}", refusal->type,
             refusal->message);
}

void Awslogs::connect(std::stop_token stop) {
  create_stream(stop);
}

void Awslogs::send(std::span<const Entry> entries, std::stop_token stop) {
  create_stream(stop);
  // The service wants them in the order of their times; those of one time stay in theirs.
  std::vector<const Entry*> sorted;
  for (const Entry& entry : entries) {
    if (!entry.text.empty()) sorted.push_back(&entry);  // Docker: an empty event is refused.
  }
  std::ranges::stable_sort(sorted, {}, [](const Entry* entry) { return entry->time; });
  std::size_t begin = 0;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    // What is not UTF-8 becomes three bytes each.
    const std::size_t size = std::min(sorted[i]->text.size() * 3, kEventBytes) + kEventOverhead;
    if (bytes + size > kRequestBytes) {
      put(std::span(sorted).subspan(begin, i - begin), stop);
      begin = i;
      bytes = 0;
    }
    bytes += size;
  }
  put(std::span(sorted).subspan(begin), stop);
}

void Awslogs::put(std::span<const Entry* const> events, std::stop_token stop) {
  if (events.empty()) return;
  std::string body = fmt::format(R"({{"logGroupName":{},"logStreamName":{},"logEvents":[)",
                                 json_string(group_), json_string(stream_));
  for (const Entry* entry : events) {
    body += fmt::format(R"({}{{"message":{},"timestamp":{}}})", body.back() == '[' ? "" : ",",
                        json_string(entry->text), entry->time.unix_ns / 1'000'000);
  }
  const auto refusal = call("PutLogEvents", body + "]}", stop);
  // It has them already where its answer to the same was lost.
  if (!refusal || refusal->type == "DataAlreadyAcceptedException") return;
  base::fail(Kind::Unavailable, "Failed to put log events: {}: {}", refusal->type,
             refusal->message);
}

void check_format(const Options& options) {
  const std::string format = option(options, "awslogs-format");
  if (format.empty() || format == "json/emf") return;
  base::fail(Kind::InvalidArgument, "unsupported log format '{}'", format);
}

}  // namespace

void check_awslogs(const Options& options) {
  static constexpr std::array kNames = {"awslogs-group",
                                        "awslogs-stream",
                                        "awslogs-create-group",
                                        "awslogs-create-stream",
                                        "awslogs-region",
                                        "awslogs-endpoint",
                                        "awslogs-force-flush-interval-seconds",
                                        "awslogs-max-buffered-events",
                                        "awslogs-format",
                                        "tag"};
  for (const auto& [name, value] : options) {
    for (const char* missing :
         {"awslogs-datetime-format", "awslogs-multiline-pattern", "awslogs-credentials-endpoint"}) {
      if (name == missing)
        base::fail(Kind::NotImplemented, "log opt '{}' is not supported by this engine", name);
    }
    if (std::ranges::find(kNames, std::string_view(name)) == kNames.end())
      base::fail(Kind::InvalidArgument, "unknown log opt '{}' for awslogs log driver", name);
  }
  if (option(options, "awslogs-group").empty())
    base::fail(Kind::InvalidArgument, "must specify a value for log opt 'awslogs-group'");
  check_flag(options, "awslogs-create-group");
  check_flag(options, "awslogs-create-stream");
  // How long Docker gathers, and how much: here what is written goes as soon as it can, and the
  // local files are the buffer.
  check_positive(options, "awslogs-force-flush-interval-seconds");
  check_positive(options, "awslogs-max-buffered-events");
  check_format(options);
}

std::unique_ptr<Destination> make_awslogs(const Subject& subject) {
  return std::make_unique<Awslogs>(subject);
}

}  // namespace wharf::shipping
