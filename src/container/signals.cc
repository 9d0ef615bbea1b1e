#include "container/signals.h"

#include <charconv>
#include <csignal>
#include <map>
#include <string>

#include "base/error.h"
#include "base/strings.h"

namespace wharf::container {

namespace {

const std::map<std::string_view, int>& names() {
  static const std::map<std::string_view, int> kNames = {
      {"ABRT", SIGABRT}, {"ALRM", SIGALRM}, {"BUS", SIGBUS},       {"CHLD", SIGCHLD},
      {"CLD", SIGCHLD},  {"CONT", SIGCONT}, {"FPE", SIGFPE},       {"HUP", SIGHUP},
      {"ILL", SIGILL},   {"INT", SIGINT},   {"IO", SIGIO},         {"IOT", SIGIOT},
      {"KILL", SIGKILL}, {"PIPE", SIGPIPE}, {"POLL", SIGPOLL},     {"PROF", SIGPROF},
      {"PWR", SIGPWR},   {"QUIT", SIGQUIT}, {"SEGV", SIGSEGV},     {"STKFLT", SIGSTKFLT},
      {"STOP", SIGSTOP}, {"SYS", SIGSYS},   {"TERM", SIGTERM},     {"TRAP", SIGTRAP},
      {"TSTP", SIGTSTP}, {"TTIN", SIGTTIN}, {"TTOU", SIGTTOU},     {"URG", SIGURG},
      {"USR1", SIGUSR1}, {"USR2", SIGUSR2}, {"VTALRM", SIGVTALRM}, {"WINCH", SIGWINCH},
      {"XCPU", SIGXCPU}, {"XFSZ", SIGXFSZ}};
  return kNames;
}

// As the kernel counts real-time signals for a C library of glibc's kind.
constexpr int kRealTimeFirst = 34;
constexpr int kRealTimeLast = 64;

int number(std::string_view digits) {
  int value = -1;
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return failed == std::errc() && end == digits.data() + digits.size() ? value : -1;
}

int real_time(std::string_view name) {
  const bool from_first = name.starts_with("RTMIN");
  if (!from_first && !name.starts_with("RTMAX")) return -1;
  const std::string_view shift = name.substr(5);
  if (shift.empty()) return from_first ? kRealTimeFirst : kRealTimeLast;
  if (shift.front() != (from_first ? '+' : '-')) return -1;
  const int distance = number(shift.substr(1));
  if (distance < 0 || distance > kRealTimeLast - kRealTimeFirst) return -1;
  return from_first ? kRealTimeFirst + distance : kRealTimeLast - distance;
}

int find(std::string_view text) {
  if (const int value = number(text); value > 0 && value <= kRealTimeLast) return value;
  std::string name = base::lower(text);
  for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  std::string_view bare = name;
  if (bare.starts_with("SIG")) bare.remove_prefix(3);
  if (const auto known = names().find(bare); known != names().end()) return known->second;
  return real_time(bare);
}

}  // namespace

int parse_signal(std::string_view text) {
  const int signal = find(text);
  if (signal < 0) base::fail(base::Kind::InvalidArgument, "invalid signal: {}", text);
  return signal;
}

}  // namespace wharf::container
