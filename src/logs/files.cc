#include "logs/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "os/file.h"

namespace wharf::logs {

namespace {

std::optional<os::Fd> open_if_exists(const os::Fd& directory, const std::string& name) {
  os::Fd file(WHARF_CALL(openat, directory.get(), name.c_str(),
                         O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (file.valid()) return file;
  if (errno == ENOENT) return std::nullopt;
  throw os::last_error("open log file {}", name);
}

}  // namespace

LogFiles::LogFiles(const os::Fd& directory, const std::string& name, std::uint32_t max_files,
                   Format format)
    : directory_(directory.duplicate()), format_(format) {
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
    if (part.offset == 0) part.offset = offset_of_last(part.file, format_, records);
  }
}

void LogFiles::keep_since(base::Time time) {
  for (std::size_t i = parts_.size(); i > 0; --i) {
    Part& part = parts_[i - 1];
    plain(part);
    at_ = i - 1;
    const auto first = latest_after(part.file, format_, 0);
    if (!first || *first >= time) continue;
    part.offset = std::max(part.offset, offset_since(part.file, format_, time));
    return;
  }
}

std::optional<std::string_view> LogFiles::next() {
  while (at_ < parts_.size()) {
    if (!reader_) {
      plain(parts_[at_]);
      reader_.emplace(std::move(parts_[at_].file), parts_[at_].offset, format_);
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
  return RecordReader(std::move(parts_.back().file), parts_.back().offset, format_);
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
