// push, history, image prune and search.
#include <unistd.h>

#include "base/strings.h"
#include "base/time.h"
#include "cli/command.h"
#include "cli/commands/all.h"
#include "cli/format.h"
#include "cli/list_flags.h"
#include "cli/progress.h"
#include "cli/pulling.h"
#include "cli/rows.h"
#include "cli/terminal.h"
#include "cli/units.h"
#include "http/url.h"
#include "oci/reference.h"

namespace wharf::cli {
namespace {

constexpr std::size_t kShownCommand = 45;

/// A member that is a number, or 0.
std::int64_t number_of(const base::JsonObject& object, std::string_view key) {
  const base::Json* value = object.if_contains(key);
  return value && value->is_int64() ? value->get_int64() : 0;
}

ListFormat history_list(bool human) {
  ListFormat list;
  list.type_name = "*formatter.historyContext";
  list.table = human ? "table {{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}"
                     : "table {{.ID}}\t{{.CreatedAt}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}";
  list.quiet = "{{.ID}}";
  list.headers = {{"ID", "IMAGE"},
                  {"CreatedSince", "CREATED"},
                  {"CreatedAt", "CREATED AT"},
                  {"CreatedBy", "CREATED BY"},
                  {"Size", "SIZE"},
                  {"Comment", "COMMENT"}};
  return list;
}

TemplateData history_row(const base::JsonObject& step, bool truncate, bool human,
                         std::int64_t now_ns) {
  const std::string id(base::text_at(step, "Id"));
  const std::int64_t created = number_of(step, "Created");
  std::string by(base::text_at(step, "CreatedBy"));
  std::replace(by.begin(), by.end(), '\t', ' ');
  base::JsonObject row;
  row["Comment"] = base::text_at(step, "Comment");
  row["CreatedAt"] = created == 0 ? "" : base::rfc3339_nano({created * 1'000'000'000});
  row["CreatedBy"] = truncate ? ellipsis(by, kShownCommand) : by;
  row["CreatedSince"] =
      created == 0 ? "N/A" : human_duration(now_ns - created * 1'000'000'000) + " ago";
  row["ID"] = truncate && id.starts_with("sha256:") ? id.substr(7, 12) : id;
  const std::int64_t size = number_of(step, "Size");
  row["Size"] = human ? human_size(static_cast<double>(size)) : std::to_string(size);
  return {.value = row};
}

}  // namespace

int push_command(Invocation& call) {
  bool all_tags = false, quiet = false, no_trust = true;
  std::string platform;
  FlagSet flags;
  flags.boolean(all_tags, {"all-tags", 'a', "", "Push all tags of an image to the repository"});
  flags.boolean(no_trust, {"disable-content-trust", 0, "", "Skip image signing", "true"});
  flags.text(platform, {"platform", 0, "string",
                        "Push a platform-specific manifest as a single-platform image to the "
                        "registry.\nImage index won't be pushed, meaning that other manifests, "
                        "including attestations won't be preserved.\n'os[/arch[/variant]]': "
                        "Explicit platform (eg. linux/amd64)"});
  flags.boolean(quiet, {"quiet", 'q', "", "Suppress verbose output"});
  call.parse(flags, {.least = 1, .most = 1});

  oci::Reference reference = oci::Reference::parse(call.arguments()[0]);
  if (all_tags && !reference.name_only()) throw Exit(1, "tag can't be used with --all-tags/-a");
  if (!all_tags && reference.name_only()) {
    reference = reference.with_default_tag();
    if (!quiet) call.out("Using default tag: latest\n");
  }
  Daemon::Call push{
      .method = "POST",
      .path = "/images/" + http::percent_encode(reference.familiar_name(), "/:") + "/push"};
  if (!all_tags) push.query.emplace_back("tag", reference.tag());
  if (!platform.empty()) push.query.emplace_back("platform", platform_json(platform));
  const std::string auth = registry_auth(call, reference.domain());
  // Docker: the header must be there, even for a registry that nothing is known of.
  push.headers.push_back({"X-Registry-Auth", auth.empty() ? "e30=" : auth});
  http::client::Response response = call.daemon().call(push);
  const std::size_t columns = is_terminal(STDOUT_FILENO) ? terminal_columns() : 0;
  ProgressDisplay display(
      [&](std::string_view text) {
        if (!quiet) call.out(text);
      },
      columns);
  display.show_all(response);
  if (quiet) call.out(reference.text() + "\n");
  return 0;
}

int history_command(Invocation& call) {
  std::string format, platform;
  bool human = true, no_trunc = false, quiet = false;
  FlagSet flags;
  flags.text(format, {"format", 0, "string", kFormatUsage});
  flags.boolean(human,
                {"human", 'H', "", "Print sizes and dates in human readable format", "true"});
  flags.boolean(no_trunc, {"no-trunc", 0, "", "Don't truncate output"});
  flags.text(platform, {"platform", 0, "string",
                        "Show history for the given platform. Formatted as "
                        "\"os[/arch[/variant]]\" (e.g., \"linux/amd64\")"});
  flags.boolean(quiet, {"quiet", 'q', "", "Only show image IDs"});
  call.parse(flags, {.least = 1, .most = 1});
  const ListFormat list = history_list(human);
  RowPrinter printer(list, format, quiet);
  Daemon::Call request{.path = "/images/" + http::percent_encode(call.arguments()[0], "/:@") +
                               "/history"};
  if (!platform.empty()) request.query.emplace_back("platform", platform_json(platform));
  const std::int64_t now_ns = base::now().unix_ns;
  const base::Json answer = call.daemon().json(request);
  for (const base::Json& step : answer.as_array())
    printer.add(history_row(step.as_object(), !no_trunc, human, now_ns));
  call.out(printer.text());
  return 0;
}

int prune_images_command(Invocation& call) {
  bool all = false, force = false;
  std::vector<std::string> filters;
  FlagSet flags;
  flags.boolean(all, {"all", 'a', "", "Remove all unused images, not just dangling ones"});
  flags.list(filters,
             {"filter", 0, "filter", "Provide filter values (e.g. \"until=<timestamp>\")"});
  flags.boolean(force, {"force", 'f', "", "Do not prompt for confirmation"});
  call.parse(flags, {.most = 0});
  if (!force) {
    call.out(all ? "WARNING! This will remove all images without at least one container associated "
                   "to them.\nAre you sure you want to continue? [y/N] "
                 : "WARNING! This will remove all dangling images.\n"
                   "Are you sure you want to continue? [y/N] ");
    char answer = 0;
    if (::read(STDIN_FILENO, &answer, 1) != 1 || (answer != 'y' && answer != 'Y'))
      throw Exit(1, "image prune has been cancelled");
  }
  std::vector<std::string> checked = {all ? "dangling=false" : "dangling=true"};
  for (const std::string& each : filters) checked.push_back(checked_filter(each));
  const base::Json answer = call.daemon().json(
      {.method = "POST", .path = "/images/prune", .query = {{"filters", filters_json(checked)}}});
  const base::JsonObject& report = answer.as_object();
  const base::Json* deleted = report.if_contains("ImagesDeleted");
  std::string lines;
  if (deleted && deleted->is_array()) {
    for (const base::Json& each : deleted->get_array()) {
      const std::string_view untagged = base::text_at(each.as_object(), "Untagged");
      const std::string_view gone = base::text_at(each.as_object(), "Deleted");
      if (!untagged.empty()) lines += fmt::format("untagged: {}\n", untagged);
      if (!gone.empty()) lines += fmt::format("deleted: {}\n", gone);
    }
  }
  if (!lines.empty()) call.out("Deleted Images:\n" + lines + "\n");
  const auto space = static_cast<double>(number_of(report, "SpaceReclaimed"));
  call.out(fmt::format("Total reclaimed space: {}\n", human_size4(space)));
  return 0;
}

int search_command(Invocation& call) {
  std::string format, limit;
  std::vector<std::string> filters;
  bool no_trunc = false;
  FlagSet flags;
  bind_filter(flags, filters);
  flags.text(format, {"format", 0, "string", "Pretty-print search using a Go template"});
  flags.text(limit, {"limit", 0, "int", "Max number of search results"});
  flags.boolean(no_trunc, {"no-trunc", 0, "", "Don't truncate output"});
  call.parse(flags, {.least = 1, .most = 1});
  ListFormat list;
  list.type_name = "*formatter.searchContext";
  list.table = "table {{.Name}}\t{{.Description}}\t{{.StarCount}}\t{{.IsOfficial}}";
  list.headers = {{"Name", "NAME"},
                  {"Description", "DESCRIPTION"},
                  {"StarCount", "STARS"},
                  {"IsOfficial", "OFFICIAL"}};
  RowPrinter printer(list, format, false);
  const std::string& term = call.arguments()[0];
  Query query{{"term", term}};
  if (!limit.empty()) query.emplace_back("limit", limit);
  if (!filters.empty()) query.emplace_back("filters", filters_json(filters));
  Daemon::Call request{.path = "/images/search", .query = query};
  const std::string host = term.substr(0, term.find('/'));
  const bool named = host.size() < term.size() && host.find_first_of(".:") != std::string::npos;
  if (const std::string auth = registry_auth(call, named ? host : "docker.io"); !auth.empty())
    request.headers.push_back({"X-Registry-Auth", auth});
  const base::Json answer = call.daemon().json(request);
  for (const base::Json& each : answer.as_array()) {
    const base::JsonObject& found = each.as_object();
    std::string description(base::text_at(found, "description"));
    std::replace(description.begin(), description.end(), '\n', ' ');
    const base::Json* official = found.if_contains("is_official");
    base::JsonObject row;
    row["Description"] = no_trunc ? description : ellipsis(description, kShownCommand);
    row["IsOfficial"] = official && official->is_bool() && official->get_bool() ? "[OK]" : "";
    row["Name"] = base::text_at(found, "name");
    row["StarCount"] = std::to_string(number_of(found, "star_count"));
    printer.add({.value = row});
  }
  call.out(printer.text());
  return 0;
}

}  // namespace wharf::cli
