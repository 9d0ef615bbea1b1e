// Turning the log's files over, and the names of those that are compressed.
//
// Compression is wharfd's work: this process has neither the code nor the memory. It is
// handed the rotated file and an empty one by descriptor and says when it is done; only this
// process renames, so a rotation in between cannot misplace a file.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervise/logfile.h"

namespace wharf::supervise {
namespace {

using Name = base::Text<255>;

Name numbered(const base::Writer& name, std::uint64_t number, const char* suffix) {
  return Name(name.view(), ".", number, suffix);
}

Name compression_target(const base::Writer& name) {
  return Name(name.view(), ".gz.tmp");
}

bool exists(int directory, const Name& name) {
  return faccessat(directory, name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

void move_up(const LogFileOptions& options, const base::Writer& name, std::uint32_t number) {
  for (const char* suffix : {"", ".gz"}) {
    const Name from = numbered(name, number, suffix);
    const Name to = numbered(name, number + 1, suffix);
    renameat(options.directory, from.c_str(), options.directory, to.c_str());
  }
}

}  // namespace

void LogFile::rotate() {
  if (options_.max_files < 2) {
    // Docker: with max-file=1 the one file starts again from nothing.
    if (ftruncate(fd_, 0) == 0) size_ = 0;
    return;
  }
  const std::uint32_t last = options_.max_files - 1;
  for (const char* suffix : {"", ".gz"}) {
    unlinkat(options_.directory, numbered(name_, last, suffix).c_str(), 0);
  }
  for (std::uint32_t number = last - 1; number >= 1; --number) move_up(options_, name_, number);
  const Name first = numbered(name_, 1, "");
  if (renameat(options_.directory, name_.c_str(), options_.directory, first.c_str()) < 0) return;
  // Without a new file (no inodes left) writing goes on into the renamed one.
  if (open_current(0)) ++rotations_;
}

/// What a supervisor that was killed, or that had no wharfd, left plain is found by this.
std::uint64_t LogFile::rotated_before() const {
  std::uint64_t found = 0;
  while (found + 1 < options_.max_files &&
         (exists(options_.directory, numbered(name_, found + 1, "")) ||
          exists(options_.directory, numbered(name_, found + 1, ".gz")))) {
    ++found;
  }
  return found;
}

std::uint64_t LogFile::next_to_compress(std::uint64_t done) const {
  if (!options_.compress) return 0;
  const std::uint64_t kept = options_.max_files - 1;
  const std::uint64_t turned_out = rotations_ > kept ? rotations_ - kept : 0;
  const std::uint64_t next = (done > turned_out ? done : turned_out) + 1;
  return next <= rotations_ ? next : 0;
}

bool LogFile::open_for_compression(std::uint64_t rotation, int& from, int& into) {
  const Name source = numbered(name_, rotations_ - rotation + 1, "");
  from = openat(options_.directory, source.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (from < 0) return false;
  const Name target = compression_target(name_);
  const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW;
  into = openat(options_.directory, target.c_str(), flags, 0640);
  if (into >= 0) return true;
  const int reason = errno;
  close(from);
  errno = reason;
  return false;
}

void LogFile::compressed(std::uint64_t rotation, bool whole) {
  const Name target = compression_target(name_);
  if (rotation == 0 || rotation > rotations_) return;
  const std::uint64_t number = rotations_ - rotation + 1;
  const Name plain = numbered(name_, number, "");
  const Name packed = numbered(name_, number, ".gz");
  const bool kept = number < options_.max_files;
  if (!whole || !kept ||
      renameat(options_.directory, target.c_str(), options_.directory, packed.c_str()) < 0) {
    unlinkat(options_.directory, target.c_str(), 0);
    return;
  }
  unlinkat(options_.directory, plain.c_str(), 0);
}

}  // namespace wharf::supervise
