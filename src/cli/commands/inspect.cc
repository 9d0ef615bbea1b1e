// inspect: the daemon's own JSON of any object, indented, or through a template.
#include "base/error.h"
#include "base/strings.h"
#include "cli/command.h"
#include "cli/commands/all.h"
#include "cli/format.h"
#include "cli/json_text.h"
#include "cli/list_flags.h"
#include "cli/pulling.h"
#include "http/url.h"

namespace wharf::cli {
namespace {

struct Kind {
  const char* type;
  const char* path;
  const char* tail;
  bool swarm = false;
};

/// In the order in which a bare name is looked for.
constexpr Kind kKinds[] = {
    {"container", "/containers/", "/json"}, {"image", "/images/", "/json"},
    {"network", "/networks/", ""},          {"volume", "/volumes/", ""},
    {"service", "/services/", "", true},    {"task", "/tasks/", "", true},
    {"node", "/nodes/", "", true},          {"plugin", "/plugins/", "/json"},
    {"secret", "/secrets/", "", true},      {"config", "/configs/", "", true},
};

constexpr std::string_view kPlatformUsage =
    "Inspect a specific platform of the multi-platform image.\n"
    "If the image or the server is not multi-platform capable, the command will error out if the "
    "platform does not match.\n"
    "'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)";

struct Wanted {
  bool size = false;
  std::string platform = {};
};

std::string fetch(Invocation& call, const Kind& kind, const std::string& name,
                  const Wanted& wanted) {
  Daemon::Call request{.path = kind.path + http::percent_encode(name, "/:@") + kind.tail};
  if (!wanted.platform.empty()) {
    request.query.emplace_back("platform", platform_json(wanted.platform));
  }
  if (wanted.size && std::string_view(kind.type) == "container")
    request.query.emplace_back("size", "1");
  return call.daemon().text(request);
}

std::string find_any(Invocation& call, const std::string& name, bool size) {
  bool swarm = true;
  for (const Kind& kind : kKinds) {
    if (kind.swarm && !swarm) continue;
    try {
      return fetch(call, kind, name, {.size = size});
    } catch (const DaemonError& failed) {
      // A daemon outside a swarm, or without plugins, says so for all objects of that kind.
      const bool not_offered = failed.status() == 501 || failed.status() == 503;
      if (failed.status() != 404 && !not_offered) throw;
      swarm = swarm && !(kind.swarm && not_offered);
    }
  }
  throw Exit(1, fmt::format("Error: No such object: {}", name));
}

const Kind* kind_named(const std::string& type) {
  for (const Kind& each : kKinds) {
    if (type == each.type) return &each;
  }
  return nullptr;
}

/// Fetches each name and prints what was found even when some were not (exit 1 then).
int inspect_all(Invocation& call, const std::string& format,
                const std::function<std::string(const std::string& name)>& find) {
  std::vector<std::string> found;
  std::string failures;
  std::string out;
  for (const std::string& name : call.arguments()) {
    try {
      std::string text(base::trim(find(name)));
      if (format.empty() || format == "json") {
        found.push_back(std::move(text));
      } else {
        out += formatted_value(format, base::parse_json(text));
      }
    } catch (const TemplateFailure& failed) {
      // Docker: what a failing template wrote until then still comes, one that is no template
      // prints nothing.
      if (failed.status != 64) call.out(out + failed.written + "\n");
      throw Exit(failed.status, failed.what());
    } catch (const DaemonError& failed) {
      failures += (failures.empty() ? "" : "\n") + std::string(failed.what());
    } catch (const Exit& failed) {
      failures += (failures.empty() ? "" : "\n") + std::string(failed.what());
    }
  }
  if (format.empty()) {
    out = indented_array(found);
  } else if (format == "json") {
    out = "[" + base::join(found, ",") + "]\n";
  } else if (out.empty()) {
    out = "\n";
  }
  call.out(out);
  if (!failures.empty()) throw Exit(1, failures);
  return 0;
}

int inspect_kind(Invocation& call, const Kind& kind, bool sized) {
  std::string format;
  std::string platform;
  bool size = false;
  FlagSet flags;
  flags.text(format, {"format", 'f', "string", kValueFormatUsage});
  if (sized) {
    flags.boolean(size, {"size", 's', "", "Display total file sizes"});
  } else {
    flags.text(platform, {"platform", 0, "string", kPlatformUsage});
  }
  call.parse(flags, {.least = 1});
  return inspect_all(call, format, [&](const std::string& name) {
    return fetch(call, kind, name, {.size = size, .platform = platform});
  });
}

}  // namespace

int inspect_container_command(Invocation& call) {
  return inspect_kind(call, kKinds[0], true);
}
int inspect_image_command(Invocation& call) {
  return inspect_kind(call, kKinds[1], false);
}

int inspect_command(Invocation& call) {
  std::string format;
  std::string type;
  bool size = false;
  FlagSet flags;
  flags.text(format, {"format", 'f', "string", kValueFormatUsage});
  flags.boolean(size, {"size", 's', "", "Display total file sizes if the type is container"});
  flags.text(type, {"type", 0, "string", "Only inspect objects of the given type"});
  call.parse(flags, {.least = 1});
  if (flags.given("type") && type.empty())
    throw Exit(1,
               "type is empty: must be one of \"config\", \"container\", \"image\", \"network\", "
               "\"node\", \"plugin\", \"secret\", \"service\", \"task\", \"volume\"");
  const Kind* kind = kind_named(type);
  if (!type.empty() && !kind) {
    throw Exit(
        1, fmt::format(
               "unknown type: {}: must be one of \"config\", \"container\", \"image\", "
               "\"network\", \"node\", \"plugin\", \"secret\", \"service\", \"task\", \"volume\"",
               base::quoted(type)));
  }
  return inspect_all(call, format, [&](const std::string& name) {
    return kind ? fetch(call, *kind, name, {.size = size}) : find_any(call, name, size);
  });
}

}  // namespace wharf::cli
