#include "cgroup/control_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/fault.h"

namespace wharf::cgroup {

bool try_write(int directory, const char* file, std::string_view value) {
  const int fd = WHARF_CALL(openat, directory, file, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return false;
  ssize_t written = -1;
  do {
    written = WHARF_CALL(write, fd, value.data(), value.size());
  } while (written < 0 && errno == EINTR);
  const int error = errno;
  ::close(fd);
  errno = error;
  return written == static_cast<ssize_t>(value.size());
}

bool write_value(int directory, const char* file, std::string_view value, Failure& failure) {
  if (try_write(directory, file, value)) return true;
  return failure.because_of_errno("cgroup: write \"", value, "\" to ", file);
}

bool write_number(int directory, const char* file, std::int64_t value, Failure& failure) {
  const base::Text<24> digits(value);
  return write_value(directory, file, digits.view(), failure);
}

bool read_value(int directory, const char* file, base::Writer& into) {
  const int fd = WHARF_CALL(openat, directory, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return false;
  char buffer[2048];
  ssize_t got = 0;
  while ((got = WHARF_CALL(read, fd, buffer, sizeof buffer)) > 0) {
    into.put(std::string_view(buffer, static_cast<std::size_t>(got)));
    if (into.truncated()) break;
  }
  const int error = errno;
  ::close(fd);
  errno = error;
  return got >= 0;
}

bool read_number(int directory, const char* file, std::int64_t& value) {
  base::Text<63> text;
  if (!read_value(directory, file, text)) return false;
  std::string_view rest = text.view();
  const std::string_view line = base::split(rest, '\n');
  if (line == "max") {
    value = INT64_MAX;
    return true;
  }
  return base::parse_number(line, value);
}

std::uint64_t read_keyed(int directory, const char* file, std::string_view key) {
  FileText text;
  if (!read_value(directory, file, text)) return 0;
  std::string_view rest = text.view();
  while (!rest.empty()) {
    std::string_view line = base::split(rest, '\n');
    std::uint64_t value = 0;
    if (base::split(line, ' ') == key && base::parse_number(line, value)) return value;
  }
  return 0;
}

bool exists(int directory, const char* file) {
  return WHARF_CALL(faccessat, directory, file, F_OK, 0) == 0;
}

namespace {

/// As getdents64(2) gives them; opendir(3) would take memory from the heap.
struct Entry {
  std::uint64_t inode;
  std::int64_t offset;
  unsigned short length;
  unsigned char type;
  char name[1];
};

void visit_entry(int directory, const Entry& entry, void* context, Visit visit, int depth) {
  if (entry.type != DT_DIR || entry.name[0] == '.') return;
  const int child =
      WHARF_CALL(openat, directory, entry.name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (child < 0) return;
  visit_below(child, context, visit, depth + 1);
  visit(context, directory, entry.name, child);
  ::close(child);
}

}  // namespace

void visit_below(int directory, void* context, Visit visit, int depth) {
  if (depth >= kMaxGroupDepth) return;
  // A reading position of its own: the caller's descriptor may be an O_PATH one.
  const int reader = WHARF_CALL(openat, directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (reader < 0) return;
  alignas(Entry) char buffer[2048];
  long got = 0;
  while ((got = ::syscall(SYS_getdents64, reader, buffer, sizeof buffer)) > 0) {
    for (long at = 0; at < got;) {
      const auto* entry = reinterpret_cast<const Entry*>(buffer + at);
      visit_entry(directory, *entry, context, visit, depth);
      at += entry->length;
    }
  }
  ::close(reader);
}

}  // namespace wharf::cgroup
