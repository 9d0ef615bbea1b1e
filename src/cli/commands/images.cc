#include "base/time.h"
#include "cli/command.h"
#include "cli/commands/all.h"
#include "cli/format.h"
#include "cli/list_flags.h"
#include "cli/rows.h"

namespace wharf::cli {
namespace {

ListFormat image_list(bool digests) {
  ListFormat list;
  list.type_name = "*formatter.imageContext";
  list.table =
      digests
          ? "table {{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}"
          : "table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}";
  list.quiet = "{{.ID}}";
  list.raw =
      digests
          ? "repository: {{.Repository}}\ntag: {{.Tag}}\ndigest: {{.Digest}}\nimage_id: {{.ID}}\n"
            "created_at: {{.CreatedAt}}\nvirtual_size: {{.Size}}\n"
          : "repository: {{.Repository}}\ntag: {{.Tag}}\nimage_id: {{.ID}}\n"
            "created_at: {{.CreatedAt}}\nvirtual_size: {{.Size}}\n";
  list.raw_quiet = "image_id: {{.ID}}";
  list.headers = {{"ID", "IMAGE ID"},
                  {"Repository", "REPOSITORY"},
                  {"Tag", "TAG"},
                  {"Digest", "DIGEST"},
                  {"CreatedSince", "CREATED"},
                  {"CreatedAt", "CREATED AT"},
                  {"Size", "SIZE"},
                  {"Containers", "CONTAINERS"},
                  {"VirtualSize", "SIZE"},
                  {"SharedSize", "SHARED SIZE"},
                  {"UniqueSize", "UNIQUE SIZE"}};
  return list;
}

}  // namespace

int images_command(Invocation& call) {
  ListFlags list;
  bool all = false;
  bool digests = false;
  FlagSet flags;
  list.bind(flags, "Only show image IDs");
  flags.boolean(all, {"all", 'a', "", "Show all images (default hides intermediate images)"});
  flags.boolean(digests, {"digests", 0, "", "Show digests"});
  call.parse(flags, {.most = 1});

  const ListFormat format = image_list(digests);
  if (list.format.empty() && !list.quiet) list.format = call.config().text("imagesFormat");
  RowPrinter printer(format, list.format, list.quiet);
  if (!call.arguments().empty()) list.filters.push_back("reference=" + call.arguments()[0]);
  Query query;
  if (all) query.emplace_back("all", "1");
  if (!list.filters.empty()) query.emplace_back("filters", filters_json(list.filters));
  const base::Json answer = call.daemon().json({.path = "/images/json", .query = query});
  const std::int64_t now_ns = base::now().unix_ns;
  const bool show_digests = digests || printer.uses_field("Digest");
  for (const base::Json& each : answer.as_array()) {
    for (TemplateData& row : image_rows(each.as_object(), !list.no_trunc, show_digests, now_ns)) {
      printer.add(std::move(row));
    }
  }
  call.out(printer.text());
  return 0;
}

}  // namespace wharf::cli
