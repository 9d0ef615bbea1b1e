// build: an image from a Dockerfile.
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "base/error.h"
#include "base/strings.h"
#include "cli/build_context.h"
#include "cli/build_progress.h"
#include "cli/command.h"
#include "cli/commands/all.h"
#include "cli/option_values.h"
#include "cli/progress.h"
#include "cli/terminal.h"
#include "cli/units.h"
#include "os/file.h"

namespace wharf::cli {
namespace {

constexpr std::size_t kDockerfileLimit = 4 << 20;

struct BuildOptions {
  std::vector<std::string> tags, arguments, labels, hosts, ulimits, cache_from;
  std::string file, target, platform, network, iidfile, memory, memory_swap, shm_size, progress;
  std::string cgroup_parent, cpuset_cpus, cpuset_mems;
  std::int64_t cpu_shares = 0, cpu_period = 0, cpu_quota = 0;
  bool no_cache = false, pull = false, quiet = false, remove = true, force_remove = false;
};

void bind_flags(FlagSet& flags, BuildOptions& o) {
  flags.list(o.tags, {"tag", 't', "stringArray",
                      "Image identifier (format: \"[registry/]repository[:tag]\")"});
  flags.text(o.file,
             {"file", 'f', "string", "Name of the Dockerfile (default: \"PATH/Dockerfile\")"});
  flags.list(o.arguments, {"build-arg", 0, "stringArray", "Set build-time variables"});
  flags.list(o.labels, {"label", 0, "stringArray", "Set metadata for an image"});
  flags.list(o.hosts,
             {"add-host", 0, "strings", "Add a custom host-to-IP mapping (format: \"host:ip\")"});
  flags.list(o.ulimits, {"ulimit", 0, "ulimit", "Ulimit options"});
  flags.list(o.cache_from, {"cache-from", 0, "stringArray", "External cache sources"});
  flags.text(o.target, {"target", 0, "string", "Set the target build stage to build"});
  flags.text(o.platform, {"platform", 0, "string", "Set target platform for build"});
  flags.text(o.network, {"network", 0, "string",
                         "Set the networking mode for the \"RUN\" instructions during build"});
  flags.text(o.iidfile, {"iidfile", 0, "string", "Write the image ID to a file"});
  flags.text(o.memory, {"memory", 'm', "bytes", "Memory limit"});
  flags.text(o.memory_swap,
             {"memory-swap", 0, "bytes",
              "Swap limit equal to memory plus swap: '-1' to enable unlimited swap"});
  flags.text(o.shm_size, {"shm-size", 0, "bytes", "Shared memory size for build containers"});
  flags.text(o.cgroup_parent, {"cgroup-parent", 0, "string",
                               "Set the parent cgroup for the \"RUN\" instructions during build"});
  flags.text(o.cpuset_cpus,
             {"cpuset-cpus", 0, "string", "CPUs in which to allow execution (0-3, 0,1)"});
  flags.text(o.cpuset_mems,
             {"cpuset-mems", 0, "string", "MEMs in which to allow execution (0-3, 0,1)"});
  flags.integer(o.cpu_shares, {"cpu-shares", 'c', "int", "CPU shares (relative weight)"});
  flags.integer(o.cpu_period,
                {"cpu-period", 0, "int", "Limit the CPU CFS (Completely Fair Scheduler) period"});
  flags.integer(o.cpu_quota,
                {"cpu-quota", 0, "int", "Limit the CPU CFS (Completely Fair Scheduler) quota"});
  flags.text(o.progress, {"progress", 0, "string",
                          "Set type of progress output (\"auto\", \"plain\", \"quiet\")"});
  flags.boolean(o.no_cache, {"no-cache", 0, "", "Do not use cache when building the image"});
  flags.boolean(o.pull, {"pull", 0, "", "Always attempt to pull all referenced images"});
  flags.boolean(o.quiet,
                {"quiet", 'q', "", "Suppress the build output and print image ID on success"});
  flags.boolean(o.remove, {"rm", 0, "", "Remove intermediate containers after a successful build"});
  flags.boolean(o.force_remove, {"force-rm", 0, "", "Always remove intermediate containers"});
}

/// "NAME=value" texts as an object; a bare name has the value of the environment, or null.
base::Json object_of(const std::vector<std::string>& texts, bool environment) {
  base::JsonObject object;
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    const std::string name = text.substr(0, equals);
    if (equals != std::string::npos) {
      object[name] = text.substr(equals + 1);
      continue;
    }
    const char* own = environment ? std::getenv(name.c_str()) : nullptr;
    if (own)
      object[name] = own;
    else
      object[name] = environment ? base::Json() : base::Json("");
  }
  return object;
}

Query query_of(const BuildOptions& o) {
  Query query = {{"version", "2"}};
  const auto add = [&](const char* key, const std::string& value) {
    if (!value.empty()) query.emplace_back(key, value);
  };
  const auto bytes = [](const std::string& text) {
    return text.empty() ? std::string() : std::to_string(parse_memory(text));
  };
  const auto number = [](std::int64_t value) {
    return value == 0 ? std::string() : std::to_string(value);
  };
  for (const std::string& tag : o.tags) add("t", tag);
  for (const std::string& host : o.hosts) add("extrahosts", checked_extra_host(host));
  add("target", o.target);
  add("platform", o.platform);
  add("networkmode", o.network);
  add("memory", bytes(o.memory));
  add("memswap", o.memory_swap == "-1" ? "-1" : bytes(o.memory_swap));
  add("shmsize", bytes(o.shm_size));
  add("cgroupparent", o.cgroup_parent);
  add("cpusetcpus", o.cpuset_cpus);
  add("cpusetmems", o.cpuset_mems);
  add("cpushares", number(o.cpu_shares));
  add("cpuperiod", number(o.cpu_period));
  add("cpuquota", number(o.cpu_quota));
  if (o.no_cache) add("nocache", "1");
  if (o.pull) add("pull", "1");
  if (!o.remove) add("rm", "0");
  if (o.force_remove) add("forcerm", "1");
  if (!o.arguments.empty()) add("buildargs", base::to_text(object_of(o.arguments, true)));
  if (!o.labels.empty()) add("labels", base::to_text(object_of(o.labels, false)));
  if (!o.ulimits.empty()) {
    base::JsonArray limits;
    for (const std::string& each : o.ulimits) limits.push_back(ulimit_json(checked_ulimit(each)));
    add("ulimits", base::to_text(limits));
  }
  return query;
}

bool is_url(const std::string& source) {
  return source.starts_with("http://") || source.starts_with("https://") ||
         source.starts_with("git://") || source.starts_with("git@") ||
         source.starts_with("github.com/");
}

/// The Dockerfile: inside of the context by its name there, or outside with its text.
struct Where {
  std::string inside;
  std::string text;
};

Where find_dockerfile(const std::string& directory, const std::string& file) {
  if (file.empty()) return {"Dockerfile", ""};
  if (file == "-") return {"", os::read_all(os::Fd(::dup(STDIN_FILENO)), kDockerfileLimit)};
  const auto home = std::filesystem::canonical(directory);
  std::error_code failed;
  const auto path = std::filesystem::canonical(file, failed);
  if (failed) {
    throw Exit(
        1, fmt::format("unable to prepare context: unable to evaluate symlinks in Dockerfile path: "
                       "lstat {}: no such file or directory",
                       file));
  }
  const std::string inside = path.lexically_relative(home);
  if (!inside.starts_with("..")) return {inside, ""};
  return {"", os::read_file(path, kDockerfileLimit)};
}

/// Shows what comes, and gives the image's id. Throws Exit with the daemon's words.
std::string follow(http::client::Response& response, bool quiet) {
  BuildProgress progress(
      [](std::string_view text) { (void)!::write(STDERR_FILENO, text.data(), text.size()); });
  std::string id;
  for_each_message(response, [&](const base::JsonObject& message) {
    if (const base::Json* error = base::find(message, "error")) {
      throw Exit(1, "ERROR: failed to build: " + std::string(error->as_string()));
    }
    const std::string_view kind = base::text_at(message, "id");
    const base::Json* aux = base::find(message, "aux");
    if (!aux) return;
    if (kind == "moby.buildkit.trace" && !quiet && aux->is_string()) {
      progress.show(aux->as_string());
    }
    if (kind == "moby.image.id" && aux->is_object()) id = base::text_at(aux->get_object(), "ID");
  });
  return id;
}

}  // namespace

