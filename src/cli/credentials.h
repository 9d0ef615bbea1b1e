// Registry credentials: config.json's auths, or a credential program (docker-credential-X).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "cli/config.h"

namespace wharf::cli {

/// The AuthConfig for a registry: username, password, identitytoken, serveraddress. Empty
/// where none is known. `domain` as in references: "docker.io", "127.0.0.1:5000".
base::JsonObject credentials_for(const Config& config, const std::string& domain);

/// Keeps an AuthConfig. The file it is in, where that is config.json, in clear; else empty.
std::string store_credentials(const Config& config, const base::JsonObject& auth);

/// Forgets what is known of a server; false where nothing was.
bool erase_credentials(const Config& config, const std::string& server);

/// What the user calls a registry as the key of its credentials: "" is Docker Hub's.
std::string server_address(const std::string& given);

/// The server as references name it: "docker.io", "127.0.0.1:5000".
std::string registry_domain(const std::string& server);

/// "https://host/v1/" and "host" are the same registry: "host".
std::string registry_host(std::string_view server);

/// The program that keeps a server's credentials, after "docker-credential-"; "" for none.
std::string credential_program(const Config& config, const std::string& server);

/// Runs `docker-credential-NAME VERB` with `input`: what it says, where it succeeds.
std::optional<std::string> ask_credential_program(const std::string& name, const std::string& verb,
                                                  const std::string& input);

}  // namespace wharf::cli
