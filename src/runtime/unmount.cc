// The mounts of a container without a mount namespace, taken away when it is deleted.
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "runtime/container.h"

namespace wharf::runtime {
namespace {

/// More than a container can have (kMaxMounts and those of a cgroup mount).
constexpr int kMostMounts = 1024;

/// mountinfo writes a space as "\\040".
void put_plain(std::string_view escaped, base::Writer& into) {
  constexpr std::size_t kDigits = 3;
  for (std::size_t at = 0; at < escaped.size(); ++at) {
    if (escaped[at] != '\\' || escaped.size() - at <= kDigits) {
      into.put(escaped[at]);
      continue;
    }
    int letter = 0;
    for (std::size_t i = 0; i < kDigits; ++i) letter = letter * 8 + (escaped[++at] - '0');
    into.put(static_cast<char>(letter));
  }
}

/// Field 5 of a line of mountinfo, when it lies below the directory.
bool take_line(std::string_view line, std::string_view directory, base::Writer& last) {
  for (int field = 0; field < 4; ++field) base::split(line, ' ');
  base::PathText place;
  put_plain(base::split(line, ' '), place);
  const std::string_view path = place.view();
  if (!path.starts_with(directory) || path.size() <= directory.size() ||
      path[directory.size()] != '/') {
    return false;
  }
  last.clear();
  last.put(path);
  return true;
}

/// The mount below the directory that was made last; false where there is none.
bool find_last(std::string_view directory, base::Writer& last) {
  const int fd = ::open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  bool found = false;
  char buffer[16384];
  std::size_t held = 0;
  ssize_t got = 0;
  while ((got = ::read(fd, buffer + held, sizeof buffer - held)) > 0) {
    held += static_cast<std::size_t>(got);
    std::string_view text(buffer, held);
    for (std::size_t end = 0; (end = text.find('\n')) != text.npos;) {
      found |= take_line(text.substr(0, end), directory, last);
      text.remove_prefix(end + 1);
    }
    held = text.size() < sizeof buffer ? text.size() : 0;
    memmove(buffer, text.data(), held);
  }
  ::close(fd);
  return found;
}

}  // namespace

void unmount_below(std::string_view directory) {
  base::PathText last;
  for (int i = 0; i < kMostMounts && find_last(directory, last); ++i) {
    if (::umount2(last.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) < 0) return;
  }
}

}  // namespace wharf::runtime
