#include "shipping/source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/file.h"

namespace wharf::shipping {

namespace {

os::Fd open_log(const os::Fd& directory, const std::string& name) {
  return os::Fd(WHARF_CALL(openat, directory.get(), name.c_str(),
                           O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
}

}  // namespace

Source::Source(os::Fd directory, std::string name, std::uint32_t max_files, const Position& from)
    : directory_(std::move(directory)),
      name_(std::move(name)),
      max_files_(max_files),
      position_(from) {
  if (!resume(from)) find_again();
}

/// The current file is the one that was read, and the record before the position the one read last.
bool Source::resume(const Position& from) {
  if (from.inode == 0 || from.offset <= from.last_bytes) return false;
  os::Fd file = open_log(directory_, name_);
  if (!file.valid() || os::status(file).st_ino != from.inode) return false;
  std::string last(from.last_bytes, '\0');
  const auto got = WHARF_CALL(pread, file.get(), last.data(), last.size(),
                              static_cast<off_t>(from.offset - 1 - from.last_bytes));
  if (got != static_cast<ssize_t>(last.size()) || hash_of(last) != from.last_hash) return false;
  reader_.emplace(std::move(file), from.offset);
  return true;
}

void Source::find_again() {
  reader_.reset();
  files_.emplace(directory_, name_, max_files_);
  if (position_.inode == 0) return;
  while (const auto record = files_->next()) {
    if (record->size() == position_.last_bytes && hash_of(*record) == position_.last_hash) return;
  }
  gap_ = true;
  files_.emplace(directory_, name_, max_files_);
}

bool Source::is(const std::string& name) const {
  struct stat there{};
  if (::fstatat(directory_.get(), name.c_str(), &there, AT_SYMLINK_NOFOLLOW) != 0) return false;
  const struct stat ours = os::status(reader_->file());
  return there.st_ino == ours.st_ino && there.st_dev == ours.st_dev;
}

std::string_view Source::took(std::string_view record, const logs::RecordReader& reader) {
  position_.inode = os::status(reader.file()).st_ino;
  position_.offset = reader.position();
  position_.last_bytes = record.size();
  position_.last_hash = hash_of(record);
  return record;
}

/// To the file after the one that was read to its end. False when there is nothing new now.
bool Source::turn_page() {
  if (is(name_)) {
    if (static_cast<std::uint64_t>(os::status(reader_->file()).st_size) >= reader_->position()) {
      return false;
    }
    gap_ = true;  // Emptied to be written again: what had come after the position is not known.
    reader_->rewind_if_truncated();
    return true;
  }
  os::Fd newest = open_log(directory_, name_);
  if (!newest.valid()) return false;
  if (!is(name_ + ".1")) {
    find_again();
    return true;
  }
  reader_.emplace(std::move(newest));
  return true;
}

std::optional<std::string_view> Source::next() {
  while (true) {
    if (files_) {
      if (auto record = files_->next()) return took(*record, *files_->reader());
      reader_ = std::move(*files_).newest();
      files_.reset();
    }
    if (!reader_) {
      os::Fd file = open_log(directory_, name_);
      if (!file.valid()) return std::nullopt;
      reader_.emplace(std::move(file));
    }
    if (auto record = reader_->next()) return took(*record, *reader_);
    if (!is(name_)) {
      // It was turned over just now; what was written before that is still in it.
      if (auto record = reader_->next()) return took(*record, *reader_);
    }
    if (!turn_page()) return std::nullopt;
  }
}

std::uint64_t Source::unread_bytes() const {
  if (files_) return files_->unread_bytes();
  if (!reader_) return 0;
  const auto size = static_cast<std::uint64_t>(os::status(reader_->file()).st_size);
  std::uint64_t bytes = size - std::min(size, reader_->position());
  std::string name = name_;
  for (std::uint32_t age = 1; age <= max_files_ && !is(name); ++age) {
    struct stat there{};
    if (::fstatat(directory_.get(), name.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0) {
      bytes += static_cast<std::uint64_t>(there.st_size);
    }
    name = name_ + "." + std::to_string(age);
  }
  return bytes;
}

}  // namespace wharf::shipping
