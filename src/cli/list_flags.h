// The flags that lists share: --format, --filter, --quiet, --no-trunc.
#pragma once

#include <string>
#include <vector>

#include "cli/flags.h"

namespace wharf::cli {

inline constexpr std::string_view kFormatUsage =
    "Format output using a custom template:\n"
    "'table':            Print output in table format with column headers (default)\n"
    "'table TEMPLATE':   Print output in table format using the given Go template\n"
    "'json':             Print in JSON format\n"
    "'TEMPLATE':         Print output using the given Go template.\n"
    "Refer to https://docs.docker.com/go/formatting/ for more information about formatting output "
    "with templates";

inline constexpr std::string_view kValueFormatUsage =
    "Format output using a custom template:\n"
    "'json':             Print in JSON format\n"
    "'TEMPLATE':         Print output using the given Go template.\n"
    "Refer to https://docs.docker.com/go/formatting/ for more information about formatting output "
    "with templates";

struct ListFlags {
  std::string format;
  std::vector<std::string> filters;
  bool quiet = false;
  bool no_trunc = false;

  void bind(FlagSet& flags, std::string_view quiet_usage);
};

/// -f, --filter as repeated checked values.
void bind_filter(FlagSet& flags, std::vector<std::string>& filters);

}  // namespace wharf::cli
