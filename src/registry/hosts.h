// certs.d/<host[:port]>/hosts.toml: which hosts serve a registry, in which order, and how far they
// are trusted. The format is containerd's; see docs/additions.md. Plain values.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/client.h"
#include "http/url.h"

namespace wharf::registry {

struct HostEntry {
  http::Url url;  ///< With override_path its path stands for "/v2"; else "/v2" follows it.
  bool resolve = true;
  bool pull = true;
  bool push = true;
  bool skip_verify = false;
  bool override_path = false;
  std::vector<std::string> ca_files;
  std::string certificate_file;
  std::string key_file;
  http::client::Headers headers;
};

struct HostsFile {
  std::vector<HostEntry> hosts;     ///< In the order to try.
  std::optional<HostEntry> server;  ///< The registry itself, where it is not the usual one.
};

/// Throws InvalidArgument, naming what is wrong: an unknown key is an error, as what it should
/// have said may be about trust. Relative names of files are in `directory`.
HostsFile parse_hosts(std::string_view text, const std::string& directory);

/// That of `domain` below `certs_directory`, or else of "_default"; nothing where there is none.
std::optional<HostsFile> hosts_of(const std::string& certs_directory, const std::string& domain);

}  // namespace wharf::registry
