// docker exec: create the exec, start it on a raw stream, relay, then ask for its status.
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"
#include "cli/attached.h"
#include "cli/commands/all.h"
#include "cli/option_values.h"

namespace wharf::cli {
namespace {

struct ExecOptions {
  bool detach = false;
  bool interactive = false;
  bool tty = false;
  bool privileged = false;
  std::string detach_keys;
  std::string user;
  std::string workdir;
  std::vector<std::string> env;
  std::vector<std::string> env_file;
};

void bind(FlagSet& flags, ExecOptions& o) {
  flags.boolean(o.detach, {"detach", 'd', "", "Detached mode: run command in the background"});
  flags.text(o.detach_keys,
             {"detach-keys", 0, "string", "Override the key sequence for detaching a container"});
  flags.custom({"env", 'e', "list", "Set environment variables"},
               [&o](const std::string& text) { o.env.push_back(checked_env(text)); });
  flags.list(o.env_file, {"env-file", 0, "list", "Read in a file of environment variables"});
  flags.boolean(o.interactive, {"interactive", 'i', "", "Keep STDIN open even if not attached"});
  flags.boolean(o.privileged, {"privileged", 0, "", "Give extended privileges to the command"});
  flags.boolean(o.tty, {"tty", 't', "", "Allocate a pseudo-TTY"});
  flags.text(o.user,
             {"user", 'u', "string", "Username or UID (format: \"<name|uid>[:<group|gid>]\")"});
  flags.text(o.workdir, {"workdir", 'w', "string", "Working directory inside the container"});
}

base::Json console_size(bool tty) {
  const WindowSize size = is_terminal(STDOUT_FILENO) ? window_size() : WindowSize{};
  if (!tty || (size.height == 0 && size.width == 0)) return nullptr;
  return base::JsonArray{size.height, size.width};
}

base::JsonObject create_body(Invocation& call, const ExecOptions& o) {
  base::JsonArray command;
  for (std::size_t i = 1; i < call.arguments().size(); ++i) {
    command.push_back(boost::json::string(call.arguments()[i]));
  }
  base::JsonArray env;
  for (const std::string& each : read_variables(o.env_file, o.env, true))
    env.push_back(boost::json::string(each));
  const std::string keys = o.detach_keys.empty() ? call.config().text("detachKeys") : o.detach_keys;
  base::JsonObject body;
  body["User"] = o.user;
  body["Privileged"] = o.privileged;
  body["Tty"] = o.tty;
  if (const base::Json size = console_size(o.tty); !size.is_null()) body["ConsoleSize"] = size;
  body["AttachStdin"] = !o.detach && o.interactive;
  body["AttachStderr"] = !o.detach;
  body["AttachStdout"] = !o.detach;
  body["DetachKeys"] = keys;
  body["Env"] = env.empty() ? base::Json(nullptr) : base::Json(env);
  body["WorkingDir"] = o.workdir;
  body["Cmd"] = command;
  return body;
}

int exec_status(Invocation& call, const std::string& path) {
  const base::Json answer = call.daemon().json({.path = path + "/json"});
  const base::Json* code = base::find(answer.as_object(), "ExitCode");
  return code && code->is_number() ? code->to_number<int>() : 0;
}

int run_attached(Invocation& call, const ExecOptions& o, const std::string& path) {
  Daemon& daemon = call.daemon();
  base::JsonObject start{{"Detach", false}, {"Tty", o.tty}};
  if (const base::Json size = console_size(o.tty); !size.is_null()) start["ConsoleSize"] = size;
  RelayOptions options;
  options.tty = o.tty;
  options.take_stdin = o.interactive;
  if (o.tty && o.interactive) options.detach_keys = effective_detach_keys(call, o.detach_keys);
  if (o.tty && is_terminal(STDOUT_FILENO)) {
    options.resize = [&daemon, path](WindowSize size) { resize_terminal(daemon, path, size); };
  }
  http::client::Hijacked stream =
      daemon.hijack({.method = "POST", .path = path + "/start", .body = start});
  std::optional<RawMode> raw;
  if (o.tty && o.interactive) raw.emplace();
  std::optional<SignalWatch> signals;
  if (options.resize) {
    signals.emplace(SignalWatch::Which::WindowOnly);
    options.resize(window_size());
  }
  const RelayResult result = relay(stream, nullptr, signals ? &*signals : nullptr, options);
  raw.reset();
  return result.detached ? 0 : exec_status(call, path);
}

}  // namespace

int exec_command(Invocation& call) {
  ExecOptions o;
  FlagSet flags(FlagSet::Stop::AtFirstArgument);
  bind(flags, o);
  call.parse(flags, {.least = 2});

  if (!o.detach) check_terminal(o.interactive, o.tty);
  const base::JsonObject body = create_body(call, o);
  const base::Json created = call.daemon().json(
      {.method = "POST", .path = id_path(call.arguments()[0]) + "/exec", .body = body});
  const std::string id(base::text_at(created.as_object(), "Id"));
  if (id.empty()) throw Exit(1, "exec ID empty");
  const std::string path = "/exec/" + id;
  if (o.detach) {
    call.daemon().text({.method = "POST",
                        .path = path + "/start",
                        .body = base::JsonObject{{"Detach", true}, {"Tty", o.tty}}});
    return 0;
  }
  return run_attached(call, o, path);
}

}  // namespace wharf::cli
