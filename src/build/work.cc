#include "build/work.h"

#include "api/image.h"
#include "image/pull.h"
#include "registry/registry.h"

namespace wharf::build {
namespace {

std::string line_of(const image::Progress& progress) {
  api::ProgressLine line;
  line.stream = progress.stream;
  line.status = progress.status;
  line.id = progress.id;
  if (progress.current) line.detail = {.current = *progress.current, .total = progress.total};
  return base::to_text(api::to_json(line));
}

/// Docker: the Hub has several names, of which the longest is written into config.json.
registry::Credentials credentials_of(const Request& request, const oci::Reference& reference) {
  std::vector<std::string> names = {reference.domain()};
  if (reference.domain() == "docker.io") names.emplace_back("https://index.docker.io/v1/");
  for (const std::string& name : names) {
    const auto found = request.credentials.find(name);
    if (found != request.credentials.end()) return found->second;
  }
  return {};
}

}  // namespace

image::Image Work::image(const std::string& name, const std::optional<oci::Platform>& platform) {
  if (!request.pull) {
    try {
      return services.images.resolve(name, platform);
    } catch (const base::Error& error) {
      if (error.kind() != base::Kind::NotFound) throw;
    }
  }
  image::PullRequest pull;
  pull.reference = oci::Reference::parse(name).with_default_tag();
  pull.platform = platform;
  pull.credentials = credentials_of(request, pull.reference);
  image::pull(
      services.images, services.registry, pull,
      [&](const image::Progress& progress) {
        if (!request.graph) report.progress(line_of(progress));
      },
      stop);
  return services.images.resolve(pull.reference.text(), platform);
}

}  // namespace wharf::build
