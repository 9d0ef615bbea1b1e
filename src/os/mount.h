// Mounts you can own.
//
// The kernel can hold a mount that is attached nowhere: fsmount(2) and open_tree(2) return it
// as a descriptor. DetachedMount owns that descriptor. Everything about the mount is decided
// while it is invisible, and attach() publishes it in one step: an error half way leaves
// nothing to undo. Dropping a DetachedMount that was not attached unmounts it.
//
// Needs Linux 5.12 (mount_setattr(2)). Not thread-safe per
// object; the calling thread's mount namespace is the one changed. All throw base::Error.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "os/fd.h"

namespace wharf::os {

struct MountFlags {
  bool read_only = false;
  bool no_suid = false;
  bool no_dev = false;
  bool no_exec = false;
};

/// "size=64m" is {"size", "64m"}; a bare flag has an empty value. With `fd`, the value is that
/// descriptor (FSCONFIG_SET_FD), which must stay open until the mount is made.
struct MountOption {
  std::string key;
  std::string value = {};
  const Fd* fd = nullptr;
};

enum class Depth { TopOnly, Recursive };

/// The parts of an overlay. Without `upper` the mount is read-only.
struct OverlayParts {
  std::span<const Fd> lower;  ///< Directories, the topmost first; at least one, two without upper.
  const Fd* upper = nullptr;
  const Fd* work = nullptr;  ///< An empty directory beside upper, on the same file system.
  bool discardable = false;  ///< "volatile": fsync(2) and unmount do not wait for the disk.
};

class DetachedMount {
 public:
  /// Creates a file system of `type`, such as "overlay", "proc" or "tmpfs".
  static DetachedMount of_type(std::string_view type, std::span<const MountOption> options);

  /// Stacks directories. The same directory twice in `lower` is ELOOP.
  static DetachedMount overlay(const OverlayParts& parts);

  /// Copies the mount tree at `source`: a bind mount.
  static DetachedMount bind(const Fd& source, Depth depth);

  /// Takes over a descriptor that fsmount(2) or open_tree(2) made elsewhere.
  static DetachedMount adopt(Fd fd) { return DetachedMount(std::move(fd)); }

  /// Sets the flags that are true; the others stay as the source had them.
  void set_flags(MountFlags flags, Depth depth);

  /// What comes and goes below: MS_PRIVATE, MS_SLAVE, MS_SHARED of mount(2). A copy of a shared
  /// mount is in its group until told otherwise.
  void set_propagation(unsigned long propagation, Depth depth);

  /// Shifts file ownership through `user_namespace`: an id-mapped mount. Not for overlays
  /// themselves (EINVAL): map their layers.
  void map_ids(const Fd& user_namespace, Depth depth);

  /// Attaches the mount over `target`. From here on the kernel keeps it, until unmount().
  void attach(const Fd& target) &&;

  /// The mount's root: for openat(2) inside it, or to pass to another process.
  const Fd& fd() const { return fd_; }
  Fd release() && { return std::move(fd_); }

 private:
  explicit DetachedMount(Fd fd) : fd_(std::move(fd)) {}

  Fd fd_;
};

/// In a mount namespace of the caller's own: `root`, which is attached there, becomes all there is.
/// From here on no path of the host leads anywhere.
void leave_only(const DetachedMount& root);

/// What DetachedMount::overlay() does on a kernel before 6.13: dearer, and the layers must be
/// reachable by name in the mount namespace of the caller.
DetachedMount overlay_by_path(const OverlayParts& parts);

}  // namespace wharf::os
