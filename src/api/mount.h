// The mounts of a create body (swagger Mount) and of an inspect answer (MountPoint).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/container_config.h"

namespace wharf::api {

struct BindOptions {
  std::string propagation;
  bool non_recursive = false;
  bool create_mountpoint = false;
  bool read_only_non_recursive = false;
  bool read_only_force_recursive = false;
  auto operator<=>(const BindOptions&) const = default;
};

struct VolumeDriverConfig {
  std::string name;
  StringMap options;
  auto operator<=>(const VolumeDriverConfig&) const = default;
};

struct VolumeOptions {
  bool no_copy = false;
  StringMap labels;
  std::string subpath;
  std::optional<VolumeDriverConfig> driver_config;
  auto operator<=>(const VolumeOptions&) const = default;
};

struct ImageOptions {
  std::string subpath;
  auto operator<=>(const ImageOptions&) const = default;
};

struct TmpfsOptions {
  std::int64_t size_bytes = 0;
  std::uint32_t mode = 0;
  std::optional<std::vector<std::vector<std::string>>> options;
  auto operator<=>(const TmpfsOptions&) const = default;
};

struct Mount {
  std::string type;  ///< bind, volume, tmpfs, image, cluster, npipe.
  std::string source;
  std::string target;
  bool read_only = false;
  std::string consistency;  ///< Ignored on Linux, as Docker does.
  std::optional<BindOptions> bind_options;
  std::optional<VolumeOptions> volume_options;
  std::optional<ImageOptions> image_options;
  std::optional<TmpfsOptions> tmpfs_options;
  std::optional<Empty> cluster_options;
  auto operator<=>(const Mount&) const = default;
};

/// A mount as inspect and the list show it.
struct MountPoint {
  std::string type;
  std::string name;
  std::string source;
  std::string destination;
  std::string driver;
  std::string mode;
  bool rw = true;
  std::string propagation;
  auto operator<=>(const MountPoint&) const = default;
};

}  // namespace wharf::api
