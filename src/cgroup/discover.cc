// Where this machine's cgroup hierarchies are mounted.
#include <fcntl.h>
#include <unistd.h>

#include "cgroup/control_file.h"
#include "cgroup/group.h"
#include "os/fault.h"

namespace wharf::cgroup {
namespace {

constexpr std::string_view kKnown[] = {"cpuset",   "cpu",     "cpuacct", "blkio", "memory",
                                       "devices",  "freezer", "net_cls", "pids",  "perf_event",
                                       "net_prio", "hugetlb", "rdma",    "misc"};

bool is_controller(std::string_view word) {
  for (const std::string_view known : kKnown) {
    if (word == known) return true;
  }
  return word.starts_with("name=");
}

/// mountinfo writes a space in a path as \040.
void put_unescaped(std::string_view path, base::Writer& into) {
  while (!path.empty()) {
    const bool escape = path.size() >= 4 && path[0] == '\\' && path[1] >= '0' && path[1] <= '3';
    if (escape) {
      into.put(static_cast<char>((path[1] - '0') << 6 | (path[2] - '0') << 3 | (path[3] - '0')));
    } else {
      into.put(path[0]);
    }
    path.remove_prefix(escape ? 4 : 1);
  }
}

/// A line of proc_pid_mountinfo(5): "31 23 0:28 ROOT POINT OPTIONS … - TYPE SOURCE SUPER".
struct MountLine {
  std::string_view root;
  std::string_view point;
  std::string_view type;
  std::string_view super_options;

  explicit MountLine(std::string_view line) {
    for (int skip = 0; skip < 3; ++skip) base::split(line, ' ');
    root = base::split(line, ' ');
    point = base::split(line, ' ');
    while (!line.empty() && base::split(line, ' ') != "-") {
    }
    type = base::split(line, ' ');
    base::split(line, ' ');
    super_options = line;
  }
};

void put_controllers(std::string_view options, base::Writer& into) {
  while (!options.empty()) {
    const std::string_view word = base::split(options, ',');
    if (!is_controller(word)) continue;
    if (!into.empty()) into.put(',');
    into.put(word);
  }
}

bool known_already(const Hierarchies& hierarchies, std::string_view controllers) {
  for (const Hierarchy& one : hierarchies.list()) {
    if (one.controllers.view() == controllers) return true;
  }
  return false;
}

void take_line(std::string_view text, Hierarchies& v1, Hierarchy& v2) {
  const MountLine line(text);
  if (line.type == "cgroup2" && v2.mount_point.empty()) {
    put_unescaped(line.point, v2.mount_point);
    put_unescaped(line.root, v2.mount_root);
  }
  if (line.type != "cgroup" || v1.count == kMaxHierarchies) return;
  Hierarchy found;
  put_controllers(line.super_options, found.controllers);
  put_unescaped(line.point, found.mount_point);
  put_unescaped(line.root, found.mount_root);
  const bool whole = !found.mount_point.truncated() && !found.mount_root.truncated();
  if (found.controllers.empty() || !whole) return;
  if (!known_already(v1, found.controllers.view())) v1.all[v1.count++] = found;
}

bool has_real_controller(const Hierarchies& hierarchies) {
  for (const Hierarchy& one : hierarchies.list()) {
    if (!one.controllers.view().starts_with("name=")) return true;
  }
  return false;
}

/// Reads the file line by line through a small buffer: a host can have thousands of mounts.
bool each_mount(Hierarchies& v1, Hierarchy& v2) {
  const int fd = WHARF_CALL(open, "/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  char buffer[16384];
  std::size_t held = 0;
  ssize_t got = 0;
  while ((got = WHARF_CALL(read, fd, buffer + held, sizeof buffer - held)) > 0) {
    held += static_cast<std::size_t>(got);
    std::string_view text(buffer, held);
    for (std::size_t end = 0; (end = text.find('\n')) != text.npos;) {
      take_line(std::string_view(text.data(), end), v1, v2);
      text.remove_prefix(end + 1);
    }
    // A line longer than the buffer is an overlay with very many layers, never a cgroup.
    held = text.size() < sizeof buffer ? text.size() : 0;
    if (held > 0) std::memmove(buffer, text.data(), held);
  }
  ::close(fd);
  return got == 0;
}

/// /proc/self/cgroup has a line for each hierarchy: "4:memory:/a/b", and "0::/a/b" for v2.
bool read_own_places(Hierarchies& hierarchies) {
  FileText text;
  if (!read_value(AT_FDCWD, "/proc/self/cgroup", text)) return false;
  std::string_view rest = text.view();
  while (!rest.empty()) {
    std::string_view line = base::split(rest, '\n');
    base::split(line, ':');
    const std::string_view controllers = base::split(line, ':');
    for (Hierarchy& one : std::span(hierarchies.all.data(), hierarchies.count)) {
      if (one.controllers.view() != controllers) continue;
      const std::string_view root = one.mount_root.view();
      if (root != "/" && line.starts_with(root)) line.remove_prefix(root.size());
      one.own.put(line);
    }
  }
  return true;
}

}  // namespace

bool Hierarchy::has(std::string_view controller) const {
  std::string_view rest = controllers.view();
  while (!rest.empty()) {
    if (base::split(rest, ',') == controller) return true;
  }
  return false;
}

bool discover(Hierarchies& hierarchies, base::Failure& failure) {
  hierarchies.count = 0;
  hierarchies.unified = false;
  Hierarchy v2;
  if (!each_mount(hierarchies, v2)) {
    return failure.because_of_errno("read /proc/self/mountinfo");
  }
  if (!has_real_controller(hierarchies) && !v2.mount_point.empty()) {
    hierarchies.unified = true;
    hierarchies.all[0] = v2;
    hierarchies.count = 1;
  }
  if (hierarchies.count == 0) return failure.because("no cgroup file system is mounted");
  return read_own_places(hierarchies) || failure.because_of_errno("read /proc/self/cgroup");
}

void put_systemd_root(const Hierarchies& hierarchies, base::Writer& into) {
  constexpr std::string_view kInit = "/init.scope";
  const std::string_view tree = hierarchies.unified ? "" : "name=systemd";
  FileText text;
  if (!read_value(AT_FDCWD, "/proc/1/cgroup", text)) return;
  std::string_view rest = text.view();
  while (!rest.empty()) {
    std::string_view line = base::split(rest, '\n');
    base::split(line, ':');
    if (base::split(line, ':') != tree) continue;
    if (line.ends_with(kInit)) line.remove_suffix(kInit.size());
    for (const Hierarchy& one : hierarchies.list()) {
      const std::string_view root = one.mount_root.view();
      const bool below = one.controllers.view() == tree && root != "/" && line.starts_with(root);
      if (below) line.remove_prefix(root.size());
    }
    if (line != "/") into.put(line);
    return;
  }
}

}  // namespace wharf::cgroup
