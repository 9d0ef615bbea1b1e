#include "server/daemon.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>

#include "base/log.h"
#include "engine/engine.h"
#include "engine/options.h"
#include "engine/release.h"
#include "os/file.h"
#include "server/dispatch.h"
#include "server/listen.h"
#include "server/memory.h"
#include "server/notify.h"
#include "server/pid_file.h"

namespace wharf::server {
namespace {

using base::Error;
using base::Kind;
using engine::Given;
using engine::Settings;

constexpr int kUsageStatus = 125;  // Docker: wrong flags.
constexpr int kSignalsBeforeForce = 3;
constexpr int kCutMs = 3000;  // For requests that were cut at the end of shutdown-timeout.

/// Before the first thread is made, so that all of them have these blocked.
sigset_t block_signals() {
  ::signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) ::sigaddset(&signals, number);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

void set_log_level(const Settings& settings) {
  static const std::map<std::string, base::Level> kLevels = {
      {"trace", base::Level::Debug}, {"debug", base::Level::Debug}, {"info", base::Level::Info},
      {"warn", base::Level::Warn},   {"error", base::Level::Error}, {"fatal", base::Level::Error},
      {"panic", base::Level::Error}};
  base::set_log_level(kLevels.at(settings.log_level));
}

struct Configuration {
  Given flags;
  Given file;
  Settings settings;
};

/// A missing file is fine unless it was named.
Given read_config_file(const Given& flags) {
  const auto named = flags.find("config-file");
  const std::string path =
      named == flags.end() ? Settings().config_file : std::string(named->second.get_string());
  const std::optional<std::string> text = os::read_file_if_exists(path);
  if (!text && named != flags.end()) {
    base::fail(
        Kind::InvalidArgument,
        "unable to configure the Docker daemon with file {}: open {}: no such file or directory",
        path, path);
  }
  if (!text) return {};
  try {
    Given given = engine::parse_file(*text);
    engine::merge(flags, given);
    return given;
  } catch (const Error& error) {
    base::fail(Kind::InvalidArgument, "unable to configure the Docker daemon with file {}: {}",
               path, error.what());
  }
}

Configuration configure(Given flags) {
  Configuration configuration;
  configuration.flags = std::move(flags);
  configuration.file = read_config_file(configuration.flags);
  std::vector<std::string> warnings;
  configuration.settings =
      engine::to_settings(engine::merge(configuration.flags, configuration.file), warnings);
  set_log_level(configuration.settings);
  for (const std::string& warning : warnings) base::log_warn("{}", warning);
  return configuration;
}

bool is_set(const Given& given, std::string_view key) {
  const auto found = given.find(key);
  return found != given.end() && found->second.is_bool() && found->second.get_bool();
}

/// Docker: the options that are live change, the others keep what they had until a restart.
void reload(engine::Engine& engine, Configuration& running) {
  notify_service_manager("RELOADING=1");
  try {
    Given file = read_config_file(running.flags);
    Given merged = engine::merge(running.flags, running.file);
    for (const auto& [key, value] : running.file) {
      if (engine::reloadable(key) && !file.contains(key)) merged.erase(key);
    }
    for (const auto& [key, value] : file) {
      if (engine::reloadable(key)) merged[key] = value;
    }
    std::vector<std::string> warnings;
    Settings settings = engine::to_settings(merged, warnings);
    set_log_level(settings);
    running.file = std::move(file);
    engine.reload(std::move(settings));
    base::log_info("Got signal to reload configuration, reloaded from: {}",
                   running.settings.config_file);
  } catch (const Error& error) {
    base::log_error("reload configuration: {}; the old one stays", error.what());
  }
  notify_service_manager("READY=1");
}

void log_activity(const engine::Engine& engine, const http::Server& server) {
  base::log_info("{} connections, {} event listeners, {} threads, {} descriptors",
                 server.connections(), engine.events.subscribers(), engine::running_threads(),
                 engine::open_descriptors());
}

/// After three signals in all nobody waits any longer.
[[noreturn]] void force_exit_loop(const sigset_t& signals) {
  int number = 0;
  for (int more = 1; more < kSignalsBeforeForce;) {
    ::sigwait(&signals, &number);
    if (number == SIGTERM || number == SIGINT) ++more;
  }
  base::log_info("Forcing docker daemon shutdown without cleanup; 3 interrupts received");
  ::_exit(128 + number);
}

/// A request that waits for a container, a registry or a file system may take for ever. Every start
/// is a restore, so nothing is lost by not waiting (threats F06).
[[noreturn]] void leave_stuck(const engine::Settings& settings) {
  base::log_warn("Daemon shutdown complete, but for requests that did not end in time");
  if (!settings.pid_file.empty()) ::unlink(settings.pid_file.c_str());
  ::_exit(0);
}

/// How many clients have come, and how many are there.
using Clients = std::pair<std::uint64_t, std::size_t>;

/// The next signal. Meanwhile memory is given back, whenever clients have come or left and no more
/// come for a moment: those that are left may stay for days.
int next_signal(const sigset_t& signals, const http::Server& server, Clients& served) {
  constexpr timespec kIdle{.tv_sec = 3, .tv_nsec = 0};
  while (true) {
    const std::uint64_t seen = server.accepted();
    const int number = ::sigtimedwait(&signals, nullptr, &kIdle);
    if (number > 0) return number;
    const Clients now{server.accepted(), server.connections()};
    if (errno != EAGAIN || now.first != seen || now == served) continue;
    served = now;
    give_memory_back();
  }
}

/// Until SIGTERM or SIGINT.
void wait_for_end(const sigset_t& signals, engine::Engine& engine, const http::Server& server,
                  Configuration& running) {
  Clients served;
  while (true) {
    const int number = next_signal(signals, server, served);
    if (number == SIGTERM || number == SIGINT) {
      base::log_info("Processing signal '{}'", number == SIGTERM ? "terminated" : "interrupt");
      return;
    }
    if (number == SIGHUP) reload(engine, running);
    if (number == SIGUSR1) log_activity(engine, server);
  }
}

/// The kernel should kill a container, or anything else, before the daemon that serves all of them.
void protect_from_oom() {
  constexpr std::string_view kAdjust = "-500";
  const os::Fd file(WHARF_CALL(open, "/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
  if (file) static_cast<void>(WHARF_CALL(write, file.get(), kAdjust.data(), kAdjust.size()));
}

int serve(Configuration running, const sigset_t& signals) {
  protect_from_oom();
  const PidFile pid_file(running.settings.pid_file);
  engine::Engine engine(running.settings);

  std::vector<http::Listener> listeners;
  for (const std::string& host : running.settings.hosts) {
    for (http::Listener& listener : open_listeners(host, running.settings))
      listeners.push_back(std::move(listener));
  }
  engine.restore();

  const Dispatch dispatch(engine, host_names(running.settings));
  http::Server server([&](http::Connection& connection, const http::RequestHead& head) {
    dispatch.answer(connection, head);
  });
  std::vector<std::string> sockets;
  for (http::Listener& listener : listeners) {
    base::log_info("API listen on {}", listener.name);
    if (listener.transport == http::Transport::Unix && listener.name.starts_with('/'))
      sockets.push_back(listener.name);
    server.listen(std::move(listener));
  }
  base::log_info("Daemon has completed initialization");
  notify_service_manager("READY=1");
  give_memory_back();

  wait_for_end(signals, engine, server, running);
  notify_service_manager("STOPPING=1");
  std::thread([signals] { force_exit_loop(signals); }).detach();
  const int grace_ms = running.settings.shutdown_timeout_s < 0
                           ? INT_MAX
                           : running.settings.shutdown_timeout_s * 1000;
  const bool ended = server.try_stop(grace_ms, kCutMs);
  for (const std::string& socket : sockets) ::unlink(socket.c_str());
  if (!ended) leave_stuck(running.settings);
  base::log_info("Daemon shutdown complete");
  return 0;
}

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

}  // namespace

int daemon_main(std::span<const std::string> arguments) {
  keep_memory_small();
  const sigset_t signals = block_signals();
  Given flags;
  try {
    flags = engine::parse_flags(arguments);
  } catch (const Error& error) {
    std::fprintf(stderr,
                 "%s\n\nUsage:  dockerd [OPTIONS]\n\nRun 'dockerd --help' for more information\n",
                 error.what());
    return kUsageStatus;
  }
  try {
    if (is_set(flags, "help")) return print(engine::usage()), 0;
    if (is_set(flags, "version")) {
      return print(fmt::format("Docker version {}, build {}\n", engine::kVersion,
                               engine::kWharfVersion)),
             0;
    }
    Configuration configuration = configure(flags);
    if (is_set(flags, "validate")) return print("configuration OK\n"), 0;
    return serve(std::move(configuration), signals);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "failed to start daemon: %s\n", error.what());
    return 1;
  }
}

}  // namespace wharf::server
