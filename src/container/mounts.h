// What is mounted into a container: Binds, Mounts, Tmpfs, Volumes and VolumesFrom as one list.
//
// A MountSpec is what the container will see at one place; it is kept in the container's record.
// parse_bind() and check_mount() say no with Docker's texts. Plain values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/container.h"

namespace wharf::container {

struct MountSpec {
  enum class Type { Bind, Volume, Tmpfs, Image };
  Type type = Type::Bind;
  std::string source;       ///< Host path of a bind; of a volume, once it exists.
  std::string name;         ///< Of a volume ("" until an anonymous one is made), or an image.
  std::string destination;  ///< Clean and absolute.
  std::string driver;       ///< Of a volume.
  std::string mode;         ///< As inspect shows it: "ro,z".
  bool writable = true;
  std::string propagation;  ///< "rprivate" unless asked otherwise; "" for volumes and tmpfs.
  bool recursive = true;
  bool read_only_recursive = true;  ///< Read-only for what is mounted below, too.
  bool no_copy = false;
  bool create_source = false;  ///< A missing host directory is made (Binds).
  bool anonymous = false;      ///< Removed with the container when volumes are.
  std::string subpath;
  std::string options;  ///< Of a tmpfs, "size=64k,mode=1777".
  /// Its files are the engine's own, and a container in a user namespace sees their ids as they
  /// are on the disk. Decided at every start, not kept.
  bool maps_ids = false;
  /// Of an image that is none of the images yet, for steps of builds: not kept in the record.
  std::vector<std::string> layers;
  api::StringMap labels;
  api::StringMap driver_options;

  auto operator<=>(const MountSpec&) const = default;
};

const char* type_name(MountSpec::Type type);

/// One of HostConfig.Binds, "src:dst[:opts]" or "dst".
MountSpec parse_bind(const std::string& text, const std::string& volume_driver);

/// One of HostConfig.Mounts. `check_source`: a bind's source must exist now.
MountSpec from_mount(const api::Mount& mount, bool check_source);

/// One of HostConfig.Tmpfs. Throws for options that the kernel would not understand.
MountSpec from_tmpfs(const std::string& destination, const std::string& options);

/// "rw,nosuid,size=64k" is checked as Docker's parser does; throws InvalidArgument
/// "invalid tmpfs option x".
void check_tmpfs_options(const std::string& options);

/// All options of a tmpfs as mount(8) has them: "noexec", "size=64k". Its own may say the opposite
/// of the defaults.
std::vector<std::string> tmpfs_words(const MountSpec& mount);

/// "id[:mode]" of HostConfig.VolumesFrom. Throws InvalidArgument.
struct VolumesFrom {
  std::string container;
  std::string mode;
  bool writable() const { return mode.find("ro") == std::string::npos; }
};
VolumesFrom parse_volumes_from(const std::string& text);

/// As inspect and the list show it.
api::MountPoint shown(const MountSpec& mount);

base::Json to_json(const MountSpec& mount);
MountSpec mount_from_json(const base::Json& json);

}  // namespace wharf::container
