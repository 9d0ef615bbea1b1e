#include "shipping/shipment.h"

#include <fcntl.h>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "logs/line.h"
#include "shipping/drivers.h"

namespace wharf::shipping {

namespace {

using base::Kind;

constexpr std::size_t kBatchRecords = 1000;
constexpr std::uint64_t kBatchBytes = 512 << 10;
/// Docker's ring: what mode=non-blocking holds unless max-buffer-size says otherwise.
constexpr std::uint64_t kBufferBytes = 1 << 20;
/// One job serves one container no longer than this before others have their turn.
constexpr std::int64_t kTurnNs = 1'000'000'000;
constexpr std::uint64_t kLookedRecords = 16;
constexpr std::chrono::nanoseconds kLongestDelay = std::chrono::seconds(15);
/// The first failure is told, and then every so many.
constexpr std::uint64_t kToldFailures = 20;

std::optional<std::uint64_t> buffer_of(const Options& options) {
  if (option(options, "mode") != "non-blocking") return std::nullopt;
  const std::string size = option(options, "max-buffer-size");
  return size.empty() ? kBufferBytes : static_cast<std::uint64_t>(parse_bytes(size));
}

}  // namespace

Shipment::Shipment(const Request& request, logs::Watch& watch, std::uint64_t key_in)
    : changes(watch.on(request.directory)),
      key(key_in),
      ended(request.ended),
      subject_(request.subject),
      directory_(os::open_file(request.directory, O_RDONLY | O_DIRECTORY)),
      cursor_(directory_),
      source_(directory_.duplicate(), request.name, request.max_files, cursor_.load()),
      destination_(make_destination(request.subject)),
      patience_(destination_->patience()),
      buffer_bytes_(buffer_of(request.subject.options)),
      after_(source_.position()) {
  if (!buffer_bytes_) buffer_bytes_ = patience_.buffer_bytes;
}

Entry Shipment::entry_of(const logs::Line& line) {
  Entry entry;
  entry.err = line.stream == "stderr";
  entry.time = line.time;
  entry.text = line.text;
  const bool whole = entry.text.ends_with('\n');
  if (whole) entry.text.pop_back();
  std::uint64_t& pieces = after_.pieces[entry.err ? 1 : 0];
  if (!whole || pieces > 0) {
    // The same for all pieces, and for every time they are sent: all bear the first one's time.
    const std::string name = fmt::format("{} {} {}", subject_.id, line.stream, line.time.unix_ns);
    const std::uint64_t hash = hash_of(name);
    entry.piece = {fmt::format("{:016x}{:016x}{:016x}{:016x}", hash, hash_of(name + "1"),
                               hash_of(name + "2"), hash_of(name + "3")),
                   static_cast<std::uint32_t>(++pieces), whole};
  }
  if (whole) pieces = 0;
  return entry;
}

void Shipment::fill_batch() {
  while (batch_.size() < kBatchRecords && batch_bytes_ < kBatchBytes) {
    const auto record = source_.next();
    if (!record) break;
    const std::uint64_t dropped = after_.dropped;
    const auto pieces = after_.pieces;
    after_ = source_.position();
    after_.dropped = dropped;
    after_.pieces = pieces;
    const auto line = logs::decode(*record);
    if (!line) continue;
    batch_bytes_ += record->size();
    batch_.push_back(entry_of(*line));
  }
  if (source_.gap()) {
    base::log_warn(
        "container {}: logging driver {}: log files were turned over before they were "
        "sent",
        subject_.id, subject_.driver);
  }
}

void Shipment::count_dropped(std::uint64_t records) {
  after_.dropped += records;
  dropped_ += records;
}

/// What does not fit into the buffer is never sent: the oldest goes, as in Docker's ring.
void Shipment::drop_behind() {
  if (!buffer_bytes_) return;
  if (batch_bytes_ + source_.unread_bytes() <= *buffer_bytes_) return;
  count_dropped(batch_.size());
  batch_.clear();
  batch_bytes_ = 0;
  // How much is left is asked every few records only.
  for (std::uint64_t i = 0; i % kLookedRecords != 0 || source_.unread_bytes() > *buffer_bytes_;
       ++i) {
    if (!source_.next()) break;
    count_dropped(1);
  }
  const std::uint64_t dropped = after_.dropped;
  after_ = source_.position();
  after_.dropped = dropped;
  after_.pieces = {};
  cursor_.save(after_);
}

void Shipment::give_up_batch() {
  count_dropped(batch_.size());
  base::log_warn("container {}: logging driver {}: {} records are dropped after {} attempts",
                 subject_.id, subject_.driver, batch_.size(), failures_.load());
  batch_.clear();
  batch_bytes_ = 0;
  failures_ = 0;
  cursor_.save(after_);
}

void Shipment::send_batch() {
  destination_->send(batch_, stop_.get_token());
  batch_.clear();
  batch_bytes_ = 0;
  if (failures_ >= kToldFailures) {
    base::log_info("container {}: logging driver {} works again", subject_.id, subject_.driver);
  }
  failures_ = 0;
  cursor_.save(after_);
}

void Shipment::failed(const base::Error& error) {
  if (failures_++ % kToldFailures == 0) {
    base::log_error("container {}: logging driver {}: {}", subject_.id, subject_.driver,
                    error.what());
  }
  if (patience_.attempts && failures_ >= *patience_.attempts) give_up_batch();
  drop_behind();
}

Shipment::Outcome Shipment::send_some() {
  changes.clear();
  const std::int64_t until_ns = base::monotonic_ns() + kTurnNs;
  bool sent = false;
  while (!stop_.stop_requested() && base::monotonic_ns() < until_ns) {
    try {
      drop_behind();
      fill_batch();
      if (batch_.empty()) break;
      send_batch();
      sent = true;
    } catch (const base::Error& error) {
      if (error.kind() == Kind::Cancelled) break;
      failed(error);
      return Outcome::Failed;
    }
  }
  if (sent) return Outcome::Sent;
  batch_ = std::vector<Entry>();  // A quiet container holds no memory.
  return Outcome::Nothing;
}

std::chrono::nanoseconds Shipment::delay() const {
  std::chrono::nanoseconds delay = patience_.first_delay;
  for (std::uint64_t i = 1; i < failures_ && delay < kLongestDelay; ++i) delay *= 2;
  return std::min(delay, kLongestDelay);
}

void Shipment::tell_end() const {
  const std::uint64_t dropped = dropped_;
  if (dropped == 0) return;
  base::log_warn("container {}: logging driver {} dropped {} log records", subject_.id,
                 subject_.driver, dropped);
}

}  // namespace wharf::shipping
