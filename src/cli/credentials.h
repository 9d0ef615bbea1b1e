// Registry credentials: config.json's auths, or a credential program (docker-credential-X).
#pragma once

#include <string>

#include "base/json.h"
#include "cli/config.h"

namespace wharf::cli {

/// The AuthConfig for a registry: username, password, identitytoken, serveraddress. Empty
/// where none is known. `domain` as in references: "docker.io", "127.0.0.1:5000".
base::JsonObject credentials_for(const Config& config, const std::string& domain);

}  // namespace wharf::cli
