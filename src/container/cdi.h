// The Container Device Interface: devices that a vendor's file describes.
//
// A file in one of the directories says for each device "vendor.com/class=name" what a container
// needs for it: nodes, mounts, environment, hooks, groups. Files are read when they are needed, so
// that what a driver's installation wrote counts at once. Later directories win; two files of one
// directory that name the same device leave it out. Values; any thread.
// https://github.com/cncf-tags/container-device-interface/blob/main/SPEC.md, versions 0.3 to 1.0.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "api/host_config.h"
#include "base/json.h"

namespace wharf::container {

/// A file is no larger, and a directory has no more of them that count.
inline constexpr std::size_t kCdiFileBytes = 4 << 20;
inline constexpr std::size_t kCdiFiles = 256;

struct CdiFile {
  std::string path;
  base::JsonObject edits;  ///< For every device of the file.
};

struct CdiDevice {
  std::shared_ptr<const CdiFile> file;
  base::JsonObject edits;
};

struct CdiCatalog {
  std::map<std::string, CdiDevice> devices;  ///< By "vendor.com/class=name".
  std::vector<std::string> errors;           ///< Of files that do not count, "PATH: why".
};

CdiCatalog read_cdi(const std::vector<std::string>& directories);

/// Puts devices into the OCI spec of a container. Throws as Docker does for those that are not
/// there: "CDI device injection failed: unresolvable CDI devices a, b".
void inject_cdi(base::JsonObject& spec, const CdiCatalog& catalog,
                const std::vector<std::string>& names);

/// HostConfig.DeviceRequests: CDI devices by name, and GPUs by the CDI devices of their vendors.
/// Throws "could not select device driver ..." for what nothing provides.
void apply_device_requests(base::JsonObject& spec, const api::HostConfig& host,
                           const std::vector<std::string>& directories);

/// containerEdits of a file. Throws InvalidArgument for unknown fields and wrong values.
void check_cdi_edits(const base::Json& edits);

}  // namespace wharf::container
