// The binary, out of reach of containers: executed through a mount that cannot be written.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>

#include "runtime/kernel.h"
#include "runtime/launch.h"

namespace wharf::runtime {
namespace {

/// A name of ours in the environment of the second execution; nothing else may carry it in.
constexpr char kMark[] = "_WHARF_RUNTIME_PROTECTED=1";

bool is_read_only() {
  struct statvfs status{};
  return ::statvfs("/proc/self/exe", &status) == 0 && (status.f_flag & ST_RDONLY) != 0;
}

int read_only_self(Failure& failure) {
  char path[4096];
  const ssize_t length = ::readlink("/proc/self/exe", path, sizeof path - 1);
  if (length < 0) {
    (void)failure.because_of_errno("read /proc/self/exe");
    return -1;
  }
  path[length] = '\0';
  const int mount = kernel::open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  if (mount < 0 || kernel::mount_setattr(mount, 0, attributes) < 0) {
    (void)failure.because_of_errno("protect ", path);
    if (mount >= 0) ::close(mount);
    return -1;
  }
  return mount;
}

}  // namespace

bool protect_binary(char** arguments, char** environment, Failure& failure) {
  if (is_read_only()) return true;
  for (char** entry = environment; *entry != nullptr; ++entry) {
    if (strcmp(*entry, kMark) == 0) return failure.because("the binary cannot be protected");
  }
  const int self = read_only_self(failure);
  if (self < 0) return false;
  char* marked[1024];
  std::size_t count = 0;
  for (char** entry = environment; *entry != nullptr && count < 1022; ++entry) {
    marked[count++] = *entry;
  }
  marked[count++] = const_cast<char*>(kMark);
  marked[count] = nullptr;
  ::syscall(SYS_execveat, self, "", arguments, marked, AT_EMPTY_PATH);
  ::close(self);
  return failure.because_of_errno("execute the protected binary");
}

}  // namespace wharf::runtime
