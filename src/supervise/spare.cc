#include "supervise/spare.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "os/file.h"
#include "os/mount.h"
#include "os/poll.h"
#include "os/process.h"
#include "os/socket.h"
#include "supervise/protocol.h"

namespace wharf::supervise {
namespace {

/// Invalid where mounts are not allowed (rootless): then the program protects itself.
os::Fd sealed_program(const std::filesystem::path& runtime) {
  const os::Fd file = os::open_file(runtime, O_PATH);
  try {
    os::DetachedMount mount = os::DetachedMount::bind(file, os::Depth::TopOnly);
    mount.set_flags({.read_only = true}, os::Depth::TopOnly);
    return std::move(mount).release();
  } catch (const base::Error& error) {
    base::log_debug("read-only mount of {}: {}", runtime.string(), error.what());
    return {};
  }
}

}  // namespace

Spare::Spare(std::filesystem::path runtime, unsigned count, Watcher& watcher)
    : runtime_(std::move(runtime)),
      sealed_(sealed_program(runtime_)),
      watcher_(watcher),
      stock_(count, "a supervisor", [this] { return start_one(); }) {}

SpareSupervisor Spare::take() {
  while (auto ready = stock_.take()) {
    // One that somebody has killed meanwhile is seen by its socket.
    if (os::wait_for(ready->command, POLLIN, std::chrono::milliseconds(0)) == 0)
      return std::move(*ready);
  }
  return start_one();
}

SpareSupervisor Spare::start_one() {
  os::SocketPair pair = os::make_socket_pair(SOCK_SEQPACKET);
  os::SpawnRequest request;
  request.program = program();
  request.name = "wharf-runtime";
  request.arguments = {"supervise"};
  request.descriptors = {{&pair.second, wire::kCommandDescriptor}};
  request.new_session = true;
  // Where systemd listens, when not where it does on every machine.
  constexpr const char* kSystemd = "WHARF_SYSTEMD_SOCKET";
  if (const char* socket = ::getenv(kSystemd); socket != nullptr)
    request.environment.push_back(fmt::format("{}={}", kSystemd, socket));
  os::Process process = os::Process::spawn(request);
  SpareSupervisor supervisor{std::move(pair.first), process.pid()};
  watcher_.reap(std::move(process));
  return supervisor;
}

std::string Spare::program() const {
  if (!sealed_.valid()) return runtime_.string();
  // By our own number: in the new process the descriptor is closed by then.
  return fmt::format("/proc/{}/fd/{}", ::getpid(), sealed_.get());
}

}  // namespace wharf::supervise
