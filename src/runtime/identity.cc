// Who the process is and what it may do: limits, ids, capabilities, labels, seccomp filter.
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "runtime/init.h"
#include "runtime/kernel.h"

namespace wharf::runtime {
namespace {

constexpr std::uint64_t bit(int capability) {
  return std::uint64_t{1} << capability;
}

int set_capabilities(std::uint64_t effective, std::uint64_t permitted, std::uint64_t inheritable) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const auto low = [](std::uint64_t set) { return static_cast<std::uint32_t>(set); };
  const auto high = [](std::uint64_t set) { return static_cast<std::uint32_t>(set >> 32); };
  const __user_cap_data_struct data[2] = {{low(effective), low(permitted), low(inheritable)},
                                          {high(effective), high(permitted), high(inheritable)}};
  return static_cast<int>(::syscall(SYS_capset, &header, data));
}

void drop_bounding(Report& report, std::uint64_t keep) {
  for (int capability = 0;; ++capability) {
    if (capability < 64 && (keep & bit(capability)) != 0) continue;
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0) continue;
    if (errno == EINVAL) return;  // past the last one that this kernel has
    report.fail_errno("drop bounding capability ", capability);
  }
}

void set_groups(Report& report, const oci::Process& process) {
  const auto* groups = reinterpret_cast<const gid_t*>(process.additional_gids.data());
  if (::syscall(SYS_setgroups, process.additional_gids.size(), groups) == 0) return;
  // A user namespace made without privilege forbids it; then there are none to drop either.
  if (errno == EPERM && process.additional_gids.empty()) return;
  report.fail_errno("set groups");
}

void load_filter(Report& report, Filter filter) {
  const sock_fprog program{filter.length, static_cast<sock_filter*>(filter.instructions)};
  const long loaded =
      report.check(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, filter.flags, &program),
                   "load the seccomp filter");
  if (filter.page != nullptr) await_taken(*filter.page, static_cast<int>(loaded));
}

void write_label(Report& report, const char* file, std::string_view label) {
  const int proc = private_proc(report);
  const base::Text<63> path("thread-self/attr/", file);
  const int fd =
      report.check(::openat(proc, path.c_str(), O_WRONLY | O_CLOEXEC), "open ", path.view());
  report.check(::write(fd, label.data(), label.size()), "write label ", label);
  ::close(fd);
  ::close(proc);
}

/// capabilities(7): only what is permitted and inheritable can be ambient; the kernel says EPERM to
/// the rest. runc goes on without it, and its own `spec` asks for such.
void raise_ambient(Report& report, std::uint64_t set) {
  for (int capability = 0; capability < 64; ++capability) {
    if ((set & bit(capability)) == 0) continue;
    if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) < 0 && errno != EPERM) {
      report.fail_errno("raise an ambient capability");
    }
  }
}

}  // namespace

bool apply_limits(pid_t pid, const oci::Process& process, base::Failure& failure) {
  for (const oci::Rlimit& limit : process.rlimits) {
    const rlimit value{limit.soft, limit.hard};
    if (::prlimit(pid, limit.resource, &value, nullptr) < 0) {
      return failure.because_of_errno("set limit ", limit.resource, " to ", limit.soft, ":",
                                      limit.hard);
    }
  }
  return true;
}

bool raise_limits(const oci::Process& process, base::Failure& failure) {
  for (const oci::Rlimit& limit : process.rlimits) {
    rlimit now{};
    if (::getrlimit(limit.resource, &now) < 0) return failure.because_of_errno("get limits");
    if (limit.hard <= now.rlim_max) continue;
    now.rlim_max = limit.hard;
    if (::setrlimit(limit.resource, &now) < 0) {
      return failure.because_of_errno("raise limit ", limit.resource, " to ", limit.hard);
    }
  }
  return true;
}

