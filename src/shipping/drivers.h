// The drivers, one file each. Inside room shipping only.
#pragma once

#include <initializer_list>
#include <string_view>

#include "shipping/destination.h"

namespace wharf::shipping {

void check_awslogs(const Options& options);
std::unique_ptr<Destination> make_awslogs(const Subject& subject);

void check_syslog(const Options& options);
std::unique_ptr<Destination> make_syslog(const Subject& subject);

void check_gelf(const Options& options);
std::unique_ptr<Destination> make_gelf(const Subject& subject);

void check_fluentd(const Options& options);
std::unique_ptr<Destination> make_fluentd(const Subject& subject);

void check_journald(const Options& options);
std::unique_ptr<Destination> make_journald(const Subject& subject);

void check_splunk(const Options& options);
std::unique_ptr<Destination> make_splunk(const Subject& subject);

/// Throws "unknown log opt 'x' for DRIVER log driver" for a name that is neither in `names` nor
/// one of tag, labels, labels-regex, env and env-regex.
void check_names(const Options& options, std::string_view driver,
                 std::initializer_list<std::string_view> names);
bool is_common_name(std::string_view name);

/// Go's strconv.Atoi; nothing where `text` is no number.
std::optional<std::int64_t> parse_integer(const std::string& text);

/// SCHEME://REST; an empty scheme where there is none.
struct Target {
  std::string scheme;
  std::string rest;
};
Target parse_target(const std::string& address);

/// `text` with what is not UTF-8 replaced, as a JSON string with its quotes.
std::string json_string(std::string_view text);

}  // namespace wharf::shipping
