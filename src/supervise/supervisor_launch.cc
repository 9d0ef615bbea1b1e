// The first message: from what wharfd sent to a container that runs.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "supervise/supervisor.h"

namespace wharf::supervise {
namespace {

/// Cuts the next `size` bytes off `text`; false when there are not so many.
bool cut(std::string_view& text, std::size_t size, std::string_view& part) {
  if (size > text.size()) return false;
  part = text.substr(0, size);
  text.remove_prefix(size);
  return true;
}

/// Gives back the stack that making a container took: it is never so deep again.
[[gnu::noinline]] void release_stack() {
  constexpr std::uintptr_t kPage = 4096;
  constexpr std::uintptr_t kDepth = 256 * 1024;
  const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  // Two pages are left for the red zone, and for madvise itself.
  const std::uintptr_t end = (here & ~(kPage - 1)) - 2 * kPage;
  // The stack may be less deep than this: what is mapped of it is released all the same.
  for (std::uintptr_t page = end; page > end - kDepth; page -= kPage) {
    if (madvise(reinterpret_cast<void*>(page), kPage, MADV_DONTNEED) < 0) break;
  }
}

/// A plain file name: no separator, not a dot name.
bool plain_name(std::string_view name) {
  return !name.empty() && name.size() <= wire::kMaxNameBytes && name[0] != '.' &&
         name.find('/') == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

int listen_in_working_directory() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  memcpy(address.sun_path, "sock", 5);
  const int made = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (made < 0) return -1;
  unlink("sock");
  fchmod(made, 0600);
  if (bind(made, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      listen(made, 8) == 0) {
    return made;
  }
  const int reason = errno;
  close(made);
  errno = reason;
  return -1;
}

}  // namespace

void Supervisor::launch(std::span<const char> message, Descriptors& descriptors) {
  wire::Launch launch;
  if (stage_ != Stage::Waiting || message.size() < sizeof launch) {
    stage_ = stage_ == Stage::Waiting ? Stage::Done : stage_;
    return;
  }
  memcpy(&launch, message.data(), sizeof launch);
  launch_number_ = launch.head.number;
  base::Failure failure;
  const std::string_view text(message.data() + sizeof launch, message.size() - sizeof launch);
  bool good = take_launch(launch, text, descriptors) || failure.because("malformed launch");
  if (good) {
    int config = descriptors.take(1);
    good = read_config(config, failure) && open_stdio(launch, failure);
    close_fd(config);
  }
  for (std::uint32_t i = 0; good && i < launch.attachments; ++i) {
    const std::size_t place = descriptors.count() - launch.attachments + i;
    good = stdio_.attach(descriptors.take(place), launch.streams[i]) ||
           failure.because_of_errno("attach");
  }
  if (good && create(failure)) {
    stage_ = Stage::Creating;
    // Init has its mounts to make meanwhile, so this costs no time.
    if (open_places(failure)) return;
    take_back();
  } else {
    remove_traces();
  }
  refuse(launch_number_, "create", failure);
  stage_ = Stage::Done;
}

bool Supervisor::take_launch(const wire::Launch& launch, std::string_view text,
                             Descriptors& descriptors) {
  std::string_view id, log_name, attrs;
  if (launch.attachments > wire::kMaxAttachmentsAtLaunch) return false;
  if (!cut(text, launch.id_bytes, id) || !cut(text, launch.log_name_bytes, log_name) ||
      !cut(text, launch.log_attrs_bytes, attrs) || !text.empty()) {
    return false;
  }
  const bool has_network = (launch.flags & wire::kHasNetworkNamespace) != 0;
  const bool has_seccomp = (launch.flags & wire::kHasSeccomp) != 0;
  const std::size_t wanted =
      wire::kLaunchDescriptors + has_network + has_seccomp + launch.attachments;
  if (descriptors.count() != wanted || !plain_name(id)) return false;
  if (launch.log_type != wire::LogType::None && !plain_name(log_name)) return false;

  events_ = descriptors.take(0);
  data_directory_ = descriptors.take(2);
  run_directory_ = descriptors.take(3);
  rootfs_ = descriptors.take(4);
  if (has_network) network_namespace_ = descriptors.take(5);
  if (has_seccomp) seccomp_ = descriptors.take(has_network ? 6 : 5);
  id_.put(id);
  log_name_.put(log_name);
  tty_ = (launch.flags & wire::kTty) != 0;
  rows_ = launch.rows;
  columns_ = launch.columns;
  poller_.watch(events_, EPOLLIN, {Source::Events, 0});

  if (launch.log_type == wire::LogType::None) return true;
  LogFileOptions options;
  const bool local = launch.log_type == wire::LogType::Local;
  options.format = local ? LogFormat::Local : LogFormat::Json;
  options.directory = local ? local_log_directory() : data_directory_;
  options.name = log_name_.view();
  options.attrs = attrs;
  options.max_size = launch.log_max_size_bytes;
  options.max_files = launch.log_max_files;
  options.compress = (launch.flags & wire::kCompress) != 0;
  // A log that cannot be opened (disk full, no inodes) does not keep a container from
  // running; its lines are counted as dropped.
  log_.open(options);
  return true;
}

/// Made where it is not there yet; -1 where that fails, and then there is no log.
int Supervisor::local_log_directory() const {
  mkdirat(data_directory_, wire::kLocalLogFolder, 0700);
  return openat(data_directory_, wire::kLocalLogFolder, O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

bool Supervisor::read_config(int file, base::Failure& failure) {
  struct stat status{};
  if (fstat(file, &status) < 0) return failure.because_of_errno("read config");
  if (status.st_size <= 0 || status.st_size > wire::kMaxConfigBytes)
    return failure.because("config of ", status.st_size, " bytes");
  const auto size = static_cast<std::size_t>(status.st_size);
  // Private: the parser writes into the text, and the file is wharfd's.
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
  if (memory == MAP_FAILED) return failure.because_of_errno("map config");
  config_text_ = {static_cast<char*>(memory), size};
  spec_ = config_arena_.make<oci::Spec>();
  if (!spec_) return failure.because("no memory for the config");
  if (!oci::parse_spec(config_arena_, config_text_, *spec_, failure)) return false;
  if (!spec_->process) return failure.because("config has no process");
  // Ours is -999, and that is no process's of a container (threats F20).
  if (!spec_->process->oom_score_adj) spec_->process->oom_score_adj = 0;
  spec_->process->terminal = tty_;
  return true;
}

bool Supervisor::open_stdio(const wire::Launch& launch, base::Failure& failure) {
  StdioOptions options;
  options.tty = tty_;
  options.open_stdin = (launch.flags & wire::kOpenStdin) != 0;
  options.stdin_once = (launch.flags & wire::kStdinOnce) != 0;
  return stdio_.open(options, child_stdio_) || failure.because_of_errno("make pipes");
}

bool Supervisor::open_places(base::Failure& failure) {
  if (!reserve_exit_record(data_directory_)) return failure.because_of_errno("make exit record");
  // The socket's name is relative, since the whole path may be longer than sun_path.
  if (fchdir(run_directory_) < 0) return failure.because_of_errno("enter run directory");
  listener_ = listen_in_working_directory();
  if (listener_ < 0) return failure.because_of_errno("listen in run directory");
  if (!poller_.watch(listener_, EPOLLIN, {Source::Listener, 0}))
    return failure.because_of_errno("watch socket");
  memory_event_ = group_.oom_event();
  if (memory_event_ >= 0) poller_.watch(memory_event_, EPOLLIN, {Source::MemoryShort, 0});
  return true;
}

void Supervisor::discover() {
  base::Failure ignored;  // Tried again, and reported, when it is needed.
  discovered_ = cgroup::discover(hierarchies_, ignored);
}

bool Supervisor::create(base::Failure& failure) {
  if (!forget_exit_record(data_directory_)) return failure.because_of_errno("remove exit record");
  if (!discovered_ && !cgroup::discover(hierarchies_, failure)) return false;
  const std::string_view path = spec_->cgroups_path;
  if (!group_.place(hierarchies_, path, failure, cgroup::manager_of(path))) return false;
  inputs_.id = id_.view();
  inputs_.bundle = bundle();
  inputs_.rootfs = rootfs_;
  inputs_.network_namespace = network_namespace_;
  // A profile with flags or an agent comes in the config; execs need it compiled as well.
  if (seccomp_ < 0 && spec_->seccomp != nullptr) {
    seccomp_ = runtime::compile_seccomp_file(*spec_->seccomp, seccomp_flags_, failure);
    if (failure.failed()) return false;
  }
  inputs_.seccomp = seccomp_;
  inputs_.seccomp_flags = seccomp_flags_;
  inputs_.end_with_caller = true;
  // A terminal has its size before the program looks at it.
  inputs_.start_at_once = !tty_;
  for (unsigned i = 0; i < 3; ++i) inputs_.stdio[i] = child_stdio_[i];
  const bool made = runtime::create_container(*spec_, inputs_, group_, task_, failure);
  for (int& end : child_stdio_) close_fd(end);
  if (!made) return false;
  namespaces_ = runtime::namespaces_of(*spec_, inputs_);
  return poller_.watch(task_.channel, EPOLLIN, {Source::InitChannel, 0}) ||
         failure.because_of_errno("watch init");
}

void Supervisor::adopt_container() {
  close_fd(rootfs_);
  close_fd(network_namespace_);
  if (tty_) {
    stdio_.take_terminal(task_.terminal);
    task_.terminal = -1;
    if (rows_ != 0) stdio_.resize(rows_, columns_);
  }
  poller_.watch(task_.pidfd, EPOLLIN, {Source::Init, 0});
  start();
}

void Supervisor::start() {
  base::Failure failure;
  stage_ = Stage::Starting;
  record_.started_at_ns = wall_ns();
  // What came before the first look at the streams waits in them.
  if (!stdio_.run()) failure.because_of_errno("watch standard streams");
  if (failure.failed()) return start_failed(failure);
  if (!runtime::starts_at_once(*spec_, inputs_) && !runtime::send_start(task_, failure))
    return start_failed(failure);
  if (!poller_.watch(task_.channel, EPOLLIN, {Source::InitChannel, 0}))
    return start_failed(failure);
}

void Supervisor::start_ready() {
  base::Failure failure;
  poller_.forget(task_.channel);
  if (!runtime::finish_start(task_, listener("created"), failure)) return start_failed(failure);
  if (!runtime::run_hooks(spec_->hooks.poststart, "poststart", hook_state("running"), failure)) {
    return start_failed(failure);
  }
  stage_ = Stage::Running;
  state_ = wire::State::Running;
  answer(launch_number_);
  const bool needed = !spec_->hooks.poststop.empty() || !listener("running").path.empty();
  if (!needed) release_config();
  release_stack();
}

void Supervisor::start_failed(const base::Failure& failure) {
  // Taken back first: who hears of the failure may start the same container again.
  take_back();
  refuse(launch_number_, "start", failure);
}

void Supervisor::release_config() {
  spec_ = nullptr;
  config_arena_.release();
  munmap(config_text_.data(), config_text_.size());
  config_text_ = {};
}

/// The directory of root.path, where hooks find a config.json; empty where nobody looks for it.
std::string_view Supervisor::bundle() const {
  const std::string_view root = spec_->root_path;
  return root.starts_with('/') ? root.substr(0, root.rfind('/')) : std::string_view();
}

runtime::Listener Supervisor::listener(std::string_view status) const {
  if (spec_ == nullptr) return {};
  return runtime::listener_of(*spec_, hook_state(status));
}

runtime::HookState Supervisor::hook_state(std::string_view status) const {
  runtime::HookState state;
  state.id = id_.view();
  state.bundle = bundle();
  state.status = status;
  state.pid = task_.pid;
  state.annotations = spec_->annotations;
  return state;
}

}  // namespace wharf::supervise
