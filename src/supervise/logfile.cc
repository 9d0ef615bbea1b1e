#include "supervise/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

namespace wharf::supervise {
namespace {

/// A buffer this full is written even in the middle of a chunk.
constexpr std::size_t kFlushBytes = 64 * 1024;

/// How far back a torn record at the end of a file is looked for.
constexpr std::int64_t kTornBytes = 128 * 1024;

std::int64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

std::string_view stream_name(Output stream) {
  return stream == Output::Stdout ? "stdout" : "stderr";
}

/// Bytes written before the first error. What is missing is not tried again: the disk is
/// full or broken, and the container must not wait for it.
std::size_t write_what_fits(int fd, std::string_view bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = write(fd, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    done += static_cast<std::size_t>(n);
  }
  return done;
}

}  // namespace

bool LogFile::open(const LogFileOptions& options) {
  options_ = options;
  if (options.attrs.size() > sizeof attrs_ || options.name.size() > 200) {
    errno = ENAMETOOLONG;
    return false;
  }
  options.attrs.copy(attrs_, sizeof attrs_);  // Not memcpy: a view of nothing has no data.
  options_.attrs = {attrs_, options.attrs.size()};
  name_.clear();
  name_.put(options.name);
  if (options_.max_files < 1) options_.max_files = 1;
  if (!open_current(0)) return false;
  rotations_ = options_.compress ? rotated_before() : 0;
  drop_torn_record();
  return true;
}

bool LogFile::open_current(int extra_flags) {
  const int flags = O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | extra_flags;
  const int opened = openat(options_.directory, name_.c_str(), flags, 0640);
  if (opened < 0) return false;
  if (fd_ >= 0) close(fd_);
  fd_ = opened;
  struct stat status{};
  size_ = fstat(fd_, &status) == 0 ? status.st_size : 0;
  return true;
}

void LogFile::drop_torn_record() {
  const bool local = options_.format == LogFormat::Local;
  const std::int64_t end = local ? end_of_local_records() : end_of_records();
  if (end >= 0 && end != size_ && ftruncate(fd_, end) == 0) size_ = end;
}

/// -1 where it cannot be read.
std::int64_t LogFile::end_of_records() const {
  // Records end with "}\n" and contain no other line feed. Searched backwards by blocks.
  std::int64_t end = size_;
  while (end > 0 && size_ - end < kTornBytes) {
    char block[512];
    const std::int64_t start = std::max<std::int64_t>(0, end - 512);
    const ssize_t n = pread(fd_, block, static_cast<std::size_t>(end - start), start);
    if (n <= 0) return -1;
    const void* found = memrchr(block, '\n', static_cast<std::size_t>(n));
    if (found) {
      end = start + (static_cast<const char*>(found) - block) + 1;
      break;
    }
    end = start;
  }
  return end;
}

/// The same, from the start: only there it is certain where a record begins. The file is no larger
/// than max-size, and most have no torn record, which the length at the end tells.
std::int64_t LogFile::end_of_local_records() {
  char length[kLocalLengthBytes];
  constexpr auto kBytes = static_cast<std::int64_t>(kLocalLengthBytes);
  const auto length_at = [&](std::int64_t at) -> std::int64_t {
    const bool read = at >= 0 && pread(fd_, length, sizeof length, at) == kBytes;
    return read ? std::int64_t{local_length(length)} : -1;
  };
  const std::int64_t last = length_at(size_ - kBytes);
  if (last > 0 && length_at(size_ - last - 2 * kBytes) == last) return size_;
  std::int64_t end = 0;
  while (true) {
    const ssize_t n = pread(fd_, buffer_, sizeof buffer_, end);
    if (n < 0) return -1;
    std::uint64_t none = 0;
    const auto got = static_cast<std::size_t>(n);
    const std::size_t whole = whole_local_records({buffer_, got}, got, none);
    if (whole == 0) return end;
    end += static_cast<std::int64_t>(whole);
  }
}

bool LogFile::reopen() {
  flush();
  return open_current(0);
}

void LogFile::take(Output stream, std::string_view bytes) {
  if (fd_ < 0) return;
  cut(stream, bytes);
  flush();
}

void LogFile::cut(Output stream, std::string_view bytes) {
  LineCutter& cutter = cutters_[stream == Output::Stdout ? 0 : 1];
  char* begun = begun_[stream == Output::Stdout ? 0 : 1];
  while (!bytes.empty()) {
    // How much of this piece may still come, and whether its line ends within that.
    const std::size_t room = kPieceBytes - cutter.size;
    const std::size_t look = std::min(room, bytes.size());
    const void* found = memchr(bytes.data(), '\n', look);
    const std::size_t size =
        found ? static_cast<std::size_t>(static_cast<const char*>(found) - bytes.data()) : look;
    const std::string_view part = bytes.substr(0, size);
    bytes.remove_prefix(found ? size + 1 : size);
    const bool whole_piece = found || size == room;
    if (whole_piece && cutter.size == 0) {
      record(stream, part, found != nullptr);
      continue;
    }
    memcpy(begun + cutter.size, part.data(), part.size());
    cutter.size += static_cast<std::uint32_t>(part.size());
    if (!whole_piece) return;
    const std::string_view gathered(begun, cutter.size);
    cutter.size = 0;
    record(stream, gathered, found != nullptr);
  }
}

void LogFile::finish() {
  if (fd_ < 0) return;
  for (const Output stream : {Output::Stdout, Output::Stderr}) {
    const unsigned index = stream == Output::Stdout ? 0 : 1;
    LineCutter& cutter = cutters_[index];
    if (cutter.size != 0) record(stream, {begun_[index], cutter.size}, false);
    cutter.size = 0;
  }
  flush();
}

void LogFile::record(Output stream, std::string_view text, bool line_end) {
  LineCutter& cutter = cutters_[stream == Output::Stdout ? 0 : 1];
  const std::int64_t now = cutter.in_pieces ? cutter.first_piece_ns : now_ns();
  if (!line_end && !cutter.in_pieces) {
    cutter.first_piece_ns = now;
    cutter.pieces = 0;
  }
  if (!line_end || cutter.in_pieces) ++cutter.pieces;
  const bool whole_line = line_end && !cutter.in_pieces;
  cutter.in_pieces = !line_end;

  if (used_ + record_limit(text.size(), options_.attrs.size()) > sizeof buffer_) flush();
  // Docker: a file is turned over before the record that finds it full, never in a record.
  const auto grown = size_ + static_cast<std::int64_t>(used_);
  if (options_.max_size > 0 && grown >= options_.max_size) {
    flush();
    rotate();
  }
  char* const at = buffer_ + used_;
  char* end = at;
  if (options_.format == LogFormat::Local) {
    LocalRecord entry{stream_name(stream), now, text, {}};
    if (!whole_line) entry.piece = {piece_id(cutter), cutter.pieces, line_end};
    end = write_local_record(at, entry);
  } else {
    end = write_record(at, {text, line_end, stream_name(stream), options_.attrs, now}, time_text_);
  }
  used_ += static_cast<std::size_t>(end - at);
  if (used_ >= kFlushBytes) flush();
}

/// As random as what Docker takes for it.
std::string_view LogFile::piece_id(LineCutter& cutter) const {
  unsigned char bytes[sizeof cutter.id / 2];
  if (cutter.pieces == 1 && getrandom(bytes, sizeof bytes, GRND_NONBLOCK) == sizeof bytes) {
    for (std::size_t i = 0; i < sizeof cutter.id; ++i)
      cutter.id[i] = "0123456789abcdef"[i % 2 == 0 ? bytes[i / 2] >> 4 : bytes[i / 2] & 15];
  }
  return {cutter.id, sizeof cutter.id};
}

void LogFile::flush() {
  if (used_ == 0) return;
  const std::string_view bytes(buffer_, used_);
  used_ = 0;
  std::size_t done = write_what_fits(fd_, bytes);
  if (done < bytes.size()) {
    std::uint64_t lost = 0;
    const std::size_t whole = whole_records(bytes, done, lost);
    if (ftruncate(fd_, size_ + static_cast<std::int64_t>(whole)) == 0) done = whole;
    dropped_ += lost;
  }
  size_ += static_cast<std::int64_t>(done);
}

/// How many of `bytes` are whole records, of those that were written; `lost` the rest's number.
std::size_t LogFile::whole_records(std::string_view bytes, std::size_t done,
                                   std::uint64_t& lost) const {
  if (options_.format == LogFormat::Local) return whole_local_records(bytes, done, lost);
  const std::size_t last = bytes.substr(0, done).rfind('\n');
  const std::size_t whole = last == std::string_view::npos ? 0 : last + 1;
  lost = static_cast<std::uint64_t>(
      std::count(bytes.begin() + static_cast<long>(whole), bytes.end(), '\n'));
  return whole;
}

void LogFile::trim() {
  madvise(buffer_, sizeof buffer_, MADV_DONTNEED);
}

}  // namespace wharf::supervise
