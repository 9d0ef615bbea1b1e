// The fluentd driver: the forward protocol (v1) in message mode, with acknowledgements if asked.
#include "base/error.h"
#include "base/ids.h"
#include "base/strings.h"
#include "http/url.h"
#include "shipping/drivers.h"
#include "shipping/pack.h"
#include "shipping/wire.h"

namespace wharf::shipping {

namespace {

using base::Kind;

constexpr std::uint16_t kFluentPort = 24224;
constexpr std::int64_t kRetryWaitNs = 1'000'000'000;
constexpr std::int64_t kShortestReconnectNs = 100'000'000;
constexpr std::int64_t kLongestReconnectNs = 10'000'000'000;

struct Address {
  std::string scheme = "tcp";
  std::string path;
  http::HostPort place{"127.0.0.1", kFluentPort};
};

Address parse_address(const std::string& text) {
  Address address;
  if (text.empty()) return address;
  Target target = parse_target(text);
  if (target.scheme.empty()) target.scheme = "tcp";
  address.scheme = target.scheme;
  if (target.scheme == "unix") {
    if (target.rest.empty()) base::fail(Kind::InvalidArgument, "path is empty");
    address.path = target.rest;
    return address;
  }
  if (target.scheme != "tcp" && target.scheme != "tls") {
    base::fail(Kind::InvalidArgument, "unsupported scheme: '{}'", target.scheme);
  }
  if (target.rest.find('/') != std::string::npos) {
    base::fail(Kind::InvalidArgument, "should not contain a path element");
  }
  const http::HostPort given = http::parse_host_port(target.rest);
  if (!given.host.empty()) address.place.host = given.host;
  if (given.port != 0) address.place.port = given.port;
  return address;
}

Address address_of(const Options& options) {
  const std::string text = option(options, "fluentd-address");
  try {
    return parse_address(text);
  } catch (const base::Error& error) {
    base::fail(Kind::InvalidArgument, "invalid fluentd-address ({}): {}", text, error.what());
  }
}

bool flag(const Options& options, const std::string& name) {
  const std::string text = option(options, name);
  return !text.empty() && parse_bool(text);
}

std::int64_t duration_ns(const Options& options, const std::string& name) {
  const std::string text = option(options, name);
  return text.empty() ? 0 : base::parse_duration_ns(text);
}

void check_reconnect(const Options& options) {
  const std::int64_t interval_ns = duration_ns(options, "fluentd-async-reconnect-interval");
  if (interval_ns == 0) return;
  if (interval_ns >= kShortestReconnectNs && interval_ns <= kLongestReconnectNs) return;
  base::fail(Kind::InvalidArgument,
             "invalid value for fluentd-async-reconnect-interval: value ({}) must be between 100ms "
             "and 10s",
             option(options, "fluentd-async-reconnect-interval"));
}

Place place_of(const Options& options) {
  const Address address = address_of(options);
  Place place;
  const std::int64_t write_ns = duration_ns(options, "fluentd-write-timeout");
  if (write_ns > 0) place.patience_ms = static_cast<int>(write_ns / 1'000'000);
  place.endpoint.path = address.path;
  place.endpoint.host = address.place.host;
  place.endpoint.port = address.place.port;
  if (address.scheme == "tls") {
    place.endpoint.tls = std::make_shared<http::TlsContext>(http::TlsOptions());
  }
  return place;
}

class Fluentd final : public Destination {
 public:
  explicit Fluentd(const Subject& subject)
      : wire_(place_of(subject.options)),
        async_(flag(subject.options, "fluentd-async")),
        acknowledged_(flag(subject.options, "fluentd-request-ack")),
        fine_time_(flag(subject.options, "fluentd-sub-second-precision")),
        tag_(tag_of(subject)),
        fields_(chosen_attributes(subject)) {
    const std::int64_t wait_ns = duration_ns(subject.options, "fluentd-read-timeout");
    if (wait_ns > 0) answer_ms_ = static_cast<int>(wait_ns / 1'000'000);
    fields_["container_id"] = subject.id;
    fields_["container_name"] = "/" + subject.name;
    reconnect_ns_ = duration_ns(subject.options, "fluentd-async-reconnect-interval");
    const std::int64_t delay_ns = duration_ns(subject.options, "fluentd-retry-wait");
    patience_.first_delay = std::chrono::nanoseconds(delay_ns > 0 ? delay_ns : kRetryWaitNs);
    const auto retries = parse_integer(option(subject.options, "fluentd-max-retries"));
    if (retries) patience_.attempts = static_cast<std::uint64_t>(*retries) + 1;
    const std::string limit = option(subject.options, "fluentd-buffer-limit");
    if (async_ && !limit.empty()) {
      patience_.buffer_bytes = static_cast<std::uint64_t>(parse_bytes(limit));
    }
  }

