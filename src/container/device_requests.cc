// HostConfig.DeviceRequests: `--device vendor.com/class=name` and `--gpus`.
#include <set>

#include "base/error.h"
#include "base/strings.h"
#include "container/cdi.h"

namespace wharf::container {

namespace {

using Names = std::vector<std::string>;
using Sets = std::vector<Names>;

/// Who makes GPUs, the kind of their CDI devices, and what a request may ask of them.
struct GpuVendor {
  std::string_view driver;
  std::string_view kind;
  std::set<std::string> capabilities;
};
const GpuVendor kGpuVendors[] = {
    {"nvidia",
     "nvidia.com/gpu",
     {"gpu", "nvidia", "compute", "compat32", "graphics", "utility", "video", "display"}},
    {"amd", "amd.com/gpu", {"gpu", "amd"}}};

[[noreturn]] void refuse(const api::DeviceRequest& request) {
  Names sets;
  for (const Names& set : request.capabilities.value_or(Sets{})) {
    sets.push_back("[" + base::join(set, " ") + "]");
  }
  base::fail(base::Kind::Internal, "could not select device driver {} with capabilities: [{}]",
             base::quoted(request.driver), base::join(sets, " "));
}

/// The inner lists are alternatives; of one of them all has to be there.
bool provides(const GpuVendor& vendor, const Sets& wanted) {
  return std::any_of(wanted.begin(), wanted.end(), [&](const Names& set) {
    return std::all_of(set.begin(), set.end(),
                       [&](const std::string& each) { return vendor.capabilities.contains(each); });
  });
}

bool has_devices(const CdiCatalog& catalog, std::string_view kind) {
  const auto first = catalog.devices.lower_bound(std::string(kind) + "=");
  return first != catalog.devices.end() && first->first.starts_with(std::string(kind) + "=");
}

Names names_of(const api::DeviceRequest& request, std::string_view kind) {
  const std::string prefix = std::string(kind) + "=";
  Names names;
  for (const std::string& id : request.device_ids.value_or(Names{})) names.push_back(prefix + id);
  if (request.count < 0) names.push_back(prefix + "all");
  for (std::int64_t i = 0; i < request.count; ++i) names.push_back(prefix + std::to_string(i));
  return names;
}

Names gpus(const CdiCatalog& catalog, const api::DeviceRequest& request) {
  for (const GpuVendor& vendor : kGpuVendors) {
    const bool named = request.driver.empty() || request.driver == vendor.driver;
    if (!named || !has_devices(catalog, vendor.kind)) continue;
    if (!provides(vendor, request.capabilities.value_or(Sets{}))) continue;
    return names_of(request, vendor.kind);
  }
  refuse(request);
}

Names named_devices(const api::DeviceRequest& request) {
  if (request.count != 0) {
    base::fail(base::Kind::Internal, "unexpected count in CDI device request");
  }
  if (request.options && !request.options->empty()) {
    base::fail(base::Kind::Internal, "unexpected options in CDI device request");
  }
  return request.device_ids.value_or(Names{});
}

}  // namespace

void apply_device_requests(base::JsonObject& spec, const api::HostConfig& host,
                           const std::vector<std::string>& directories) {
  if (!host.device_requests || host.device_requests->empty()) return;
  const CdiCatalog catalog = read_cdi(directories);
  for (const api::DeviceRequest& request : *host.device_requests) {
    if (request.driver == "cdi" && !directories.empty()) {
      inject_cdi(spec, catalog, named_devices(request));
    } else {
      inject_cdi(spec, catalog, gpus(catalog, request));
    }
  }
}

}  // namespace wharf::container
