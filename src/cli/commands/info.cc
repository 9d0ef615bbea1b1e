#include "base/error.h"
#include "base/strings.h"
#include "cli/command.h"
#include "cli/commands/all.h"
#include "cli/format.h"
#include "cli/list_flags.h"
#include "cli/units.h"
#include "cli/version.h"

namespace wharf::cli {
namespace {

using base::Json;
using base::JsonObject;

/// Reads members of the answer and writes lines "NAME: value" of it.
class InfoText {
 public:
  explicit InfoText(const JsonObject& info) : info_(info) {}

  std::string run() {
    counts();
    storage();
    drivers();
    runtimes();
    security();
    machine();
    service();
    return std::move(out_);
  }

 private:
  const Json* at(const char* key) const { return base::find(info_, key); }
  std::string text(const char* key) const { return at(key) ? go_text(*at(key)) : ""; }
  bool is_true(const char* key) const {
    return at(key) && at(key)->is_bool() && at(key)->get_bool();
  }

  void line(std::string_view name, const std::string& value) {
    out_ += fmt::format(" {}: {}\n", name, value);
  }
  void line_if(std::string_view name, const std::string& value) {
    if (!value.empty()) line(name, value);
  }

  std::string words(const Json* list) const {
    std::vector<std::string> parts;
    if (list && list->is_array()) {
      for (const Json& each : list->get_array()) parts.push_back(go_text(each));
    }
    return base::join(parts, " ");
  }

  void counts() {
    line("Containers", text("Containers"));
    line(" Running", text("ContainersRunning"));
    line(" Paused", text("ContainersPaused"));
    line(" Stopped", text("ContainersStopped"));
    line("Images", text("Images"));
    line_if("Server Version", text("ServerVersion"));
  }

  void storage() {
    line("Storage Driver", text("Driver"));
    if (const Json* status = at("DriverStatus"); status && status->is_array()) {
      for (const Json& each : status->get_array()) {
        const auto& pair = each.as_array();
        if (pair.size() == 2) line(" " + go_text(pair[0]), go_text(pair[1]));
      }
    }
  }

  void drivers() {
    line("Logging Driver", text("LoggingDriver"));
    line_if("Cgroup Driver", text("CgroupDriver"));
    line_if("Cgroup Version", text("CgroupVersion"));
    const Json* plugins = at("Plugins");
    if (!plugins || !plugins->is_object()) return;
    out_ += " Plugins:\n";
    const JsonObject& kinds = plugins->get_object();
    line(" Volume", words(base::find(kinds, "Volume")));
    line(" Network", words(base::find(kinds, "Network")));
    if (const std::string found = words(base::find(kinds, "Authorization")); !found.empty())
      line(" Authorization", found);
    line(" Log", words(base::find(kinds, "Log")));
  }

  std::string swarm_state() const {
    const Json* swarm = at("Swarm");
    return swarm && swarm->is_object()
               ? std::string(base::text_at(swarm->get_object(), "LocalNodeState"))
               : "";
  }

  void commit(const char* name, const char* key) {
    const Json* found = at(key);
    if (found && found->is_object())
      line(name, std::string(base::text_at(found->get_object(), "ID")));
  }

  void runtimes() {
    if (const Json* devices = at("CDISpecDirs");
        devices && devices->is_array() && !devices->get_array().empty()) {
      out_ += " CDI spec directories:\n";
      for (const Json& each : devices->get_array()) out_ += "  " + go_text(each) + "\n";
    }
    line("Swarm", swarm_state());
    std::map<std::string, int> names;
    if (const Json* found = at("Runtimes"); found && found->is_object()) {
      for (const auto& each : found->get_object()) names.emplace(each.key(), 0);
    }
    std::vector<std::string> sorted;
    for (const auto& each : names) sorted.push_back(each.first);
    line("Runtimes", base::join(sorted, " "));
    line("Default Runtime", text("DefaultRuntime"));
    line_if("Init Binary", text("InitBinary"));
    commit("containerd version", "ContainerdCommit");
    commit("runc version", "RuncCommit");
    commit("init version", "InitCommit");
  }

  void security() {
    const Json* options = at("SecurityOptions");
    if (!options || !options->is_array() || options->get_array().empty()) return;
    out_ += " Security Options:\n";
    for (const Json& each : options->get_array()) {
      for (const std::string& part : base::split(go_text(each), ',')) {
        const std::size_t equals = part.find('=');
        const std::string key = part.substr(0, equals);
        const std::string value = equals == std::string::npos ? "" : part.substr(equals + 1);
        if (key == "name") out_ += "  " + value + "\n";
        if (key == "profile") out_ += "   Profile: " + value + "\n";
      }
    }
  }

