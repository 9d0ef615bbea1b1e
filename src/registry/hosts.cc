#include "registry/hosts.h"

#include <filesystem>

#include "base/error.h"
#include "base/strings.h"
#include "os/file.h"
#include "registry/toml.h"

namespace wharf::registry {
namespace {

using base::fail;
using base::Json;
using base::JsonObject;
using base::Kind;

std::string text_of(const Json& value, std::string_view key) {
  if (!value.is_string()) fail(Kind::InvalidArgument, "hosts.toml: {} is no string", key);
  return std::string(value.get_string());
}

bool flag_of(const Json& value, std::string_view key) {
  if (!value.is_bool()) fail(Kind::InvalidArgument, "hosts.toml: {} is no boolean", key);
  return value.get_bool();
}

/// A string, or an array of them.
std::vector<std::string> texts_of(const Json& value, std::string_view key) {
  if (!value.is_array()) return {text_of(value, key)};
  std::vector<std::string> out;
  for (const Json& one : value.get_array()) out.push_back(text_of(one, key));
  return out;
}

class Hosts {
 public:
  explicit Hosts(std::string directory) : directory_(std::move(directory)) {}

  HostsFile read(const JsonObject& top) {
    HostsFile out;
    HostEntry server;
    bool changed = false;
    for (const auto& [key, value] : top) {
      if (key == "host") {
        read_hosts(value, out);
      } else if (key == "server") {
        server.url = parse_host(text_of(value, key));
        changed = true;
      } else {
        set(server, key, value);
        changed = true;
      }
    }
    if (changed) out.server = std::move(server);
    return out;
  }

 private:
  static http::Url parse_host(const std::string& text) {
    http::Url url =
        http::parse_url(text.find("://") == std::string::npos ? "https://" + text : text);
    if (url.scheme != "http" && url.scheme != "https") {
      fail(Kind::InvalidArgument, "hosts.toml: {}: only http and https", url.text());
    }
    while (url.path.ends_with('/')) url.path.pop_back();
    return url;
  }

  void read_hosts(const Json& value, HostsFile& out) {
    if (!value.is_object()) fail(Kind::InvalidArgument, "hosts.toml: host is no table");
    for (const auto& [name, fields] : value.get_object()) {
      HostEntry entry;
      entry.url = parse_host(std::string(name));
      if (!fields.is_object()) fail(Kind::InvalidArgument, "hosts.toml: {} is no table", name);
      for (const auto& [key, field] : fields.get_object()) set(entry, key, field);
      out.hosts.push_back(std::move(entry));
    }
  }

  void set(HostEntry& entry, std::string_view key, const Json& value) {
    if (key == "capabilities") {
      set_capabilities(entry, texts_of(value, key));
    } else if (key == "ca") {
      for (const std::string& file : texts_of(value, key)) entry.ca_files.push_back(path(file));
    } else if (key == "client") {
      set_client(entry, value);
    } else if (key == "skip_verify") {
      entry.skip_verify = flag_of(value, key);
    } else if (key == "override_path") {
      entry.override_path = flag_of(value, key);
    } else if (key == "header") {
      set_headers(entry, value);
    } else if (key != "dial_timeout") {
      fail(Kind::InvalidArgument, "hosts.toml: {} is not known", base::quoted(std::string(key)));
    }
  }

  static void set_capabilities(HostEntry& entry, const std::vector<std::string>& given) {
    const auto has = [&](std::string_view name) { return std::ranges::count(given, name) > 0; };
    entry.resolve = has("resolve");
    entry.pull = has("pull");
    entry.push = has("push");
    for (const std::string& name : given) {
      if (name == "resolve" || name == "pull" || name == "push" || name == "referrers") continue;
      fail(Kind::InvalidArgument, "hosts.toml: unknown capability {}", base::quoted(name));
    }
  }

  /// A file with both, or the pair [certificate, key], or an array with one such pair.
  void set_client(HostEntry& entry, const Json& value) {
    const Json* given = &value;
    if (given->is_array() && given->get_array().size() == 1) given = &given->get_array().front();
    const std::vector<std::string> files = texts_of(*given, "client");
    if (files.empty() || files.size() > 2)
      fail(Kind::InvalidArgument, "hosts.toml: client is a certificate and its key");
    entry.certificate_file = path(files.front());
    entry.key_file = path(files.back());
  }

  static void set_headers(HostEntry& entry, const Json& value) {
    if (!value.is_object()) fail(Kind::InvalidArgument, "hosts.toml: header is no table");
    for (const auto& [name, texts] : value.get_object()) {
      for (const std::string& text : texts_of(texts, name))
        entry.headers.push_back({std::string(name), text});
    }
  }

  std::string path(const std::string& file) const {
    return (std::filesystem::path(directory_) / file).native();
  }

  std::string directory_;
};

}  // namespace

HostsFile parse_hosts(std::string_view text, const std::string& directory) {
  const Json top = parse_toml(text);
  return Hosts(directory).read(top.get_object());
}

std::optional<HostsFile> hosts_of(const std::string& certs_directory, const std::string& domain) {
  for (const std::string& name : {domain, std::string("_default")}) {
    const os::Path directory = os::Path(certs_directory) / name;
    const auto text = os::read_file_if_exists(directory / "hosts.toml", kTomlLimit);
    if (!text) continue;
    try {
      return parse_hosts(*text, directory.native());
    } catch (const base::Error& error) {
      fail(error.kind(), "{}: {}", (directory / "hosts.toml").native(), error.what());
    }
  }
  return std::nullopt;
}

}  // namespace wharf::registry
