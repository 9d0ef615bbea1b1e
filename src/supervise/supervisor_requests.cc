// The requests of wharfd, one function each, answered in the order they came.
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "supervise/supervisor.h"

namespace wharf::supervise {
namespace {

/// How long a pause waits for a process that is joining.
constexpr int kJoinMs = 1000;

/// A document that came as a file, mapped for the time of one request.
class Document {
 public:
  explicit Document(int file) {
    struct stat status{};
    if (file < 0 || fstat(file, &status) < 0 || status.st_size <= 0 ||
        status.st_size > wire::kMaxConfigBytes) {
      return;
    }
    const auto size = static_cast<std::size_t>(status.st_size);
    void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
    if (memory != MAP_FAILED) text_ = {static_cast<char*>(memory), size};
  }
  ~Document() {
    if (!text_.empty()) munmap(text_.data(), text_.size());
  }
  Document(const Document&) = delete;
  std::span<char> text() const { return text_; }

 private:
  std::span<char> text_;
};

template <class Message>
bool read_as(std::span<const char> bytes, Message& message) {
  if (bytes.size() != sizeof message) return false;
  memcpy(&message, bytes.data(), sizeof message);
  return true;
}

}  // namespace

void Supervisor::command_ready() {
  Descriptors descriptors;
  const ssize_t size = receive(command_, message_, descriptors);
  if (size < 0 && errno == EAGAIN) return;
  if (size <= 0) {
    // Until Launch is answered the container is wharfd's, and nobody is left to answer.
    if (stage_ == Stage::Waiting) stage_ = Stage::Done;
    if (stage_ == Stage::Creating || stage_ == Stage::Starting) return take_back();
    return disconnect();
  }
  request({message_, static_cast<std::size_t>(size)}, descriptors);
}

void Supervisor::request(std::span<char> message, Descriptors& descriptors) {
  wire::Head head{};
  if (message.size() < sizeof head) return;
  memcpy(&head, message.data(), sizeof head);
  if (head.type == wire::Type::Launch) return launch(message, descriptors);

  base::Failure failure;
  wire::Numbers numbers;
  wire::Attach attach_message;
  wire::Document document;
  const bool exists = stage_ == Stage::Starting || stage_ == Stage::Running;
  // Compression goes on for a moment after the end: see tell().
  if (!exists && head.type != wire::Type::Compressed) {
    errno = ESRCH;
    return refuse_errno(head.number, "request", "container is not running");
  }
  switch (head.type) {
    case wire::Type::KillAll:
      killed_ = true;
      if (!group_.signal_all(SIGKILL, failure)) return refuse(head.number, "kill", failure);
      return answer(head.number);
    case wire::Type::ReopenLog:
      if (!log_.reopen()) return refuse_errno(head.number, "log", "open log");
      return answer(head.number);
    case wire::Type::Freeze:
    case wire::Type::Thaw:
      return freeze(head);
    case wire::Type::Attach:
      if (read_as(message, attach_message)) return attach(attach_message, descriptors);
      break;
    case wire::Type::Exec:
      if (read_as(message, document)) return exec(document, descriptors);
      break;
    case wire::Type::Update:
      if (read_as(message, document)) return update(document, descriptors);
      break;
    default:
      if (read_as(message, numbers)) return numbers_request(numbers);
      break;
  }
  // A wharfd of another release may know requests that this one does not.
  errno = ENOSYS;
  refuse_errno(head.number, "request", "unknown request");
}

void Supervisor::freeze(const wire::Head& head) {
  const bool frozen = head.type == wire::Type::Freeze;
  // What was killed and frozen on its way out would never end.
  pollfd init{task_.pidfd, POLLIN, 0};
  if (frozen && (killed_ || poll(&init, 1, 0) != 0)) {
    errno = ESRCH;
    return refuse_errno(head.number, "freeze", "container is not running");
  }
  // Who is joining would be frozen half way, and their client would wait for the thaw.
  std::uint32_t index = 0;
  while (frozen && execs_.joined(index, kJoinMs)) finish_exec(index);
  base::Failure failure;
  const auto wanted = frozen ? cgroup::Frozen::Yes : cgroup::Frozen::No;
  if (!group_.freeze(wanted, failure)) return refuse(head.number, "freeze", failure);
  state_ = frozen ? wire::State::Paused : wire::State::Running;
  answer(head.number);
}

bool Supervisor::signal_init(int number) {
  if (syscall(SYS_pidfd_send_signal, task_.pidfd, number, nullptr, 0) != 0) return false;
  if (number != SIGKILL) return true;
  killed_ = true;
  // A frozen process takes its SIGKILL when it thaws.
  base::Failure ignored;
  if (state_ == wire::State::Paused) group_.freeze(cgroup::Frozen::No, ignored);
  return true;
}

void Supervisor::numbers_request(const wire::Numbers& numbers) {
  const std::uint32_t number = numbers.head.number;
  bool good = false;
  switch (numbers.head.type) {
    case wire::Type::Signal:
      good = signal_init(numbers.first);
      break;
    case wire::Type::ExecSignal:
      good = execs_.signal(numbers.id, numbers.first);
      break;
    case wire::Type::Resize:
      good = stdio_.resize(static_cast<std::uint16_t>(numbers.first),
                           static_cast<std::uint16_t>(numbers.second));
      break;
    case wire::Type::Compressed:
      compressed(numbers.id, numbers.first == 1);
      good = true;
      break;
    default:
      errno = ENOSYS;
      break;
  }
  if (!good) return refuse_errno(number, "request", "process");
  answer(number);
}

void Supervisor::attach(const wire::Attach& message, Descriptors& descriptors) {
  int socket = descriptors.take(0);
  if (socket >= 0 && stdio_.attach(socket, message.streams)) return answer(message.head.number);
  close_fd(socket);
  refuse_errno(message.head.number, "attach", "attach");
}

void Supervisor::exec(const wire::Document& message, Descriptors& descriptors) {
  base::Failure failure;
  int file = descriptors.take(0);
  const Document document(file);
  close_fd(file);
  if (stage_ != Stage::Running) failure.because("container is not started");
  if (state_ == wire::State::Paused) failure.because("cannot exec in a paused container");
  if (document.text().empty()) failure.because("process of exec is empty or too large");

  runtime::Target target;
  target.id = id_.view();
  target.init_pid = task_.pid;
  target.init_pidfd = task_.pidfd;
  target.namespaces = namespaces_;
  target.group = &group_;
  target.seccomp = seccomp_;
  target.seccomp_flags = seccomp_flags_;
  target.listener = listener("running");
  target.end_with_caller = true;
  ExecStart start;
  start.process_json = document.text();
  start.tty = (message.flags & wire::kTty) != 0;
  start.streams = message.streams;
  start.rows = message.rows;
  start.columns = message.columns;
  start.request = message.head.number;
  start.id = message.id;
  if (failure.failed() || !execs_.begin(start, target, failure))
    refuse(message.head.number, "exec", failure);
}

void Supervisor::update(const wire::Document& message, Descriptors& descriptors) {
  base::Failure failure;
  int file = descriptors.take(0);
  const Document document(file);
  close_fd(file);
  base::Arena arena(4 * wire::kMaxConfigBytes);
  oci::Resources resources;
  if (document.text().empty()) failure.because("resources are empty or too large");
  if (failure.failed() || !oci::parse_resources(arena, document.text(), resources, failure) ||
      !group_.update(resources, failure)) {
    return refuse(message.head.number, "update", failure);
  }
  answer(message.head.number);
}

}  // namespace wharf::supervise
