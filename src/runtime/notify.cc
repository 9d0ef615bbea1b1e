// SCMP_ACT_NOTIFY: the listener of a process's seccomp filter, taken out of the process and sent to
// the agent that will decide about its system calls.
//
// The process cannot send it: its filter holds for that too. So it writes the number into a page
// that it shares with the caller, who takes the descriptor by pidfd_getfd(2) and says that it has.
//
//   caller                           process
//     ◄── page (init: over the channel; exec: part of its notes)
//                                      loads the filter
//     ◄── page: number of the listener
//     pidfd_getfd, connect, send       watches the page
//     page: taken ───────────────────► execve
//
// https://github.com/opencontainers/runtime-spec/blob/main/config-linux.md#seccomp
#include <errno.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "runtime/init.h"
#include "runtime/kernel.h"

namespace wharf::runtime {
namespace {

/// The longest that a process waits for its caller. By the vDSO, so that no filter is asked.
constexpr std::int64_t kPatienceNs = 30'000'000'000;

std::int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

int connect_agent(std::string_view path, Failure& failure) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    (void)failure.because("seccomp: listenerPath \"", path, "\" is empty or too long");
    return -1;
  }
  memcpy(address.sun_path, path.data(), path.size());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  if (fd >= 0 && ::connect(fd, generic, sizeof address) == 0) return fd;
  (void)failure.because_of_errno("connect to the seccomp agent at ", path);
  if (fd >= 0) ::close(fd);
  return -1;
}

bool send_to_agent(const Listener& listener, pid_t pid, int descriptor, Failure& failure) {
  base::Text<32767> text("{\"ociVersion\":\"1.2.0\",\"fds\":[\"seccompFd\"],\"pid\":", pid,
                         ",\"metadata\":", base::Quoted{listener.metadata}, ",\"state\":");
  put_state(listener.state, text);
  text.put("}");
  if (text.truncated()) return failure.because("seccomp: the state is too long for the agent");
  // One state per connection, which is closed after it.
  const int agent = connect_agent(listener.path, failure);
  if (agent < 0) return false;
  const bool sent = send_text(agent, text.view(), descriptor) ||
                    failure.because_of_errno("send to the seccomp agent at ", listener.path);
  ::close(agent);
  return sent;
}

}  // namespace

Listener listener_of(const oci::Spec& spec, const HookState& state) {
  if (spec.seccomp == nullptr) return {};
  return {(*spec.seccomp)["listenerPath"].text, (*spec.seccomp)["listenerMetadata"].text, state};
}

bool notifies(const Filter& filter) {
  return filter.length > 0 && (filter.flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) != 0;
}

ListenerPage* share_listener_page(Report& report, const Filter& filter) {
  if (!notifies(filter)) return nullptr;
  const int file = report.check(::memfd_create("listener", MFD_CLOEXEC), "make a page");
  report.check(::ftruncate(file, sizeof(ListenerPage)), "make a page");
  void* memory = ::mmap(nullptr, sizeof(ListenerPage), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (memory == MAP_FAILED) report.fail_errno("map a page");
  auto* page = new (memory) ListenerPage();
  if (!send_descriptor(report.channel(), News::Listener, file)) ::_exit(1);
  ::close(file);
  return page;
}

void await_taken(ListenerPage& page, int descriptor) {
  __atomic_store_n(&page.descriptor, descriptor, __ATOMIC_RELEASE);
  const std::int64_t end = now_ns() + kPatienceNs;
  while (__atomic_load_n(&page.taken, __ATOMIC_ACQUIRE) == 0) {
    __builtin_ia32_pause();
    if (now_ns() > end) ::_exit(1);  // nobody is there any more
  }
}

bool hand_over_listener(ListenerPage& page, const volatile pid_t& pid, const Listener& listener,
                        int channel, Failure& failure) {
  constexpr int kTurnMs = 1;
  int number = -1;
  while ((number = __atomic_load_n(&page.descriptor, __ATOMIC_ACQUIRE)) < 0) {
    pollfd news{channel, POLLIN, 0};
    if (::poll(&news, 1, kTurnMs) > 0) return false;
  }
  const int pidfd = kernel::pidfd_open(pid);
  const int descriptor = pidfd < 0 ? -1 : kernel::pidfd_getfd(pidfd, number);
  if (descriptor < 0) (void)failure.because_of_errno("take the seccomp listener");
  const bool sent = descriptor >= 0 && send_to_agent(listener, pid, descriptor, failure);
  if (descriptor >= 0) ::close(descriptor);
  if (pidfd >= 0) ::close(pidfd);
  if (!sent) return false;
  __atomic_store_n(&page.taken, 1, __ATOMIC_RELEASE);
  return true;
}

bool hand_over_listener(int file, const Task& task, const Listener& listener, Failure& failure) {
  void* memory = ::mmap(nullptr, sizeof(ListenerPage), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  ::close(file);
  if (memory == MAP_FAILED) return failure.because_of_errno("map a page");
  auto& page = *static_cast<ListenerPage*>(memory);
  // Where init failed before it had a listener, its own words are on the channel.
  const bool done =
      hand_over_listener(page, task.pid, listener, task.channel, failure) || !failure.failed();
  ::munmap(memory, sizeof(ListenerPage));
  return done;
}

}  // namespace wharf::runtime
