#include "oci/spec.h"

#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "oci/spec_reader.h"

// Younger than the C libraries' headers.
#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

namespace wharf::oci {

using base::JsonNode;

namespace {

struct NamespaceName {
  std::string_view name;
  std::uint64_t flag;
};
constexpr NamespaceName kNamespaces[] = {{"pid", CLONE_NEWPID},   {"network", CLONE_NEWNET},
                                         {"mount", CLONE_NEWNS},  {"ipc", CLONE_NEWIPC},
                                         {"uts", CLONE_NEWUTS},   {"user", CLONE_NEWUSER},
                                         {"time", CLONE_NEWTIME}, {"cgroup", CLONE_NEWCGROUP}};

struct PropagationName {
  std::string_view name;
  std::uint64_t flags;
};
constexpr PropagationName kPropagations[] = {{"shared", MS_SHARED},
                                             {"private", MS_PRIVATE},
                                             {"slave", MS_SLAVE},
                                             {"unbindable", MS_UNBINDABLE},
                                             {"rshared", MS_SHARED | MS_REC},
                                             {"rprivate", MS_PRIVATE | MS_REC},
                                             {"rslave", MS_SLAVE | MS_REC},
                                             {"runbindable", MS_UNBINDABLE | MS_REC}};

void read_namespace(SpecReader& reader, const JsonNode& node, Namespace& into) {
  std::string_view type;
  reader.read(node, "type", type);
  reader.read(node, "path", into.path);
  for (const NamespaceName& known : kNamespaces) {
    if (known.name == type) into.flag = known.flag;
  }
  if (into.flag == 0) reader.refuse("linux.namespaces", type, "is no namespace");
  if (!into.path.empty() && into.path[0] != '/') {
    reader.refuse("linux.namespaces", into.path, "is no absolute path");
  }
}

void refuse_twins(SpecReader& reader, std::span<Namespace> namespaces) {
  std::uint64_t seen = 0;
  for (const Namespace& one : namespaces) {
    if ((seen & one.flag) != 0) reader.refuse("linux.namespaces", one.path, "is given twice");
    seen |= one.flag;
  }
}

void read_device(SpecReader& reader, const JsonNode& node, Device& into) {
  std::string_view type;
  reader.read(node, "path", into.path);
  reader.read(node, "type", type);
  reader.read(node, "fileMode", into.mode);
  reader.read(node, "uid", into.uid);
  reader.read(node, "gid", into.gid);
  if (type == "c" || type == "u") into.type = S_IFCHR;
  if (type == "b") into.type = S_IFBLK;
  if (type == "p") into.type = S_IFIFO;
  if (into.type == 0) return reader.refuse("linux.devices", type, "is no kind of device");
  if (into.path.empty() || into.path[0] != '/') {
    reader.refuse("linux.devices", into.path, "is no absolute path");
  }
  into.mode &= 07777;
  if (into.type == S_IFIFO) return;
  if (!node["major"].present() || !node["minor"].present()) {
    return reader.refuse("linux.devices", into.path, "needs major and minor");
  }
  reader.read(node, "major", into.major);
  reader.read(node, "minor", into.minor);
}

void read_time_offsets(SpecReader& reader, const JsonNode& linux_node, Spec& spec) {
  const JsonNode& offsets = reader.object(linux_node, "timeOffsets");
  if (offsets.count == 0) return;
  spec.time_offsets = reader.make<TimeOffset>(offsets.count);
  std::size_t index = 0;
  for (const JsonNode& node : offsets) {
    if (index >= spec.time_offsets.size()) return;
    TimeOffset& into = spec.time_offsets[index++];
    into.clock = node.key;
    reader.read(node, "secs", into.seconds);
    reader.read(node, "nanosecs", into.nanoseconds);
    if (into.clock != "monotonic" && into.clock != "boottime") {
      reader.refuse("linux.timeOffsets", into.clock, "is no clock");
    }
  }
  const Namespace* own = spec.find_namespace(CLONE_NEWTIME);
  if (own == nullptr || !own->path.empty()) {
    reader.wrong("linux.timeOffsets", "absent without a new time namespace");
  }
}

std::uint64_t propagation_flags(std::string_view name) {
  for (const PropagationName& known : kPropagations) {
    if (known.name == name) return known.flags;
  }
  return 0;
}

void read_personality(SpecReader& reader, const JsonNode& linux_node, Spec& spec) {
  const JsonNode& node = reader.object(linux_node, "personality");
  if (!node.present()) return;
  std::string_view domain;
  reader.read(node, "domain", domain);
  if (reader.array(node, "flags").count > 0) {
    reader.wrong("linux.personality.flags", "empty: none is defined");
  }
  if (domain == "LINUX") spec.personality = 0x0000;
  if (domain == "LINUX32") spec.personality = 0x0008;
  if (!spec.personality) reader.refuse("linux.personality.domain", domain, "is unknown");
}

void read_hook(SpecReader& reader, const JsonNode& node, Hook& into) {
  reader.read(node, "path", into.path);
  reader.read(node, "args", into.args);
  reader.read(node, "env", into.env);
  reader.read(node, "timeout", into.timeout_seconds);
  if (into.path.empty() || into.path[0] != '/') {
    reader.refuse("hooks path", into.path, "is no absolute path");
  }
  if (into.timeout_seconds && *into.timeout_seconds <= 0) {
    reader.wrong("hooks timeout", "greater than zero");
  }
}

bool is_number(std::string_view part) {
  const bool digits = part.find_first_not_of("0123456789") == part.npos;
  return digits && !part.empty() && (part.size() == 1 || part[0] != '0');
}

bool are_identifiers(std::string_view list) {
  bool fine = !list.empty() && !list.ends_with('.');
  while (fine && !list.empty()) {
    const std::string_view part = base::split(list, '.');
    fine = !part.empty();
    for (const char letter : part) {
      const bool alphanumeric = (letter >= '0' && letter <= '9') ||
                                (letter >= 'a' && letter <= 'z') ||
                                (letter >= 'A' && letter <= 'Z');
      fine = fine && (alphanumeric || letter == '-');
    }
  }
  return fine;
}

/// https://semver.org, version 2.0.0: "1.2.0-rc.1+build".
bool is_semantic_version(std::string_view version) {
  const std::size_t plus = version.find('+');
  if (plus != version.npos && !are_identifiers(version.substr(plus + 1))) return false;
  version = version.substr(0, plus);
  const std::size_t dash = version.find('-');
  if (dash != version.npos && !are_identifiers(version.substr(dash + 1))) return false;
  version = version.substr(0, dash);
  const bool ended = version.ends_with('.');
  const bool major = is_number(base::split(version, '.'));
  const bool minor = is_number(base::split(version, '.'));
  return major && minor && is_number(version) && !ended;
}

void refuse_unknown_version(SpecReader& reader, std::string_view version) {
  if (version.empty()) return reader.wrong("ociVersion", "given");
  if (!is_semantic_version(version)) {
    return reader.refuse("ociVersion", version, "is no semantic version");
  }
  if (!version.starts_with("1.")) reader.refuse("ociVersion", version, "is not supported");
}

void refuse_empty_keys(SpecReader& reader, std::span<Setting> annotations) {
  for (const Setting& one : annotations) {
    if (one.name.empty()) reader.wrong("annotations", "without empty keys");
  }
}

void refuse_relative(SpecReader& reader, const char* name, std::span<std::string_view> paths) {
  for (const std::string_view path : paths) {
    if (!path.starts_with('/')) reader.refuse(name, path, "is no absolute path");
  }
}

void read_rdt(SpecReader& reader, const JsonNode& node, Spec& spec) {
  if (!node.present()) return;
  IntelRdt& into = spec.intel_rdt.emplace();
  reader.read(node, "closID", into.class_id);
  reader.read(node, "l3CacheSchema", into.cache_schema);
  reader.read(node, "memBwSchema", into.bandwidth_schema);
  reader.read(node, "enableCMT", into.monitor_cache);
  reader.read(node, "enableMBM", into.monitor_bandwidth);
  const bool plain = into.class_id.find('/') == into.class_id.npos && into.class_id != "." &&
                     into.class_id != "..";
  if (!plain) reader.refuse("linux.intelRdt.closID", into.class_id, "is no name of a directory");
  if (!reader.ok()) reader.wrong("linux.intelRdt", "valid");
}

}  // namespace

void read_id_map(SpecReader& reader, const JsonNode& node, IdMap& map) {
  reader.read(node, "containerID", map.container);
  reader.read(node, "hostID", map.host);
  reader.read(node, "size", map.size);
}

void read_hooks(SpecReader& reader, const JsonNode& node, Hooks& hooks) {
  const auto one = [&](const JsonNode& each, Hook& into) { read_hook(reader, each, into); };
  reader.read(node, "prestart", hooks.prestart, one);
  reader.read(node, "createRuntime", hooks.create_runtime, one);
  reader.read(node, "createContainer", hooks.create_container, one);
  reader.read(node, "startContainer", hooks.start_container, one);
  reader.read(node, "poststart", hooks.poststart, one);
  reader.read(node, "poststop", hooks.poststop, one);
}

void read_linux(SpecReader& reader, const JsonNode& node, Spec& spec) {
  const auto id_map = [&](const JsonNode& each, IdMap& into) { read_id_map(reader, each, into); };
  reader.read(node, "namespaces", spec.namespaces,
              [&](const JsonNode& each, Namespace& into) { read_namespace(reader, each, into); });
  refuse_twins(reader, spec.namespaces);
  reader.read(node, "uidMappings", spec.uid_maps, id_map);
  reader.read(node, "gidMappings", spec.gid_maps, id_map);
  read_time_offsets(reader, node, spec);
  reader.read(node, "devices", spec.devices,
              [&](const JsonNode& each, Device& into) { read_device(reader, each, into); });
  reader.read(node, "sysctl", spec.sysctls);
  reader.read(node, "maskedPaths", spec.masked_paths);
  reader.read(node, "readonlyPaths", spec.read_only_paths);
  refuse_relative(reader, "linux.maskedPaths", spec.masked_paths);
  refuse_relative(reader, "linux.readonlyPaths", spec.read_only_paths);
  reader.read(node, "cgroupsPath", spec.cgroups_path);
  read_resources(reader, reader.object(node, "resources"), spec.resources);
  const JsonNode& seccomp = reader.object(node, "seccomp");
  if (seccomp.present()) spec.seccomp = &seccomp;
  reader.read(node, "mountLabel", spec.mount_label);
  std::string_view propagation;
  reader.read(node, "rootfsPropagation", propagation);
  spec.rootfs_propagation = propagation_flags(propagation);
  if (!propagation.empty() && spec.rootfs_propagation == 0) {
    reader.refuse("linux.rootfsPropagation", propagation, "is unknown");
  }
  read_personality(reader, node, spec);
  read_rdt(reader, reader.object(node, "intelRdt"), spec);
}

const Namespace* Spec::find_namespace(std::uint64_t flag) const {
  for (const Namespace& one : namespaces) {
    if (one.flag == flag) return &one;
  }
  return nullptr;
}

bool parse_spec(base::Arena& arena, std::span<char> text, Spec& spec, base::Failure& failure) {
  const JsonNode* root = base::parse_json(arena, text, failure);
  if (root == nullptr) return false;
  SpecReader reader(arena, failure);
  if (root->kind != JsonNode::Kind::Object) {
    reader.wrong("the file", "an object");
    return false;
  }
  reader.read(*root, "ociVersion", spec.version);
  refuse_unknown_version(reader, spec.version);
  const JsonNode& root_node = reader.object(*root, "root");
  reader.read(root_node, "path", spec.root_path);
  reader.read(root_node, "readonly", spec.root_read_only);
  reader.read(*root, "hostname", spec.hostname);
  reader.read(*root, "domainname", spec.domain_name);
  const JsonNode& process = reader.object(*root, "process");
  if (process.present()) read_process(reader, process, spec.process.emplace());
  reader.read(*root, "mounts", spec.mounts,
              [&](const JsonNode& each, Mount& into) { read_mount(reader, each, into); });
  reader.read(*root, "annotations", spec.annotations);
  refuse_empty_keys(reader, spec.annotations);
  read_hooks(reader, reader.object(*root, "hooks"), spec.hooks);
  read_linux(reader, reader.object(*root, "linux"), spec);
  return reader.ok();
}

bool parse_process(base::Arena& arena, std::span<char> text, Process& process,
                   base::Failure& failure) {
  const JsonNode* root = base::parse_json(arena, text, failure);
  if (root == nullptr) return false;
  SpecReader reader(arena, failure);
  read_process(reader, *root, process);
  return reader.ok();
}

bool parse_resources(base::Arena& arena, std::span<char> text, Resources& resources,
                     base::Failure& failure) {
  const JsonNode* root = base::parse_json(arena, text, failure);
  if (root == nullptr) return false;
  SpecReader reader(arena, failure);
  read_resources(reader, *root, resources);
  return reader.ok();
}

}  // namespace wharf::oci
