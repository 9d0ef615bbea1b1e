// docker run: create, attach, wait, start, in that order, so that neither a byte of output
// nor the exit of a short container is missed.
#include <unistd.h>

#include "cli/attached.h"
#include "cli/commands/all.h"
#include "cli/creating.h"

namespace wharf::cli {
namespace {

struct RunOptions {
  ContainerOptions container;
  bool detach = false;
  bool signal_proxy = true;
  std::string detach_keys;
};

void bind_run_flags(FlagSet& flags, RunOptions& o) {
  bind_container_flags(flags, o.container);
  flags.text(o.container.pull,
             {"pull", 0, "string", "Pull image before running (\"always\", \"missing\", \"never\")",
              "\"missing\""});
  flags.boolean(o.detach,
                {"detach", 'd', "", "Run container in background and print container ID"});
  flags.boolean(o.signal_proxy,
                {"sig-proxy", 0, "", "Proxy received signals to the process", "true"});
  flags.text(o.detach_keys,
             {"detach-keys", 0, "string", "Override the key sequence for detaching a container"});
}

AttachStreams streams_of(const base::JsonObject& body) {
  return {body.at("AttachStdin").get_bool(), body.at("AttachStdout").get_bool(),
          body.at("AttachStderr").get_bool()};
}

base::JsonObject body_for(RunOptions& o, const std::vector<std::string>& arguments) {
  base::JsonObject body = container_body(o.container, arguments);
  if (o.detach) {
    for (const char* each : {"AttachStdin", "AttachStdout", "AttachStderr", "StdinOnce"})
      body[each] = false;
  }
  const WindowSize size = is_terminal(STDOUT_FILENO) ? window_size() : WindowSize{};
  body["HostConfig"].as_object()["ConsoleSize"] = base::JsonArray{size.height, size.width};
  return body;
}

/// Starts the container; a failure of it ends run with 125, 126 or 127.
void start(Invocation& call, const std::string& id, http::client::Response* removal) {
  try {
    call.daemon().text({.method = "POST", .path = id_path(id) + "/start"});
  } catch (const DaemonError& failed) {
    // With --rm the daemon removes what could not start; run ends after that.
    if (removal) removal->read_all(1 << 20);
    fail_with_hint(call, status_of_start_failure(failed.what()), failed.what());
  }
}

int run_attached(Invocation& call, const RunOptions& o, const std::string& id,
                 AttachStreams streams) {
  Daemon& daemon = call.daemon();
  const bool tty = o.container.tty;
  RelayOptions options = container_relay(daemon, id, tty, streams.in, o.signal_proxy);
  if (streams.in && tty) options.detach_keys = effective_detach_keys(call, o.detach_keys);
  http::client::Hijacked stream = open_attach(daemon, id, streams, o.detach_keys);
  http::client::Response wait =
      open_wait(daemon, id, o.container.auto_remove ? "removed" : "next-exit");
  std::optional<RawMode> raw;
  if (streams.in && tty) raw.emplace();
  // Signals are held from here on: one that comes before the start is forwarded after it.
  SignalWatch signals(o.signal_proxy ? SignalWatch::Which::All : SignalWatch::Which::WindowOnly);
  try {
    start(call, id, o.container.auto_remove ? &wait : nullptr);
  } catch (...) {
    raw.reset();
    throw;
  }
  if (options.resize) options.resize(window_size());
  if (relay(stream, &wait, &signals, options).detached) return 0;
  return wait_status(call, wait);
}

int run_created(Invocation& call, RunOptions& o) {
  const base::JsonObject body = body_for(o, call.arguments());
  const AttachStreams streams = streams_of(body);
  if (!o.detach) check_terminal(streams.in, o.container.tty);
  const std::string id = create_container(call, o.container, body);
  if (!o.detach && streams.any()) return run_attached(call, o, id, streams);
  start(call, id, nullptr);
  call.out(id + "\n");
  return 0;
}

}  // namespace

int run_command(Invocation& call) {
  RunOptions o;
  FlagSet flags(FlagSet::Stop::AtFirstArgument);
  bind_run_flags(flags, o);
  call.parse(flags, {.least = 1});
  note_given_flags(o.container, flags);
  if (o.detach && !o.container.attach.empty()) {
    throw Exit(1, "conflicting options: cannot specify both --attach and --detach");
  }
  try {
    return run_created(call, o);
  } catch (const Exit& exit) {
    if (exit.status() != 1 || std::string_view(exit.what()).find("TTY") != std::string_view::npos)
      throw;
    fail_with_hint(call, 125, exit.what());
  } catch (const std::exception& failed) {
    fail_with_hint(call, 125, failed.what());
  }
}

int create_command(Invocation& call) {
  ContainerOptions o;
  FlagSet flags(FlagSet::Stop::AtFirstArgument);
  bind_container_flags(flags, o);
  // Docker: the stray bar is in its own text.
  flags.text(o.pull,
             {"pull", 0, "string",
              "Pull image before creating (\"always\", \"|missing\", \"never\")", "\"missing\""});
  call.parse(flags, {.least = 1});
  note_given_flags(o, flags);
  try {
    call.out(create_container(call, o, container_body(o, call.arguments())) + "\n");
    return 0;
  } catch (const Exit& exit) {
    throw Exit(exit.status(), exit.what());
  } catch (const std::exception& failed) {
    throw Exit(1, failed.what());
  }
}

}  // namespace wharf::cli
