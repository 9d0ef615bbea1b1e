#include "cli/credentials.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"
#include "os/fd.h"

namespace wharf::cli {
namespace {

using base::Json;
using base::JsonObject;

/// Docker: the Hub's key in auths is the address of its first API.
constexpr const char* kHubKey = "https://index.docker.io/v1/";
constexpr std::size_t kAnswerLimit = 1 << 20;

const JsonObject* member(const JsonObject& object, std::string_view key) {
  const Json* value = object.if_contains(key);
  return value ? value->if_object() : nullptr;
}

JsonObject decoded(const JsonObject& entry, const std::string& server) {
  JsonObject out;
  const std::string token(base::text_at(entry, "identitytoken"));
  const std::string encoded(base::text_at(entry, "auth"));
  if (!encoded.empty()) {
    const std::string pair = base::base64_decode(encoded);
    const std::size_t colon = pair.find(':');
    if (colon != std::string::npos) {
      out["username"] = pair.substr(0, colon);
      std::string password = pair.substr(colon + 1);
      while (password.ends_with('\0')) password.pop_back();
      out["password"] = password;
    }
  }
  if (!token.empty()) out["identitytoken"] = token;
  if (!out.empty()) out["serveraddress"] = server;
  return out;
}

JsonObject from_program(const std::string& name, const std::string& server) {
  const auto answer = ask_credential_program(name, "get", server);
  if (!answer || answer->empty()) return {};
  const Json json = base::parse_json(*answer);
  if (!json.is_object()) return {};
  const std::string user(base::text_at(json.get_object(), "Username"));
  const std::string secret(base::text_at(json.get_object(), "Secret"));
  JsonObject out{{"serveraddress", server}};
  // Docker: the user name "<token>" marks the secret as an identity token.
  if (user == "<token>") {
    out["identitytoken"] = secret;
  } else {
    out["username"] = user;
    out["password"] = secret;
  }
  return out;
}

}  // namespace

std::optional<std::string> ask_credential_program(const std::string& name, const std::string& verb,
                                                  const std::string& input_text) {
  os::Pipe input = os::make_pipe();
  os::Pipe output = os::make_pipe();
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, input.read.get(), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, output.write.get(), STDOUT_FILENO);
  const std::string program = "docker-credential-" + name;
  const std::array<const char*, 3> words = {program.c_str(), verb.c_str(), nullptr};
  pid_t child = 0;
  const int failed = ::posix_spawnp(&child, program.c_str(), &actions, nullptr,
                                    const_cast<char* const*>(words.data()), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed) return std::nullopt;
  input.read.reset();
  output.write.reset();
  os::write_all(input.write, input_text);
  input.write.reset();
  std::string answer = os::read_all(output.read, kAnswerLimit);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return std::nullopt;
  return answer;
}

std::string registry_host(std::string_view key) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (key.starts_with(scheme)) key.remove_prefix(scheme.size());
  }
  return std::string(key.substr(0, key.find('/')));
}

std::string server_address(const std::string& given) {
  const std::string host = registry_host(given);
  const bool hub = host.empty() || host == "docker.io" || host == "index.docker.io";
  return hub ? kHubKey : host;
}

std::string registry_domain(const std::string& server) {
  return server == kHubKey ? "docker.io" : registry_host(server);
}

std::string credential_program(const Config& config, const std::string& server) {
  const JsonObject* programs = member(config.values(), "credHelpers");
  std::string program(programs ? base::text_at(*programs, server) : std::string_view());
  return program.empty() ? config.text("credsStore") : program;
}

JsonObject credentials_for(const Config& config, const std::string& domain) {
  const std::string server = domain == "docker.io" ? kHubKey : domain;
  const std::string program = credential_program(config, server);
  if (!program.empty()) {
    JsonObject found = from_program(program, server);
    if (!found.empty()) return found;
  }
  const JsonObject* entries = member(config.values(), "auths");
  if (!entries) return {};
  if (const JsonObject* exact = member(*entries, server)) return decoded(*exact, server);
  for (const auto& each : *entries) {
    if (each.value().is_object() && registry_host(each.key()) == registry_host(server)) {
      return decoded(each.value().get_object(), server);
    }
  }
  return {};
}

}  // namespace wharf::cli
