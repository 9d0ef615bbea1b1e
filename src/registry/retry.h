// When and how long to wait before asking a registry again (threats F24, F25).
#pragma once

#include <chrono>
#include <string_view>

#include "base/error.h"
#include "base/time.h"

namespace wharf::registry {

/// True for statuses that another attempt may cure: 408, 429, 500, 502, 503, 504.
bool worth_retry(int status);

/// True for broken connections and time-outs; false for names that do not exist, refused
/// connections, certificates that do not hold and servers that speak no TLS.
bool may_cure(const base::Error& error);

/// `first_ms`, doubled for each failure, a quarter more or less, at most 30 s.
std::chrono::milliseconds backoff(int first_ms, int failures);

/// A Retry-After header, seconds or a date; 0 where absent, at most kRetryAfterCapMs.
std::chrono::milliseconds retry_after(std::string_view header, base::Time now);

}  // namespace wharf::registry
