// tag and rmi.
#include "base/error.h"
#include "cli/command.h"
#include "cli/commands/all.h"
#include "cli/pulling.h"
#include "http/url.h"
#include "oci/reference.h"

namespace wharf::cli {
namespace {

std::string image_path(const std::string& name) {
  return "/images/" + http::percent_encode(name, "/:@");
}

}  // namespace

int tag_command(Invocation& call) {
  FlagSet flags;
  call.parse(flags, {.least = 2, .most = 2});
  const std::string& target = call.arguments()[1];
  oci::Reference reference;
  try {
    reference = oci::Reference::parse(target);
  } catch (const base::Error& wrong) {
    throw Exit(1, fmt::format("Error parsing reference: \"{}\" is not a valid repository/tag: {}",
                              target, wrong.what()));
  }
  if (reference.has_digest()) throw Exit(1, "refusing to create a tag with a digest reference");
  reference = reference.with_default_tag();
  call.daemon().text({.method = "POST",
                      .path = image_path(call.arguments()[0]) + "/tag",
                      .query = {{"repo", reference.name()}, {"tag", reference.tag()}}});
  return 0;
}

int remove_image_command(Invocation& call) {
  bool force = false;
  bool no_prune = false;
  std::vector<std::string> platforms;
  FlagSet flags;
  flags.boolean(force, {"force", 'f', "", "Force removal of the image"});
  flags.boolean(no_prune, {"no-prune", 0, "", "Do not delete untagged parents"});
  flags.list(platforms, {"platform", 0, "strings",
                         "Remove only the given platform variant. Formatted as "
                         "\"os[/arch[/variant]]\" (e.g., \"linux/amd64\")"});
  call.parse(flags, {.least = 1});
  Query query;
  if (force) query.emplace_back("force", "1");
  if (no_prune) query.emplace_back("noprune", "1");
  for (const std::string& each : platforms) query.emplace_back("platforms", platform_json(each));
  std::string failures;
  bool fatal = false;
  for (const std::string& name : call.arguments()) {
    try {
      const base::Json answer =
          call.daemon().json({.method = "DELETE", .path = image_path(name), .query = query});
      for (const base::Json& each : answer.as_array()) {
        for (const auto& member : each.as_object()) {
          call.out(fmt::format("{}: {}\n", std::string_view(member.key()),
                               std::string_view(member.value().as_string())));
        }
      }
    } catch (const DaemonError& failed) {
      failures += (failures.empty() ? "" : "\n") + std::string(failed.what());
      // Docker: with --force a missing image is told, and is no failure.
      fatal = fatal || !force || failed.status() != 404;
    }
  }
  if (failures.empty()) return 0;
  if (fatal) throw Exit(1, failures);
  call.error(failures + "\n");
  return 0;
}

}  // namespace wharf::cli
