// System calls that musl 1.2.3 does not know, under their own names.
//
// Each returns -1 with errno like any other. Constants come from the kernel's headers; what
// is younger than those (Debian 12: 6.1) is defined here. <sys/mount.h> clashes with
// <linux/mount.h>, so mount(2)'s flags are here too.
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <cstdint>

#ifndef AT_EMPTY_PATH
#define AT_EMPTY_PATH 0x1000
#endif
#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif
#ifndef O_PATH
#define O_PATH 010000000
#endif

namespace wharf::runtime::kernel {

inline constexpr unsigned long kUmountDetach = 2;  // MNT_DETACH

inline long clone3(const clone_args& arguments) {
  return ::syscall(SYS_clone3, &arguments, sizeof arguments);
}
inline int open_tree(int directory, const char* path, unsigned flags) {
  return static_cast<int>(::syscall(SYS_open_tree, directory, path, flags));
}
/// Attaches the detached mount `mount` over `target`; both are descriptors, no path is walked.
inline int move_mount(int mount, int target) {
  return static_cast<int>(::syscall(SYS_move_mount, mount, "", target, "",
                                    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH));
}
inline int fsopen(const char* type) {
  return static_cast<int>(::syscall(SYS_fsopen, type, FSOPEN_CLOEXEC));
}
inline int fsconfig(int context, unsigned command, const char* key, const char* value) {
  return static_cast<int>(::syscall(SYS_fsconfig, context, command, key, value, 0));
}
inline int fsmount(int context, unsigned attributes) {
  return static_cast<int>(::syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, attributes));
}
inline int mount_setattr(int mount, unsigned flags, const mount_attr& attributes) {
  return static_cast<int>(::syscall(SYS_mount_setattr, mount, "", flags | AT_EMPTY_PATH,
                                    &attributes, sizeof attributes));
}
/// A rename or a mount anywhere on the machine while ".." is walked is EAGAIN: the kernel asks for
/// another try. Bounded, because a container that renames for ever must not hold a start up.
inline int openat2(int directory, const char* path, std::uint64_t flags, std::uint64_t resolve,
                   std::uint64_t mode = 0) {
  constexpr int kTries = 1000;
  const open_how how{flags | O_CLOEXEC, mode, resolve};
  long fd = -1;
  for (int tries = 0; tries < kTries; ++tries) {
    fd = ::syscall(SYS_openat2, directory, path, &how, sizeof how);
    if (fd >= 0 || errno != EAGAIN) break;
  }
  return static_cast<int>(fd);
}
inline int pivot_root(const char* new_root, const char* put_old) {
  return static_cast<int>(::syscall(SYS_pivot_root, new_root, put_old));
}
inline int close_range(unsigned first, unsigned last, unsigned flags) {
  return static_cast<int>(::syscall(SYS_close_range, first, last, flags));
}
inline int pidfd_open(pid_t pid) {
  return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
}
inline int pidfd_send_signal(int pidfd, int signal) {
  return static_cast<int>(::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0));
}
inline int pidfd_getfd(int pidfd, int descriptor) {
  return static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd, descriptor, 0));
}
inline long keyctl_join_session(const char* name) {
  return ::syscall(SYS_keyctl, 1 /* KEYCTL_JOIN_SESSION_KEYRING */, name, 0, 0, 0);
}
inline int ioprio_set_self(int priority) {
  return static_cast<int>(::syscall(SYS_ioprio_set, 1 /* IOPRIO_WHO_PROCESS */, 0, priority));
}

inline std::uint64_t permitted_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (::syscall(SYS_capget, &header, data) < 0) return 0;
  return data[0].permitted | std::uint64_t{data[1].permitted} << 32;
}
/// struct sched_attr of sched_setattr(2), as it was first.
struct SchedulerAttributes {
  std::uint32_t size;
  std::uint32_t policy;
  std::uint64_t flags;
  std::int32_t nice;
  std::uint32_t priority;
  std::uint64_t runtime, deadline, period;
};
inline int sched_set_self(const SchedulerAttributes& attributes) {
  return static_cast<int>(::syscall(SYS_sched_setattr, 0, &attributes, 0));
}

}  // namespace wharf::runtime::kernel
