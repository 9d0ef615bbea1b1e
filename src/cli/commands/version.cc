#include "cli/version.h"

#include "base/error.h"
#include "base/strings.h"
#include "base/time.h"
#include "cli/command.h"
#include "cli/commands/all.h"
#include "cli/format.h"
#include "cli/list_flags.h"
#include "cli/table.h"

namespace wharf::cli {
namespace {

constexpr Columns kColumns = {20, 1};

base::JsonObject client_version(Invocation& call, const std::string& api_version) {
  return {{"Platform", base::JsonObject{{"Name", "Wharf"}}},
          {"Version", kVersion},
          {"ApiVersion", api_version},
          {"DefaultAPIVersion", Daemon::client_version()},
          {"GitCommit", ""},
          {"GoVersion", ""},
          {"Os", "linux"},
          {"Arch", "amd64"},
          {"BuildTime", ""},
          {"Context", call.target().context_name}};
}

std::string_view text_in(const base::JsonObject& object, const char* outer, const char* inner) {
  const base::Json* value = base::find(object, outer);
  return value && value->is_object() ? base::text_at(value->get_object(), inner)
                                     : std::string_view();
}

void add_line(std::string& out, const char* indent, std::string_view name, std::string_view value) {
  if (!value.empty()) out += fmt::format("{}{}:\t{}\n", indent, name, value);
}

std::string client_text(const base::JsonObject& client) {
  std::string out = fmt::format("Client: {}\n", text_in(client, "Platform", "Name"));
  add_line(out, " ", "Version", base::text_at(client, "Version"));
  std::string api(base::text_at(client, "ApiVersion"));
  if (api != base::text_at(client, "DefaultAPIVersion")) {
    api += fmt::format(" (downgraded from {})", base::text_at(client, "DefaultAPIVersion"));
  }
  add_line(out, " ", "API version", api);
  add_line(out, " ", "OS/Arch",
           fmt::format("{}/{}", base::text_at(client, "Os"), base::text_at(client, "Arch")));
  add_line(out, " ", "Context", base::text_at(client, "Context"));
  return aligned(out, kColumns);
}

std::string build_time(std::string_view text) {
  try {
    const time_t seconds = base::parse_rfc3339(text).unix_ns / 1'000'000'000;
    tm utc{};
    ::gmtime_r(&seconds, &utc);
    std::array<char, 64> out{};
    std::strftime(out.data(), out.size(), "%a %b %e %H:%M:%S %Y", &utc);
    return out.data();
  } catch (const base::Error&) {
    return std::string(text);
  }
}

std::string engine_text(const base::JsonObject& component) {
  const base::Json* found = base::find(component, "Details");
  const base::JsonObject none;
  const base::JsonObject& details = found && found->is_object() ? found->get_object() : none;
  std::string out;
  out += fmt::format("  Version:\t{}\n", base::text_at(component, "Version"));
  out += fmt::format("  API version:\t{} (minimum version {})\n",
                     base::text_at(details, "ApiVersion"), base::text_at(details, "MinAPIVersion"));
  out += fmt::format("  Go version:\t{}\n", base::text_at(details, "GoVersion"));
  out += fmt::format("  Git commit:\t{}\n", base::text_at(details, "GitCommit"));
  out += fmt::format("  Built:\t{}\n", build_time(base::text_at(details, "BuildTime")));
  out += fmt::format("  OS/Arch:\t{}/{}\n", base::text_at(details, "Os"),
                     base::text_at(details, "Arch"));
  out += fmt::format("  Experimental:\t{}\n", base::text_at(details, "Experimental"));
  return out;
}

std::string server_text(const base::JsonObject& server) {
  const std::string name(text_in(server, "Platform", "Name"));
  std::string out = name.empty() ? "\nServer:\n" : fmt::format("\nServer: {}\n", name);
  const base::Json* components = base::find(server, "Components");
  if (!components || !components->is_array()) return out;
  for (const base::Json& each : components->get_array()) {
    const base::JsonObject& component = each.as_object();
    out += fmt::format(" {}:\n", base::text_at(component, "Name"));
    if (base::text_at(component, "Name") == "Engine") {
      out += engine_text(component);
      continue;
    }
    out += fmt::format("  Version:\t{}\n", base::text_at(component, "Version"));
    std::map<std::string, std::string> details;
    if (const base::Json* found = base::find(component, "Details"); found && found->is_object()) {
      for (const auto& detail : found->get_object())
        details.emplace(detail.key(), go_text(detail.value()));
    }
    for (const auto& [key, value] : details) out += fmt::format("  {}:\t{}\n", key, value);
  }
  return aligned(out, kColumns);
}

}  // namespace

int version_command(Invocation& call) {
  std::string format;
  FlagSet flags;
  flags.text(format, {"format", 'f', "string", kValueFormatUsage});
  call.parse(flags, {.most = 0});
  base::Json server;
  std::string failure;
  std::string api_version = Daemon::client_version();
  try {
    server = call.daemon().json({.path = "/version"});
    api_version = call.daemon().api_version();
  } catch (const Exit&) {
    throw;
  } catch (const std::exception& failed) {
    failure = failed.what();
  }
  const base::JsonObject client = client_version(call, api_version);
  if (format.empty()) {
    call.out(client_text(client));
    if (server.is_object()) call.out(server_text(server.get_object()));
  } else {
    // Docker: in templates the client's API version is ".Client.APIVersion".
    base::JsonObject named = client;
    if (format != "json" && format != "{{json .}}") named["APIVersion"] = api_version;
    try {
      call.out(formatted_value(format, base::JsonObject{{"Client", named}, {"Server", server}}));
    } catch (const TemplateFailure& failed) {
      throw Exit(failed.status, failed.what());
    }
  }
  if (!failure.empty()) throw Exit(1, failure);
  return 0;
}

}  // namespace wharf::cli
