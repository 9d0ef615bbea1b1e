#include "os/user_namespace.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <charconv>

#include "os/file.h"

namespace wharf::os {
namespace {

constexpr std::size_t kMaxMapText = 64 << 10;
constexpr std::size_t kStackBytes = 16 << 10;

/// The process that is in the namespace until its maps are written. It shares the daemon's memory,
/// as copying the page tables would cost more than all the rest, so it does nothing but wait.
int stay(void* daemon) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (::getppid() != *static_cast<const pid_t*>(daemon)) return 1;
  while (true) ::syscall(SYS_pause);
}

/// Kept from signals that are meant for the daemon's process group.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

/// Ends a child of ours that is not reaped yet, so that its number is its own.
class Ender {
 public:
  explicit Ender(pid_t pid) : pid_(pid) {}
  ~Ender() {
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, __WALL) < 0 && errno == EINTR) {
    }
  }
  Ender(const Ender&) = delete;

 private:
  pid_t pid_;
};

class Inhabitant {
 public:
  explicit Inhabitant(int flags) {
    const SignalsBlocked blocked;
    pid_ = check(WHARF_CALL(clone, stay, stack_.data() + stack_.size(), flags | CLONE_VM, &daemon_),
                 "make a user namespace (as many as /proc/sys/user/max_user_namespaces says)");
    ender_.emplace(pid_);
  }
  Inhabitant(const Inhabitant&) = delete;

  std::string path(const char* file) const { return fmt::format("/proc/{}/{}", pid_, file); }

 private:
  pid_t daemon_ = ::getpid();
  alignas(16) std::array<char, kStackBytes> stack_;
  pid_t pid_ = -1;
  std::optional<Ender> ender_;
};

void write_map(const std::string& path, std::span<const IdRange> map) {
  const Fd file = open_file(path, O_WRONLY);
  const std::string text = to_text(map);
  // One write(2) is all that the kernel takes.
  check(WHARF_CALL(write, file.get(), text.data(), text.size()), "write {}", path);
}

/// Enters `user` with a network namespace of its own, says "done" or errno, and stays. A process
/// of one thread and with memory of its own, as setns(2) and its change of identity need it.
[[noreturn]] void enter_and_stay(const Fd& user, const Fd& said) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  const bool fine = ::setns(user.get(), CLONE_NEWUSER) == 0 && ::unshare(CLONE_NEWNET) == 0;
  const int error_number = fine ? 0 : errno;
  if (::write(said.get(), &error_number, sizeof error_number) < 0) ::_exit(1);
  while (true) ::syscall(SYS_pause);
}

/// setfsuid(2) takes the capabilities over files with it when root goes.
void take_effective_capabilities() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct sets[2] = {};
  check(WHARF_CALL(syscall, SYS_capget, &header, sets), "read capabilities");
  for (auto& set : sets) set.effective = set.permitted;
  check(WHARF_CALL(syscall, SYS_capset, &header, sets), "set capabilities");
}

void set_file_ids(uid_t uid, gid_t gid) {
  ::setfsgid(gid);
  ::setfsuid(uid);
}

template <class Id>
std::optional<std::uint32_t> moved(std::span<const IdRange> map, std::uint32_t id, Id from, Id to) {
  for (const IdRange& range : map) {
    if (id >= range.*from && id - range.*from < range.count) return id - range.*from + range.*to;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::uint32_t> outside_id(std::span<const IdRange> map, std::uint32_t inside) {
  return moved(map, inside, &IdRange::inside, &IdRange::outside);
}

std::optional<std::uint32_t> inside_id(std::span<const IdRange> map, std::uint32_t outside) {
  return moved(map, outside, &IdRange::outside, &IdRange::inside);
}

std::string to_text(std::span<const IdRange> map) {
  std::string text;
  for (const IdRange& range : map)
    text += fmt::format("{} {} {}\n", range.inside, range.outside, range.count);
  return text;
}

std::vector<IdRange> parse_id_map(std::string_view text) {
  std::vector<IdRange> map;
  const char* at = text.data();
  const char* const end = at + text.size();
  const auto skip = [&] {
    while (at != end && (*at == ' ' || *at == '\n' || *at == '\t')) ++at;
    return at != end;
  };
  while (skip()) {
    IdRange range;
    for (std::uint32_t* number : {&range.inside, &range.outside, &range.count}) {
      skip();
      const auto [stopped, error] = std::from_chars(at, end, *number);
      if (error != std::errc()) base::fail(base::Kind::InvalidArgument, "{} is no id map", text);
      at = stopped;
    }
    map.push_back(range);
  }
  return map;
}

IdMaps read_id_maps(pid_t pid) {
  const auto read = [&](const char* name) {
    return parse_id_map(read_file(fmt::format("/proc/{}/{}", pid, name), kMaxMapText));
  };
  return {read("uid_map"), read("gid_map")};
}

UserNamespace make_user_namespace(const IdMaps& maps, WithNetwork network) {
  const bool has_network = network == WithNetwork::Yes;
  const Inhabitant inhabitant(CLONE_NEWUSER | (has_network ? CLONE_NEWNET : 0));
  write_map(inhabitant.path("uid_map"), maps.uids);
  write_map(inhabitant.path("gid_map"), maps.gids);
  UserNamespace made;
  made.user = open_file(inhabitant.path("ns/user"), O_RDONLY);
  if (has_network) made.network = open_file(inhabitant.path("ns/net"), O_RDONLY);
  return made;
}

Fd make_network_namespace_of(const Fd& user) {
  Pipe pipe = make_pipe();
  const pid_t pid = check(WHARF_CALL(fork), "make a process");
  if (pid == 0) enter_and_stay(user, pipe.write);
  const Ender ender(pid);
  pipe.write.reset();
  int error_number = EIO;
  char* const into = reinterpret_cast<char*>(&error_number);
  if (read_some(pipe.read, {into, sizeof error_number}) != sizeof error_number) error_number = EIO;
  if (error_number != 0)
    throw base::errno_error(error_number, "make a network namespace of a user namespace");
  return open_file(fmt::format("/proc/{}/ns/net", pid), O_RDONLY);
}

ActingAs::ActingAs(const IdMaps& maps) {
  const auto uid = outside_id(maps.uids, 0);
  const auto gid = outside_id(maps.gids, 0);
  if (!uid || !gid) base::fail(base::Kind::InvalidArgument, "the id maps have no root");
  set_file_ids(*uid, *gid);
  try {
    take_effective_capabilities();
  } catch (const base::Error&) {
    set_file_ids(::geteuid(), ::getegid());
    throw;
  }
}

std::unique_ptr<ActingAs> acting_as(const IdMaps* maps) {
  return maps ? std::make_unique<ActingAs>(*maps) : nullptr;
}

ActingAs::~ActingAs() {
  set_file_ids(::geteuid(), ::getegid());
}

}  // namespace wharf::os
