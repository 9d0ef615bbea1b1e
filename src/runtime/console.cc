// Standard streams: a terminal of the container's own devpts, or what the caller gave.
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "runtime/init.h"
#include "runtime/kernel.h"

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

namespace wharf::runtime {
namespace {

/// The multiplexer of the container's devpts, and nothing that an image put in its place.
int open_multiplexer(Report& report, int root) {
  const int fd = report.check(open_inside(root, "/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK),
                              "open /dev/pts/ptmx");
  struct stat status{};
  struct statfs system{};
  const bool genuine = ::fstat(fd, &status) == 0 && ::fstatfs(fd, &system) == 0 &&
                       system.f_type == DEVPTS_SUPER_MAGIC && S_ISCHR(status.st_mode) &&
                       status.st_rdev == makedev(5, 2);
  if (!genuine) report.fail("/dev/pts/ptmx is no terminal multiplexer");
  report.check(::fcntl(fd, F_SETFL, O_RDWR), "open /dev/pts/ptmx");
  return fd;
}

/// Programs that open /dev/console get the same terminal.
void mount_console(Report& report, int root, int terminal) {
  const int target = make_inside(report, root, "/dev/console", Kind::File);
  const int source =
      kernel::open_tree(terminal, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
  report.check(source, "open the terminal as a mount");
  report.check(kernel::move_mount(source, target), "mount /dev/console");
  ::close(source);
  ::close(target);
}

void become_streams(Report& report, const int fds[3]) {
  for (int stream = 0; stream < 3; ++stream) {
    if (fds[stream] == stream) {
      report.check(::fcntl(stream, F_SETFD, 0), "keep stream");
      continue;
    }
    report.check(::dup2(fds[stream], stream), "put descriptor on stream ", stream);
  }
}

/// So that the process can open /dev/stdout again (Docker: as runc's fixStdioPermissions).
void own_stream(int fd, std::uint32_t owner) {
  struct stat status{};
  if (::fstat(fd, &status) < 0 || status.st_uid == owner) return;
  if (S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3)) return;
  // Refused on read-only file systems and for unmapped ids; then the stream stays as it is.
  (void)::fchown(fd, owner, status.st_gid);
}

std::string_view next_word(std::string_view& rest) {
  constexpr std::string_view kBlank = " \n";
  rest.remove_prefix(std::min(rest.find_first_not_of(kBlank), rest.size()));
  const std::string_view word = rest.substr(0, rest.find_first_of(kBlank));
  rest.remove_prefix(word.size());
  return word;
}

/// Which uid `id` is, by the map of a process; false where it is none.
bool find_outside(pid_t inside, std::uint32_t id, std::uint32_t& outside) {
  const base::Text<63> path("/proc/", inside, "/uid_map");
  char text[4096];
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const ssize_t length = ::read(fd, text, sizeof text);
  ::close(fd);
  std::string_view rest(text, length < 0 ? 0 : static_cast<std::size_t>(length));
  std::uint64_t first = 0, host = 0, count = 0;
  while (base::parse_number(next_word(rest), first) && base::parse_number(next_word(rest), host) &&
         base::parse_number(next_word(rest), count)) {
    if (id < first || id - first >= count) continue;
    outside = static_cast<std::uint32_t>(host + id - first);
    return true;
  }
  return false;
}

}  // namespace

void open_console(Report& report, int root, const oci::Process& process, Console kind) {
  const int master = open_multiplexer(report, root);
  const int unlock = 0;
  report.check(::ioctl(master, TIOCSPTLCK, &unlock), "unlock the terminal");
  const int terminal = report.check(::ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC),
                                    "open the terminal");
  if (process.console_rows != 0 || process.console_columns != 0) {
    const winsize size{process.console_rows, process.console_columns, 0, 0};
    report.check(::ioctl(terminal, TIOCSWINSZ, &size), "size the terminal");
  }
  if (kind == Console::Mounted) mount_console(report, root, terminal);
  if (!send_descriptor(report.channel(), News::Terminal, master)) ::_exit(1);
  ::close(master);
  own_stream(terminal, process.uid);
  const int streams[3] = {terminal, terminal, terminal};
  become_streams(report, streams);
  if (terminal > 2) ::close(terminal);
}

void control_terminal(Report& report) {
  report.check(::ioctl(0, TIOCSCTTY, 0), "make the terminal controlling");
}

void take_stdio(Report& report, const int stdio[3], std::uint32_t owner) {
  int streams[3];
  for (int stream = 0; stream < 3; ++stream) {
    streams[stream] = stdio[stream];
    if (stdio[stream] < 0) {
      streams[stream] = report.check(::open("/dev/null", O_RDWR | O_CLOEXEC), "open /dev/null");
    } else if (stdio[stream] < 3 && stdio[stream] != stream) {
      // Another stream's number: moved away before it is overwritten.
      streams[stream] = report.check(::fcntl(stdio[stream], F_DUPFD_CLOEXEC, 3), "move a stream");
    }
  }
  become_streams(report, streams);
  for (int stream = 0; stream < 3; ++stream) own_stream(stream, owner);
}

void give_streams(pid_t inside, const int stdio[3], std::uint32_t owner) {
  std::uint32_t outside = 0;
  if (!find_outside(inside, owner, outside)) return;
  for (int stream = 0; stream < 3; ++stream) {
    if (stdio[stream] >= 0) own_stream(stdio[stream], outside);
  }
}

void reopen_null(const int stdio[3]) {
  for (int stream = 0; stream < 3; ++stream) {
    if (stdio[stream] >= 0) continue;
    const int null = ::open("/dev/null", O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    struct stat status{};
    // CVE-2025-31133: only the real device; whatever else lies there is the container's own trick.
    const bool real = null >= 0 && ::fstat(null, &status) == 0 && S_ISCHR(status.st_mode) &&
                      status.st_rdev == makedev(1, 3);
    if (real) ::dup2(null, stream);
    if (null >= 0) ::close(null);
  }
}

}  // namespace wharf::runtime
