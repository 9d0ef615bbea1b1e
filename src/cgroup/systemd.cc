#include "cgroup/systemd.h"

#include <linux/sockios.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "os/fault.h"

namespace wharf::cgroup {
namespace {

constexpr const char* kPrivateSocket = "/run/systemd/private";
constexpr const char* kBusSocket = "/run/dbus/system_bus_socket";
constexpr const char* kSocketVariable = "WHARF_SYSTEMD_SOCKET";

constexpr std::string_view kName = "org.freedesktop.systemd1";
constexpr std::string_view kManager = "org.freedesktop.systemd1.Manager";
constexpr std::string_view kManagerPath = "/org/freedesktop/systemd1";
constexpr std::string_view kBusName = "org.freedesktop.DBus";
constexpr std::string_view kBusPath = "/org/freedesktop/DBus";

std::int64_t now_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

void sleep_ms(long milliseconds) {
  const timespec pause{milliseconds / 1000, milliseconds % 1000 * 1'000'000};
  ::nanosleep(&pause, nullptr);
}

}  // namespace

/// A job is known by its path, which may be told after the job has ended.
struct Systemd::Job {
  std::string_view unit;
  base::Text<127> path;
  base::Text<127> ended;
  base::Text<31> result;

  void take(const dbus::Message& signal) {
    if (signal.member != "JobRemoved" || signal.signature != "uoss") return;
    dbus::Unmarshal body(signal.body);
    body.number();
    const std::string_view which = body.text();
    const std::string_view of = body.text();
    const std::string_view how = body.text();
    if (!body.good() || of != unit) return;
    ended.clear();
    ended.put(which);
    result.clear();
    result.put(how);
  }
  bool over() const { return !path.empty() && path.view() == ended.view(); }
};

Systemd::Systemd(int patience_ms) : until_ms_(now_ms() + patience_ms) {}

Systemd::~Systemd() {
  if (socket_ >= 0) ::close(socket_);
}

bool Systemd::connect(Failure& failure) {
  if (const char* given = ::getenv(kSocketVariable); given != nullptr && *given != '\0') {
    return connect_to(given, failure) && authenticate(failure);
  }
  Failure of_private;
  if (connect_to(kPrivateSocket, of_private)) return authenticate(failure);
  if (timed_out_) return failure.because(of_private.text.view());
  Failure of_bus;
  bus_ = connect_to(kBusSocket, of_bus);
  if (bus_) return authenticate(failure) && enter_bus(failure);
  const bool absent = of_private.error == ENOENT && of_bus.error == ENOENT;
  if (absent) {
    return failure.because("systemd not running on this host, cannot use systemd cgroups manager");
  }
  return failure.because(of_private.text.view(), "; ", of_bus.text.view());
}

bool Systemd::connect_to(std::string_view path, Failure& failure) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return failure.because("systemd: socket path too long: ", path);
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  socket_ = WHARF_CALL(socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket_ < 0) return failure.because_of_errno("systemd: make a socket");
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  constexpr long kStepMs = 5;
  // EAGAIN: as many as it lets wait are waiting already.
  while (WHARF_CALL(connect, socket_, generic, sizeof address) < 0) {
    timed_out_ = errno == EAGAIN && now_ms() >= until_ms_;
    if (errno != EAGAIN || timed_out_) {
      (void)failure.because_of_errno("systemd: connect to ", path);
      ::close(socket_);
      socket_ = -1;
      return false;
    }
    sleep_ms(kStepMs);
  }
  return true;
}

bool Systemd::wait(short events, Failure& failure) {
  pollfd one{socket_, events, 0};
  while (true) {
    const std::int64_t left = until_ms_ - now_ms();
    const int ready = left <= 0 ? 0 : WHARF_CALL(poll, &one, 1, static_cast<int>(left));
    if (ready > 0) return true;
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return failure.because_of_errno("systemd: wait for an answer");
    timed_out_ = true;
    return failure.because("systemd: no answer in time");
  }
}

bool Systemd::send(std::string_view bytes, Failure& failure) {
  while (!bytes.empty()) {
    const ssize_t sent = WHARF_CALL(send, socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      if (!wait(POLLOUT, failure)) return false;
    } else if (errno != EINTR) {
      return failure.because_of_errno("systemd: send");
    }
  }
  return true;
}

bool Systemd::receive(char* bytes, std::size_t count, Failure& failure) {
  while (count > 0) {
    const ssize_t got = WHARF_CALL(recv, socket_, bytes, count, 0);
    if (got == 0) return failure.because("systemd: closed the connection");
    if (got > 0) {
      bytes += got;
      count -= static_cast<std::size_t>(got);
    } else if (errno == EAGAIN) {
      if (!wait(POLLIN, failure)) return false;
    } else if (errno != EINTR) {
      return failure.because_of_errno("systemd: receive");
    }
  }
  return true;
}

/// Byte by byte: what follows the line belongs to somebody else, and there are two lines.
bool Systemd::receive_line(base::Writer& line, Failure& failure) {
  while (!line.view().ends_with("\r\n")) {
    char letter = 0;
    if (!receive(&letter, 1, failure)) return false;
    line.put(letter);
    if (line.truncated()) return failure.because("systemd: too long an answer");
  }
  return true;
}

