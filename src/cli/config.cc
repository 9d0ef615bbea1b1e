#include "cli/config.h"

#include <cstdlib>

#include "base/digest.h"
#include "base/error.h"
#include "base/strings.h"
#include "http/url.h"
#include "os/file.h"

namespace wharf::cli {
namespace {

using base::Kind;

/// The endpoint of contexts/meta/<sha256 of name>/meta.json.
Target context_target(const std::string& name, const Config& config) {
  const std::string id(base::Sha256::of(name).hex());
  const std::string path = config.directory() + "/contexts/meta/" + id + "/meta.json";
  const std::optional<std::string> text = os::read_file_if_exists(path);
  if (!text) {
    base::fail(Kind::NotFound,
               "unable to resolve docker endpoint: context {}: context not found: open {}: no "
               "such file or directory",
               base::quoted(name), path);
  }
  const base::Json meta = base::parse_json(*text);
  const base::Json* endpoints =
      meta.is_object() ? base::find(meta.get_object(), "Endpoints") : nullptr;
  const base::Json* docker =
      endpoints && endpoints->is_object() ? base::find(endpoints->get_object(), "docker") : nullptr;
  if (!docker || !docker->is_object()) {
    base::fail(Kind::InvalidArgument,
               "unable to resolve docker endpoint: docker endpoint configuration not found");
  }
  const base::Json* skip = base::find(docker->get_object(), "SkipTLSVerify");
  const std::string tls_folder = config.directory() + "/contexts/tls/" + id + "/docker/";
  http::TlsOptions tls;
  tls.verify = !(skip && skip->is_bool() && skip->get_bool());
  const auto if_there = [&](const char* file) {
    return os::read_file_if_exists(tls_folder + file) ? tls_folder + file : std::string();
  };
  tls.ca_file = if_there("ca.pem");
  tls.certificate_file = if_there("cert.pem");
  tls.key_file = if_there("key.pem");
  const bool wanted = !tls.ca_file.empty() || !tls.certificate_file.empty() || !tls.verify;
  Target target = parse_host(std::string(base::text_at(docker->get_object(), "Host")),
                             wanted ? std::optional(tls) : std::nullopt);
  target.context_name = name;
  return target;
}

std::optional<http::TlsOptions> default_tls(const GlobalOptions& options, const Config& config) {
  const bool verify = options.tls_verify || !environment("DOCKER_TLS_VERIFY").empty();
  const bool asked = verify || options.tls || !environment("DOCKER_TLS").empty() ||
                     !options.tls_ca.empty() || !options.tls_certificate.empty() ||
                     !options.tls_key.empty();
  if (!asked) return std::nullopt;
  std::string folder = environment("DOCKER_CERT_PATH");
  if (folder.empty()) folder = config.directory();
  const auto either = [&](const std::string& given, const char* file) {
    if (!given.empty()) return given;
    const std::string path = folder + "/" + file;
    // Docker: a default file that is missing is no error; one that was named is.
    return os::read_file_if_exists(path) ? path : std::string();
  };
  http::TlsOptions tls;
  tls.verify = verify;
  tls.ca_file = either(options.tls_ca, "ca.pem");
  tls.certificate_file = either(options.tls_certificate, "cert.pem");
  tls.key_file = either(options.tls_key, "key.pem");
  return tls;
}

Target default_target(const GlobalOptions& options, const Config& config) {
  std::string host = options.hosts.empty() ? environment("DOCKER_HOST") : options.hosts[0];
  const std::string trimmed(base::trim(host));
  Target target =
      parse_host(trimmed.empty() ? kDefaultHost : trimmed, default_tls(options, config));
  target.context_name = "default";
  return target;
}

}  // namespace

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

std::string config_directory(const GlobalOptions& options) {
  if (!options.config_directory.empty()) return options.config_directory;
  const std::string named = environment("DOCKER_CONFIG");
  return named.empty() ? environment("HOME") + "/.docker" : named;
}

Config Config::load(const std::string& directory) {
  Config config;
  config.directory_ = directory;
  const std::string path = directory + "/config.json";
  const std::optional<std::string> text = os::read_file_if_exists(path);
  if (!text) return config;
  try {
    base::Json json = base::parse_json(*text);
    if (json.is_object()) config.values_ = std::move(json.get_object());
  } catch (const base::Error& wrong) {
    base::fail(Kind::InvalidArgument, "Error loading config file: {}: {}", path, wrong.what());
  }
  return config;
}

std::string Config::text(std::string_view key) const {
  return std::string(base::text_at(values_, key));
}

Target parse_host(const std::string& host, const std::optional<http::TlsOptions>& tls) {
  Target target;
  target.host = host;
  const std::size_t mark = host.find("://");
  const std::string scheme = mark == std::string::npos ? "tcp" : host.substr(0, mark);
  std::string rest = mark == std::string::npos ? host : host.substr(mark + 3);
  if (mark == std::string::npos) target.host = "tcp://" + host;
  if (scheme == "unix") {
    target.endpoint.path = rest.empty() ? "/var/run/docker.sock" : rest;
    return target;
  }
  if (scheme == "ssh") {
    base::fail(Kind::NotImplemented,
               "unable to resolve docker endpoint: ssh hosts are not supported");
  }
  if (scheme != "tcp" && scheme != "http" && scheme != "https") {
    base::fail(Kind::InvalidArgument,
               "unable to resolve docker endpoint: invalid bind address format: {}", host);
  }
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  target.base_path = rest.substr(slash);
  while (target.base_path.ends_with('/')) target.base_path.pop_back();
  const http::HostPort place = http::parse_host_port(rest.substr(0, slash));
  target.endpoint.host = place.host.empty() ? "127.0.0.1" : place.host;
  target.endpoint.port = place.port;
  if (!place.port) target.endpoint.port = tls ? 2376 : 2375;
  if (tls) target.endpoint.tls = std::make_shared<http::TlsContext>(*tls);
  return target;
}

Target resolve_target(const GlobalOptions& options, const Config& config) {
  if (options.hosts.size() > 1) base::fail(Kind::InvalidArgument, "Specify only one -H");
  std::string context = options.context;
  if (options.hosts.empty() && context.empty() && environment("DOCKER_HOST").empty()) {
    context = environment("DOCKER_CONTEXT");
    if (context.empty()) context = config.text("currentContext");
  }
  if (context.empty() || context == "default") return default_target(options, config);
  return context_target(context, config);
}

}  // namespace wharf::cli
