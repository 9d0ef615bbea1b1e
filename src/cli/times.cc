#include "cli/times.h"

#include <ctime>

#include "base/error.h"
#include "base/strings.h"
#include "base/time.h"
#include "cli/command.h"

namespace wharf::cli {
namespace {

std::string api_text(std::int64_t unix_ns) {
  return fmt::format("{}.{:09}", unix_ns / 1'000'000'000, unix_ns % 1'000'000'000);
}

/// "2026-01-02", "2026-01-02T15", "...T15:04", "...T15:04:05[.9]" without zone: local time.
bool local_time(const std::string& text, std::int64_t& unix_ns) {
  for (const char* form : {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H", "%Y-%m-%d"}) {
    tm parsed{};
    const char* end = ::strptime(text.c_str(), form, &parsed);
    if (!end) continue;
    std::int64_t nanoseconds = 0;
    if (*end == '.') {
      std::string digits(end + 1);
      if (digits.empty() || digits.find_first_not_of("0123456789") != std::string::npos)
        return false;
      digits.resize(9, '0');
      nanoseconds = std::atoll(digits.c_str());
    } else if (*end) {
      continue;
    }
    parsed.tm_isdst = -1;
    unix_ns = static_cast<std::int64_t>(::mktime(&parsed)) * 1'000'000'000 + nanoseconds;
    return true;
  }
  return false;
}

}  // namespace

std::string time_parameter(const std::string& text, const char* what) {
  try {
    return api_text(base::now().unix_ns - base::parse_duration_ns(text));
  } catch (const base::Error&) {
    // Not a span of time before now.
  }
  std::int64_t unix_ns = 0;
  if (local_time(text, unix_ns)) return api_text(unix_ns);
  try {
    if (text.find('T') != std::string::npos) return api_text(base::parse_rfc3339(text).unix_ns);
    base::parse_time_parameter(text);
    return text;
  } catch (const base::Error&) {
    throw Exit(1, fmt::format("invalid value for {}: failed to parse value as time or duration: {}",
                              base::quoted(what), base::quoted(text)));
  }
}

}  // namespace wharf::cli
