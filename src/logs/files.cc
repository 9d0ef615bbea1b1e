#include "logs/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "os/file.h"

namespace wharf::logs {

namespace {

constexpr std::size_t kChunk = 64 << 10;

std::optional<os::Fd> open_if_exists(const os::Fd& directory, const std::string& name) {
  os::Fd file(WHARF_CALL(openat, directory.get(), name.c_str(),
                         O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (file.valid()) return file;
  if (errno == ENOENT) return std::nullopt;
  throw os::last_error("open log file {}", name);
}

std::optional<os::Fd> open_rotated(const os::Fd& directory, const std::string& name) {
  if (auto plain = open_if_exists(directory, name)) return plain;
  auto packed = open_if_exists(directory, name + ".gz");
  if (!packed) return std::nullopt;
  try {
    return gunzip(*packed, directory);
  } catch (const base::Error& damaged) {
    base::log_warn("log file {}.gz is left out: {}", name, damaged.what());
    return std::nullopt;
  }
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

}  // namespace

RecordReader::RecordReader(os::Fd file, std::uint64_t offset)
    : file_(std::move(file)), offset_(offset) {}

bool RecordReader::fill() {
  buffer_.erase(0, begin_);
  begin_ = 0;
  const std::size_t had = buffer_.size();
  buffer_.resize(had + kChunk);
  const auto got =
      WHARF_CALL(pread, file_.get(), buffer_.data() + had, kChunk, static_cast<off_t>(offset_));
  buffer_.resize(had + (got > 0 ? static_cast<std::size_t>(got) : 0));
  if (got < 0) throw os::last_error("read log");
  offset_ += static_cast<std::uint64_t>(got);
  return got > 0;
}

std::optional<std::string> RecordReader::next() {
  std::size_t searched = begin_;
  while (true) {
    const std::size_t end = buffer_.find('\n', searched);
    if (end != std::string::npos) {
      std::string record = buffer_.substr(begin_, end - begin_);
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

LogFiles::LogFiles(const os::Fd& directory, const std::string& name, std::uint32_t max_files) {
  // The newest first: if it is rotated meanwhile, it is met again as NAME.1, and known by inode.
  std::vector<ino_t> seen;
  for (std::uint32_t age = 0; age < std::max(max_files, 1U); ++age) {
    auto file = age == 0 ? open_if_exists(directory, name)
                         : open_rotated(directory, name + "." + std::to_string(age));
    if (!file) {
      if (age == 0) continue;
      break;
    }
    const ino_t inode = os::status(*file).st_ino;
    if (std::find(seen.begin(), seen.end(), inode) != seen.end()) continue;
    seen.push_back(inode);
    files_.insert(files_.begin(), std::move(*file));
  }
  offsets_.assign(files_.size(), 0);
}

void LogFiles::keep_last(std::uint64_t records) {
  if (records == 0) {
    if (files_.empty()) return;
    at_ = files_.size() - 1;
    offsets_[at_] = static_cast<std::uint64_t>(os::status(files_[at_]).st_size);
    return;
  }
  for (std::size_t i = files_.size(); i > 0; --i) {
    offsets_[i - 1] = offset_of_last(files_[i - 1], records);
    at_ = i - 1;
    if (records == 0) return;
  }
}

std::optional<std::string> LogFiles::next() {
  while (at_ < files_.size()) {
    if (!reader_) reader_.emplace(std::move(files_[at_]), offsets_[at_]);
    if (auto record = reader_->next()) return record;
    if (at_ + 1 == files_.size()) return std::nullopt;
    reader_.reset();
    ++at_;
  }
  return std::nullopt;
}

std::optional<RecordReader> LogFiles::newest() && {
  if (reader_) return std::move(reader_);
  if (files_.empty()) return std::nullopt;
  return RecordReader(std::move(files_.back()), offsets_.back());
}

}  // namespace wharf::logs
