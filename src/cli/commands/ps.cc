#include "base/time.h"
#include "cli/command.h"
#include "cli/commands/all.h"
#include "cli/format.h"
#include "cli/list_flags.h"
#include "cli/rows.h"

namespace wharf::cli {
namespace {

ListFormat container_list(bool size) {
  ListFormat list;
  list.type_name = "*formatter.ContainerContext";
  list.table =
      "table "
      "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}";
  if (size) list.table += "\t{{.Size}}";
  list.quiet = "{{.ID}}";
  list.raw =
      "container_id: {{.ID}}\nimage: {{.Image}}\ncommand: {{.Command}}\ncreated_at: "
      "{{.CreatedAt}}\n"
      "state: {{- pad .State 1 0}}\nstatus: {{- pad .Status 1 0}}\nnames: {{.Names}}\n"
      "labels: {{- pad .Labels 1 0}}\nports: {{- pad .Ports 1 0}}\n";
  if (size) list.raw += "size: {{.Size}}\n";
  list.raw_quiet = "container_id: {{.ID}}";
  list.headers = {{"ID", "CONTAINER ID"},
                  {"Names", "NAMES"},
                  {"Image", "IMAGE"},
                  {"Command", "COMMAND"},
                  {"CreatedAt", "CREATED AT"},
                  {"RunningFor", "CREATED"},
                  {"Ports", "PORTS"},
                  {"State", "STATE"},
                  {"Status", "STATUS"},
                  {"Size", "SIZE"},
                  {"Labels", "LABELS"},
                  {"Mounts", "MOUNTS"},
                  {"LocalVolumes", "LOCAL VOLUMES"},
                  {"Networks", "NETWORKS"},
                  {"Platform", "PLATFORM"}};
  return list;
}

}  // namespace

int ps_command(Invocation& call) {
  ListFlags list;
  bool all = false;
  bool size = false;
  bool latest = false;
  std::int64_t last = -1;
  FlagSet flags;
  list.bind(flags, "Only display container IDs");
  flags.boolean(all, {"all", 'a', "", "Show all containers (default shows just running)"});
  flags.boolean(size, {"size", 's', "", "Display total file sizes"});
  flags.boolean(latest,
                {"latest", 'l', "", "Show the latest created container (includes all states)"});
  flags.integer(last,
                {"last", 'n', "int", "Show n last created containers (includes all states)", "-1"});
  call.parse(flags, {.most = 0});

  const ListFormat format = container_list(size);
  if (list.format.empty() && !list.quiet) list.format = call.config().text("psFormat");
  RowPrinter printer(format, list.format, list.quiet);
  if (printer.uses_field("Size")) size = true;
  Query query;
  if (all) query.emplace_back("all", "1");
  if (!list.filters.empty()) query.emplace_back("filters", filters_json(list.filters));
  if (latest && last == -1) last = 1;
  if (last > 0) query.emplace_back("limit", std::to_string(last));
  if (size) query.emplace_back("size", "1");
  const base::Json answer = call.daemon().json({.path = "/containers/json", .query = query});
  const std::int64_t now_ns = base::now().unix_ns;
  for (const base::Json& each : answer.as_array()) {
    printer.add(container_row(each.as_object(), !list.no_trunc, now_ns));
  }
  call.out(printer.text());
  return 0;
}

}  // namespace wharf::cli
