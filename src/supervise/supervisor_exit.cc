// The record of a container's end: written before anybody is told.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "supervise/supervisor.h"

namespace wharf::supervise {
namespace {

constexpr char kName[] = "exit.json";
constexpr char kTemporary[] = "exit.json.tmp";
constexpr off_t kReservedBytes = 512;

int open_temporary(int directory, int extra_flags) {
  const int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | extra_flags;
  return openat(directory, kTemporary, flags, 0600);
}

}  // namespace

bool forget_exit_record(int directory) {
  return unlinkat(directory, kName, 0) == 0 || errno == ENOENT;
}

bool reserve_exit_record(int directory) {
  const int file = open_temporary(directory, O_TRUNC);
  if (file < 0) return false;
  // Not every file system can reserve; then a full disk costs the record, not the container.
  posix_fallocate(file, 0, kReservedBytes);
  close(file);
  return true;
}

bool write_exit_record(int directory, const ExitRecord& record) {
  base::Text<kReservedBytes - 1> text;
  text.put("{\"version\":1,\"exitCode\":", record.code, ",\"signal\":", record.signal);
  text.put(",\"oomKilled\":", record.oom_killed ? "true" : "false");
  text.put(",\"startedAt\":\"", base::Rfc3339{record.started_at_ns}, "\"");
  text.put(",\"finishedAt\":\"", base::Rfc3339{record.finished_at_ns}, "\"");
  text.put(",\"droppedLines\":", record.dropped_lines, "}\n");
  const int file = open_temporary(directory, 0);
  if (file < 0) return false;
  const auto size = static_cast<ssize_t>(text.size());
  // No fsync: after a power cut no container of that boot runs, and wharfd knows it.
  bool good = pwrite(file, text.c_str(), text.size(), 0) == size && ftruncate(file, size) == 0;
  close(file);
  good = good && renameat(directory, kTemporary, directory, kName) == 0;
  return good;
}

}  // namespace wharf::supervise
