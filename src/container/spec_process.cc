// The OCI "process": arguments, environment, identity and confinement.
#include "base/error.h"
#include "container/capabilities.h"
#include "container/merge.h"
#include "container/spec.h"

namespace wharf::container {

namespace {

using base::JsonArray;
using base::JsonObject;
using Lines = std::vector<std::string>;

constexpr const char* kDefaultPath =
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

JsonArray strings(const Lines& list) {
  JsonArray array;
  array.reserve(list.size());
  for (const std::string& each : list) array.push_back(base::Json(boost::json::string(each)));
  return array;
}

bool defines(const Lines& environment, std::string_view prefix) {
  return std::any_of(environment.begin(), environment.end(),
                     [&](const std::string& each) { return each.starts_with(prefix); });
}

Lines environment_of(const Record& record, bool tty, const Identity& identity) {
  Lines environment = {kDefaultPath, "HOSTNAME=" + record.config.hostname};
  if (tty) environment.push_back("TERM=xterm");
  environment = replaced_environment(std::move(environment), record.config.env.value_or(Lines{}));
  // Docker's runtime sets HOME from the passwd entry where nobody else has.
  if (!defines(environment, "HOME=")) environment.push_back("HOME=" + identity.home);
  return environment;
}

JsonObject user_of(const Identity& identity) {
  JsonObject user;
  user["uid"] = identity.uid;
  user["gid"] = identity.gid;
  JsonArray groups;
  for (const std::uint32_t group : identity.groups) groups.push_back(group);
  user["additionalGids"] = std::move(groups);
  return user;
}

JsonObject capabilities_of(const Lines& names) {
  JsonObject capabilities;
  // Not inheritable and not ambient (CVE-2022-24769).
  for (const char* set : {"bounding", "effective", "permitted"}) capabilities[set] = strings(names);
  return capabilities;
}

JsonArray rlimits_of(const api::HostConfig& host, const Settings& settings) {
  std::map<std::string, api::Ulimit> limits = settings.ulimits;
  for (const api::Ulimit& limit : host.ulimits.value_or(std::vector<api::Ulimit>{})) {
    limits[limit.name] = limit;
  }
  JsonArray array;
  for (const auto& [name, limit] : limits) {
    std::string type = "RLIMIT_";
    for (const char c : name)
      type += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    JsonObject object;
    object["type"] = type;
    // -1 is "unlimited", which the kernel writes as the largest number.
    object["soft"] = static_cast<std::uint64_t>(limit.soft);
    object["hard"] = static_cast<std::uint64_t>(limit.hard);
    array.push_back(std::move(object));
  }
  return array;
}

void put_security(JsonObject& process, const SecurityOptions& security) {
  process["noNewPrivileges"] = security.no_new_privileges;
  if (!security.apparmor.empty()) process["apparmorProfile"] = security.apparmor;
}

void put_console_size(JsonObject& process, const std::vector<std::uint64_t>& size) {
  if (size.size() < 2 || (size[0] == 0 && size[1] == 0)) return;
  JsonObject console;
  console["height"] = size[0];
  console["width"] = size[1];
  process["consoleSize"] = std::move(console);
}

}  // namespace

JsonObject build_process(const SpecInput& input) {
  const Record& record = input.record;
  const api::HostConfig& host = record.host;
  Lines command = command_of(record.config);
  if (!input.init_program.empty()) {
    command.insert(command.begin(), {"/sbin/docker-init", "--"});
  }
  JsonObject process;
  process["terminal"] = record.config.tty;
  if (record.config.tty) put_console_size(process, host.console_size);
  process["user"] = user_of(input.identity);
  process["args"] = strings(command);
  process["env"] = strings(environment_of(record, record.config.tty, input.identity));
  process["cwd"] = record.config.working_dir.empty() ? "/" : record.config.working_dir;
  process["capabilities"] = capabilities_of(effective_capabilities(host));
  if (JsonArray limits = rlimits_of(host, input.settings); !limits.empty()) {
    process["rlimits"] = std::move(limits);
  }
  put_security(process, input.security);
  process["oomScoreAdj"] = host.oom_score_adj;
  return process;
}

base::Json build_exec_process(const Record& record, const Settings& settings,
                              const api::ExecCreateRequest& request, const Identity& identity,
                              const std::string& working_dir) {
  const api::HostConfig& host = record.host;
  Lines environment = environment_of(record, request.tty, identity);
  environment = replaced_environment(std::move(environment), request.env.value_or(Lines{}));
  JsonObject process;
  process["terminal"] = request.tty;
  if (request.tty && request.console_size) put_console_size(process, *request.console_size);
  process["user"] = user_of(identity);
  process["args"] = strings(request.cmd.value_or(Lines{}));
  process["env"] = strings(environment);
  process["cwd"] = working_dir.empty() ? "/" : working_dir;
  process["capabilities"] =
      capabilities_of(request.privileged ? kernel_capabilities() : effective_capabilities(host));
  if (JsonArray limits = rlimits_of(host, settings); !limits.empty()) {
    process["rlimits"] = std::move(limits);
  }
  put_security(process, parse_security_options(host, settings));
  process["oomScoreAdj"] = host.oom_score_adj;
  return process;
}

}  // namespace wharf::container
