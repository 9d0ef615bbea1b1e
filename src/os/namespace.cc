#include "os/namespace.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <exception>
#include <thread>

#include "os/file.h"

namespace wharf::os {
namespace {

/// Runs `work` in a thread of its own and rethrows here what it threw.
void in_own_thread(const std::function<void()>& work) {
  std::exception_ptr thrown;
  std::thread thread([&] {
    try {
      work();
    } catch (...) {
      thrown = std::current_exception();
    }
  });
  thread.join();
  if (thrown) std::rethrow_exception(thrown);
}

}  // namespace

Fd current_network_namespace() {
  return open_file("/proc/thread-self/ns/net", O_RDONLY);
}

Fd new_network_namespace(const std::function<void()>& work) {
  Fd made;
  in_own_thread([&] {
    check(WHARF_CALL(unshare, CLONE_NEWNET), "make a network namespace");
    made = current_network_namespace();
    if (work) work();
  });
  return made;
}

void in_network_namespace(const Fd& netns, const std::function<void()>& work) {
  in_own_thread([&] {
    check(WHARF_CALL(setns, netns.get(), CLONE_NEWNET), "enter a network namespace");
    work();
  });
}

void in_mount_namespace(const Fd& mntns, const std::function<void()>& work) {
  in_own_thread([&] {
    // Root and working directory are shared by all threads, until one has its own.
    check(WHARF_CALL(unshare, CLONE_FS), "leave the shared working directory");
    check(WHARF_CALL(setns, mntns.get(), CLONE_NEWNS), "enter a mount namespace");
    work();
  });
}

void in_own_mount_namespace(const std::function<void()>& work) {
  in_own_thread([&] {
    check(WHARF_CALL(unshare, CLONE_NEWNS), "make a mount namespace");
    check(WHARF_CALL(mount, nullptr, "/", nullptr, 0UL | MS_REC | MS_PRIVATE, nullptr),
          "make mounts private");
    work();
  });
}

Fd current_mount_namespace() {
  return open_file("/proc/thread-self/ns/mnt", O_RDONLY);
}

void write_sysctl(const std::string& name, const std::string& value) {
  const Fd file = open_file("/proc/sys/" + name, O_WRONLY);
  const ssize_t n = WHARF_CALL(write, file.get(), value.data(), value.size());
  check(n, "write {} to /proc/sys/{}", value, name);
}

std::string read_sysctl(const std::string& name) {
  std::string text = read_file("/proc/sys/" + name, 4096);
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

}  // namespace wharf::os
