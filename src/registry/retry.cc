#include "registry/retry.h"

#include <charconv>
#include <ctime>
#include <random>
#include <string>

#include "base/strings.h"
#include "registry/registry.h"

namespace wharf::registry {
namespace {

constexpr int kBackoffCapMs = 30'000;

/// "Fri, 31 Dec 1999 23:59:59 GMT" in seconds since 1970; -1 where it is none.
std::int64_t http_date(const std::string& text) {
  std::tm parts{};
  const char* end = ::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S", &parts);
  return end ? static_cast<std::int64_t>(::timegm(&parts)) : -1;
}

}  // namespace

bool worth_retry(int status) {
  return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 ||
         status == 504;
}

bool may_cure(const base::Error& error) {
  if (error.kind() != base::Kind::Unavailable) return false;
  const std::string_view text = error.what();
  constexpr std::array<std::string_view, 5> kFinal = {
      "connection refused", "no such host", "x509:", "tls:", "HTTP response to HTTPS client"};
  return std::none_of(kFinal.begin(), kFinal.end(), [&](std::string_view words) {
    return text.find(words) != std::string_view::npos;
  });
}

std::chrono::milliseconds backoff(int first_ms, int failures) {
  thread_local std::minstd_rand random(std::random_device{}());
  const std::int64_t raw = std::int64_t{first_ms} << std::min(failures - 1, 16);
  const int doubled = static_cast<int>(std::min<std::int64_t>(kBackoffCapMs, raw));
  std::uniform_int_distribution<int> jitter(-doubled / 4, doubled / 4);
  return std::chrono::milliseconds(doubled + jitter(random));
}

std::chrono::milliseconds retry_after(std::string_view header, base::Time now) {
  const std::string text(base::trim(header));
  std::int64_t seconds = 0;
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (wrong != std::errc() || end != text.data() + text.size()) {
    const std::int64_t date = http_date(text);
    if (date < 0) return std::chrono::milliseconds(0);
    seconds = date - now.unix_ns / 1'000'000'000;
  }
  const std::int64_t cap_s = kRetryAfterCapMs / 1000;
  return std::chrono::milliseconds(std::clamp<std::int64_t>(seconds, 0, cap_s) * 1000);
}

}  // namespace wharf::registry
