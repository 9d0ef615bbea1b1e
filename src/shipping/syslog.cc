// The syslog driver: RFC 3164, RFC 5424 and the shorter form of local syslog sockets.
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"
#include "http/url.h"
#include "shipping/drivers.h"
#include "shipping/wire.h"

namespace wharf::shipping {

namespace {

using base::Kind;

constexpr std::uint16_t kSyslogPort = 514;
constexpr int kErrorSeverity = 3;
constexpr int kInfoSeverity = 6;
constexpr int kDaemonFacility = 3;
constexpr int kLastFacility = 23;
constexpr std::string_view kFacilities[] = {
    "kern",   "user",   "mail",     "daemon", "auth",   "syslog", "lpr",    "news",
    "uucp",   "cron",   "authpriv", "ftp",    "",       "",       "",       "",
    "local0", "local1", "local2",   "local3", "local4", "local5", "local6", "local7"};

enum class Format { Unix, Rfc3164, Rfc5424, Rfc5424Micro };

int facility_of(const std::string& text) {
  if (text.empty()) return kDaemonFacility;
  for (int i = 0; i <= kLastFacility; ++i) {
    if (kFacilities[i] == text) return i;
  }
  const auto number = parse_integer(text);
  if (number && *number >= 0 && *number <= kLastFacility) return static_cast<int>(*number);
  base::fail(Kind::InvalidArgument, "invalid syslog facility");
}

Format format_of(const std::string& text) {
  if (text.empty()) return Format::Unix;
  if (text == "rfc3164") return Format::Rfc3164;
  if (text == "rfc5424") return Format::Rfc5424;
  if (text == "rfc5424micro") return Format::Rfc5424Micro;
  base::fail(Kind::InvalidArgument, "Invalid syslog format");
}

struct Address {
  std::string scheme;  ///< "" is this machine's own syslog.
  std::string path;
  http::HostPort place;
};

Address address_of(const std::string& text) {
  if (text.empty()) return {};
  const Target target = parse_target(text);
  Address address{target.scheme, {}, {}};
  if (target.scheme == "unix" || target.scheme == "unixgram") {
    address.path = target.rest;
    struct stat there{};
    if (::stat(address.path.c_str(), &there) != 0) {
      base::fail(Kind::InvalidArgument, "{}",
                 base::errno_error(errno, "stat " + address.path).what());
    }
    return address;
  }
  if (target.scheme != "udp" && target.scheme != "tcp" && target.scheme != "tcp+tls") {
    base::fail(Kind::InvalidArgument, "unsupported scheme: '{}'", target.scheme);
  }
  address.place = http::parse_host_port(target.rest.substr(0, target.rest.find('/')));
  if (address.place.port == 0) address.place.port = kSyslogPort;
  return address;
}

/// In this machine's time zone, as Docker's formats have it.
std::string local_time(base::Time time, const char* format) {
  const std::time_t seconds = time.unix_ns / 1'000'000'000;
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  std::array<char, 64> text{};
  const std::size_t bytes = std::strftime(text.data(), text.size(), format, &parts);
  return {text.data(), bytes};
}

/// "+02:00", or "Z".
std::string zone(base::Time time) {
  std::string offset = local_time(time, "%z");
  if (offset.size() != 5 || offset == "+0000") return "Z";
  return offset.insert(3, ":");
}

class Syslog final : public Destination {
 public:
  Syslog(const Subject& subject, const Address& address);

  void connect(std::stop_token stop) override {
    if (!local_) return wire_.open(stop);
    open_local(stop);
  }

  void send(std::span<const Entry> entries, std::stop_token stop) override {
    if (local_) open_local(stop);
    if (!wire_.is_stream()) {
      for (const Entry& entry : entries) {
        // Docker: empty lines are left out.
        if (!entry.text.empty()) wire_.write(message(entry), stop);
      }
      return;
    }
    std::string all;
    for (const Entry& entry : entries) {
      if (!entry.text.empty()) all += message(entry);
    }
    if (!all.empty()) wire_.write(all, stop);
    wire_.settle(stop);
  }

