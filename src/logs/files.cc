#include "logs/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "logs/line.h"
#include "os/file.h"

namespace wharf::logs {

namespace {

constexpr std::size_t kChunk = 64 << 10;
/// Records looked at where a search by time probes.
constexpr int kProbed = 8;

std::optional<os::Fd> open_if_exists(const os::Fd& directory, const std::string& name) {
  os::Fd file(WHARF_CALL(openat, directory.get(), name.c_str(),
                         O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (file.valid()) return file;
  if (errno == ENOENT) return std::nullopt;
  throw os::last_error("open log file {}", name);
}

/// Where the last `records` records of `file` begin; `records` becomes what is still missing.
std::uint64_t offset_of_last(const os::Fd& file, std::uint64_t& records) {
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

/// Of the record that begins first after `offset`, and some after it. Pieces of a long line all
/// bear the time of its first, so the latest of a few is taken.
std::optional<base::Time> latest_after(const os::Fd& file, std::uint64_t offset) {
  RecordReader reader(file.duplicate(), offset);
  if (offset > 0) reader.next();
  std::optional<base::Time> latest;
  Line line;
  for (int i = 0; i < kProbed; ++i) {
    const auto record = reader.next();
    if (!record) break;
    if (decode(*record, line)) latest = std::max(latest.value_or(line.time), line.time);
  }
  return latest;
}

/// Where a record begins that has none of `since` or later before it.
std::uint64_t offset_since(const os::Fd& file, base::Time since) {
  std::uint64_t low = 0;
  auto high = static_cast<std::uint64_t>(os::status(file).st_size);
  while (high - low > kChunk) {
    const std::uint64_t middle = low + (high - low) / 2;
    const auto latest = latest_after(file, middle);
    (latest && *latest < since ? low : high) = middle;
  }
  if (low == 0) return 0;
  RecordReader reader(file.duplicate(), low);
  reader.next();
  return reader.position();
}

}  // namespace

RecordReader::RecordReader(os::Fd file, std::uint64_t offset)
    : file_(std::move(file)), offset_(offset) {}

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

LogFiles::LogFiles(const os::Fd& directory, const std::string& name, std::uint32_t max_files)
    : directory_(directory.duplicate()) {
  // The newest first: if it is rotated meanwhile, it is met again as NAME.1, and known by inode.
  std::vector<ino_t> seen;
  for (std::uint32_t age = 0; age < std::max(max_files, 1U); ++age) {
    const std::string rotated = age == 0 ? name : name + "." + std::to_string(age);
    Part part{open_if_exists(directory, rotated).value_or(os::Fd())};
    if (!part.file.valid() && age > 0) {
      part.file = open_if_exists(directory, rotated + ".gz").value_or(os::Fd());
      part.packed = true;
    }
    if (!part.file.valid()) {
      if (age == 0) continue;
      break;
    }
    const ino_t inode = os::status(part.file).st_ino;
    if (std::find(seen.begin(), seen.end(), inode) != seen.end()) continue;
    seen.push_back(inode);
    parts_.insert(parts_.begin(), std::move(part));
  }
}

const os::Fd& LogFiles::plain(Part& part) {
  if (!std::exchange(part.packed, false)) return part.file;
  try {
    part.file = gunzip(part.file, directory_);
  } catch (const base::Error& damaged) {
    base::log_warn("a compressed log file is left out: {}", damaged.what());
    part.offset = static_cast<std::uint64_t>(os::status(part.file).st_size);
  }
  return part.file;
}

void LogFiles::keep_last(std::uint64_t records) {
  if (parts_.empty()) return;
  if (records == 0) {
    at_ = parts_.size() - 1;
    parts_[at_].offset = static_cast<std::uint64_t>(os::status(parts_[at_].file).st_size);
    return;
  }
  for (std::size_t i = parts_.size(); i > 0 && records > 0; --i) {
    Part& part = parts_[i - 1];
    plain(part);
    at_ = i - 1;
    if (part.offset == 0) part.offset = offset_of_last(part.file, records);
  }
}

void LogFiles::keep_since(base::Time time) {
  for (std::size_t i = parts_.size(); i > 0; --i) {
    Part& part = parts_[i - 1];
    plain(part);
    at_ = i - 1;
    const auto first = latest_after(part.file, 0);
    if (!first || *first >= time) continue;
    part.offset = std::max(part.offset, offset_since(part.file, time));
    return;
  }
}

std::optional<std::string_view> LogFiles::next() {
  while (at_ < parts_.size()) {
    if (!reader_) {
      plain(parts_[at_]);
      reader_.emplace(std::move(parts_[at_].file), parts_[at_].offset);
    }
    if (auto record = reader_->next()) return record;
    if (at_ + 1 == parts_.size()) return std::nullopt;
    reader_.reset();
    ++at_;
  }
  return std::nullopt;
}

std::optional<RecordReader> LogFiles::newest() && {
  if (reader_) return std::move(reader_);
  if (parts_.empty()) return std::nullopt;
  return RecordReader(std::move(parts_.back().file), parts_.back().offset);
}

std::uint64_t LogFiles::unread_bytes() const {
  std::uint64_t bytes = 0;
  for (std::size_t i = at_; i < parts_.size(); ++i) {
    const bool open = i == at_ && reader_;
    const auto size =
        static_cast<std::uint64_t>(os::status(open ? reader_->file() : parts_[i].file).st_size);
    bytes += size - std::min(size, open ? reader_->position() : parts_[i].offset);
  }
  return bytes;
}

}  // namespace wharf::logs
