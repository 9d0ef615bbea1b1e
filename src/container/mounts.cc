#include "container/mounts.h"

#include <set>

#include "base/error.h"
#include "base/strings.h"
#include "container/merge.h"

namespace wharf::container {

namespace {

using base::Kind;

struct Mode {
  bool writable = true;
  std::string propagation;
  bool no_copy = false;
};

/// The comma separated words of a bind's mode, one of each kind at most.
Mode parse_mode(const std::string& text) {
  static const std::set<std::string> kPropagations = {"private", "rprivate", "shared",
                                                      "rshared", "slave",    "rslave"};
  static const std::set<std::string> kConsistency = {"consistent", "cached", "delegated"};
  Mode mode;
  int access = 0, label = 0, propagation = 0, copy = 0, consistency = 0;
  bool known = !text.empty();
  for (const std::string& word : base::split(text, ',')) {
    if (word == "rw" || word == "ro") {
      ++access;
      mode.writable = word == "rw";
    } else if (word == "z" || word == "Z") {
      ++label;
    } else if (kPropagations.contains(word)) {
      ++propagation;
      mode.propagation = word;
    } else if (kConsistency.contains(word)) {
      ++consistency;
    } else if (word == "nocopy") {
      ++copy;
      mode.no_copy = true;
    } else {
      known = false;
    }
  }
  if (!known || access > 1 || label > 1 || propagation > 1 || copy > 1 || consistency > 1) {
    base::fail(Kind::Internal, "invalid mode: {}", text);
  }
  return mode;
}

[[noreturn]] void bad_bind(const std::string& text) {
  base::fail(Kind::Internal, "invalid volume specification: '{}'", text);
}

[[noreturn]] void bad_bind(const std::string& text, const char* type, const std::string& why) {
  base::fail(Kind::Internal,
             "invalid volume specification: '{}': invalid mount config for type {}: {}", text,
             base::quoted(type), why);
}

void check_bind_target(const std::string& text, const MountSpec& mount) {
  const char* type = type_name(mount.type);
  if (!mount.destination.starts_with('/')) {
    bad_bind(
        text, type,
        fmt::format("invalid mount path: '{}' mount path must be absolute", mount.destination));
  }
  if (clean_path(mount.destination) == "/") {
    bad_bind(text, type, "invalid specification: destination can't be '/'");
  }
}

}  // namespace

const char* type_name(MountSpec::Type type) {
  switch (type) {
    case MountSpec::Type::Bind:
      return "bind";
    case MountSpec::Type::Volume:
      return "volume";
    case MountSpec::Type::Tmpfs:
      return "tmpfs";
    case MountSpec::Type::Image:
      return "image";
  }
  return "";
}

MountSpec parse_bind(const std::string& text, const std::string& volume_driver) {
  const std::vector<std::string> parts = base::split(text, ':');
  if (parts.size() > 3 || parts[0].empty()) bad_bind(text);
  MountSpec mount;
  Mode mode;
  if (parts.size() == 1) {
    mount.type = MountSpec::Type::Volume;
    mount.anonymous = true;
    mount.destination = parts[0];
  } else {
    if (parts[1].empty()) bad_bind(text);
    const bool is_path = parts[0].starts_with('/');
    mount.type = is_path ? MountSpec::Type::Bind : MountSpec::Type::Volume;
    (is_path ? mount.source : mount.name) = is_path ? clean_path(parts[0]) : parts[0];
    mount.destination = parts[1];
    if (parts.size() == 3) {
      mode = parse_mode(parts[2]);
      mount.mode = parts[2];
    }
  }
  check_bind_target(text, mount);
  mount.destination = clean_path(mount.destination);
  mount.writable = mode.writable;
  if (mount.type == MountSpec::Type::Bind) {
    if (mode.no_copy) bad_bind(text, "bind", "field VolumeOptions must not be specified");
    mount.propagation = mode.propagation.empty() ? "rprivate" : mode.propagation;
    mount.create_source = true;
    return mount;
  }
  if (!mode.propagation.empty()) {
    bad_bind(text, "volume", "field BindOptions must not be specified");
  }
  mount.no_copy = mode.no_copy;
  mount.driver = volume_driver.empty() ? "local" : volume_driver;
  // Docker: a volume without a mode is labelled to be shared.
  if (mount.mode.empty()) mount.mode = "z";
  return mount;
}

VolumesFrom parse_volumes_from(const std::string& text) {
  if (text.empty()) {
    base::fail(Kind::InvalidArgument, "volumes-from specification cannot be an empty string");
  }
  const std::size_t colon = text.find(':');
  VolumesFrom from{text.substr(0, colon), ""};
  if (colon == std::string::npos) return from;
  from.mode = text.substr(colon + 1);
  static const std::set<std::string> kModes = {"ro", "rw", "z", "Z"};
  for (const std::string& word : base::split(from.mode, ',')) {
    if (!kModes.contains(word)) base::fail(Kind::InvalidArgument, "invalid mode: {}", from.mode);
  }
  return from;
}

MountSpec from_tmpfs(const std::string& destination, const std::string& options) {
  MountSpec mount;
  mount.type = MountSpec::Type::Tmpfs;
  mount.destination = clean_path(destination);
  mount.options = options;
  mount.create_source = false;
  return mount;
}

api::MountPoint shown(const MountSpec& mount) {
  api::MountPoint point;
  point.type = type_name(mount.type);
  if (mount.type == MountSpec::Type::Volume || mount.type == MountSpec::Type::Image) {
    point.name = mount.name;
  }
  point.source = mount.source;
  point.destination = mount.destination;
  if (mount.type == MountSpec::Type::Volume) point.driver = mount.driver;
  point.mode = mount.mode;
  point.rw = mount.writable;
  point.propagation = mount.propagation;
  return point;
}

std::vector<std::string> tmpfs_words(const MountSpec& mount) {
  std::vector<std::string> given;
  if (!mount.options.empty()) given = base::split(mount.options, ',');
  std::vector<std::string> options;
  for (const char* flag : {"noexec", "nosuid", "nodev"}) {
    const std::string opposite = std::string(flag).substr(2);
    const bool overridden = std::find(given.begin(), given.end(), opposite) != given.end();
    if (!overridden) options.push_back(flag);
  }
  options.push_back("rprivate");
  options.insert(options.end(), given.begin(), given.end());
  if (!mount.writable) options.push_back("ro");
  return options;
}

}  // namespace wharf::container
