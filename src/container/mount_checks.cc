// HostConfig.Mounts and HostConfig.Tmpfs, checked with Docker's texts.
#include <sys/stat.h>

#include <set>

#include "api/host_config_fields.h"
#include "base/error.h"
#include "base/strings.h"
#include "container/merge.h"
#include "container/mounts.h"

namespace wharf::base {

template <>
struct Fields<container::MountSpec> {
  using T = container::MountSpec;
  static constexpr auto table = std::make_tuple(
      field("Source", &T::source), field("Name", &T::name), field("Destination", &T::destination),
      field("Driver", &T::driver), field("Mode", &T::mode), field("Writable", &T::writable),
      field("Propagation", &T::propagation), field("Recursive", &T::recursive),
      field("ReadOnlyRecursive", &T::read_only_recursive), field("NoCopy", &T::no_copy),
      field("CreateSource", &T::create_source), field("Anonymous", &T::anonymous),
      field("Subpath", &T::subpath), field("Options", &T::options), field("Labels", &T::labels),
      field("DriverOptions", &T::driver_options));
};

}  // namespace wharf::base

namespace wharf::container {

namespace {

using base::Kind;

[[noreturn]] void bad(const std::string& type, const std::string& why) {
  base::fail(Kind::InvalidArgument, "invalid mount config for type {}: {}", base::quoted(type),
             why);
}

void refuse_foreign_options(const api::Mount& mount) {
  const auto refuse = [&](bool given, const char* options, const char* type) {
    if (given && mount.type != type) {
      base::fail(Kind::InvalidArgument, "{} must not be specified on mount type {}", options,
                 base::quoted(mount.type));
    }
  };
  if (mount.type.empty()) return;
  refuse(mount.bind_options.has_value(), "BindOptions", "bind");
  refuse(mount.volume_options.has_value(), "VolumeOptions", "volume");
  refuse(mount.image_options.has_value(), "ImageOptions", "image");
  refuse(mount.tmpfs_options.has_value(), "TmpfsOptions", "tmpfs");
}

void check_target(const api::Mount& mount) {
  if (mount.target.empty()) bad(mount.type, "field Target must not be empty");
  static const std::set<std::string> kTypes = {"bind", "volume", "tmpfs", "image"};
  if (!kTypes.contains(mount.type)) bad(mount.type, "mount type unknown");
  const bool needs_source = mount.type == "bind" || mount.type == "image";
  if (needs_source && mount.source.empty()) bad(mount.type, "field Source must not be empty");
  if (!mount.target.starts_with('/')) {
    bad(mount.type,
        fmt::format("invalid mount path: '{}' mount path must be absolute", mount.target));
  }
  if (clean_path(mount.target) == "/") {
    bad(mount.type, "invalid specification: destination can't be '/'");
  }
}

void check_subpath(const std::string& type, const std::string& subpath) {
  const std::string clean = clean_path(subpath);
  if (subpath.starts_with('/') || clean == ".." || clean.starts_with("../")) {
    bad(type, "subpath must be a relative path within the volume");
  }
}

void fill_bind(MountSpec& spec, const api::Mount& mount, bool check_source) {
  static const std::set<std::string> kPropagations = {"",        "private", "rprivate", "shared",
                                                      "rshared", "slave",   "rslave"};
  const api::BindOptions options = mount.bind_options.value_or(api::BindOptions{});
  if (!kPropagations.contains(options.propagation)) {
    bad("bind", "invalid propagation mode: " + options.propagation);
  }
  if (!mount.source.starts_with('/')) {
    bad("bind", fmt::format("invalid mount path: '{}' mount path must be absolute", mount.source));
  }
  spec.source = clean_path(mount.source);
  struct stat there{};
  if (check_source && !options.create_mountpoint && ::stat(spec.source.c_str(), &there) != 0 &&
      errno == ENOENT) {
    bad("bind", "bind source path does not exist: " + spec.source);
  }
  spec.create_source = options.create_mountpoint;
  spec.propagation = options.propagation.empty() ? "rprivate" : options.propagation;
  spec.recursive = !options.non_recursive;
  spec.read_only_recursive = !options.non_recursive && !options.read_only_non_recursive;
}

void fill_volume(MountSpec& spec, const api::Mount& mount) {
  const api::VolumeOptions options = mount.volume_options.value_or(api::VolumeOptions{});
  spec.name = mount.source;
  spec.anonymous = mount.source.empty();
  spec.mode = "z";
  spec.driver = "local";
  spec.no_copy = options.no_copy;
  spec.labels = options.labels;
  spec.subpath = options.subpath;
  if (options.driver_config) {
    if (!options.driver_config->name.empty()) spec.driver = options.driver_config->name;
    spec.driver_options = options.driver_config->options;
  }
  if (spec.subpath.empty()) return;
  check_subpath("volume", spec.subpath);
  if (spec.anonymous) bad("volume", "must not set Subpath when using anonymous volumes");
}

void fill_tmpfs(MountSpec& spec, const api::Mount& mount) {
  if (!mount.source.empty()) bad("tmpfs", "field Source must not be specified");
  if (!mount.tmpfs_options) return;
  std::vector<std::string> words;
  const auto& extra = mount.tmpfs_options->options;
  for (const auto& option : extra.value_or(std::vector<std::vector<std::string>>{})) {
    if (option.empty() || (option[0] != "exec" && option[0] != "noexec")) {
      bad("tmpfs", "invalid option: " + base::join(option, " "));
    }
    words.push_back(option[0]);
  }
  if (mount.tmpfs_options->size_bytes > 0) {
    words.push_back(fmt::format("size={}", mount.tmpfs_options->size_bytes));
  }
  if (mount.tmpfs_options->mode != 0) {
    words.push_back(fmt::format("mode={:o}", mount.tmpfs_options->mode));
  }
  spec.options = base::join(words, ",");
}

}  // namespace

MountSpec from_mount(const api::Mount& mount, bool check_source) {
  refuse_foreign_options(mount);
  check_target(mount);
  MountSpec spec;
  spec.destination = clean_path(mount.target);
  spec.writable = !mount.read_only;
  if (mount.type == "bind") {
    spec.type = MountSpec::Type::Bind;
    fill_bind(spec, mount, check_source);
  } else if (mount.type == "volume") {
    spec.type = MountSpec::Type::Volume;
    fill_volume(spec, mount);
  } else if (mount.type == "tmpfs") {
    spec.type = MountSpec::Type::Tmpfs;
    fill_tmpfs(spec, mount);
  } else {
    spec.type = MountSpec::Type::Image;
    spec.name = mount.source;
    spec.writable = false;
    if (mount.image_options) spec.subpath = mount.image_options->subpath;
    check_subpath("image", spec.subpath);
  }
  return spec;
}

void check_tmpfs_options(const std::string& options) {
  static const std::set<std::string> kFlags = {
      "ro",       "rw",         "nodev",       "dev",           "noexec",     "exec",
      "nosuid",   "suid",       "sync",        "async",         "dirsync",    "remount",
      "mand",     "nomand",     "atime",       "noatime",       "diratime",   "nodiratime",
      "relatime", "norelatime", "strictatime", "nostrictatime", "private",    "rprivate",
      "shared",   "rshared",    "slave",       "rslave",        "unbindable", "runbindable",
      "bind",     "rbind",      "defaults",    "tmpcopyup"};
  static const std::set<std::string> kValues = {"size",      "mode",      "uid", "gid",
                                                "nr_inodes", "nr_blocks", "mpol"};
  if (options.empty()) return;
  for (const std::string& option : base::split(options, ',')) {
    const std::size_t equals = option.find('=');
    const std::string key = option.substr(0, equals);
    const bool known = equals == std::string::npos ? kFlags.contains(key) : kValues.contains(key);
    if (!known) base::fail(Kind::InvalidArgument, "invalid tmpfs option {}", base::quoted(key));
  }
}

base::Json to_json(const MountSpec& mount) {
  base::Json json = base::to_json(mount);
  json.get_object()["Type"] = type_name(mount.type);
  return json;
}

MountSpec mount_from_json(const base::Json& json) {
  MountSpec mount;
  base::from_json(json, mount);
  const std::string_view type = json.is_object() ? base::text_at(json.get_object(), "Type") : "";
  for (const auto each : {MountSpec::Type::Bind, MountSpec::Type::Volume, MountSpec::Type::Tmpfs,
                          MountSpec::Type::Image}) {
    if (type == type_name(each)) mount.type = each;
  }
  return mount;
}

}  // namespace wharf::container
