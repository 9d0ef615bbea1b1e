#include "cli/list_flags.h"

#include "cli/rows.h"

namespace wharf::cli {

void bind_filter(FlagSet& flags, std::vector<std::string>& filters) {
  flags.custom({"filter", 'f', "filter", "Filter output based on conditions provided"},
               [&filters](const std::string& text) {
                 if (std::string checked = checked_filter(text); !checked.empty())
                   filters.push_back(std::move(checked));
               });
}

void ListFlags::bind(FlagSet& flags, std::string_view quiet_usage) {
  flags.text(format, {"format", 0, "string", kFormatUsage});
  bind_filter(flags, filters);
  flags.boolean(quiet, {"quiet", 'q', "", quiet_usage});
  flags.boolean(no_trunc, {"no-trunc", 0, "", "Don't truncate output"});
}

}  // namespace wharf::cli
