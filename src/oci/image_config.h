// The image config: how to run an image, and which layers it is made of.
//
// Comes from strangers inside archives and registries: parse_image_config() checks types,
// sizes, digests and NUL bytes, and no member is needed but rootfs. Whether a port or a
// signal makes sense is asked where a container is made. Labels are data, never control
// input of the engine (threats A17). Plain values.
// Specified by OCI image-spec (config) and Docker's image spec 1.3 (Healthcheck, OnBuild, Shell).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/json.h"
#include "base/time.h"
#include "oci/platform.h"

namespace wharf::oci {

inline constexpr std::size_t kImageConfigLimit = 4 << 20;
inline constexpr std::size_t kHistoryLimit = 10'000;

/// An absent list or map is Go's nil: it shows as null in older APIs.
using Strings = std::optional<std::vector<std::string>>;
using Labels = std::map<std::string, std::string>;

struct EmptyObject {
  auto operator<=>(const EmptyObject&) const = default;
};
using Set = std::optional<std::map<std::string, EmptyObject>>;

/// Durations in nanoseconds; 0 is "default".
struct Healthcheck {
  Strings test;
  std::int64_t interval_ns = 0;
  std::int64_t timeout_ns = 0;
  std::int64_t start_period_ns = 0;
  std::int64_t start_interval_ns = 0;
  std::int64_t retries = 0;
  bool operator==(const Healthcheck&) const = default;
};

/// The member "config".
struct RunConfig {
  std::string user;
  Set exposed_ports;
  Strings env;
  Strings entrypoint;
  Strings cmd;
  Set volumes;
  std::string working_dir;
  std::optional<Labels> labels;
  std::string stop_signal;
  bool args_escaped = false;
  std::optional<Healthcheck> healthcheck;
  Strings on_build;
  Strings shell;
  bool operator==(const RunConfig&) const = default;
};

struct History {
  std::string created;  ///< RFC 3339 as written, or empty.
  std::string created_by;
  std::string author;
  std::string comment;
  bool empty_layer = false;
  bool operator==(const History&) const = default;
};

struct RootFs {
  std::string type = "layers";
  std::vector<std::string> diff_ids;
  bool operator==(const RootFs&) const = default;
};

struct ImageConfig {
  std::string created;  ///< RFC 3339 as written, or empty.
  std::string author;
  std::string architecture;
  std::string variant;
  std::string os;
  std::string os_version;
  std::vector<std::string> os_features;
  RunConfig config;
  RootFs rootfs;
  std::vector<History> history;
  std::string comment;         ///< Docker's own, before history had one.
  std::string docker_version;  ///< Docker's own.

  Platform platform() const;
  /// Bottom layer first.
  std::vector<base::Digest> diff_ids() const;
  /// Zero when absent.
  base::Time created_time() const;
};

/// Throws InvalidArgument, naming the member.
ImageConfig parse_image_config(std::string_view bytes);

/// The bytes of a new config: same input, same bytes.
std::string image_config_text(const ImageConfig& config);

base::Json to_json(const RunConfig& config);

}  // namespace wharf::oci
