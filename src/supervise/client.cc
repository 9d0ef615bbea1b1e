#include "supervise/client.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "base/log.h"
#include "os/file.h"
#include "os/socket.h"
#include "supervise/connection.h"
#include "supervise/documents.h"
#include "supervise/run_directory.h"
#include "supervise/spare.h"
#include "supervise/sweep.h"
#include "supervise/watcher.h"

namespace wharf::supervise {

std::string LogOptions::folder() const {
  return type == Type::Local ? wire::kLocalLogFolder : "";
}

namespace {

wire::Launch message_of(const LaunchRequest& request) {
  wire::Launch launch{};
  launch.head.type = wire::Type::Launch;
  const auto flag = [&](bool on, std::uint32_t bit) { launch.flags |= on ? bit : 0u; };
  flag(request.tty, wire::kTty);
  flag(request.open_stdin, wire::kOpenStdin);
  flag(request.stdin_once, wire::kStdinOnce);
  flag(request.log.compress, wire::kCompress);
  flag(request.network_namespace.valid(), wire::kHasNetworkNamespace);
  flag(request.seccomp.valid(), wire::kHasSeccomp);
  launch.log_type = static_cast<wire::LogType>(request.log.type);
  launch.log_max_size_bytes = request.log.max_size_bytes;
  launch.log_max_files = request.log.max_files;
  launch.rows = request.window.rows;
  launch.columns = request.window.columns;
  launch.id_bytes = static_cast<std::uint32_t>(request.id.size());
  launch.log_name_bytes = static_cast<std::uint32_t>(request.log.name.size());
  launch.log_attrs_bytes = static_cast<std::uint32_t>(request.log.attrs_json.size());
  launch.attachments = static_cast<std::uint32_t>(request.attachments.size());
  for (std::size_t i = 0; i < request.attachments.size(); ++i) {
    const Streams streams = request.attachments[i].streams;
    launch.streams[i] = static_cast<std::uint8_t>((streams.in ? wire::kStdin : 0) |
                                                  (streams.out ? wire::kStdout : 0) |
                                                  (streams.err ? wire::kStderr : 0));
  }
  return launch;
}

void check_limits(const LaunchRequest& request) {
  using base::Kind;
  if (request.attachments.size() > kMaxAttachments)
    base::fail(Kind::TooLarge, "more than {} attachments before the start", kMaxAttachments);
  if (request.log.attrs_json.size() > wire::kMaxLogAttrsBytes)
    base::fail(Kind::TooLarge, "log attributes of {} bytes, the limit is {}",
               request.log.attrs_json.size(), wire::kMaxLogAttrsBytes);
  if (request.run_directory.filename() != request.id)
    base::fail(Kind::InvalidArgument, "run directory {} is not named {}",
               request.run_directory.string(), request.id);
}

}  // namespace

struct Supervisors::Parts {
  explicit Parts(const Options& options) : spare(options.runtime, options.idle, watcher) {}

  Task task_of(std::shared_ptr<Connection> connection) {
    return Task(std::move(connection),
                [this](const Connection& dropped) { watcher.forget(dropped); });
  }

  Worker compressor;
  Watcher watcher;
  Spare spare;
};

std::filesystem::path Supervisors::default_runtime() {
  if (const char* named = ::getenv("WHARF_RUNTIME")) return named;
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "wharf-runtime";
}

Supervisors::Supervisors(Options options) : parts_(std::make_unique<Parts>(options)) {}
Supervisors::~Supervisors() = default;

Task Supervisors::launch(LaunchRequest request, Events events) {
  check_limits(request);
  const os::Fd config = document_file(request.config_json);
  const os::Fd run_directory = claim_run_directory(request.run_directory);
  os::SocketPair event_pair = os::make_socket_pair(SOCK_SEQPACKET | SOCK_NONBLOCK);

  const wire::Launch launch = message_of(request);
  Outgoing message;
  message.bytes.assign(reinterpret_cast<const char*>(&launch), sizeof launch);
  message.bytes += request.id + request.log.name + request.log.attrs_json;
  message.descriptors = {&event_pair.second, &config, &request.data_directory, &run_directory,
                         &request.rootfs};
  if (request.network_namespace.valid()) message.descriptors.push_back(&request.network_namespace);
  if (request.seccomp.valid()) message.descriptors.push_back(&request.seccomp);
  for (const Attachment& each : request.attachments) message.descriptors.push_back(&each.socket);

  SpareSupervisor supervisor = parts_->spare.take();
  auto connection =
      std::make_shared<Connection>(std::move(supervisor.command), std::move(event_pair.first),
                                   std::move(events), parts_->compressor);
  connection->set_run_directory(request.run_directory);
  try {
    Answer answer = connection->call(std::move(message));
    connection->learn(answer);
  } catch (const base::Error& error) {
    // One that does not answer would hold the run directory; its container dies with it.
    if (error.kind() == base::Kind::Unavailable) ::kill(supervisor.pid, SIGKILL);
    // What it refused it has taken back itself; killed on the way, it could not.
    if (dynamic_cast<const StepError*>(&error)) throw;
    sweep(cgroup_path_of(request.config_json), request.run_directory);
    if (error.error_number() != ESRCH) throw;
    throw base::Error(base::Kind::Internal, "the container's supervisor died at its start", ESRCH);
  }
  parts_->watcher.watch(connection);
  return parts_->task_of(std::move(connection));
}

std::optional<Task> Supervisors::reconnect(const std::filesystem::path& run_directory,
                                           const std::string& cgroup_path, Events events) {
  std::optional<Task> task = find_running(run_directory, std::move(events));
  if (task) return task;
  // One that is on its way out removes what it made itself; a killed one could not.
  if (const auto left = claim_left_directory(run_directory)) sweep(cgroup_path, run_directory);
  return std::nullopt;
}

std::optional<Task> Supervisors::find_running(const std::filesystem::path& run_directory,
                                              Events events) {
  os::Fd command;
  try {
    command = os::connect_unix(run_directory / "sock", SOCK_SEQPACKET);
  } catch (const base::Error& error) {
    if (error.error_number() == ENOENT || error.error_number() == ECONNREFUSED) return std::nullopt;
    throw;
  }
  os::SocketPair event_pair = os::make_socket_pair(SOCK_SEQPACKET | SOCK_NONBLOCK);
  auto connection = std::make_shared<Connection>(std::move(command), std::move(event_pair.first),
                                                 std::move(events), parts_->compressor);
  wire::Plain hello{};
  hello.head.type = wire::Type::Hello;
  Outgoing message{{reinterpret_cast<const char*>(&hello), sizeof hello}, {&event_pair.second}};
  connection->set_run_directory(run_directory);
  try {
    Answer answer = connection->call(std::move(message));
    connection->learn(answer);
  } catch (const base::Error& error) {
    // It ended between the connection and the answer: its record is written.
    if (error.error_number() == ESRCH) return std::nullopt;
    throw;
  }
  // Not running yet: it belonged to the daemon that is gone, and goes with it.
  if (connection->facts().state == wire::State::Created || !connection->init().valid())
    return std::nullopt;
  event_pair.second.reset();
  parts_->watcher.watch(connection);
  return parts_->task_of(std::move(connection));
}

}  // namespace wharf::supervise
