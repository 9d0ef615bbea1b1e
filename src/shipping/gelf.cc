// The gelf driver: Graylog's JSON over udp, compressed and in chunks, or over tcp, each ended by a
// zero byte.
#include <thread>

#include "base/error.h"
#include "base/ids.h"
#include "base/json.h"
#include "base/log.h"
#include "base/strings.h"
#include "http/url.h"
#include "shipping/drivers.h"
#include "shipping/squeeze.h"
#include "shipping/wire.h"

namespace wharf::shipping {

namespace {

using base::Kind;

/// GELF chunks: magic, message id, number, count; then at most so many bytes, in 128 chunks.
constexpr std::size_t kDatagramBytes = 1420;
constexpr std::size_t kChunkBytes = kDatagramBytes - 12;
constexpr std::size_t kMostChunks = 128;
constexpr int kErrorLevel = 3;
constexpr int kInfoLevel = 6;

struct Address {
  bool tcp = false;
  http::HostPort place;
};

Address address_of(const Options& options) {
  const std::string text = option(options, "gelf-address");
  if (text.empty()) base::fail(Kind::InvalidArgument, "gelf-address is a required parameter");
  const Target target = parse_target(text);
  static constexpr std::string_view kTransports[] = {"tcp", "tcp+tls", "udp", "unix", "unixgram"};
  if (std::ranges::find(kTransports, target.scheme) == std::end(kTransports)) {
    base::fail(Kind::InvalidArgument, "gelf-address should be in form proto://address, got {}",
               text);
  }
  if (target.scheme != "udp" && target.scheme != "tcp") {
    base::fail(Kind::InvalidArgument, "gelf: endpoint needs to be TCP or UDP");
  }
  Address address;
  address.tcp = target.scheme == "tcp";
  try {
    address.place = http::parse_host_port(target.rest.substr(0, target.rest.find('/')));
  } catch (const base::Error&) {
    address.place.port = 0;
  }
  if (address.place.port == 0) {
    base::fail(Kind::InvalidArgument, "gelf: please provide gelf-address as proto://host:port");
  }
  return address;
}

void check_value(const std::string& name, const std::string& value, bool tcp) {
  const auto number = parse_integer(value);
  if (name == "gelf-compression-level" || name == "gelf-compression-type") {
    if (tcp) base::fail(Kind::InvalidArgument, "compression is only supported on UDP");
    const bool known = name == "gelf-compression-level"
                           ? number && *number >= -1 && *number <= 9
                           : value == "gzip" || value == "zlib" || value == "none";
    if (known) return;
    base::fail(Kind::InvalidArgument, "unknown value {} for log opt {} for gelf log driver",
               base::quoted(value), base::quoted(name));
  }
  if (name == "gelf-tcp-max-reconnect" || name == "gelf-tcp-reconnect-delay") {
    if (!tcp) base::fail(Kind::InvalidArgument, "{} is only valid for TCP", base::quoted(name));
    if (number && *number >= 0) return;
    base::fail(Kind::InvalidArgument, "{} must be a positive integer", base::quoted(name));
  }
  if (name == "gelf-address" || is_common_name(name)) return;
  base::fail(Kind::InvalidArgument, "unknown log opt {} for gelf log driver", base::quoted(name));
}

Place place_of(const Address& address) {
  Place place;
  place.kind = address.tcp ? Place::Kind::Stream : Place::Kind::Udp;
  place.endpoint.host = address.place.host;
  place.endpoint.port = address.place.port;
  return place;
}

class Gelf final : public Destination {
 public:
  Gelf(const Subject& subject, const Address& address);

  void connect(std::stop_token stop) override { wire_.open(stop); }

  void send(std::span<const Entry> entries, std::stop_token stop) override {
    if (!wire_.is_stream()) {
      for (const Entry& entry : entries) {
        if (!entry.text.empty()) send_datagrams(message(entry), stop);
      }
      return;
    }
    std::string all;
    for (const Entry& entry : entries) {
      if (!entry.text.empty()) all += message(entry) + '\0';
    }
    if (!all.empty()) write_stream(all, stop);
    wire_.settle(stop);
  }

