#include "oci/platform.h"

#include <sys/utsname.h>

#include "base/error.h"
#include "base/strings.h"

namespace wharf::oci {
namespace {

using base::fail;
using base::Kind;

constexpr std::array<std::string_view, 15> kSystems = {
    "aix", "android", "darwin", "dragonfly", "freebsd", "hurd",    "illumos", "ios",
    "js",  "linux",   "netbsd", "openbsd",   "plan9",   "solaris", "windows"};
constexpr std::array<std::string_view, 17> kArchitectures = {
    "386",   "amd64",   "arm",     "arm64", "loong64", "mips",  "mipsle",  "mips64", "mips64le",
    "ppc64", "ppc64le", "riscv64", "s390",  "s390x",   "sparc", "sparc64", "wasm"};

template <std::size_t N>
bool among(const std::array<std::string_view, N>& known, std::string_view name) {
  return std::find(known.begin(), known.end(), name) != known.end();
}

bool specifier_component(std::string_view part) {
  return !part.empty() && std::all_of(part.begin(), part.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
  });
}

/// 1 to 4: which x86-64 level this processor has.
int amd64_level() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("x86-64-v4")) return 4;
  if (__builtin_cpu_supports("x86-64-v3")) return 3;
  if (__builtin_cpu_supports("x86-64-v2")) return 2;
#endif
  return 1;
}

Platform detect_host() {
  utsname name{};
  ::uname(&name);
  Platform host{.architecture = name.machine, .os = "linux"};
  host = normalized(std::move(host));
  if (host.architecture == "amd64")
    host.variant = amd64_level() > 1 ? fmt::format("v{}", amd64_level()) : "";
  return host;
}

int variant_number(const Platform& platform) {
  const std::string_view variant = platform.variant;
  if (variant.size() == 2 && variant[0] == 'v') return variant[1] - '0';
  if (platform.architecture == "arm") return 7;
  return platform.architecture == "arm64" ? 8 : 1;
}

}  // namespace

std::string Platform::text() const {
  if (os.empty() && architecture.empty()) return "unknown";
  std::string out = os.empty() ? "unknown" : os;
  if (!architecture.empty()) out += "/" + architecture;
  if (!variant.empty()) out += "/" + variant;
  return out;
}

Platform normalized(Platform platform) {
  platform.os = base::lower(platform.os);
  platform.architecture = base::lower(platform.architecture);
  platform.variant = base::lower(platform.variant);
  if (platform.os == "macos") platform.os = "darwin";
  std::string& arch = platform.architecture;
  std::string& variant = platform.variant;
  if (arch == "i386" || arch == "i686") arch = "386";
  if (arch == "x86_64" || arch == "x86-64") arch = "amd64";
  if (arch == "aarch64") arch = "arm64";
  if (arch == "armhf") arch = "arm", variant = "v7";
  if (arch == "armel") arch = "arm", variant = "v6";
  if (arch == "386") variant.clear();
  if (arch == "amd64" && variant == "v1") variant.clear();
  if (arch == "arm64" && (variant == "8" || variant == "v8")) variant.clear();
  if (arch == "arm" && variant.empty()) variant = "v7";
  if (arch == "arm" && variant.size() == 1 && variant[0] >= '5' && variant[0] <= '8')
    variant.insert(0, "v");
  return platform;
}

Platform parse_platform(std::string_view specifier) {
  if (specifier.find('*') != std::string_view::npos) {
    fail(Kind::InvalidArgument, "{}: wildcards not yet supported: invalid argument",
         base::quoted(specifier));
  }
  const std::vector<std::string> parts = base::split(specifier, '/');
  for (const std::string& part : parts) {
    if (specifier_component(part)) continue;
    fail(Kind::InvalidArgument,
         "{} is an invalid component of {}: platform specifier component must match "
         "\"^[A-Za-z0-9_.-]+$\": "
         "invalid argument",
         base::quoted(part), base::quoted(specifier));
  }
  if (parts.size() > 3) {
    fail(Kind::InvalidArgument, "{}: cannot parse platform specifier: invalid argument",
         base::quoted(specifier));
  }
  if (parts.size() > 1) {
    return normalized(
        {.architecture = parts[1], .os = parts[0], .variant = parts.size() > 2 ? parts[2] : ""});
  }
  Platform one = normalized({.architecture = parts[0], .os = parts[0]});
  if (among(kSystems, one.os)) return {.architecture = host_platform().architecture, .os = one.os};
  one.os = "linux";
  if (among(kArchitectures, one.architecture)) return one;
  fail(Kind::InvalidArgument, "{}: unknown operating system or architecture: invalid argument",
       base::quoted(specifier));
}

Platform platform_from_json(const base::Json& json) {
  if (!json.is_object()) fail(Kind::InvalidArgument, "invalid platform: not an object");
  const base::JsonObject& object = json.get_object();
  Platform platform{.architecture = std::string(base::text_at(object, "architecture")),
                    .os = std::string(base::text_at(object, "os")),
                    .os_version = std::string(base::text_at(object, "os.version")),
                    .variant = std::string(base::text_at(object, "variant"))};
  const base::Json* features = base::find(object, "os.features");
  if (!features || !features->is_array()) return platform;
  for (const base::Json& feature : features->get_array()) {
    if (feature.is_string()) platform.os_features.emplace_back(feature.get_string());
  }
  return platform;
}

base::Json to_json(const Platform& platform) {
  base::JsonObject object;
  object["architecture"] = platform.architecture;
  object["os"] = platform.os;
  if (!platform.os_version.empty()) object["os.version"] = platform.os_version;
  if (!platform.os_features.empty()) {
    base::JsonArray features;
    for (const std::string& feature : platform.os_features) features.emplace_back(feature);
    object["os.features"] = std::move(features);
  }
  if (!platform.variant.empty()) object["variant"] = platform.variant;
  return object;
}

const Platform& host_platform() {
  static const Platform host = detect_host();
  return host;
}

std::optional<int> rank(const Platform& wanted_as_given, const Platform& candidate_as_given) {
  const Platform wanted = normalized(wanted_as_given);
  const Platform candidate = normalized(candidate_as_given);
  if (candidate.os != wanted.os) return std::nullopt;
  if (candidate.architecture == wanted.architecture) {
    const int difference = variant_number(wanted) - variant_number(candidate);
    if (difference < 0) return std::nullopt;
    return difference;
  }
  // What the processor also runs comes after every variant of its own.
  constexpr int kForeign = 100;
  if (wanted.architecture == "amd64" && candidate.architecture == "386") return kForeign;
  if (wanted.architecture == "arm64" && candidate.architecture == "arm") {
    return kForeign + 8 - variant_number(candidate);
  }
  return std::nullopt;
}

}  // namespace wharf::oci
