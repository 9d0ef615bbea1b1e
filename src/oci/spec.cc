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
}

std::uint64_t propagation_flags(std::string_view name) {
  for (const PropagationName& known : kPropagations) {
    if (known.name == name) return known.flags;
  }
  return 0;
}

void read_personality(SpecReader& reader, const JsonNode& linux_node, Spec& spec) {
  std::string_view domain;
  reader.read(reader.object(linux_node, "personality"), "domain", domain);
  if (domain.empty()) return;
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

void refuse_unknown_version(SpecReader& reader, std::string_view version) {
  if (version.empty()) return reader.wrong("ociVersion", "given");
  if (!version.starts_with("1.")) reader.refuse("ociVersion", version, "is not supported");
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
  if (reader.object(node, "intelRdt").present()) {
    reader.wrong("linux.intelRdt", "absent: this runtime has no resctrl");
  }
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
