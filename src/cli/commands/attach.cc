// attach, and start with -a or -i.
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"
#include "cli/attached.h"
#include "cli/commands/all.h"

namespace wharf::cli {
namespace {

bool true_at(const base::JsonObject& object, std::string_view key) {
  const base::Json* value = base::find(object, key);
  return value && value->is_bool() && value->get_bool();
}

const base::JsonObject& object_at(const base::Json& parent, std::string_view key) {
  static const base::JsonObject kEmpty;
  const base::Json* value = parent.is_object() ? base::find(parent.get_object(), key) : nullptr;
  return value && value->is_object() ? value->get_object() : kEmpty;
}

/// Docker: a size that differs makes programs redraw, then the right one is set.
void redraw(const RelayOptions& options) {
  if (!options.resize) return;
  const WindowSize size = window_size();
  options.resize({size.height + 1, size.width + 1});
  options.resize(size);
}

struct StartOptions {
  bool attach = false;
  bool interactive = false;
  std::string detach_keys;
  std::string checkpoint;
  std::string checkpoint_directory;
};

Query start_query(const StartOptions& o) {
  Query query;
  if (!o.checkpoint.empty()) query.emplace_back("checkpoint", o.checkpoint);
  if (!o.checkpoint_directory.empty()) query.emplace_back("checkpoint-dir", o.checkpoint_directory);
  return query;
}

int start_attached(Invocation& call, const StartOptions& o) {
  if (call.arguments().size() > 1)
    throw Exit(1, "you cannot start and attach multiple containers at once");
  Daemon& daemon = call.daemon();
  const base::Json container = daemon.json({.path = id_path(call.arguments()[0]) + "/json"});
  const base::JsonObject& config = object_at(container, "Config");
  const std::string id(base::text_at(container.as_object(), "Id"));
  const bool tty = true_at(config, "Tty");
  const bool take_stdin = o.interactive && true_at(config, "OpenStdin");
  const bool auto_remove = true_at(object_at(container, "HostConfig"), "AutoRemove");
  RelayOptions options = container_relay(daemon, id, tty, take_stdin, !tty);
  if (tty && take_stdin) options.detach_keys = effective_detach_keys(call, o.detach_keys);
  http::client::Hijacked stream =
      open_attach(daemon, id,
                  {take_stdin, true_at(config, "AttachStdout") || o.attach,
                   true_at(config, "AttachStderr") || o.attach},
                  o.detach_keys);
  http::client::Response wait = open_wait(daemon, id, auto_remove ? "removed" : "next-exit");
  SignalWatch signals(tty ? SignalWatch::Which::WindowOnly : SignalWatch::Which::All);
  daemon.text({.method = "POST", .path = id_path(id) + "/start", .query = start_query(o)});
  RelayResult result;
  {
    std::optional<RawMode> raw;
    if (take_stdin && tty) raw.emplace();
    if (options.resize) options.resize(window_size());
    result = relay(stream, &wait, &signals, options);
  }
  return result.detached ? 0 : wait_status(call, wait);
}

}  // namespace

int start_command(Invocation& call) {
  StartOptions o;
  FlagSet flags;
  flags.boolean(o.attach, {"attach", 'a', "", "Attach STDOUT/STDERR and forward signals"});
  flags.text(o.checkpoint, {"checkpoint", 0, "string", "Restore from this checkpoint"});
  flags.text(o.checkpoint_directory,
             {"checkpoint-dir", 0, "string", "Use a custom checkpoint storage directory"});
  flags.text(o.detach_keys,
             {"detach-keys", 0, "string", "Override the key sequence for detaching a container"});
  flags.boolean(o.interactive, {"interactive", 'i', "", "Attach container's STDIN"});
  call.parse(flags, {.least = 1});

  if (o.attach || o.interactive) return start_attached(call, o);
  std::vector<std::string> failed;
  for (const std::string& name : call.arguments()) {
    try {
      call.daemon().text(
          {.method = "POST", .path = id_path(name) + "/start", .query = start_query(o)});
      call.out(name + "\n");
    } catch (const DaemonError& failure) {
      call.error(std::string(failure.what()) + "\n");
      failed.push_back(name);
    }
  }
  // Docker: these words begin with a capital and name all at once.
  if (!failed.empty())
    throw Exit(1, "Error: failed to start containers: " + base::join(failed, ", "));
  return 0;
}

int attach_command(Invocation& call) {
  std::string detach_keys;
  bool no_stdin = false;
  bool proxy = true;
  FlagSet flags;
  flags.text(detach_keys,
             {"detach-keys", 0, "string", "Override the key sequence for detaching a container"});
  flags.boolean(no_stdin, {"no-stdin", 0, "", "Do not attach STDIN"});
  flags.boolean(proxy, {"sig-proxy", 0, "", "Proxy all received signals to the process", "true"});
  call.parse(flags, {.least = 1, .most = 1});

  Daemon& daemon = call.daemon();
  const base::Json container = daemon.json({.path = id_path(call.arguments()[0]) + "/json"});
  const base::JsonObject& state = object_at(container, "State");
  if (!true_at(state, "Running")) {
    throw Exit(1, "cannot attach to a stopped container, start it first");
  }
  if (true_at(state, "Paused"))
    throw Exit(1, "cannot attach to a paused container, unpause it first");
  if (true_at(state, "Restarting"))
    throw Exit(1, "cannot attach to a restarting container, wait until it is running");
  const base::JsonObject& config = object_at(container, "Config");
  const std::string id(base::text_at(container.as_object(), "Id"));
  const bool tty = true_at(config, "Tty");
  const bool take_stdin = !no_stdin && true_at(config, "OpenStdin");
  check_terminal(take_stdin, tty);
  RelayOptions options = container_relay(daemon, id, tty, take_stdin, proxy && !tty);
  if (tty && take_stdin) options.detach_keys = effective_detach_keys(call, detach_keys);
  http::client::Response wait = open_wait(daemon, id, "");
  http::client::Hijacked stream = open_attach(daemon, id, {take_stdin, true, true}, detach_keys);
  SignalWatch signals(proxy && !tty ? SignalWatch::Which::All : SignalWatch::Which::WindowOnly);
  RelayResult result;
  {
    std::optional<RawMode> raw;
    if (take_stdin && tty) raw.emplace();
    redraw(options);
    result = relay(stream, &wait, &signals, options);
  }
  return result.detached ? 0 : wait_status(call, wait);
}

}  // namespace wharf::cli
