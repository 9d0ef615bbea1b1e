#include "registry/registry.h"

#include "base/error.h"
#include "base/strings.h"
#include "registry/session.h"

namespace wharf::registry {
namespace {

using base::fail;
using base::Kind;

constexpr std::string_view kHubServer = "https://index.docker.io/v1/";

/// Docker: a server address is "host[:port]", with a scheme and a path or without.
std::string domain_of(std::string_view server) {
  if (server.empty() || server == kHubServer) return "docker.io";
  if (const std::size_t scheme = server.find("://"); scheme != std::string_view::npos)
    server.remove_prefix(scheme + 3);
  server = server.substr(0, server.find('/'));
  return std::string(server == "index.docker.io" ? "docker.io" : server);
}

/// The client may send whatever it has stored: it is used only for its own server.
Credentials only_for(const std::string& domain, Credentials credentials) {
  if (credentials.server_address.empty() || domain_of(credentials.server_address) == domain)
    return credentials;
  return {};
}

std::string accepted_types() {
  return fmt::format("{}, {}, {}, {}, */*", oci::media::kDockerManifest, oci::media::kDockerList,
                     oci::media::kOciManifest, oci::media::kOciIndex);
}

Call manifest_call(const Session& session, std::string_view method, std::string_view reference) {
  return {.method = std::string(method),
          .path = session.path("/manifests/" + std::string(reference)),
          .need = base::Digest::valid(reference) ? Need::Pull : Need::Resolve,
          .headers = {{"Accept", accepted_types()}}};
}

[[noreturn]] void not_found(const Session& session, std::string_view reference) {
  const bool digest = base::Digest::valid(reference);
  const std::string shown = session.name().name() + (digest ? "@" : ":") + std::string(reference);
  fail(Kind::NotFound, "failed to resolve reference \"{}\": {}: not found", shown, shown);
}

}  // namespace

struct Shared {
  Settings settings;
};

Registry::Registry(Settings settings)
    : shared_(std::make_unique<Shared>(Shared{std::move(settings)})) {}
Registry::~Registry() = default;

const Settings& Registry::settings() const {
  return shared_->settings;
}

Repository Registry::repository(const oci::Reference& name, Credentials credentials,
                                std::stop_token stop) {
  Credentials own = only_for(name.domain(), std::move(credentials));
  return Repository(
      std::make_shared<Session>(shared_->settings, name, std::move(own), std::move(stop)));
}

std::string Registry::login(const Credentials& credentials, std::stop_token stop) {
  const std::string domain = domain_of(credentials.server_address);
  // A session needs a repository's name only for scopes; login has none.
  Session session(shared_->settings, oci::Reference::of_domain(domain), credentials,
                  std::move(stop));
  return session.login();
}

FetchedDocument Repository::document(std::string_view reference) const {
  const Call call = manifest_call(*session_, "GET", reference);
  Answer answer = session_->send(call);
  if (answer.response.status() == 404) not_found(*session_, reference);
  if (answer.response.status() != 200) session_->fail_status(call, answer);
  FetchedDocument document;
  document.content_type = answer.response.header("content-type");
  const std::string claimed(answer.response.header("docker-content-digest"));
  document.bytes = answer.response.read_all(oci::kManifestLimit);
  document.digest = base::Sha256::of(document.bytes);
  if (base::Digest::valid(reference) && document.digest.text() != reference) {
    fail(Kind::InvalidArgument, "manifest verification failed for digest {}: the registry sent {}",
         reference, document.digest.text());
  }
  if (!claimed.empty() && claimed != document.digest.text()) {
    fail(Kind::InvalidArgument, "manifest of {}: the registry says {:.80}, but the bytes are {}",
         session_->name().familiar_name(), claimed, document.digest.text());
  }
  return document;
}

std::optional<oci::Descriptor> Repository::head(std::string_view reference) const {
  const Call call = manifest_call(*session_, "HEAD", reference);
  Answer answer = session_->send(call);
  if (answer.response.status() == 404) not_found(*session_, reference);
  const std::string_view digest = answer.response.header("docker-content-digest");
  if (answer.response.status() != 200 || !base::Digest::valid(digest)) return std::nullopt;
  oci::Descriptor descriptor;
  descriptor.digest = base::Digest::parse(digest);
  const std::string_view type = answer.response.header("content-type");
  descriptor.media_type = type.substr(0, type.find(';'));
  descriptor.size_bytes = std::atoll(std::string(answer.response.header("content-length")).c_str());
  return descriptor;
}

std::vector<std::string> Repository::tags() const {
  std::vector<std::string> out;
  std::string path = session_->path("/tags/list");
  for (int pages = 0; !path.empty() && pages < 1000; ++pages) {
    const Call call{.path = path, .need = Need::Resolve};
    Answer answer = session_->send(call);
    if (answer.response.status() == 404) {
      fail(Kind::NotFound, "failed to list tags of {}: not found",
           session_->name().familiar_name());
    }
    if (answer.response.status() != 200) session_->fail_status(call, answer);
    const std::string link(answer.response.header("link"));
    const base::Json json = base::parse_json(answer.response.read_all(kTagPageLimit));
    const base::Json* tags = json.is_object() ? base::find(json.get_object(), "tags") : nullptr;
    path.clear();
    if (!tags || !tags->is_array()) break;
    for (const base::Json& tag : tags->get_array()) {
      if (tag.is_string() && oci::valid_tag(tag.get_string())) out.emplace_back(tag.get_string());
    }
    if (out.size() > kTagLimit)
      fail(Kind::InvalidArgument, "{} has more than {} tags", session_->name().name(), kTagLimit);
    const std::size_t from = link.find("</v2/");
    const std::size_t to = link.find('>', from == std::string::npos ? 0 : from);
    if (from != std::string::npos && to != std::string::npos)
      path = link.substr(from + 1, to - from - 1);
  }
  return out;
}

std::string Repository::small_blob(const oci::Descriptor& descriptor, std::size_t limit) const {
  if (descriptor.size_bytes > static_cast<std::int64_t>(limit)) {
    fail(Kind::InvalidArgument, "{} has {} bytes, more than the limit of {}",
         descriptor.digest.text(), descriptor.size_bytes, limit);
  }
  std::string bytes;
  blob(descriptor, [&](std::string_view part) { bytes += part; });
  return bytes;
}

}  // namespace wharf::registry
