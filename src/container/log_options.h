// HostConfig.LogConfig as the supervisor and the reader of logs take it.
#pragma once

#include <string>

#include "container/record.h"
#include "shipping/subject.h"
#include "supervise/client.h"

namespace wharf::container {

/// Throws InvalidArgument for a value that is no size or no number.
supervise::LogOptions log_options(const Record& record);

/// The container as logging drivers see it.
shipping::Subject log_subject(const Record& record);

/// False where `docker logs` cannot be answered.
bool log_is_readable(const api::LogConfig& config);

/// "10k", "1m", "2g" in powers of 1024, -1 for none. Throws InvalidArgument "invalid size: 'x'".
std::int64_t parse_size(const std::string& text);

}  // namespace wharf::container
