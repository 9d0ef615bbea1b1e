#include "logs/records.h"

#include <unistd.h>

#include <algorithm>

#include "os/file.h"

namespace wharf::logs {

namespace {

constexpr std::size_t kChunk = 64 << 10;
/// Records looked at where a search by time probes.
constexpr int kProbed = 8;
/// Before and after each record of the local format.
constexpr std::size_t kLengthBytes = 4;

std::uint32_t length_at(std::string_view bytes, std::size_t at) {
  std::uint32_t length = 0;
  for (const char c : bytes.substr(at, kLengthBytes))
    length = length << 8 | static_cast<unsigned char>(c);
  return length;
}

/// The length before `end`, read with what is before it: the next one is there, too.
class Backwards {
 public:
  explicit Backwards(const os::Fd& file) : file_(file) {}

  std::uint32_t length_before(std::uint64_t end) {
    if (end < kLengthBytes) return UINT32_MAX;
    if (end < begin_ + kLengthBytes || end > begin_ + chunk_.size()) read_before(end);
    const std::uint64_t at = end - begin_ - kLengthBytes;
    return at + kLengthBytes <= chunk_.size() ? length_at(chunk_, at) : UINT32_MAX;
  }

 private:
  void read_before(std::uint64_t end) {
    begin_ = end > kChunk ? end - kChunk : 0;
    chunk_.resize(end - begin_);
    const auto got = os::check(
        WHARF_CALL(pread, file_.get(), chunk_.data(), chunk_.size(), static_cast<off_t>(begin_)),
        "read log");
    chunk_.resize(static_cast<std::size_t>(got));
  }

