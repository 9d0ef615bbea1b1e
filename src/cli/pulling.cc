#include "cli/pulling.h"

#include <unistd.h>

#include "base/strings.h"
#include "cli/credentials.h"
#include "cli/progress.h"
#include "cli/terminal.h"

namespace wharf::cli {

std::string wanted_platform(const std::string& flag) {
  return flag.empty() ? environment("DOCKER_DEFAULT_PLATFORM") : flag;
}

std::string platform_json(const std::string& text) {
  const std::vector<std::string> parts = base::split(base::lower(text), '/');
  base::JsonObject out;
  out["architecture"] = parts.size() > 1 ? parts[1] : "";
  out["os"] = parts[0];
  if (parts.size() > 2) out["variant"] = parts[2];
  return base::to_text(out);
}

std::string registry_auth(Invocation& call, const std::string& domain) {
  const base::JsonObject auth = credentials_for(call.config(), domain);
  return auth.empty() ? std::string() : base::base64_encode(base::to_text(auth), base::Base64::Url);
}

void pull_image(Invocation& call, const PullRequest& request) {
  const oci::Reference& reference = request.reference;
  Query query{{"fromImage", reference.name()}};
  if (!request.all_tags) {
    query.emplace_back("tag", reference.has_digest() ? reference.digest().text() : reference.tag());
  }
  const std::string platform = wanted_platform(request.platform);
  if (!platform.empty()) query.emplace_back("platform", base::lower(platform));
  Daemon::Call create{.method = "POST", .path = "/images/create", .query = query};
  if (const std::string auth = registry_auth(call, reference.domain()); !auth.empty()) {
    create.headers.push_back({"X-Registry-Auth", auth});
  }
  http::client::Response response = call.daemon().call(create);
  const int shown_on = request.to_stderr ? STDERR_FILENO : STDOUT_FILENO;
  const std::size_t columns = is_terminal(shown_on) ? terminal_columns() : 0;
  ProgressDisplay display(
      [&](std::string_view text) {
        if (request.quiet) return;
        request.to_stderr ? write_error(text) : write_out(text);
      },
      columns);
  display.show_all(response);
}

}  // namespace wharf::cli
