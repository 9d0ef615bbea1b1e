#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "registry/registry.h"

namespace wharf::registry {

Credentials Credentials::from_header(std::string_view base64url) {
  Credentials credentials;
  if (base64url.empty()) return credentials;
  try {
    const base::Json json = base::parse_json(base::base64_decode(base64url));
    if (!json.is_object()) return {};
    const base::JsonObject& object = json.get_object();
    credentials.username = base::text_at(object, "username");
    credentials.password = base::text_at(object, "password");
    credentials.server_address = base::text_at(object, "serveraddress");
    credentials.identity_token = base::text_at(object, "identitytoken");
    credentials.registry_token = base::text_at(object, "registrytoken");
    const std::string_view auth = base::text_at(object, "auth");
    if (credentials.username.empty() && !auth.empty()) {
      const std::string pair = base::base64_decode(auth);
      credentials.username = pair.substr(0, pair.find(':'));
      if (pair.find(':') != std::string::npos)
        credentials.password = pair.substr(pair.find(':') + 1);
    }
  } catch (const base::Error&) {
    // Docker: a header that cannot be decoded counts as absent.
    return {};
  }
  return credentials;
}

}  // namespace wharf::registry
