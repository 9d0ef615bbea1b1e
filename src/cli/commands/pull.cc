#include "base/error.h"
#include "cli/command.h"
#include "cli/commands/all.h"
#include "cli/pulling.h"

namespace wharf::cli {

int pull_command(Invocation& call) {
  PullRequest pull;
  bool no_trust = true;
  FlagSet flags;
  flags.boolean(pull.all_tags,
                {"all-tags", 'a', "", "Download all tagged images in the repository"});
  flags.boolean(no_trust, {"disable-content-trust", 0, "", "Skip image verification", "true"});
  flags.text(pull.platform,
             {"platform", 0, "string", "Set platform if server is multi-platform capable"});
  flags.boolean(pull.quiet, {"quiet", 'q', "", "Suppress verbose output"});
  call.parse(flags, {.least = 1, .most = 1});

  pull.reference = oci::Reference::parse(call.arguments()[0]);
  if (pull.all_tags && !pull.reference.name_only())
    throw Exit(1, "tag can't be used with --all-tags/-a");
  if (!pull.all_tags && pull.reference.name_only()) {
    pull.reference = pull.reference.with_default_tag();
    if (!pull.quiet) call.out("Using default tag: latest\n");
  }
  pull_image(call, pull);
  call.out(pull.reference.text() + "\n");
  return 0;
}

}  // namespace wharf::cli