 private:
  void open_local(std::stop_token stop);
  std::string message(const Entry& entry) const;

  Wire wire_;
  bool local_;
  bool counted_;  ///< RFC 5425: the length goes before each message.
  int facility_;
  Format format_;
  std::string tag_;
  std::string host_ = host_name();
};

Place place_of(const Subject& subject, const Address& address) {
  Place place;
  if (address.scheme == "udp") place.kind = Place::Kind::Udp;
  if (address.scheme == "unixgram") place.kind = Place::Kind::UnixDatagram;
  place.endpoint.path = address.path;
  place.endpoint.host = address.place.host;
  place.endpoint.port = address.place.port;
  if (address.scheme == "tcp+tls") {
    http::TlsOptions tls;
    tls.ca_file = option(subject.options, "syslog-tls-ca-cert");
    tls.certificate_file = option(subject.options, "syslog-tls-cert");
    tls.key_file = option(subject.options, "syslog-tls-key");
    // Docker: given is enough, whatever its value.
    tls.verify = !subject.options.contains("syslog-tls-skip-verify");
    place.endpoint.tls = std::make_shared<http::TlsContext>(tls);
  }
  return place;
}

Syslog::Syslog(const Subject& subject, const Address& address)
    : wire_(place_of(subject, address)),
      local_(address.scheme.empty()),
      facility_(facility_of(option(subject.options, "syslog-facility"))),
      format_(format_of(option(subject.options, "syslog-format"))),
      tag_(tag_of(subject)) {
  counted_ = address.scheme == "tcp+tls" && format_ >= Format::Rfc5424;
}

void Syslog::open_local(std::stop_token stop) {
  for (const char* path : {"/dev/log", "/var/run/syslog", "/var/run/log"}) {
    for (const auto kind : {Place::Kind::UnixDatagram, Place::Kind::Stream}) {
      Place place;
      place.kind = kind;
      place.endpoint.path = path;
      wire_ = Wire(std::move(place));
      try {
        wire_.open(stop);
        local_ = false;
        return;
      } catch (const base::Error& error) {
        if (error.kind() == Kind::Cancelled) throw;
      }
    }
  }
  base::fail(Kind::Unavailable, "Unix syslog delivery error");
}

std::string Syslog::message(const Entry& entry) const {
  const int priority = facility_ * 8 + (entry.err ? kErrorSeverity : kInfoSeverity);
  const int pid = ::getpid();
  std::string out;
  if (format_ == Format::Unix || format_ == Format::Rfc3164) {
    const std::string host = format_ == Format::Rfc3164 ? host_ + " " : std::string();
    out = fmt::format("<{}>{} {}{}[{}]: {}\n", priority, local_time(entry.time, "%b %e %H:%M:%S"),
                      host, tag_, pid, entry.text);
  } else {
    std::string stamp = local_time(entry.time, "%Y-%m-%dT%H:%M:%S");
    if (format_ == Format::Rfc5424Micro) {
      stamp += fmt::format(".{:06}", entry.time.unix_ns / 1000 % 1'000'000);
    }
    out = fmt::format("<{}>1 {}{} {} {} {} {} - {}\n", priority, stamp, zone(entry.time), host_,
                      tag_, pid, tag_, entry.text);
  }
  return counted_ ? std::to_string(out.size()) + " " + out : out;
}

}  // namespace

void check_syslog(const Options& options) {
  check_names(options, "syslog",
              {"syslog-address", "syslog-facility", "syslog-tls-ca-cert", "syslog-tls-cert",
               "syslog-tls-key", "syslog-tls-skip-verify", "syslog-format"});
  address_of(option(options, "syslog-address"));
  facility_of(option(options, "syslog-facility"));
  format_of(option(options, "syslog-format"));
}

std::unique_ptr<Destination> make_syslog(const Subject& subject) {
  return std::make_unique<Syslog>(subject, address_of(option(subject.options, "syslog-address")));
}

}  // namespace wharf::shipping