  void machine() {
    line("Kernel Version", text("KernelVersion"));
    line("Operating System", text("OperatingSystem"));
    line("OSType", text("OSType"));
    line("Architecture", text("Architecture"));
    line("CPUs", text("NCPU"));
    const Json* memory = at("MemTotal");
    line("Total Memory",
         human_bytes(memory && memory->is_number() ? memory->to_number<double>() : 0));
    line("Name", text("Name"));
    line("ID", text("ID"));
    line("Docker Root Dir", text("DockerRootDir"));
    line("Debug Mode", is_true("Debug") ? "true" : "false");
    line_if("HTTP Proxy", text("HttpProxy"));
    line_if("HTTPS Proxy", text("HttpsProxy"));
    line_if("No Proxy", text("NoProxy"));
  }

  void label_lines() {
    const Json* labels = at("Labels");
    if (!labels || !labels->is_array() || labels->get_array().empty()) return;
    out_ += " Labels:\n";
    for (const Json& each : labels->get_array()) out_ += "  " + go_text(each) + "\n";
  }

  void registries() {
    const Json* config = at("RegistryConfig");
    if (!config || !config->is_object()) return;
    out_ += " Insecure Registries:\n";
    if (const Json* indexes = base::find(config->get_object(), "IndexConfigs");
        indexes && indexes->is_object()) {
      for (const auto& each : indexes->get_object()) {
        const Json* secure =
            each.value().is_object() ? base::find(each.value().get_object(), "Secure") : nullptr;
        if (secure && secure->is_bool() && !secure->get_bool())
          out_ += fmt::format("  {}\n", std::string_view(each.key()));
      }
    }
    if (const Json* ranges = base::find(config->get_object(), "InsecureRegistryCIDRs");
        ranges && ranges->is_array()) {
      for (const Json& each : ranges->get_array()) out_ += "  " + go_text(each) + "\n";
    }
    const Json* mirrors = base::find(config->get_object(), "Mirrors");
    if (!mirrors || !mirrors->is_array() || mirrors->get_array().empty()) return;
    out_ += " Registry Mirrors:\n";
    for (const Json& each : mirrors->get_array()) out_ += "  " + go_text(each) + "\n";
  }

  void service() {
    label_lines();
    line("Experimental", is_true("ExperimentalBuild") ? "true" : "false");
    registries();
    line("Live Restore Enabled", is_true("LiveRestoreEnabled") ? "true" : "false");
    if (const Json* firewall = at("FirewallBackend"); firewall && firewall->is_object()) {
      line("Firewall Backend", std::string(base::text_at(firewall->get_object(), "Driver")));
    }
    out_ += "\n";
  }

  const JsonObject& info_;
  std::string out_;
};

std::string warnings_of(const JsonObject& info) {
  const Json* warnings = base::find(info, "Warnings");
  std::string out;
  if (!warnings || !warnings->is_array()) return out;
  for (const Json& each : warnings->get_array()) out += go_text(each) + "\n";
  return out;
}

JsonObject client_info(Invocation& call) {
  return {{"Debug", call.globals().debug},
          {"Version", kVersion},
          {"GitCommit", ""},
          {"GoVersion", ""},
          {"Os", "linux"},
          {"Arch", "amd64"},
          {"BuildTime", ""},
          {"Context", call.target().context_name},
          {"Plugins", base::JsonArray()},
          {"Warnings", nullptr}};
}

}  // namespace

int info_command(Invocation& call) {
  std::string format;
  FlagSet flags;
  flags.text(format, {"format", 'f', "string", kValueFormatUsage});
  call.parse(flags, {.most = 0});
  JsonObject info;
  std::string failure;
  try {
    info = call.daemon().json({.path = "/info"}).as_object();
  } catch (const Exit&) {
    throw;
  } catch (const std::exception& failed) {
    failure = failed.what();
  }
  if (!format.empty()) {
    if (!failure.empty()) info["ServerErrors"] = base::JsonArray{boost::json::string(failure)};
    info["ClientInfo"] = client_info(call);
    try {
      call.out(formatted_value(format, info));
    } catch (const TemplateFailure& failed) {
      throw Exit(failed.status, failed.what());
    }
    return 0;
  }
  call.out(fmt::format("Client:\n Version:    {}\n Context:    {}\n Debug Mode: {}\n\nServer:\n",
                       kVersion, call.target().context_name, call.globals().debug));
  if (!failure.empty())
    throw Exit(1, fmt::format("ERROR: {}\nerrors pretty printing info", failure));
  call.out(InfoText(info).run());
  call.error(warnings_of(info));
  return 0;
}

}  // namespace wharf::cli