bool Systemd::authenticate(Failure& failure) {
  // The number in decimal, and each of its digits as the two hexadecimal ones of its letter.
  const base::Text<15> digits(::geteuid());
  base::Text<63> line;
  line.put('\0', "AUTH EXTERNAL ");
  for (const char digit : digits.view()) line.put('3', digit);
  line.put("\r\n");
  base::Text<255> answer;
  if (!send(line.view(), failure) || !receive_line(answer, failure)) return false;
  if (answer.view().starts_with("OK ")) return send("BEGIN\r\n", failure) && await_read(failure);
  std::string_view words = answer.view();
  words.remove_suffix(2);
  return failure.because("systemd: refuses us: ", words);
}

/// systemd 252 forgets a message that it has read together with BEGIN until more comes, and it
/// has no answer to BEGIN: so what we sent has to be taken before we send more.
bool Systemd::await_read(Failure& failure) {
  constexpr timespec kPause{0, 50'000};
  int unread = 0;
  while (WHARF_CALL(ioctl, socket_, SIOCOUTQ, &unread) == 0 && unread > 0) {
    timed_out_ = now_ms() >= until_ms_;
    if (timed_out_) return failure.because("systemd: no answer in time");
    ::nanosleep(&kPause, nullptr);
  }
  return true;
}

/// On the bus everybody has a name, and signals come to who asked for them.
bool Systemd::enter_bus(Failure& failure) {
  char memory[512];
  dbus::Marshal hello(memory);
  hello.begin({kBusName, kBusPath, kBusName, "Hello", ""}, ++serial_);
  if (!call(hello, failure)) return false;
  dbus::Marshal match(memory);
  match.begin({kBusName, kBusPath, kBusName, "AddMatch", "s"}, ++serial_);
  match.text(
      "type='signal',sender='org.freedesktop.systemd1',"
      "interface='org.freedesktop.systemd1.Manager',member='JobRemoved'");
  if (!call(match, failure)) return false;
  dbus::Marshal subscribe(memory);
  begin(subscribe, "Subscribe", "");
  return call(subscribe, failure);
}

void Systemd::begin(dbus::Marshal& message, std::string_view member, std::string_view signature) {
  message.begin({kName, kManagerPath, kManager, member, signature}, ++serial_);
}

bool Systemd::receive_message(dbus::Message& message, Failure& failure) {
  while (true) {
    if (!receive(buffer_, dbus::kHeadBytes, failure)) return false;
    std::size_t left = dbus::message_size({buffer_, dbus::kHeadBytes});
    if (left == 0) return failure.because("systemd: sent no D-Bus message");
    if (left <= sizeof buffer_) {
      if (!receive(buffer_ + dbus::kHeadBytes, left - dbus::kHeadBytes, failure)) return false;
      if (dbus::parse_message({buffer_, left}, message)) return true;
      return failure.because("systemd: sent a malformed D-Bus message");
    }
    // Nothing that we wait for is so long: news of others' units.
    for (left -= dbus::kHeadBytes; left > 0;) {
      const std::size_t part = left < sizeof buffer_ ? left : sizeof buffer_;
      if (!receive(buffer_, part, failure)) return false;
      left -= part;
    }
  }
}

bool Systemd::take_answer(const dbus::Message& answer, Job* job, Failure& failure) {
  dbus::Unmarshal body(answer.body);
  if (answer.type == dbus::Type::Error) {
    error_name_.put(answer.error_name);
    const bool says = answer.signature.starts_with('s');
    const std::string_view words = says ? body.text() : std::string_view();
    return failure.because("systemd: ", words.empty() ? answer.error_name : words);
  }
  if (job == nullptr) return true;
  if (answer.signature == "o") job->path.put(body.text());
  return !job->path.empty() || failure.because("systemd: answered without a job");
}

bool Systemd::converse(dbus::Marshal& message, Job* job, Failure& failure) {
  error_name_.clear();
  if (!message.finish()) return failure.because("systemd: too much to say in one message");
  if (!send(message.view(), failure)) return false;
  const std::uint32_t ours = serial_;
  bool answered = false;
  while (!answered || (job != nullptr && !job->over())) {
    dbus::Message came;
    if (!receive_message(came, failure)) return false;
    const bool reply = came.type == dbus::Type::Reply || came.type == dbus::Type::Error;
    if (reply && came.reply_serial == ours) {
      if (!take_answer(came, job, failure)) return false;
      answered = true;
    }
    if (came.type == dbus::Type::Signal && job != nullptr) job->take(came);
  }
  return true;
}

bool Systemd::call(dbus::Marshal& message, Failure& failure) {
  return converse(message, nullptr, failure);
}

bool Systemd::run_job(dbus::Marshal& message, std::string_view unit, Failure& failure) {
  Job job;
  job.unit = unit;
  if (!converse(message, &job, failure)) return false;
  // "skipped": there was nothing to be done.
  if (job.result.view() == "done" || job.result.view() == "skipped") return true;
  return failure.because("systemd: the job of ", unit, " ended as ", job.result.view());
}

void Systemd::send_only(dbus::Marshal& message) {
  Failure ignored;
  if (message.finish()) (void)send(message.view(), ignored);
}

}  // namespace wharf::cgroup
