// Manifests, indexes and image configs from registries and archives.
#include <cstdlib>

#include "base/error.h"
#include "oci/image_config.h"
#include "oci/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace wharf;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const oci::Document document = oci::parse_document(text, {});
    if (const auto* manifest = std::get_if<oci::Manifest>(&document)) {
      const auto again =
          std::get<oci::Manifest>(oci::parse_document(oci::manifest_text(*manifest), {}));
      if (again.layers.size() != manifest->layers.size()) std::abort();
    } else {
      oci::choose(std::get<oci::Index>(document), oci::host_platform());
    }
  } catch (const base::Error&) {
  }
  try {
    const oci::ImageConfig config = oci::parse_image_config(text);
    if (oci::parse_image_config(oci::image_config_text(config)).config != config.config)
      std::abort();
  } catch (const base::Error&) {
  }
  return 0;
}
