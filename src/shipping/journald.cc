// The journald driver: the journal's native protocol, one datagram a message (systemd.journal-
// fields(7), "JOURNAL_NATIVE_PROTOCOL"). One too large for a datagram goes as a sealed memfd.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "base/ids.h"
#include "base/strings.h"
#include "os/file.h"
#include "shipping/drivers.h"
#include "shipping/wire.h"

namespace wharf::shipping {

namespace {

using base::Kind;

constexpr const char* kSocket = "/run/systemd/journal/socket";
constexpr const char* kErrorPriority = "3";
constexpr const char* kInfoPriority = "6";

void add_field(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  if (value.find('\n') == std::string_view::npos) {
    out.append("=").append(value).append("\n");
    return;
  }
  out += '\n';
  const std::uint64_t bytes = value.size();  // Little-endian, as this machine.
  out.append(reinterpret_cast<const char*>(&bytes), sizeof bytes);
  out.append(value).append("\n");
}

/// Docker: field names are upper case, of A-Z 0-9 and _, and do not begin with _.
std::string field_name(const std::string& name) {
  std::string out;
  for (const char c : name) {
    const char upper = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    const bool plain = (upper >= 'A' && upper <= 'Z') || (upper >= '0' && upper <= '9');
    if (out.empty() && !plain) continue;
    out += plain ? upper : '_';
  }
  return out;
}

os::Fd sealed_file(std::string_view bytes) {
  os::Fd file(
      os::check(WHARF_CALL(memfd_create, "journal-message", MFD_CLOEXEC | MFD_ALLOW_SEALING),
                "make a journal message"));
  os::write_all(file, bytes);
  os::check(WHARF_CALL(fcntl, file.get(), F_ADD_SEALS,
                       F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL),
            "seal a journal message");
  return file;
}

class Journald final : public Destination {
 public:
  explicit Journald(const Subject& subject) : wire_(place()) {
    const std::string tag = tag_of(subject);
    add_field(fields_, "CONTAINER_ID", base::short_id(subject.id));
    add_field(fields_, "CONTAINER_ID_FULL", subject.id);
    add_field(fields_, "CONTAINER_NAME", subject.name);
    add_field(fields_, "CONTAINER_TAG", tag);
    add_field(fields_, "IMAGE_NAME", subject.image_name);
    add_field(fields_, "SYSLOG_IDENTIFIER", tag);
    for (const auto& [name, value] : chosen_attributes(subject)) {
      const std::string field = field_name(name);
      if (!field.empty()) add_field(fields_, field, value);
    }
    add_field(fields_, "CONTAINER_LOG_EPOCH", base::random_id());
  }

  void connect(std::stop_token stop) override {
    try {
      wire_.open(stop);
    } catch (const base::Error&) {
      base::fail(Kind::Unavailable, "journald is not enabled on this host");
    }
  }

  void send(std::span<const Entry> entries, std::stop_token stop) override {
    for (const Entry& entry : entries) {
      // Docker: an empty line is no message.
      if (entry.text.empty()) continue;
      const std::string bytes = message(entry);
      try {
        wire_.write(bytes, stop);
      } catch (const base::Error& error) {
        if (error.error_number() != EMSGSIZE) throw;
        wire_.open(stop);
        wire_.write_descriptor(sealed_file(bytes));
      }
      ++ordinal_;
    }
  }

 private:
  static Place place() {
    Place place;
    place.kind = Place::Kind::UnixDatagram;
    place.endpoint.path = kSocket;
    return place;
  }

  std::string message(const Entry& entry) const {
    std::string out = fields_;
    add_field(out, "MESSAGE", entry.text);
    add_field(out, "PRIORITY", entry.err ? kErrorPriority : kInfoPriority);
    add_field(out, "SYSLOG_TIMESTAMP", base::rfc3339_nano(entry.time));
    add_field(out, "CONTAINER_LOG_ORDINAL", std::to_string(ordinal_));
    if (!entry.piece) return out;
    add_field(out, "CONTAINER_PARTIAL_ID", entry.piece->id);
    add_field(out, "CONTAINER_PARTIAL_ORDINAL", std::to_string(entry.piece->ordinal));
    add_field(out, "CONTAINER_PARTIAL_LAST", entry.piece->last ? "true" : "false");
    if (!entry.piece->last) add_field(out, "CONTAINER_PARTIAL_MESSAGE", "true");
    return out;
  }

  Wire wire_;
  std::string fields_;
  std::uint64_t ordinal_ = 1;
};

}  // namespace

void check_journald(const Options& options) {
  check_names(options, "journald", {});
}

std::unique_ptr<Destination> make_journald(const Subject& subject) {
  return std::make_unique<Journald>(subject);
}

}  // namespace wharf::shipping
