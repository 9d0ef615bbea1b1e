#include "os/fault.h"

#ifdef WHARF_FAULTS

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <charconv>
#include <string>
#include <string_view>

namespace wharf::os::fault {
namespace {

struct Name {
  std::string_view text;
  int value;
};
constexpr std::array<Name, 8> kNames = {{{"EIO", EIO},
                                         {"ENOSPC", ENOSPC},
                                         {"ENOMEM", ENOMEM},
                                         {"EMFILE", EMFILE},
                                         {"EINTR", EINTR},
                                         {"EROFS", EROFS},
                                         {"EACCES", EACCES},
                                         {"KILL", -1}}};

struct Plan {
  long at = 0;
  bool from_then_on = false;
  int failure = 0;
  std::string calls;
};

Plan read_plan() {
  Plan plan;
  const char* armed = ::getenv("WHARF_FAULT");
  if (!armed) return plan;
  const std::string_view text = armed;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), plan.at);
  std::string_view rest = text.substr(static_cast<std::size_t>(end - text.data()));
  if (failed != std::errc{}) return {};
  if (rest.starts_with('+')) {
    plan.from_then_on = true;
    rest.remove_prefix(1);
  }
  if (rest.starts_with(':')) rest.remove_prefix(1);
  for (const Name& name : kNames) {
    if (name.text == rest) plan.failure = name.value;
  }
  if (const char* calls = ::getenv("WHARF_FAULT_CALLS"))
    plan.calls = std::string(",") + calls + ",";
  return plan;
}

std::atomic<long> made{0};

}  // namespace

int before(const char* call) {
  static const Plan plan = read_plan();
  if (plan.failure == 0) return 0;
  if (!plan.calls.empty() && plan.calls.find("," + std::string(call) + ",") == std::string::npos)
    return 0;
  const long number = ++made;
  if (number != plan.at && !(plan.from_then_on && number > plan.at)) return 0;
  if (plan.failure == -1) ::kill(::getpid(), SIGKILL);
  return plan.failure;
}

}  // namespace wharf::os::fault

#endif