  Patience patience() const override { return patience_; }

  /// Docker: with fluentd-async a container starts without its fluentd.
  void connect(std::stop_token stop) override {
    if (!async_) wire_.open(stop);
  }

  void send(std::span<const Entry> entries, std::stop_token stop) override {
    std::string all;
    std::string expected;
    for (const Entry& entry : entries) {
      // One acknowledgement is enough for all that was sent before it on this connection.
      const bool ask = acknowledged_ && &entry == &entries.back();
      const std::string chunk = ask ? base::base64_encode(base::random_bytes(16)) : std::string();
      all += message(entry, chunk);
      if (ask) expected = chunk;
    }
    if (reconnect_ns_ > 0 && base::monotonic_ns() - opened_ns_ > reconnect_ns_) {
      wire_.close();
      opened_ns_ = base::monotonic_ns();
    }
    wire_.write(all, stop);
    wire_.settle(stop);
    if (acknowledged_) await(expected, stop);
  }

 private:
  std::string message(const Entry& entry, const std::string& chunk) const;
  void await(const std::string& chunk, std::stop_token stop);

  Wire wire_;
  bool async_;
  bool acknowledged_;
  bool fine_time_;
  int answer_ms_ = kPatienceMs;
  std::int64_t reconnect_ns_ = 0;
  std::int64_t opened_ns_ = base::monotonic_ns();
  Patience patience_;
  std::string tag_;
  Options fields_;
};

std::string Fluentd::message(const Entry& entry, const std::string& chunk) const {
  Options record = fields_;
  record["source"] = entry.err ? "stderr" : "stdout";
  record["log"] = entry.text;
  if (entry.piece) {
    record["partial_message"] = "true";
    record["partial_id"] = entry.piece->id;
    record["partial_ordinal"] = std::to_string(entry.piece->ordinal);
    record["partial_last"] = entry.piece->last ? "true" : "false";
  }
  Packer packer;
  packer.array(chunk.empty() ? 3 : 4);
  packer.text(tag_);
  if (fine_time_) {
    packer.event_time(entry.time);
  } else {
    packer.number(static_cast<std::uint64_t>(entry.time.unix_ns / 1'000'000'000));
  }
  packer.map(record.size());
  for (const auto& [name, value] : record) {
    packer.text(name);
    packer.text(value);
  }
  if (!chunk.empty()) {
    packer.map(1);
    packer.text("chunk");
    packer.text(chunk);
  }
  return packer.take();
}

/// {"ack": CHUNK}: 0x81, "ack" and the text, each short.
void Fluentd::await(const std::string& chunk, std::stop_token stop) {
  Packer packer;
  packer.map(1);
  packer.text("ack");
  packer.text(chunk);
  const std::string expected = packer.take();
  std::string answer;
  std::array<char, 256> buffer{};
  while (answer.size() < expected.size()) {
    const std::size_t got = wire_.read_some(buffer, answer_ms_, stop);
    answer.append(buffer.data(), got);
  }
  if (answer == expected) return;
  wire_.close();
  base::fail(Kind::Unavailable, "fluentd answered something else than the acknowledgement");
}

}  // namespace

void check_fluentd(const Options& options) {
  check_names(
      options, "fluentd",
      {"fluentd-address", "fluentd-async", "fluentd-async-reconnect-interval",
       "fluentd-buffer-limit", "fluentd-max-retries", "fluentd-request-ack", "fluentd-retry-wait",
       "fluentd-sub-second-precision", "fluentd-write-timeout", "fluentd-read-timeout"});
  address_of(options);
  if (const std::string limit = option(options, "fluentd-buffer-limit"); !limit.empty()) {
    parse_bytes(limit);
  }
  duration_ns(options, "fluentd-retry-wait");
  if (const std::string retries = option(options, "fluentd-max-retries"); !retries.empty()) {
    const auto number = parse_integer(retries);
    if (!number || *number < 0) {
      base::fail(Kind::InvalidArgument, "strconv.ParseUint: parsing {}: invalid syntax",
                 base::quoted(retries));
    }
  }
  for (const char* name :
       {"fluentd-async", "fluentd-request-ack", "fluentd-sub-second-precision"}) {
    flag(options, name);
  }
  check_reconnect(options);
  duration_ns(options, "fluentd-write-timeout");
  duration_ns(options, "fluentd-read-timeout");
}

std::unique_ptr<Destination> make_fluentd(const Subject& subject) {
  return std::make_unique<Fluentd>(subject);
}

}  // namespace wharf::shipping
