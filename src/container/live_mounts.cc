#include "container/live_mounts.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "container/mount_sources.h"
#include "container/mounts.h"
#include "os/fault.h"
#include "os/file.h"
#include "os/namespace.h"

namespace wharf::container {

namespace {

os::DetachedMount make_tmpfs(const MountSpec& mount, const os::IdSpace* ids) {
  os::MountFlags flags;
  std::vector<os::MountOption> options;
  for (const std::string& word : tmpfs_words(mount)) {
    if (word == "ro") flags.read_only = true;
    if (word == "nosuid") flags.no_suid = true;
    if (word == "nodev") flags.no_dev = true;
    if (word == "noexec") flags.no_exec = true;
    const std::size_t equals = word.find('=');
    if (equals != std::string::npos)
      options.push_back({word.substr(0, equals), word.substr(equals + 1)});
  }
  const auto acting = os::acting_as(ids ? &ids->maps : nullptr);
  os::DetachedMount made = os::DetachedMount::of_type("tmpfs", options);
  made.set_flags(flags, os::Depth::TopOnly);
  return made;
}

unsigned long propagation_of(const MountSpec& mount) {
  if (mount.propagation.ends_with("shared")) return MS_SHARED;
  if (mount.propagation.ends_with("slave")) return MS_SLAVE;
  return MS_PRIVATE;
}

os::DetachedMount make(const Containers::State& state, const MountSpec& mount,
                       const os::IdSpace* ids) {
  if (mount.type == MountSpec::Type::Tmpfs) return make_tmpfs(mount, ids);
  if (mount.create_source) std::filesystem::create_directories(mount.source);
  os::DetachedMount made = mount_source(state, mount, ids);
  const bool deep = mount.propagation.empty() || mount.propagation.starts_with('r');
  made.set_propagation(propagation_of(mount), deep ? os::Depth::Recursive : os::Depth::TopOnly);
  if (!mount.writable) {
    made.set_flags({.read_only = true},
                   mount.read_only_recursive ? os::Depth::Recursive : os::Depth::TopOnly);
  }
  return made;
}

/// What to mount over; made where it is missing.
os::Fd place_of(const os::Fd& root, const std::string& destination, bool directory) {
  try {
    return os::open_in_root(root, destination, O_PATH);
  } catch (const base::Error& error) {
    if (error.error_number() != ENOENT) throw;
  }
  if (directory) {
    os::make_directories_in_root(root, destination);
  } else {
    os::make_directories_in_root(root, destination.substr(0, destination.rfind('/')));
    os::open_in_root(root, destination, O_CREAT | O_RDONLY | O_NOCTTY, 0755);
  }
  return os::open_in_root(root, destination, O_PATH);
}

}  // namespace

LiveMounts::LiveMounts(const Containers::State& state, const Run& run,
                       std::span<const MountSpec> mounts, const os::IdSpace* ids) {
  if (mounts.empty()) return;
  std::vector<os::DetachedMount> made;
  for (const MountSpec& mount : mounts) made.push_back(make(state, mount, ids));
  namespace_ = os::open_file(fmt::format("/proc/{}/ns/mnt", run.task.pid()), O_RDONLY);
  try {
    os::in_mount_namespace(namespace_, [&] {
      // What is made belongs to the container's root.
      const auto acting = os::acting_as(ids ? &ids->maps : nullptr);
      const os::Fd root = os::open_directory("/");
      for (std::size_t i = 0; i < made.size(); ++i) {
        const bool directory = S_ISDIR(os::status(made[i].fd()).st_mode);
        const std::string& destination = mounts[i].destination;
        std::move(made[i]).attach(place_of(root, destination, directory));
        attached_.push_back(destination);
      }
    });
  } catch (const base::Error&) {
    undo();
    throw;
  }
}

void LiveMounts::undo() noexcept {
  if (attached_.empty()) return;
  try {
    os::in_mount_namespace(namespace_, [&] {
      for (auto each = attached_.rbegin(); each != attached_.rend(); ++each)
        WHARF_CALL(umount2, each->c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);
    });
  } catch (const base::Error& error) {
    base::log_error("a mount stays in a container: {}", error.what());
  }
  attached_.clear();
}

}  // namespace wharf::container
