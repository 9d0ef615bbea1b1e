// Devices of a container: their nodes, and the rules of its device cgroup.
#include <dirent.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <set>

#include "base/error.h"
#include "base/strings.h"
#include "container/spec.h"

namespace wharf::container {

namespace {

using base::JsonArray;
using base::JsonObject;

/// How deep a directory of devices is searched, and how many are taken from it.
constexpr int kDeepest = 8;
constexpr std::size_t kMostDevices = 4096;

bool is_device(const struct stat& file) {
  return S_ISCHR(file.st_mode) || S_ISBLK(file.st_mode);
}

JsonObject node(const std::string& path, const struct stat& device) {
  JsonObject object;
  object["path"] = path;
  object["type"] = S_ISBLK(device.st_mode) ? "b" : "c";
  object["major"] = gnu_dev_major(device.st_rdev);
  object["minor"] = gnu_dev_minor(device.st_rdev);
  object["fileMode"] = device.st_mode & 07777;
  object["uid"] = device.st_uid;
  object["gid"] = device.st_gid;
  return object;
}

/// "*" is any number.
JsonObject rule(bool allow, const char* type, const std::string& major, const std::string& minor,
                const std::string& access) {
  JsonObject object;
  object["allow"] = allow;
  object["type"] = type;
  if (major != "*") object["major"] = std::stoll(major);
  if (minor != "*") object["minor"] = std::stoll(minor);
  object["access"] = access;
  return object;
}

void add_device(Devices& devices, const std::string& path, const struct stat& device,
                const std::string& access) {
  devices.nodes.push_back(node(path, device));
  devices.rules.push_back(rule(true, S_ISBLK(device.st_mode) ? "b" : "c",
                               std::to_string(gnu_dev_major(device.st_rdev)),
                               std::to_string(gnu_dev_minor(device.st_rdev)), access));
}

struct Walk {
  Devices& devices;
  std::string access;
  std::set<std::string> skipped;  ///< Names at the top.
};

void add_directory(Walk& walk, const std::string& host, const std::string& inside, int depth) {
  DIR* const directory = ::opendir(host.c_str());
  if (!directory) return;
  const std::unique_ptr<DIR, int (*)(DIR*)> owner(directory, ::closedir);
  while (const dirent* entry = ::readdir(directory)) {
    const std::string name = entry->d_name;
    if (name == "." || name == ".." || (depth == 0 && walk.skipped.contains(name))) continue;
    struct stat file{};
    const std::string path = host + "/" + name;
    if (::lstat(path.c_str(), &file) != 0) continue;
    if (S_ISDIR(file.st_mode) && depth < kDeepest) {
      add_directory(walk, path, inside + "/" + name, depth + 1);
    } else if (is_device(file) && walk.devices.nodes.size() < kMostDevices) {
      add_device(walk.devices, inside + "/" + name, file, walk.access);
    }
  }
}

void add_mapping(Devices& devices, const api::DeviceMapping& mapping) {
  const std::string inside =
      mapping.path_in_container.empty() ? mapping.path_on_host : mapping.path_in_container;
  const std::string access =
      mapping.cgroup_permissions.empty() ? "rwm" : mapping.cgroup_permissions;
  struct stat file{};
  if (::stat(mapping.path_on_host.c_str(), &file) != 0) {
    throw base::errno_error(errno, fmt::format("error gathering device information while adding "
                                               "custom device {}",
                                               base::quoted(mapping.path_on_host)));
  }
  if (S_ISDIR(file.st_mode)) {
    Walk walk{devices, access, {}};
    add_directory(walk, mapping.path_on_host, inside, 0);
  } else if (is_device(file)) {
    add_device(devices, inside, file, access);
  } else {
    base::fail(
        base::Kind::Internal,
        "error gathering device information while adding custom device {}: not a device node",
        base::quoted(mapping.path_on_host));
  }
}

void add_default_rules(JsonArray& rules) {
  rules.push_back(rule(false, "a", "*", "*", "rwm"));
  // Nodes may be made, not opened.
  rules.push_back(rule(true, "c", "*", "*", "m"));
  rules.push_back(rule(true, "b", "*", "*", "m"));
  // null zero full random urandom tty console ptmx, and the ptys.
  for (const auto& [major, minor] : {std::pair{"1", "3"},
                                     {"1", "5"},
                                     {"1", "7"},
                                     {"1", "8"},
                                     {"1", "9"},
                                     {"5", "0"},
                                     {"5", "1"},
                                     {"5", "2"},
                                     {"136", "*"}}) {
    rules.push_back(rule(true, "c", major, minor, "rwm"));
  }
  rules.push_back(rule(false, "c", "10", "229", "rwm"));
}

}  // namespace

Devices build_devices(const api::HostConfig& host) {
  Devices devices;
  if (host.privileged) {
    Walk walk{
        devices, "rwm", {"pts", "shm", "fd", "mqueue", "console", ".lxc", ".lxd-mounts", ".udev"}};
    add_directory(walk, "/dev", "/dev", 0);
    devices.rules.clear();
    devices.rules.push_back(rule(true, "a", "*", "*", "rwm"));
    return devices;
  }
  add_default_rules(devices.rules);
  for (const auto& mapping : host.devices.value_or(std::vector<api::DeviceMapping>{})) {
    add_mapping(devices, mapping);
  }
  for (const auto& text : host.device_cgroup_rules.value_or(std::vector<std::string>{})) {
    const auto parts = base::split(text, ' ');
    const auto numbers = base::split(parts[1], ':');
    devices.rules.push_back(rule(true, parts[0].c_str(), numbers[0], numbers[1], parts[2]));
  }
  return devices;
}

}  // namespace wharf::container
