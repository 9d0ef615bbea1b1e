#include "cgroup/group.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cgroup/control_file.h"
#include "os/fault.h"

namespace wharf::cgroup {
namespace {

constexpr mode_t kDirectoryMode = 0755;
/// How long systemd may take to forget a scope that could not be used.
constexpr int kStopMs = 5000;
constexpr std::string_view kWanted[] = {"cpuset",  "cpu",  "io",   "memory",
                                        "hugetlb", "pids", "rdma", "misc"};

int open_directory(const char* path) {
  return WHARF_CALL(open, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/// Only names and single slashes: a cgroupsPath may come from a request.
bool is_plain(std::string_view path) {
  while (!path.empty()) {
    if (base::split(path, '/') == "..") return false;
  }
  return true;
}

/// A new v1 cpuset is empty, and no process can join it until it has cpus and memory nodes.
bool inherit_cpuset(const char* path, Failure& failure) {
  const int directory = open_directory(path);
  if (directory < 0) return failure.because_of_errno("cgroup: open ", path);
  bool fine = true;
  for (const char* file : {"cpuset.cpus", "cpuset.mems"}) {
    base::Text<1023> own;
    base::Text<1023> parent;
    const base::Text<31> above("../", file);
    if (!read_value(directory, file, own) || own.view().size() > 1) continue;
    fine = read_value(directory, above.c_str(), parent) &&
           write_value(directory, file, parent.view(), failure) && fine;
  }
  ::close(directory);
  return fine || failure.because("cgroup: give ", path, " its cpus");
}

/// On v2 a child has only those controllers that its parent hands down.
void hand_down(const char* path) {
  const int directory = open_directory(path);
  if (directory < 0) return;
  base::Text<511> available;
  if (read_value(directory, "cgroup.controllers", available)) {
    std::string_view rest = available.view();
    while (!rest.empty()) {
      std::string_view name = base::split(rest, ' ');
      if (name.ends_with('\n')) name.remove_suffix(1);
      for (const std::string_view wanted : kWanted) {
        const base::Text<31> word("+", name);
        // One at a time, and no error: what is missing shows where a limit needs it.
        if (name == wanted) (void)try_write(directory, "cgroup.subtree_control", word.view());
      }
    }
  }
  ::close(directory);
}

/// mkdir -p, from the mount point down.
bool make_path(const Hierarchy& hierarchy, bool unified, base::Writer& path, Failure& failure) {
  const bool cpuset = hierarchy.has("cpuset");
  if (!cpuset && !unified && WHARF_CALL(mkdir, path.c_str(), kDirectoryMode) == 0) return true;
  base::PathText partial(hierarchy.mount_point.view());
  std::string_view rest = path.view();
  rest.remove_prefix(partial.size());
  while (!rest.empty()) {
    const std::string_view name = base::split(rest, '/');
    if (name.empty()) continue;
    if (unified) hand_down(partial.c_str());
    partial.put("/", name);
    const bool made = WHARF_CALL(mkdir, partial.c_str(), kDirectoryMode) == 0;
    if (!made && errno != EEXIST) {
      return failure.because_of_errno("cgroup: make ", partial.view());
    }
    if (cpuset && !inherit_cpuset(partial.c_str(), failure)) return false;
  }
  return true;
}

void add_pids(void* context, int, const char*, int directory);

struct PidList {
  std::span<pid_t> into;
  std::size_t count = 0;

  void take(int directory) {
    const int fd = WHARF_CALL(openat, directory, "cgroup.procs", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    char buffer[4096];
    pid_t number = 0;
    ssize_t got = 0;
    while ((got = WHARF_CALL(read, fd, buffer, sizeof buffer)) > 0) {
      for (const char letter : std::string_view(buffer, static_cast<std::size_t>(got))) {
        if (letter >= '0' && letter <= '9') {
          number = number * 10 + (letter - '0');
          continue;
        }
        // 0 is a process of another pid namespace, which no signal of ours can reach.
        if (number > 0 && count < into.size()) into[count] = number;
        if (number > 0) ++count;
        number = 0;
      }
    }
    ::close(fd);
  }
};

void add_pids(void* context, int, const char*, int directory) {
  static_cast<PidList*>(context)->take(directory);
}

void remove_child(void*, int parent, const char* name, int) {
  (void)WHARF_CALL(unlinkat, parent, name, AT_REMOVEDIR);
}

void sleep_ms(long milliseconds) {
  const timespec pause{milliseconds / 1000, milliseconds % 1000 * 1'000'000};
  ::nanosleep(&pause, nullptr);
}

}  // namespace

bool Group::path_in(std::size_t index, base::Writer& into) const {
  const Hierarchy& hierarchy = hierarchies_->all[index];
  into.put(hierarchy.mount_point.view());
  if (manager_ == Manager::Systemd) {
    Scope scope;
    Failure ignored;  // place() has seen that it is one.
    into.put(systemd_root_.view());
    if (scope.parse(path_.view(), ignored)) scope.put_path(into);
    return !into.truncated();
  }
  if (!path_.view().starts_with('/')) into.put(hierarchy.own.view());
  while (into.view().ends_with('/')) into.shorten(into.size() - 1);
  std::string_view rest = path_.view();
  while (!rest.empty()) {
    const std::string_view name = base::split(rest, '/');
    if (!name.empty() && name != ".") into.put("/", name);
  }
  return !into.truncated();
}

bool Group::place(const Hierarchies& hierarchies, std::string_view path, Failure& failure,
                  Manager manager) {
  close();
  path_.clear();
  path_.put(path);
  hierarchies_ = &hierarchies;
  manager_ = manager;
  if (manager == Manager::Systemd) {
    Scope scope;
    systemd_root_.clear();
    put_systemd_root(hierarchies, systemd_root_);
    const bool whole = !path_.truncated() && !systemd_root_.truncated();
    return scope.parse(path, failure) &&
           (whole || failure.because("cgroup: path too long: ", path));
  }
  // The root of a hierarchy is never a container's: its limits and its end are the machine's.
  const bool root = path.find_first_not_of("/.") == path.npos;
  if (root || path_.truncated() || !is_plain(path)) {
    return failure.because("cgroup: path \"", path, "\" is not a plain path");
  }
  return true;
}

bool Group::make(Failure& failure) {
  for (std::size_t i = 0; i < count(); ++i) {
    base::PathText full;
    if (!path_in(i, full)) return failure.because("cgroup: path too long: ", path_.view());
    if (!make_path(hierarchies_->all[i], hierarchies_->unified, full, failure)) return false;
    directories_[i] = open_directory(full.c_str());
    if (directories_[i] < 0) return failure.because_of_errno("cgroup: open ", full.view());
  }
  // A cgroup that is in use belongs to someone else: joining it would share its limits and,
  // at the end, kill its processes.
  if (pids({}) == 0) return true;
  close();
  return failure.because("cgroup: ", path_.view(), " is not empty");
}

bool Group::make_scope(pid_t pid, const oci::Resources& resources, Failure& failure) {
  Scope scope;
  if (!scope.parse(path_.view(), failure) ||
      !scope.start(pid, resources, hierarchies_->unified, failure)) {
    return false;
  }
  bool fine = true;
  for (std::size_t i = 0; fine && i < count(); ++i) {
    const Hierarchy& hierarchy = hierarchies_->all[i];
    base::PathText full;
    fine = path_in(i, full) || failure.because("cgroup: path too long: ", path_.view());
    // systemd's own tree is systemd's alone. On v2 the parents hand down what it does not use.
    if (fine && hierarchy.controllers.view() != "name=systemd")
      fine = make_path(hierarchy, hierarchies_->unified, full, failure);
    if (!fine) break;
    directories_[i] = open_directory(full.c_str());
    fine = directories_[i] >= 0 || failure.because_of_errno("cgroup: open ", full.view());
  }
  if (fine) return true;
  if (directories_[0] < 0) scope.stop(kStopMs);  // remove() would not see it.
  return false;
}

bool Group::create(const Hierarchies& hierarchies, std::string_view path, Failure& failure) {
  return place(hierarchies, path, failure) && make(failure);
}

bool Group::open(const Hierarchies& hierarchies, std::string_view path, Failure& failure,
                 Manager manager) {
  if (!place(hierarchies, path, failure, manager)) return false;
  for (std::size_t i = 0; i < count(); ++i) {
    base::PathText full;
    if (path_in(i, full)) directories_[i] = open_directory(full.c_str());
  }
  return true;
}

bool Group::add(pid_t pid, Failure& failure) {
  const base::Text<24> digits(pid);
  // On v1 a thread that moves itself alone takes no lock; moving a process by its number
  // locks out every fork and exit of the machine, and such a writer waits for RCU: 8 ms.
  const bool alone = pid == 0 && hierarchies_ != nullptr && !hierarchies_->unified;
  const char* file = alone ? "tasks" : "cgroup.procs";
  for (std::size_t i = 0; i < count(); ++i) {
    if (directories_[i] < 0) continue;
    if (!write_value(directories_[i], file, digits.view(), failure)) return false;
  }
  return true;
}

int Group::unified_directory() const {
  return hierarchies_ != nullptr && hierarchies_->unified ? directories_[0] : -1;
}

int Group::directory(std::string_view controller) const {
  if (hierarchies_ == nullptr) return -1;
  if (hierarchies_->unified) return directories_[0];
  for (std::size_t i = 0; i < count(); ++i) {
    if (hierarchies_->all[i].has(controller)) return directories_[i];
  }
  return -1;
}

std::string_view Group::directory_path(std::string_view controller, base::PathText& into) const {
  into.clear();
  for (std::size_t i = 0; i < count(); ++i) {
    const Hierarchy& hierarchy = hierarchies_->all[i];
    if (!hierarchies_->unified && !hierarchy.has(controller)) continue;
    if (directories_[i] >= 0 && path_in(i, into)) return into.view();
    into.clear();
  }
  return "";
}

std::size_t Group::pids(std::span<pid_t> into) const {
  PidList list{into};
  // Every process is in every hierarchy; the freezer's is the one that signal_all() freezes.
  int from = directory("freezer");
  for (std::size_t i = 0; from < 0 && i < count(); ++i) from = directories_[i];
  if (from < 0) return 0;
  visit_below(from, &list, add_pids);
  list.take(from);
  return list.count;
}

bool Group::is_there() const {
  for (const int directory : directories_) {
    if (directory >= 0) return true;
  }
  return false;
}

bool Group::remove(int patience_ms, Failure& failure) {
  constexpr int kStepMs = 2;
  if (manager_ == Manager::Systemd && is_there()) {
    Scope scope;
    if (scope.parse(path_.view(), failure)) scope.stop(patience_ms);
  }
  for (std::size_t i = 0; i < count(); ++i) {
    base::PathText path;
    if (directories_[i] < 0 || !path_in(i, path)) continue;
    while (WHARF_CALL(rmdir, path.c_str()) < 0 && errno != ENOENT) {
      if (errno != EBUSY || patience_ms <= 0) {
        return failure.because_of_errno("cgroup: remove ", path.view());
      }
      // Busy for one of two reasons: children, or a process that has not been reaped yet.
      visit_below(directories_[i], nullptr, remove_child);
      if (WHARF_CALL(rmdir, path.c_str()) == 0) break;
      sleep_ms(kStepMs);
      patience_ms -= kStepMs;
    }
    ::close(directories_[i]);
    directories_[i] = -1;
  }
  return !failure.failed();
}

void Group::close() {
  for (int& directory : directories_) {
    if (directory >= 0) ::close(directory);
    directory = -1;
  }
}

}  // namespace wharf::cgroup
