#include "volume/options.h"

#include <array>

#include "base/error.h"
#include "base/strings.h"

namespace wharf::volume {
namespace {

using base::fail;
using base::Kind;

constexpr std::size_t kNameLimit = 255;  // A file name's.

bool alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

void require(const std::string& name, const Labels& options, const char* given,
             std::initializer_list<const char*> wanted) {
  if (!options.contains(given)) return;
  for (const char* each : wanted) {
    if (options.contains(each)) continue;
    fail(Kind::InvalidArgument, "create {}: missing required option: \"{}\"", name, each);
  }
}

}  // namespace

void check_name(const std::string& name) {
  if (name.size() == 1) {
    fail(
        Kind::InvalidArgument,
        "create {}: volume name is too short, names should be at least two alphanumeric characters",
        name);
  }
  const bool good =
      !name.empty() && alphanumeric(name[0]) && std::all_of(name.begin(), name.end(), [](char c) {
        return alphanumeric(c) || c == '_' || c == '.' || c == '-';
      });
  if (!good) {
    fail(Kind::InvalidArgument,
         "create {}: {} includes invalid characters for a local volume name, only "
         "\"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, "
         "use absolute path",
         name, base::quoted(name));
  }
  if (name.size() > kNameLimit) {
    fail(Kind::InvalidArgument, "create {}: volume name is too long: {} characters, at most {}",
         name, name.size(), kNameLimit);
  }
}

std::string bind_source(const Labels& options) {
  const auto o = options.find("o");
  const auto device = options.find("device");
  if (o == options.end() || device == options.end()) return {};
  return o->second == "bind" || o->second == "rbind" ? device->second : std::string();
}

void check_options(const std::string& name, const Labels& options) {
  for (const auto& [key, value] : options) {
    if (key != "type" && key != "o" && key != "device" && key != "size") {
      fail(Kind::InvalidArgument, "create {}: invalid option: {}", name, base::quoted(key));
    }
  }
  require(name, options, "type", {"device"});
  require(name, options, "o", {"device", "type"});
  require(name, options, "device", {"type"});
  if (options.contains("size")) {
    fail(Kind::InvalidArgument, "create {}: quota size requested but no quota support", name);
  }
  if (options.empty()) return;
  const std::string source = bind_source(options);
  if (source.empty()) {
    fail(Kind::NotImplemented,
         "create {}: volumes of type {} with options {} are not supported yet", name,
         base::quoted(options.at("type")),
         base::quoted(options.contains("o") ? options.at("o") : ""));
  }
  if (source[0] != '/') {
    fail(Kind::InvalidArgument, "create {}: invalid mount path: {}: mount path must be absolute",
         name, base::quoted(source));
  }
}

}  // namespace wharf::volume