 private:
  std::string message(const Entry& entry) const;
  void send_datagrams(const std::string& json, std::stop_token stop);
  void write_stream(const std::string& bytes, std::stop_token stop);

  Wire wire_;
  std::string compression_;
  std::int64_t level_;
  std::int64_t reconnects_;
  std::chrono::seconds reconnect_delay_;
  std::string host_ = host_name();
  base::JsonObject extra_;
};

Gelf::Gelf(const Subject& subject, const Address& address)
    : wire_(place_of(address)),
      compression_(option(subject.options, "gelf-compression-type")),
      level_(parse_integer(option(subject.options, "gelf-compression-level")).value_or(1)),
      reconnects_(parse_integer(option(subject.options, "gelf-tcp-max-reconnect")).value_or(3)),
      reconnect_delay_(
          parse_integer(option(subject.options, "gelf-tcp-reconnect-delay")).value_or(1)) {
  extra_["_container_id"] = subject.id;
  extra_["_container_name"] = subject.name;
  extra_["_image_id"] = subject.image_id;
  extra_["_image_name"] = subject.image_name;
  extra_["_command"] = command_line(subject);
  extra_["_tag"] = tag_of(subject);
  extra_["_created"] = base::rfc3339_nano(subject.created);
  for (const auto& [name, value] : chosen_attributes(subject)) {
    extra_[name.starts_with('_') ? name : "_" + name] = value;
  }
}

std::string Gelf::message(const Entry& entry) const {
  std::string out = fmt::format(
      R"({{"version":"1.1","host":{},"short_message":{},"timestamp":{}.{:03},"level":{})",
      json_string(host_), json_string(entry.text), entry.time.unix_ns / 1'000'000'000,
      entry.time.unix_ns / 1'000'000 % 1000, entry.err ? kErrorLevel : kInfoLevel);
  for (const auto& [name, value] : extra_) {
    out += "," + json_string(name) + ":" + base::to_text(value);
  }
  return out + "}";
}

void Gelf::send_datagrams(const std::string& json, std::stop_token stop) {
  const std::string bytes =
      compression_ == "none"
          ? json
          : squeezed(json, compression_ == "zlib" ? Squeeze::Zlib : Squeeze::Gzip, level_);
  if (bytes.size() <= kDatagramBytes) return wire_.write(bytes, stop);
  const std::size_t count = (bytes.size() + kChunkBytes - 1) / kChunkBytes;
  if (count > kMostChunks) {
    base::log_warn("gelf: a message of {} bytes does not fit into {} chunks and is left out",
                   bytes.size(), kMostChunks);
    return;
  }
  const std::string id = base::random_bytes(8);
  for (std::size_t i = 0; i < count; ++i) {
    std::string chunk = "\x1e\x0f" + id;
    chunk += static_cast<char>(i);
    chunk += static_cast<char>(count);
    wire_.write(chunk + bytes.substr(i * kChunkBytes, kChunkBytes), stop);
  }
}

/// Docker: gelf-tcp-max-reconnect attempts, gelf-tcp-reconnect-delay apart; what is still not sent
/// is then tried again later, as with every driver.
void Gelf::write_stream(const std::string& bytes, std::stop_token stop) {
  for (std::int64_t attempt = 0;; ++attempt) {
    try {
      return wire_.write(bytes, stop);
    } catch (const base::Error& error) {
      if (error.kind() == Kind::Cancelled || attempt >= reconnects_) throw;
    }
    const auto until = std::chrono::steady_clock::now() + reconnect_delay_;
    while (std::chrono::steady_clock::now() < until) {
      if (stop.stop_requested()) base::fail(Kind::Cancelled, "context canceled");
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  }
}

}  // namespace

void check_gelf(const Options& options) {
  const Address address = address_of(options);
  for (const auto& [name, value] : options) check_value(name, value, address.tcp);
}

std::unique_ptr<Destination> make_gelf(const Subject& subject) {
  return std::make_unique<Gelf>(subject, address_of(subject.options));
}

}  // namespace wharf::shipping