void take_identity(Report& report, const oci::Process& process, bool has_seccomp) {
  if (process.scheduler) {
    const oci::Scheduler& given = *process.scheduler;
    const kernel::SchedulerAttributes attributes{
        sizeof attributes, given.policy,     given.flags,       given.nice,
        given.priority,    given.runtime_ns, given.deadline_ns, given.period_ns};
    report.check(kernel::sched_set_self(attributes), "set the scheduler");
  }
  if (process.io_priority) {
    report.check(kernel::ioprio_set_self(*process.io_priority), "set I/O priority");
  }
  const std::uint64_t available = kernel::permitted_capabilities();
  if (process.capabilities) drop_bounding(report, process.capabilities->bounding);
  report.check(::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0), "keep capabilities");
  set_groups(report, process);
  report.check(::syscall(SYS_setresgid, process.gid, process.gid, process.gid), "set gid ",
               process.gid);
  report.check(::syscall(SYS_setresuid, process.uid, process.uid, process.uid), "set uid ",
               process.uid);
  report.check(::prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0), "drop keeping of capabilities");
  if (process.umask)
    ::umask(*process.umask);
  else
    ::umask(0022);
  if (!process.capabilities) return;
  // What is left is what the program will have, and what loading a filter needs: files are
  // looked up with no more power than they will be executed with.
  const oci::Capabilities& sets = *process.capabilities;
  std::uint64_t effective = sets.effective & available;
  if (has_seccomp) effective |= bit(CAP_SYS_ADMIN) & available;
  report.check(set_capabilities(effective | (bit(CAP_SETPCAP) & available), available, 0),
               "set capabilities");
}

Filter map_filter(Report& report, int file, unsigned flags) {
  if (file < 0) return {};
  struct stat status{};
  report.check(::fstat(file, &status), "look at the seccomp filter");
  const auto bytes = static_cast<std::size_t>(status.st_size);
  const std::size_t count = bytes / sizeof(sock_filter);
  if (count == 0 || count > BPF_MAXINSNS) report.fail("the seccomp filter has a wrong size");
  void* memory = ::mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, file, 0);
  if (memory == MAP_FAILED) report.fail_errno("map the seccomp filter");
  return {flags, static_cast<unsigned short>(count), memory};
}

void write_labels(Report& report, const oci::Process& process) {
  if (!process.apparmor_profile.empty() && process.apparmor_profile != "unconfined") {
    const base::Text<511> label("exec ", process.apparmor_profile);
    write_label(report, "apparmor/exec", label.view());
  }
  if (!process.selinux_label.empty()) write_label(report, "exec", process.selinux_label);
}

void finish_identity(Report& report, const oci::Process& process, Filter filter) {
  if (process.no_new_privileges) {
    report.check(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "set no_new_privs");
  }
  if (filter.length > 0) load_filter(report, filter);
  if (!process.capabilities) return;
  const oci::Capabilities& sets = *process.capabilities;
  if (set_capabilities(sets.effective, sets.permitted, sets.inheritable) < 0) {
    // What we do not have cannot be granted: the caller was warned (warn_of_capabilities).
    const std::uint64_t available = kernel::permitted_capabilities();
    report.check(set_capabilities(sets.effective & sets.permitted & available,
                                  sets.permitted & available, sets.inheritable & available),
                 "set capabilities");
  }
  if (sets.ambient != 0) raise_ambient(report, sets.ambient);
}

void join_keyring(Report& report, std::string_view id) {
  const base::Text<255> name("_ses.", id);
  // A machine without keyrings has none to keep apart.
  if (kernel::keyctl_join_session(name.c_str()) < 0 && errno != ENOSYS && errno != EPERM) {
    report.fail_errno("join a session keyring");
  }
}

void enter_working_directory(Report& report, const oci::Process& process) {
  report.check(::chdir(process.cwd.data()), "chdir to cwd (\"", process.cwd,
               "\") set in config.json failed");
  // A descriptor of the host that leaked would be a door out: the kernel then has no path for
  // the directory below our root (CVE-2024-21626).
  char path[4096];
  const long length = ::syscall(SYS_getcwd, path, sizeof path);
  if (length < 0 || path[0] != '/') {
    report.fail(
        "current working directory is outside of container mount namespace root -- "
        "possible container breakout detected");
  }
}

}  // namespace wharf::runtime
