// One call for each container named: stop, restart, kill, pause, unpause, rm, rename, wait.
#include "base/error.h"
#include "cli/attached.h"
#include "cli/commands/all.h"

namespace wharf::cli {
namespace {

/// POST /containers/{name}/VERB for all arguments; prints the names that went well.
int post_each(Invocation& call, Pace pace, const char* verb, const Query& query) {
  return for_each_name(call, pace, [&](const std::string& name) {
    call.daemon().text({.method = "POST", .path = id_path(name) + "/" + verb, .query = query});
    return name;
  });
}

int stop_or_restart(Invocation& call, Pace pace, const char* verb) {
  std::string signal;
  std::optional<std::int64_t> timeout;
  FlagSet flags;
  flags.text(signal, {"signal", 's', "string", "Signal to send to the container"});
  flags.integer(timeout, {"timeout", 't', "int", "Seconds to wait before killing the container"});
  flags.integer(timeout, {.name = "time", .type = "int", .hidden = true});
  call.parse(flags, {.least = 1});
  if (flags.given("time")) call.out("Flag --time has been deprecated, use --timeout instead\n");
  if (flags.given("time") && flags.given("timeout")) {
    throw Exit(1, "conflicting options: cannot specify both --timeout and --time");
  }
  Query query;
  if (!signal.empty()) query.emplace_back("signal", signal);
  if (timeout) query.emplace_back("t", std::to_string(*timeout));
  return post_each(call, pace, verb, query);
}

}  // namespace

int stop_command(Invocation& call) {
  return stop_or_restart(call, Pace::AllAtOnce, "stop");
}
int restart_command(Invocation& call) {
  return stop_or_restart(call, Pace::OneByOne, "restart");
}

int kill_command(Invocation& call) {
  std::string signal;
  FlagSet flags;
  flags.text(signal, {"signal", 's', "string", "Signal to send to the container"});
  call.parse(flags, {.least = 1});
  Query query;
  if (!signal.empty()) query.emplace_back("signal", signal);
  return post_each(call, Pace::AllAtOnce, "kill", query);
}

int pause_command(Invocation& call) {
  FlagSet flags;
  call.parse(flags, {.least = 1});
  return post_each(call, Pace::AllAtOnce, "pause", {});
}

int unpause_command(Invocation& call) {
  FlagSet flags;
  call.parse(flags, {.least = 1});
  return post_each(call, Pace::AllAtOnce, "unpause", {});
}

int remove_container_command(Invocation& call) {
  bool force = false;
  bool link = false;
  bool volumes = false;
  FlagSet flags;
  flags.boolean(force,
                {"force", 'f', "", "Force the removal of a running container (uses SIGKILL)"});
  flags.boolean(link, {"link", 'l', "", "Remove the specified link"});
  flags.boolean(volumes,
                {"volumes", 'v', "", "Remove anonymous volumes associated with the container"});
  call.parse(flags, {.least = 1});
  Query query;
  if (force) query.emplace_back("force", "1");
  if (link) query.emplace_back("link", "1");
  if (volumes) query.emplace_back("v", "1");
  return for_each_name(call, Pace::AllAtOnce, [&](const std::string& given) {
    const std::string name = given.starts_with('/') ? given.substr(1) : given;
    if (name.empty()) throw Exit(1, "container name cannot be empty");
    try {
      call.daemon().text({.method = "DELETE", .path = id_path(name), .query = query});
    } catch (const DaemonError& failed) {
      // Docker: with --force a missing container is told, and is no failure.
      if (!force || failed.status() != 404) throw;
      call.error(std::string(failed.what()) + "\n");
      return std::string();
    }
    return given;
  });
}

int rename_command(Invocation& call) {
  FlagSet flags;
  call.parse(flags, {.least = 2, .most = 2});
  const std::string& name = call.arguments()[0];
  if (name.empty() || call.arguments()[1].empty()) {
    throw Exit(1, "Error: Neither old nor new names may be empty");
  }
  try {
    call.daemon().text({.method = "POST",
                        .path = id_path(name) + "/rename",
                        .query = {{"name", call.arguments()[1]}}});
  } catch (const DaemonError& failed) {
    throw Exit(1,
               fmt::format("{}\nError: failed to rename container named {}", failed.what(), name));
  }
  return 0;
}

int wait_command(Invocation& call) {
  FlagSet flags;
  call.parse(flags, {.least = 1});
  return for_each_name(call, Pace::OneByOne, [&](const std::string& name) {
    http::client::Response wait = open_wait(call.daemon(), name, "");
    return std::to_string(wait_status(call, wait));
  });
}

}  // namespace wharf::cli
