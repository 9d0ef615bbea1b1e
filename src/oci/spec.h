// The OCI runtime spec, config.json, as plain values.
//
// Only what the runtime acts on, already translated: mount options are flag words,
// capabilities are bit sets, arguments are arrays that execve(2) takes. All text lies in the
// arena the spec was parsed into and ends with a NUL byte, so .data() is a C string. Values
// of the specification 1.2: https://github.com/opencontainers/runtime-spec. One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/json_tree.h"
#include "oci/process.h"
#include "oci/resources.h"

namespace wharf::oci {

/// How a mount's options read, for mount_setattr(2) and fsconfig(2).
struct MountOptions {
  bool bind = false;
  bool recursive = false;  // rbind
  std::uint64_t set = 0;   // MOUNT_ATTR_*
  std::uint64_t clear = 0;
  std::uint64_t recursive_set = 0;  // rro, rnosuid, …
  std::uint64_t recursive_clear = 0;
  std::uint64_t propagation = 0;  // MS_SHARED, MS_PRIVATE, MS_SLAVE, MS_UNBINDABLE
  bool propagation_recursive = false;
  bool copy_up = false;       // tmpcopyup
  bool map_ids = false;       // idmap
  bool map_ids_tree = false;  // ridmap
  bool in_place = false;      // remount
  /// What the file system itself is told: "mode=755", "size=64m", "ro".
  std::span<std::string_view> data;
};

struct IdMap {
  std::uint32_t container = 0;
  std::uint32_t host = 0;
  std::uint32_t size = 0;
};

struct Mount {
  std::string_view destination;
  std::string_view type;
  std::string_view source;
  MountOptions options;
  std::span<IdMap> uid_maps;
  std::span<IdMap> gid_maps;
};

struct Device {
  std::string_view path;
  std::uint32_t type = 0;  // S_IFCHR, S_IFBLK, S_IFIFO
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  std::uint32_t mode = 0666;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
};

struct Namespace {
  std::uint64_t flag = 0;  // CLONE_NEW*
  std::string_view path;   // empty: a new one
};

struct Setting {
  std::string_view name;
  std::string_view value;
};

struct TimeOffset {
  std::string_view clock;  // "monotonic" or "boottime"
  std::int64_t seconds = 0;
  std::int64_t nanoseconds = 0;
};

struct Hook {
  std::string_view path;
  Strings args;
  Strings env;
  std::optional<std::int64_t> timeout_seconds;
};

struct Hooks {
  std::span<Hook> prestart;
  std::span<Hook> create_runtime;
  std::span<Hook> create_container;
  std::span<Hook> start_container;
  std::span<Hook> poststart;
  std::span<Hook> poststop;
};

/// Cache and memory bandwidth of the processor, by the kernel's resctrl file system.
struct IntelRdt {
  std::string_view class_id;
  std::string_view cache_schema;
  std::string_view bandwidth_schema;
  bool monitor_cache = false;
  bool monitor_bandwidth = false;
};

struct Spec {
  std::string_view version;
  std::string_view root_path;
  bool root_read_only = false;
  std::string_view hostname;
  std::string_view domain_name;
  std::optional<Process> process;
  std::span<Mount> mounts;
  std::span<Namespace> namespaces;
  std::span<IdMap> uid_maps;
  std::span<IdMap> gid_maps;
  std::span<TimeOffset> time_offsets;
  std::span<Device> devices;
  std::span<Setting> sysctls;
  std::span<Setting> annotations;
  std::span<std::string_view> masked_paths;
  std::span<std::string_view> read_only_paths;
  std::string_view cgroups_path;
  Resources resources;
  /// linux.seccomp as it came; compiled by os::compile_seccomp. Null when absent.
  const base::JsonNode* seccomp = nullptr;
  std::string_view mount_label;
  /// MS_SHARED and so on for "/", 0 when not given.
  std::uint64_t rootfs_propagation = 0;
  std::optional<std::uint64_t> personality;
  std::optional<IntelRdt> intel_rdt;
  Hooks hooks;

  /// Whether the container gets a namespace of this kind, new or joined.
  const Namespace* find_namespace(std::uint64_t flag) const;
};

/// Reads config.json in place: `text` is changed and must outlive `spec`.
/// False, with the field named in `failure`, where a field has the wrong type or value.
bool parse_spec(base::Arena& arena, std::span<char> text, Spec& spec, base::Failure& failure);

/// Reads a process object, such as `exec --process` gives.
bool parse_process(base::Arena& arena, std::span<char> text, Process& process,
                   base::Failure& failure);

/// Reads a resources object, such as `update` gives.
bool parse_resources(base::Arena& arena, std::span<char> text, Resources& resources,
                     base::Failure& failure);

/// The number of a capability such as "CAP_CHOWN", or -1.
int capability_number(std::string_view name);
/// The other way; empty past the last.
std::string_view capability_name(unsigned number);

/// Adds one option of a mount, such as "ro" or "size=64m". False when it is not a flag and
/// belongs to the file system.
bool apply_mount_option(std::string_view option, MountOptions& options);

}  // namespace wharf::oci
