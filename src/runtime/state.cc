#include "runtime/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "oci/spec_reader.h"

namespace wharf::runtime {
namespace {

constexpr std::size_t kMaxConfigBytes = 8 << 20;
constexpr char kState[] = "state";

bool is_id_letter(char letter) {
  const bool alphanumeric = (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
                            (letter >= '0' && letter <= '9');
  return alphanumeric || letter == '_' || letter == '+' || letter == '-' || letter == '.';
}

/// As runc: an id becomes the name of a directory.
bool is_id(std::string_view id) {
  if (id.empty() || id.size() > 1024 || id == "." || id == "..") return false;
  for (const char letter : id) {
    if (!is_id_letter(letter)) return false;
  }
  return true;
}

void make_parents(std::string_view path) {
  for (std::size_t at = 1; at <= path.size(); ++at) {
    if (at < path.size() && path[at] != '/') continue;
    const base::PathText part(path.substr(0, at));
    (void)::mkdir(part.c_str(), 0700);  // what is there is kept; what fails shows at the last
  }
}

/// A socket's address has room for 107 letters; through /proc a deep root fits as well.
sockaddr_un address_of(int directory) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const base::Text<100> path("/proc/self/fd/", directory, "/start.sock");
  memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

}  // namespace

std::string_view name_of(Status status) {
  constexpr std::string_view kNames[] = {"creating", "created", "running", "paused", "stopped"};
  return kNames[static_cast<std::size_t>(status)];
}

StateDirectory::~StateDirectory() {
  if (fd_ >= 0) ::close(fd_);
}

bool StateDirectory::place(std::string_view root, std::string_view id, base::Failure& failure) {
  path_.clear();
  path_.put(root, "/", id);
  if (!is_id(id)) return failure.because("invalid container id format: ", id);
  return !path_.truncated() || failure.because("root path too long");
}

bool StateDirectory::make(std::string_view root, std::string_view id, base::Failure& failure) {
  if (!place(root, id, failure)) return false;
  int made = ::mkdir(path_.c_str(), 0700);
  if (made < 0 && errno == ENOENT) {
    make_parents(root);
    made = ::mkdir(path_.c_str(), 0700);
  }
  if (made < 0 && errno == EEXIST) {
    return failure.because("container with given ID already exists: ", id);
  }
  if (made < 0) return failure.because_of_errno("make ", path_.view());
  fd_ = ::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return fd_ >= 0 || failure.because_of_errno("open ", path_.view());
}

bool StateDirectory::open(std::string_view root, std::string_view id, base::Failure& failure) {
  if (!place(root, id, failure)) return false;
  fd_ = ::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd_ >= 0) return true;
  if (errno == ENOENT) return failure.because("container does not exist: ", id);
  return failure.because_of_errno("open ", path_.view());
}

bool StateDirectory::save(const State& state, std::string_view config, base::Failure& failure) {
  base::Text<16383> text;
  const bool systemd = state.manager == cgroup::Manager::Systemd;
  text.put("{\"id\":", base::Quoted{state.id}, ",\"bundle\":", base::Quoted{state.bundle},
           ",\"rootfs\":", base::Quoted{state.rootfs}, ",\"cgroup\":", base::Quoted{state.cgroup},
           ",\"systemd\":", systemd ? "true" : "false",
           ",\"created\":", base::Quoted{state.created}, ",\"pid\":", state.pid,
           ",\"startTime\":", state.start_time, ",\"own\":{");
  bool first = true;
  // Where relative cgroup paths began: a later command may run in another cgroup.
  const bool relative = !systemd && !state.cgroup.starts_with('/') && state.hierarchies != nullptr;
  for (std::size_t i = 0; relative && i < state.hierarchies->count; ++i) {
    const cgroup::Hierarchy& one = state.hierarchies->all[i];
    text.put(first ? "" : ",", base::Quoted{one.controllers.view()}, ":",
             base::Quoted{one.own.view()});
    first = false;
  }
  text.put("}}\n");
  if (text.truncated()) return failure.because("state too long");
  const int fd = ::openat(fd_, kState, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  // One call: who reads meanwhile finds nothing yet, or all of it.
  const iovec parts[2] = {{const_cast<char*>(text.c_str()), text.size()},
                          {const_cast<char*>(config.data()), config.size()}};
  const bool fine =
      fd >= 0 && ::writev(fd, parts, 2) == static_cast<ssize_t>(text.size() + config.size());
  if (!fine) (void)failure.because_of_errno("write state");
  if (fd >= 0) ::close(fd);
  return fine;
}

bool StateDirectory::load(base::Arena& arena, State& state, oci::Spec& spec,
                          base::Failure& failure) {
  const std::span<char> text = read_whole(arena, fd_, kState, failure);
  if (text.empty()) return false;
  const std::size_t line = std::string_view(text.data(), text.size()).find('\n');
  if (line == std::string_view::npos) return failure.because("state is damaged");
  const base::JsonNode* root = base::parse_json(arena, text.first(line), failure);
  if (root == nullptr) return false;
  oci::SpecReader reader(arena, failure);
  reader.read(*root, "id", state.id);
  reader.read(*root, "bundle", state.bundle);
  reader.read(*root, "rootfs", state.rootfs);
  reader.read(*root, "cgroup", state.cgroup);
  bool systemd = false;
  reader.read(*root, "systemd", systemd);
  if (systemd) state.manager = cgroup::Manager::Systemd;
  reader.read(*root, "created", state.created);
  reader.read(*root, "pid", state.pid);
  reader.read(*root, "startTime", state.start_time);
  for (const base::JsonNode& own : reader.object(*root, "own")) {
    for (std::size_t i = 0; state.hierarchies != nullptr && i < state.hierarchies->count; ++i) {
      cgroup::Hierarchy& one = state.hierarchies->all[i];
      if (one.controllers.view() != own.key) continue;
      one.own.clear();
      one.own.put(own.text);
    }
  }
  return reader.ok() && oci::parse_spec(arena, text.subspan(line + 1), spec, failure);
}

int StateDirectory::listen_for_start(base::Failure& failure) {
  const int socket = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  const sockaddr_un address = address_of(fd_);
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  if (socket >= 0 && ::bind(socket, generic, sizeof address) == 0 && ::listen(socket, 1) == 0) {
    return socket;
  }
  (void)failure.because_of_errno("make start.sock");
  if (socket >= 0) ::close(socket);
  return -1;
}

int StateDirectory::connect_to_start(base::Failure& failure) {
  const int socket = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  const sockaddr_un address = address_of(fd_);
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  if (socket >= 0 && ::connect(socket, generic, sizeof address) == 0 &&
      ::unlinkat(fd_, "start.sock", 0) == 0) {
    return socket;
  }
  (void)failure.because_of_errno("connect to the container's init");
  if (socket >= 0) ::close(socket);
  return -1;
}

bool StateDirectory::waits_for_start() const {
  return ::faccessat(fd_, "start.sock", F_OK, 0) == 0;
}

void StateDirectory::remove() {
  (void)::unlinkat(fd_, kState, 0);
  // Only where it is still there to be started is its socket.
  if (::rmdir(path_.c_str()) == 0) return;
  (void)::unlinkat(fd_, "start.sock", 0);
  (void)::rmdir(path_.c_str());
  (void)::rmdir(path_.c_str());
}

std::uint64_t start_time_of(pid_t pid) {
  const base::Text<63> path("/proc/", pid, "/stat");
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  char buffer[1024];
  const ssize_t got = ::read(fd, buffer, sizeof buffer);
  ::close(fd);
  if (got <= 0) return 0;
  std::string_view text(buffer, static_cast<std::size_t>(got));
  // The name in parentheses may hold anything, spaces and parentheses too.
  text.remove_prefix(text.rfind(')') + 2);
  if (text.starts_with('Z') || text.starts_with('X')) return 0;
  constexpr int kFieldsBefore = 19;
  for (int i = 0; i < kFieldsBefore; ++i) base::split(text, ' ');
  std::uint64_t value = 0;
  return base::parse_number(base::split(text, ' '), value) ? value : 0;
}

Status status_of(const State& state, const StateDirectory& directory, const cgroup::Group& group) {
  if (state.pid == 0 || start_time_of(state.pid) != state.start_time) return Status::Stopped;
  if (group.frozen() == cgroup::Frozen::Yes) return Status::Paused;
  return directory.waits_for_start() ? Status::Created : Status::Running;
}

std::span<char> read_whole(base::Arena& arena, int directory, const char* name,
                           base::Failure& failure) {
  const int fd = ::openat(directory, name, O_RDONLY | O_CLOEXEC);
  struct stat status{};
  if (fd < 0 || ::fstat(fd, &status) < 0) {
    (void)failure.because_of_errno("open ", name);
    if (fd >= 0) ::close(fd);
    return {};
  }
  const auto size = static_cast<std::size_t>(status.st_size);
  std::span<char> text;
  if (size > kMaxConfigBytes) {
    (void)failure.because(name, " is larger than ", kMaxConfigBytes, " bytes");
  } else {
    text = arena.array<char>(size + 1);
  }
  std::size_t held = 0;
  ssize_t got = 0;
  while (held < size && (got = ::read(fd, text.data() + held, size - held)) > 0) {
    held += static_cast<std::size_t>(got);
  }
  ::close(fd);
  if (held == 0 && !failure.failed()) (void)failure.because(name, " is empty");
  return text.first(held);
}

}  // namespace wharf::runtime
