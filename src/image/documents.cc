#include "image/documents.h"

#include "base/error.h"
#include "oci/reference.h"

namespace wharf::image {
namespace {

using base::fail;
using base::Kind;

struct Walk {
  const content::Blobs& blobs;
  std::set<base::Digest> seen;
  std::vector<oci::Descriptor> found;

  void visit(const oci::Descriptor& at, int depth) {
    if (seen.size() >= kIndexTotalLimit)
      fail(Kind::InvalidArgument, "image index: more than {} entries", kIndexTotalLimit);
    if (!seen.insert(at.digest).second) return;
    if (!oci::is_index_type(at.media_type)) {
      found.push_back(at);
      return;
    }
    if (depth >= kIndexDepthLimit)
      fail(Kind::InvalidArgument, "image index: nested deeper than {}", kIndexDepthLimit);
    if (!blobs.has(at.digest)) return;
    const oci::Document document = read_document(blobs, at.digest, at.media_type);
    const oci::Index* index = std::get_if<oci::Index>(&document);
    if (!index) return;
    for (const oci::Descriptor& entry : index->manifests) visit(entry, depth + 1);
  }
};

/// Better candidates have smaller numbers; nothing is unusable.
std::optional<int> fitness(const content::Blobs& blobs, const oci::Descriptor& manifest,
                           const std::optional<oci::Platform>& wanted) {
  oci::Platform own;
  if (manifest.platform) {
    own = *manifest.platform;
  } else {
    const oci::Manifest read = read_manifest(blobs, manifest);
    if (!read.is_image()) return std::nullopt;
    own = oci::parse_image_config(blobs.read(read.config.digest)).platform();
  }
  if (wanted) return oci::rank(*wanted, own);
  constexpr int kAny = 10'000;
  return oci::rank(oci::host_platform(), own).value_or(kAny);
}

}  // namespace

oci::Document read_document(const content::Blobs& blobs, const base::Digest& digest,
                            std::string_view media_type) {
  return oci::parse_document(blobs.read(digest), media_type);
}

oci::Manifest read_manifest(const content::Blobs& blobs, const oci::Descriptor& descriptor) {
  oci::Document document = read_document(blobs, descriptor.digest, descriptor.media_type);
  oci::Manifest* manifest = std::get_if<oci::Manifest>(&document);
  if (!manifest) fail(Kind::InvalidArgument, "{} is not a manifest", descriptor.digest.text());
  return std::move(*manifest);
}

std::vector<oci::Descriptor> manifests_below(const content::Blobs& blobs,
                                             const oci::Descriptor& top) {
  Walk walk{blobs, {}, {}};
  walk.visit(top, 0);
  return std::move(walk.found);
}

std::optional<oci::Descriptor> choose_available(const content::Blobs& blobs, const Entry& entry,
                                                const std::optional<oci::Platform>& wanted) {
  oci::Descriptor top{
      .media_type = entry.media_type, .digest = entry.id, .size_bytes = entry.bytes};
  if (!wanted && oci::is_manifest_type(entry.media_type)) return top;  // There is no choice.
  std::optional<oci::Descriptor> best;
  int best_fitness = 0;
  for (oci::Descriptor& manifest : manifests_below(blobs, top)) {
    const bool here = std::find(entry.documents.begin(), entry.documents.end(), manifest.digest) !=
                      entry.documents.end();
    if (!here || oci::is_attestation(manifest)) continue;
    const std::optional<int> value = fitness(blobs, manifest, wanted);
    if (!value || (best && *value >= best_fitness)) continue;
    best = std::move(manifest);
    best_fitness = *value;
  }
  return best;
}

std::string familiar(const std::string& name) {
  return oci::Reference::parse(name).familiar();
}

}  // namespace wharf::image