  const os::Fd& file_;
  std::uint64_t begin_ = 0;
  std::string chunk_;
};

/// Of a file that ends in what is no record: counted, and then as many skipped as are too many.
std::uint64_t offset_of_last_by_reading(const os::Fd& file, std::uint64_t& records) {
  std::uint64_t all = 0;
  for (RecordReader reader(file.duplicate(), 0, Format::Local); reader.next();) ++all;
  const std::uint64_t wanted = std::min(all, records);
  records -= wanted;
  RecordReader reader(file.duplicate(), 0, Format::Local);
  for (std::uint64_t i = wanted; i < all; ++i) reader.next();
  return reader.position();
}

std::uint64_t offset_of_last_entry(const os::Fd& file, std::uint64_t& records) {
  auto end = static_cast<std::uint64_t>(os::status(file).st_size);
  Backwards lengths(file);
  std::uint64_t left = records;
  while (left > 0 && end > 0) {
    const std::uint64_t size = std::uint64_t{lengths.length_before(end)} + 2 * kLengthBytes;
    if (size > end || lengths.length_before(end - size + kLengthBytes) + 2 * kLengthBytes != size)
      return offset_of_last_by_reading(file, records);
    end -= size;
    --left;
  }
  records = left;
  return end;
}

/// A file of the local format has no place to begin but its start; it is as large as max-size.
std::uint64_t offset_since_by_reading(const os::Fd& file, base::Time since) {
  RecordReader reader(file.duplicate(), 0, Format::Local);
  Line line;
  while (true) {
    const std::uint64_t begin = reader.position();
    const auto record = reader.next();
    if (!record || (decode(*record, Format::Local, line) && line.time >= since)) return begin;
  }
}

/// Where the last `records` records of `file` begin; `records` becomes what is still missing.
std::uint64_t offset_of_last_line(const os::Fd& file, std::uint64_t& records) {
  const auto size = static_cast<std::uint64_t>(os::status(file).st_size);
  std::uint64_t end = size;
  std::string chunk(kChunk, '\0');
  while (end > 0) {
    const std::uint64_t begin = end > kChunk ? end - kChunk : 0;
    const auto got = os::check(
        WHARF_CALL(pread, file.get(), chunk.data(), end - begin, static_cast<off_t>(begin)),
        "read log");
    if (got == 0) break;
    for (auto i = static_cast<std::uint64_t>(got); i > 0; --i) {
      // The '\n' that ends the file ends its last record.
      if (chunk[i - 1] != '\n' || begin + i == size) continue;
      if (--records == 0) return begin + i;
    }
    end = begin;
  }
  if (size > 0) --records;
  return 0;
}

/// Where a record begins that has none of `since` or later before it.
std::uint64_t offset_since_by_halving(const os::Fd& file, base::Time since) {
  std::uint64_t low = 0;
  auto high = static_cast<std::uint64_t>(os::status(file).st_size);
  while (high - low > kChunk) {
    const std::uint64_t middle = low + (high - low) / 2;
    const auto latest = latest_after(file, Format::Json, middle);
    (latest && *latest < since ? low : high) = middle;
  }
  if (low == 0) return 0;
  RecordReader reader(file.duplicate(), low);
  reader.next();
  return reader.position();
}

}  // namespace

std::uint64_t offset_of_last(const os::Fd& file, Format format, std::uint64_t& records) {
  return format == Format::Local ? offset_of_last_entry(file, records)
                                 : offset_of_last_line(file, records);
}

/// Pieces of a long line all bear the time of its first, so the latest of a few is taken.
std::optional<base::Time> latest_after(const os::Fd& file, Format format, std::uint64_t offset) {
  RecordReader reader(file.duplicate(), offset, format);
  if (offset > 0) reader.next();
  std::optional<base::Time> latest;
  Line line;
  for (int i = 0; i < kProbed; ++i) {
    const auto record = reader.next();
    if (!record) break;
    if (decode(*record, format, line)) latest = std::max(latest.value_or(line.time), line.time);
  }
  return latest;
}

std::uint64_t offset_since(const os::Fd& file, Format format, base::Time since) {
  return format == Format::Local ? offset_since_by_reading(file, since)
                                 : offset_since_by_halving(file, since);
}

RecordReader::RecordReader(os::Fd file, std::uint64_t offset, Format format)
    : file_(std::move(file)), format_(format), offset_(offset) {}

bool RecordReader::fill() {
  buffer_.erase(0, begin_);
  begin_ = 0;
  // Whoever waits at the end of a quiet log holds no memory, and takes none to look.
  const auto size = static_cast<std::uint64_t>(os::status(file_).st_size);
  if (buffer_.empty() && size <= offset_) std::string().swap(buffer_);  // "=" would keep it.
  if (size <= offset_) return false;
  const std::size_t had = buffer_.size();
  const std::size_t wanted = std::min<std::uint64_t>(kChunk, size - offset_);
  buffer_.resize(had + wanted);
  const auto got =
      WHARF_CALL(pread, file_.get(), buffer_.data() + had, wanted, static_cast<off_t>(offset_));
  buffer_.resize(had + (got > 0 ? static_cast<std::size_t>(got) : 0));
  if (got < 0) throw os::last_error("read log");
  offset_ += static_cast<std::uint64_t>(got);
  return got > 0;
}

std::optional<std::string_view> RecordReader::next() {
  return format_ == Format::Local ? next_entry() : next_line();
}

/// Where the lengths are no lengths nothing more can be read off this file.
std::optional<std::string_view> RecordReader::next_entry() {
  while (true) {
    const std::size_t have = buffer_.size() - begin_;
    const std::size_t size = have < kLengthBytes ? 0 : length_at(buffer_, begin_);
    if (size > kRecordLimit) return std::nullopt;
    if (have >= size + 2 * kLengthBytes) {
      const std::string_view record(buffer_.data() + begin_ + kLengthBytes, size);
      if (length_at(buffer_, begin_ + kLengthBytes + size) != size) return std::nullopt;
      begin_ += size + 2 * kLengthBytes;
      return record;
    }
    if (!fill()) return std::nullopt;
  }
}

std::optional<std::string_view> RecordReader::next_line() {
  std::size_t searched = begin_;
  while (true) {
    const std::size_t end = buffer_.find('\n', searched);
    if (end != std::string::npos) {
      const std::string_view record(buffer_.data() + begin_, end - begin_);
      begin_ = end + 1;
      if (!std::exchange(skipping_, false)) return record;
      searched = begin_;
      continue;
    }
    if (buffer_.size() - begin_ > kRecordLimit) {
      skipping_ = true;
      begin_ = buffer_.size();
    }
    const std::size_t kept = buffer_.size() - begin_;
    if (!fill()) return std::nullopt;
    searched = kept;
  }
}

void RecordReader::rewind_if_truncated() {
  if (static_cast<std::uint64_t>(os::status(file_).st_size) >= offset_) return;
  offset_ = 0;
  buffer_.clear();
  begin_ = 0;
}

}  // namespace wharf::logs
