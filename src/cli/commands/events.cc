#include "base/error.h"
#include "base/strings.h"
#include "base/time.h"
#include "cli/command.h"
#include "cli/commands/all.h"
#include "cli/format.h"
#include "cli/json_text.h"
#include "cli/list_flags.h"
#include "cli/progress.h"
#include "cli/rows.h"
#include "cli/times.h"

namespace wharf::cli {
namespace {

/// "2026-11-21T08:17:20.833888684Z" in the local zone, nine digits of fraction.
std::string event_time(std::int64_t unix_ns) {
  const time_t seconds = unix_ns / 1'000'000'000;
  tm local{};
  ::localtime_r(&seconds, &local);
  std::array<char, 32> date{};
  std::strftime(date.data(), date.size(), "%Y-%m-%dT%H:%M:%S", &local);
  std::string zone = "Z";
  if (local.tm_gmtoff != 0) {
    const long minutes = std::labs(local.tm_gmtoff) / 60;
    zone =
        fmt::format("{}{:02}:{:02}", local.tm_gmtoff < 0 ? '-' : '+', minutes / 60, minutes % 60);
  }
  return fmt::format("{}.{:09}{}", date.data(), unix_ns % 1'000'000'000, zone);
}

std::int64_t number_at(const base::JsonObject& object, std::string_view key) {
  const base::Json* value = base::find(object, key);
  return value && value->is_number() ? value->to_number<std::int64_t>() : 0;
}

std::string event_line(const base::JsonObject& event) {
  std::string line;
  if (const std::int64_t ns = number_at(event, "timeNano")) {
    line = event_time(ns);
  } else if (const std::int64_t seconds = number_at(event, "time")) {
    line = event_time(seconds * 1'000'000'000);
  }
  const base::Json* actor = base::find(event, "Actor");
  const base::JsonObject none;
  const base::JsonObject& who = actor && actor->is_object() ? actor->get_object() : none;
  line += fmt::format("{}{} {} {}", line.empty() ? "" : " ", base::text_at(event, "Type"),
                      base::text_at(event, "Action"), base::text_at(who, "ID"));
  std::map<std::string, std::string> attributes;
  const base::Json* given = base::find(who, "Attributes");
  if (given && given->is_object()) {
    for (const auto& each : given->get_object())
      attributes.emplace(each.key(), go_text(each.value()));
  }
  std::vector<std::string> parts;
  for (const auto& [key, value] : attributes) parts.push_back(key + "=" + value);
  if (!parts.empty()) line += " (" + base::join(parts, ", ") + ")";
  return line + "\n";
}

}  // namespace

int events_command(Invocation& call) {
  std::string format;
  std::string since;
  std::string until;
  std::vector<std::string> filters;
  FlagSet flags;
  bind_filter(flags, filters);
  flags.text(format, {"format", 0, "string", kValueFormatUsage});
  flags.text(since, {"since", 0, "string", "Show all events created since timestamp"});
  flags.text(until, {"until", 0, "string", "Stream events until this timestamp"});
  call.parse(flags, {.most = 0});

  if (format == "json") format = "{{json .}}";
  std::optional<Template> made;
  try {
    if (!format.empty()) made = Template::parse(expanded_format(format));
  } catch (const TemplateError& wrong) {
    throw Exit(64, fmt::format("Error parsing format: {}", wrong.what()));
  }
  Query query;
  if (!filters.empty()) query.emplace_back("filters", filters_json(filters));
  if (!since.empty()) query.emplace_back("since", time_parameter(since, "since"));
  if (!until.empty()) query.emplace_back("until", time_parameter(until, "until"));
  http::client::Response response = call.daemon().call({.path = "/events", .query = query});
  for_each_message(response, [&](const base::JsonObject& event) {
    try {
      call.out(made ? made->execute({base::Json(event)}) + "\n" : event_line(event));
    } catch (const TemplateError& wrong) {
      throw Exit(1, wrong.what());
    }
  });
  return 0;
}

}  // namespace wharf::cli
