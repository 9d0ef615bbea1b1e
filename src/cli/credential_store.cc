// Keeping and forgetting credentials: config.json, or a credential program.
#include "base/error.h"
#include "base/strings.h"
#include "cli/credentials.h"
#include "cli/json_text.h"
#include "os/file.h"

namespace wharf::cli {
namespace {

using base::Json;
using base::JsonObject;

/// config.json with `change` made to its "auths"; everything else in it stays.
void change_auths(const Config& config, const std::function<void(JsonObject&)>& change) {
  const os::Path directory = config.directory();
  JsonObject values = config.values();
  Json& auths = values["auths"];
  if (!auths.is_object()) auths = JsonObject();
  change(auths.get_object());
  os::make_directories(directory, 0700);
  // A link (dotfiles kept elsewhere) stays one: what it points to is replaced.
  std::error_code failed;
  os::Path file = directory / "config.json";
  if (std::filesystem::is_symlink(file, failed)) file = std::filesystem::canonical(file);
  os::replace_file(file, indented(base::to_text(values), "", "\t"), 0600, os::Durability::Synced);
}

}  // namespace

std::string store_credentials(const Config& config, const JsonObject& auth) {
  const std::string server(base::text_at(auth, "serveraddress"));
  const std::string user(base::text_at(auth, "username"));
  const std::string password(base::text_at(auth, "password"));
  const std::string token(base::text_at(auth, "identitytoken"));
  const std::string program = credential_program(config, server);
  if (!program.empty()) {
    const JsonObject entry{{"ServerURL", server},
                           {"Username", token.empty() ? user : "<token>"},
                           {"Secret", token.empty() ? password : token}};
    if (!ask_credential_program(program, "store", base::to_text(entry)))
      base::fail(base::Kind::Internal, "Error saving credentials: docker-credential-{} failed",
                 program);
    return {};
  }
  change_auths(config, [&](JsonObject& auths) {
    JsonObject entry;
    entry["auth"] = base::base64_encode(user + ":" + password);
    if (!token.empty()) entry["identitytoken"] = token;
    auths[server] = entry;
  });
  return (os::Path(config.directory()) / "config.json").native();
}

bool erase_credentials(const Config& config, const std::string& server) {
  bool known = false;
  const std::string program = credential_program(config, server);
  if (!program.empty()) known = ask_credential_program(program, "erase", server).has_value();
  const Json* auths = config.values().if_contains("auths");
  const JsonObject* entries = auths ? auths->if_object() : nullptr;
  std::vector<std::string> same;
  if (entries) {
    for (const auto& each : *entries) {
      if (registry_host(each.key()) == registry_host(server)) same.emplace_back(each.key());
    }
  }
  if (same.empty()) return known;
  change_auths(config, [&](JsonObject& all) {
    for (const std::string& key : same) all.erase(key);
  });
  return true;
}

}  // namespace wharf::cli
