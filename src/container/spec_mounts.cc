// The OCI "mounts": what every container has, and what was asked for.
#include <unistd.h>

#include "base/strings.h"
#include "container/merge.h"
#include "container/spec.h"

namespace wharf::container {

namespace {

using base::JsonArray;
using base::JsonObject;
using Lines = std::vector<std::string>;

struct OciMount {
  std::string destination;
  std::string type;
  std::string source;
  Lines options;
};

Lines system_options(const SpecInput& input) {
  Lines options = {"nosuid", "noexec", "nodev"};
  const bool writable = input.record.host.privileged;
  if (!writable) options.push_back("ro");
  return options;
}

void add_ipc_mounts(std::vector<OciMount>& mounts, const SpecInput& input) {
  const api::HostConfig& host = input.record.host;
  const std::string& mode = host.ipc_mode;
  if (mode == "host") {
    // Not every host has it mounted.
    if (::access("/dev/mqueue", F_OK) == 0) {
      mounts.push_back({"/dev/mqueue", "bind", "/dev/mqueue", {"rbind", "rprivate"}});
    }
    mounts.push_back({"/dev/shm", "bind", "/dev/shm", {"rbind", "rprivate"}});
    return;
  }
  mounts.push_back({"/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}});
  if (mode == "none") return;
  if (!input.shared.shm_source.empty()) {
    mounts.push_back({"/dev/shm", "bind", input.shared.shm_source, {"rbind", "rprivate"}});
    return;
  }
  mounts.push_back(
      {"/dev/shm",
       "tmpfs",
       "shm",
       {"nosuid", "noexec", "nodev", "mode=1777", fmt::format("size={}", host.shm_size)}});
}

std::vector<OciMount> default_mounts(const SpecInput& input) {
  std::vector<OciMount> mounts = {
      {"/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}},
      {"/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}},
      {"/dev/pts",
       "devpts",
       "devpts",
       {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}},
      {"/sys", "sysfs", "sysfs", system_options(input)},
  };
  if (input.has_tty_group) mounts[2].options.push_back("gid=5");
  Lines cgroup = system_options(input);
  if (input.security.writable_cgroups) std::erase(cgroup, "ro");
  mounts.push_back({"/sys/fs/cgroup", "cgroup", "cgroup", std::move(cgroup)});
  add_ipc_mounts(mounts, input);
  return mounts;
}

std::vector<OciMount> file_mounts(const SpecInput& input) {
  std::vector<OciMount> mounts;
  if (input.files_directory.empty()) return mounts;
  for (const char* name : {"resolv.conf", "hostname", "hosts"}) {
    Lines options = {"rbind", "rprivate"};
    if (input.record.host.readonly_rootfs) options.push_back("ro");
    if (!input.user_namespace.empty()) options.push_back("idmap");
    mounts.push_back({std::string("/etc/") + name, "bind", input.files_directory + "/" + name,
                      std::move(options)});
  }
  if (!input.init_program.empty()) {
    mounts.push_back({"/sbin/docker-init", "bind", input.init_program, {"bind", "ro"}});
  }
  return mounts;
}

OciMount user_mount(const MountSpec& mount) {
  if (mount.type == MountSpec::Type::Tmpfs) {
    return {mount.destination, "tmpfs", "tmpfs", tmpfs_words(mount)};
  }
  Lines options = {mount.recursive ? "rbind" : "bind"};
  options.push_back(mount.propagation.empty() ? "rprivate" : mount.propagation);
  if (!mount.writable) options.push_back(mount.read_only_recursive ? "rro" : "ro");
  if (mount.maps_ids) options.push_back("idmap");
  return {mount.destination, "bind", mount.source, std::move(options)};
}

/// A mount of the user at /dev hides what is by default in it as well.
bool replaced(const OciMount& mount, const std::vector<MountSpec>& by_user) {
  return std::any_of(by_user.begin(), by_user.end(), [&](const MountSpec& user) {
    const bool below_dev = user.destination == "/dev" && mount.destination.starts_with("/dev/");
    return user.destination == mount.destination || below_dev;
  });
}

auto depth(const OciMount& mount) {
  return std::count(mount.destination.begin(), mount.destination.end(), '/');
}

}  // namespace

JsonArray build_mounts(const SpecInput& input) {
  const std::vector<MountSpec>& by_user = input.record.mounts;
  std::vector<OciMount> defaults = default_mounts(input);
  std::erase_if(defaults, [&](const OciMount& mount) { return replaced(mount, by_user); });

  std::vector<OciMount> others = file_mounts(input);
  std::erase_if(others, [&](const OciMount& mount) { return replaced(mount, by_user); });
  for (const MountSpec& mount : by_user) others.push_back(user_mount(mount));
  // A mount inside another one's destination comes after it.
  std::stable_sort(others.begin(), others.end(),
                   [](const OciMount& a, const OciMount& b) { return depth(a) < depth(b); });
  defaults.insert(defaults.end(), others.begin(), others.end());

  JsonArray array;
  for (OciMount& mount : defaults) {
    JsonObject object;
    object["destination"] = std::move(mount.destination);
    object["type"] = std::move(mount.type);
    object["source"] = std::move(mount.source);
    JsonArray options;
    for (std::string& option : mount.options)
      options.push_back(base::Json(boost::json::string(option)));
    object["options"] = std::move(options);
    array.push_back(std::move(object));
  }
  return array;
}

}  // namespace wharf::container
