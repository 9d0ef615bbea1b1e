#include "os/mount.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <vector>

#include "os/file.h"

// glibc 2.36 wraps these; its <sys/mount.h> cannot be included beside <linux/mount.h>.
extern "C" {
int fsopen(const char* type, unsigned flags) noexcept;
int fsmount(int context, unsigned flags, unsigned attributes) noexcept;
int fsconfig(int context, unsigned command, const char* key, const void* value, int aux) noexcept;
int open_tree(int directory, const char* path, unsigned flags) noexcept;
int move_mount(int from, const char* from_path, int to, const char* to_path,
               unsigned flags) noexcept;
int mount_setattr(int directory, const char* path, unsigned flags, mount_attr* attributes,
                  std::size_t size) noexcept;
}

namespace wharf::os {
namespace {

/// errno says only EINVAL; the reason ("overlay: upperdir is in-use ...") waits on the context
/// descriptor as text, one message per read(2).
std::string kernel_reason(const Fd& context, int error_number) {
  std::string reason;
  std::array<char, 1024> line;
  for (ssize_t n; (n = ::read(context.get(), line.data(), line.size())) > 0;) {
    std::string_view text(line.data(), static_cast<std::size_t>(n));
    while (text.ends_with('\n')) text.remove_suffix(1);
    if (text.size() > 2 && text[1] == ' ') text.remove_prefix(2);  // "e ": error, "w ": warning.
    if (!reason.empty()) reason += "; ";
    reason += text;
  }
  return reason.empty() ? base::errno_error(error_number, "kernel").what() : reason;
}

[[noreturn]] void refused(const Fd& context, std::string_view doing) {
  const int error_number = errno;
  throw base::Error(base::Kind::Internal,
                    fmt::format("{}: {}", doing, kernel_reason(context, error_number)),
                    error_number);
}

void configure(const Fd& context, const MountOption& option) {
  const char* key = option.key.c_str();
  int result = 0;
  if (option.fd) {
    result = WHARF_CALL(fsconfig, context.get(), FSCONFIG_SET_FD, key, nullptr, option.fd->get());
  } else if (option.value.empty()) {
    result = WHARF_CALL(fsconfig, context.get(), FSCONFIG_SET_FLAG, key, nullptr, 0);
  } else {
    result = WHARF_CALL(fsconfig, context.get(), FSCONFIG_SET_STRING, key, option.value.c_str(), 0);
  }
  if (result < 0) refused(context, fmt::format("mount option {}", option.key));
}

/// Linux 6.13.
bool takes_layers_by_descriptor() {
  const Fd context(check(WHARF_CALL(fsopen, "overlay", FSOPEN_CLOEXEC), "open overlay"));
  const Fd root = open_directory("/");
  return ::fsconfig(context.get(), FSCONFIG_SET_FD, "lowerdir+", nullptr, root.get()) == 0;
}

unsigned at_flags(Depth depth) {
  const unsigned recursive = depth == Depth::Recursive ? unsigned{AT_RECURSIVE} : 0;
  return unsigned{AT_EMPTY_PATH} | recursive;
}

}  // namespace

DetachedMount DetachedMount::of_type(std::string_view type, std::span<const MountOption> options) {
  const std::string name(type);
  const Fd context(
      check(WHARF_CALL(fsopen, name.c_str(), FSOPEN_CLOEXEC), "open file system type {}", name));
  for (const MountOption& option : options) configure(context, option);
  if (WHARF_CALL(fsconfig, context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0) {
    refused(context, fmt::format("create {} file system", name));
  }
  const int mount = WHARF_CALL(fsmount, context.get(), FSMOUNT_CLOEXEC, 0);
  return DetachedMount(Fd(check(mount, "mount {}", name)));
}

DetachedMount DetachedMount::overlay(const OverlayParts& parts) {
  static const bool by_descriptor = takes_layers_by_descriptor();
  if (!by_descriptor) return overlay_by_path(parts);
  std::vector<MountOption> options;
  options.reserve(parts.lower.size() + 6);
  // The kernel's configuration must not decide what a layer means on disk: layers move between
  // hosts, and attributes of overlayfs in them are only ours.
  options.push_back({"index", "off"});
  options.push_back({"metacopy", "off"});
  options.push_back({"redirect_dir", "nofollow"});
  for (const Fd& layer : parts.lower) options.push_back({.key = "lowerdir+", .fd = &layer});
  if (parts.upper) {
    options.push_back({.key = "upperdir", .fd = parts.upper});
    options.push_back({.key = "workdir", .fd = parts.work});
    if (parts.discardable) options.push_back({.key = "volatile"});
  }
  return of_type("overlay", options);
}

DetachedMount DetachedMount::bind(const Fd& source, Depth depth) {
  const unsigned flags = unsigned{OPEN_TREE_CLONE} | unsigned{OPEN_TREE_CLOEXEC} | at_flags(depth);
  return DetachedMount(
      Fd(check(WHARF_CALL(open_tree, source.get(), "", flags), "copy mount tree")));
}

void DetachedMount::set_flags(MountFlags flags, Depth depth) {
  // Only sets, never clears: in a user namespace the flags that came from the host are locked,
  // and asking to clear one is EPERM for the whole call.
  mount_attr attributes{};
  if (flags.read_only) attributes.attr_set |= MOUNT_ATTR_RDONLY;
  if (flags.no_suid) attributes.attr_set |= MOUNT_ATTR_NOSUID;
  if (flags.no_dev) attributes.attr_set |= MOUNT_ATTR_NODEV;
  if (flags.no_exec) attributes.attr_set |= MOUNT_ATTR_NOEXEC;
  check(WHARF_CALL(mount_setattr, fd_.get(), "", at_flags(depth), &attributes, sizeof attributes),
        "set mount flags");
}

void DetachedMount::set_propagation(unsigned long propagation, Depth depth) {
  mount_attr attributes{};
  attributes.propagation = propagation;
  check(WHARF_CALL(mount_setattr, fd_.get(), "", at_flags(depth), &attributes, sizeof attributes),
        "set propagation of mount");
}

void DetachedMount::map_ids(const Fd& user_namespace, Depth depth) {
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_IDMAP;
  attributes.userns_fd = static_cast<unsigned>(user_namespace.get());
  check(WHARF_CALL(mount_setattr, fd_.get(), "", at_flags(depth), &attributes, sizeof attributes),
        "map ids of mount");
}

void DetachedMount::attach(const Fd& target) && {
  // A descriptor and not a path: between checking a path and mounting on it, the container can
  // swap a component for a link to the host (CVE-2021-30465).
  check(WHARF_CALL(move_mount, fd_.get(), "", target.get(), "",
                   MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH),
        "attach mount");
}

void leave_only(const DetachedMount& root) {
  check(WHARF_CALL(fchdir, root.fd().get()), "enter the mount");
  // pivot_root(2), "pivot_root(".", ".")": the old root lies over the new one, until it is gone.
  check(WHARF_CALL(syscall, SYS_pivot_root, ".", "."), "change the root");
  constexpr int kDetach = 2;  // MNT_DETACH of <sys/mount.h>.
  check(WHARF_CALL(syscall, SYS_umount2, ".", kDetach), "leave the old root");
}

}  // namespace wharf::os