int build_command(Invocation& call) {
  BuildOptions options;
  FlagSet flags;
  bind_flags(flags, options);
  call.parse(flags, {.least = 1, .most = 1});
  const std::string& source = call.arguments()[0];
  Daemon::Call request{.method = "POST", .path = "/build", .query = query_of(options)};
  std::optional<BuildContext> context;
  os::Fd input;
  if (is_url(source)) {
    request.query.emplace_back("remote", source);
    if (!options.file.empty()) request.query.emplace_back("dockerfile", options.file);
  } else if (source == "-") {
    input = os::Fd(::dup(STDIN_FILENO));
    if (!options.file.empty()) request.query.emplace_back("dockerfile", options.file);
    request.source = [&input](std::span<char> into) { return os::read_some(input, into); };
    request.content_type = "application/x-tar";
  } else {
    struct stat found{};
    if (::stat(source.c_str(), &found) < 0 || !S_ISDIR(found.st_mode)) {
      throw Exit(1, fmt::format("ERROR: unable to prepare context: path {} not found",
                                base::quoted(source)));
    }
    const Where where = find_dockerfile(source, options.file);
    request.query.emplace_back("dockerfile",
                               where.inside.empty() ? kOutsideDockerfile : where.inside);
    context.emplace(source, where.inside, where.text);
    request.source = [&context](std::span<char> into) { return context->read(into); };
    request.content_type = "application/x-tar";
  }
  http::client::Response response = call.daemon().call(request);
  const bool quiet = options.quiet || options.progress == "quiet";
  const std::string id = follow(response, quiet);
  if (!options.iidfile.empty()) os::replace_file(options.iidfile, id, 0644);
  if (quiet) call.out(id + "\n");
  return 0;
}

}  // namespace wharf::cli
