// The mounts of config.json: options become the words that the kernel takes.
#include <linux/mount.h>

#include "oci/spec_reader.h"

namespace wharf::oci {

using base::JsonNode;

namespace {

// From <sys/mount.h>, which cannot be included beside <linux/mount.h>.
constexpr std::uint64_t kUnbindable = 1 << 17;
constexpr std::uint64_t kPrivate = 1 << 18;
constexpr std::uint64_t kSlave = 1 << 19;
constexpr std::uint64_t kShared = 1 << 20;

/// An attribute of a mount. Its opposite clears it; with an "r" in front the whole tree is meant.
struct Attribute {
  std::string_view name;
  std::string_view opposite;
  std::uint64_t bits;
};
constexpr Attribute kAttributes[] = {
    {"ro", "rw", MOUNT_ATTR_RDONLY},
    {"nosuid", "suid", MOUNT_ATTR_NOSUID},
    {"nodev", "dev", MOUNT_ATTR_NODEV},
    {"noexec", "exec", MOUNT_ATTR_NOEXEC},
    {"nodiratime", "diratime", MOUNT_ATTR_NODIRATIME},
    {"nosymfollow", "symfollow", MOUNT_ATTR_NOSYMFOLLOW},
};

/// The access time is one field of two bits: what is set clears all of it first.
struct AccessTime {
  std::string_view name;
  std::uint64_t bits;
};
constexpr AccessTime kAccessTimes[] = {
    {"relatime", MOUNT_ATTR_RELATIME},       {"norelatime", MOUNT_ATTR_STRICTATIME},
    {"noatime", MOUNT_ATTR_NOATIME},         {"atime", MOUNT_ATTR_RELATIME},
    {"strictatime", MOUNT_ATTR_STRICTATIME}, {"nostrictatime", MOUNT_ATTR_RELATIME},
};

bool apply_attribute(std::string_view name, std::uint64_t& set, std::uint64_t& clear) {
  for (const Attribute& known : kAttributes) {
    if (name == known.name) {
      set |= known.bits;
      clear &= ~known.bits;
      return true;
    }
    if (name == known.opposite) {
      set &= ~known.bits;
      clear |= known.bits;
      return true;
    }
  }
  for (const AccessTime& known : kAccessTimes) {
    if (name != known.name) continue;
    set = (set & ~std::uint64_t{MOUNT_ATTR__ATIME}) | known.bits;
    clear |= MOUNT_ATTR__ATIME;
    return true;
  }
  return false;
}

bool apply_propagation(std::string_view name, MountOptions& options) {
  std::string_view kind = name;
  const bool tree = name.starts_with('r');
  if (tree) kind.remove_prefix(1);
  const std::uint64_t flag = kind == "shared"       ? kShared
                             : kind == "private"    ? kPrivate
                             : kind == "slave"      ? kSlave
                             : kind == "unbindable" ? kUnbindable
                                                    : 0;
  if (flag == 0) return false;
  options.propagation = flag;
  options.propagation_recursive = tree;
  return true;
}

bool apply_switch(std::string_view name, MountOptions& options) {
  if (name == "bind" || name == "rbind") {
    options.bind = true;
    options.recursive = options.recursive || name == "rbind";
    return true;
  }
  if (name == "tmpcopyup") return options.copy_up = true;
  if (name == "idmap") return options.map_ids = true;
  if (name == "ridmap") return options.map_ids = options.map_ids_tree = true;
  if (name == "remount") return options.in_place = true;
  // Words that say what is the case anyway, or that Linux has dropped.
  return name == "defaults" || name == "async" || name == "nomand" || name == "nolazytime" ||
         name == "iversion" || name == "noiversion" || name == "loud" || name == "silent";
}

/// Flags of a file system, which a bind mount does not make: mount(2) passes over them there.
bool is_of_file_system(std::string_view option) {
  return option == "sync" || option == "dirsync" || option == "lazytime" || option == "mand";
}

void read_options(SpecReader& reader, const JsonNode& list, MountOptions& options) {
  std::size_t left = 0;
  for (const JsonNode& node : list) {
    if (!apply_mount_option(reader.string(node, "mounts.options"), options)) ++left;
  }
  if (left == 0) return;
  options.data = reader.make<std::string_view>(left);
  std::size_t index = 0;
  MountOptions ignored;
  for (const JsonNode& node : list) {
    if (node.kind != JsonNode::Kind::String) return;
    if (apply_mount_option(node.text, ignored) || index >= options.data.size()) continue;
    options.data[index++] = node.text;
  }
}

}  // namespace

bool apply_mount_option(std::string_view option, MountOptions& options) {
  if (apply_switch(option, options) || apply_propagation(option, options)) return true;
  if (apply_attribute(option, options.set, options.clear)) return true;
  std::string_view tree = option;
  if (!tree.starts_with('r')) return false;
  tree.remove_prefix(1);
  return apply_attribute(tree, options.recursive_set, options.recursive_clear);
}

void read_mount(SpecReader& reader, const JsonNode& node, Mount& mount) {
  reader.read(node, "destination", mount.destination);
  reader.read(node, "type", mount.type);
  reader.read(node, "source", mount.source);
  read_options(reader, reader.array(node, "options"), mount.options);
  const auto id_map = [&](const JsonNode& each, IdMap& into) { read_id_map(reader, each, into); };
  reader.read(node, "uidMappings", mount.uid_maps, id_map);
  reader.read(node, "gidMappings", mount.gid_maps, id_map);
  if (mount.destination.empty()) reader.wrong("mounts.destination", "given");
  if (mount.type == "bind" || mount.type == "rbind") mount.options.bind = true;
  if (mount.type == "rbind") mount.options.recursive = true;
  if (!mount.options.bind && mount.type.empty()) {
    reader.refuse("mounts.type of", mount.destination, "is not given");
  }
  for (const std::string_view option : mount.options.data) {
    if (!mount.options.bind || is_of_file_system(option)) continue;
    reader.refuse("mounts.options", option, "means nothing for a bind mount");
  }
  if (mount.uid_maps.empty() != mount.gid_maps.empty()) {
    reader.refuse("mounts.uidMappings and gidMappings of", mount.destination, "go together");
  }
  if (!mount.uid_maps.empty()) mount.options.map_ids = true;
  if (mount.options.bind && mount.source.empty()) {
    reader.refuse("mounts.source of", mount.destination, "is not given");
  }
}

}  // namespace wharf::oci
