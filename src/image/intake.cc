#include "image/intake.h"

#include "base/error.h"
#include "base/ids.h"
#include "image/load.h"

namespace wharf::image {
namespace {

using base::fail;
using base::Kind;

constexpr std::size_t kBlock = 512;
constexpr int kLinkLimit = 10;
constexpr std::string_view kBlobs = "blobs/sha256/";
constexpr std::int64_t kReportEveryNs = 100'000'000;

/// The header checksum of tar's first version, which has no magic.
bool v7_checksum_holds(std::string_view block) {
  unsigned sum = 0;
  for (std::size_t i = 0; i < kBlock; ++i)
    sum += i >= 148 && i < 156 ? ' ' : static_cast<unsigned char>(block[i]);
  return sum ==
         static_cast<unsigned>(std::strtoul(std::string(block.substr(148, 8)).c_str(), nullptr, 8));
}

bool is_layer(std::string_view head) {
  if (archive::detect_compression(head) != archive::Compression::None) return true;
  if (head.size() < kBlock) return false;
  const std::string_view block = head.substr(0, kBlock);
  if (block.substr(257, 5) == "ustar") return true;
  // Docker's empty layer is nothing but the end of a tar.
  if (block.find_first_not_of('\0') == std::string_view::npos) return true;
  return v7_checksum_holds(block);
}

std::string_view layer_type(archive::Compression compression) {
  switch (compression) {
    case archive::Compression::Gzip:
      return oci::media::kDockerLayerGzip;
    case archive::Compression::Zstd:
      return "application/vnd.docker.image.rootfs.diff.tar.zstd";
    default:
      return oci::media::kDockerLayer;
  }
}

/// The digest that an OCI layout's file name claims; empty for other names.
base::Digest claimed_digest(const std::string& name) {
  if (!name.starts_with(kBlobs)) return {};
  const std::string digest = "sha256:" + name.substr(kBlobs.size());
  return base::Digest::valid(digest) ? base::Digest::parse(digest) : base::Digest();
}

std::string directory_of(const std::string& name) {
  const std::size_t slash = name.rfind('/');
  return slash == std::string::npos ? "" : name.substr(0, slash + 1);
}

}  // namespace

void Intake::check_stop() const {
  if (stop_.stop_requested()) fail(Kind::Cancelled, "load cancelled");
}

void Intake::read(archive::Source& source) {
  archive::TarReader tar(source, archive::Limits{});
  archive::Entry entry;
  while (tar.next(entry)) {
    check_stop();
    ++entries_;
    const std::string name = archive::clean_name(entry.name);
    // A name given twice: the last one counts, as when unpacking.
    documents_.erase(name);
    loaded_.erase(name);
    links_.erase(name);
    if (entry.type == archive::Type::File) read_file(tar, entry, name);
    if (entry.type == archive::Type::Symlink || entry.type == archive::Type::HardLink)
      keep_link(entry, name);
  }
}

void Intake::keep_link(const archive::Entry& entry, const std::string& name) {
  if (links_.size() >= oci::kLayerLimit * 4) fail(Kind::InvalidArgument, "archive: too many links");
  const bool relative = entry.type == archive::Type::Symlink && !entry.link.starts_with('/');
  try {
    links_[name] = archive::clean_name(relative ? directory_of(name) + entry.link : entry.link);
  } catch (const base::Error&) {
    // Leads out of the archive: whoever names it finds nothing.
  }
}

void Intake::read_file(archive::TarReader& tar, const archive::Entry& entry,
                       const std::string& name) {
  std::string head;
  const std::size_t wanted = std::min<std::uint64_t>(kBlock, entry.size);
  while (head.size() < wanted) {
    const std::string_view some = tar.content();
    if (some.empty()) break;
    head += some;
  }
  if (is_layer(head)) return read_layer(tar, entry, name, std::move(head));
  if (entry.size > oci::kManifestLimit) {
    fail(Kind::InvalidArgument, "archive: {} is neither a layer nor a document of at most {} bytes",
         name, oci::kManifestLimit);
  }
  document_bytes_ += entry.size + name.size();
  if (document_bytes_ > kLoadDocumentsLimit) {
    fail(Kind::InvalidArgument, "archive: more than {} bytes of documents", kLoadDocumentsLimit);
  }
  for (std::string_view some = tar.content(); !some.empty(); some = tar.content()) head += some;
  documents_[name] = std::move(head);
}

void Intake::read_layer(archive::TarReader& tar, const archive::Entry& entry,
                        const std::string& name, std::string head) {
  const base::Digest claimed = claimed_digest(name);
  layer::Claim claim;
  if (claimed.empty())
    claim.ingest = layers_.begin();
  else
    claim = layers_.claim(claimed, stop_);

  oci::Descriptor blob{.media_type = std::string(layer_type(archive::detect_compression(head)))};
  blob.size_bytes = static_cast<std::int64_t>(entry.size);
  base::Sha256 hash;
  const std::string id = base::short_id(claimed.empty() ? name : claimed.text());
  std::int64_t done = 0;
  for (std::string_view some = head; !some.empty(); some = tar.content()) {
    check_stop();
    // A layer that is here is not unpacked again, but its bytes must still be presented.
    if (claim.ingest)
      claim.ingest->write(some);
    else
      hash.update(some);
    done += static_cast<std::int64_t>(some.size());
    say(id, done, blob.size_bytes);
  }
  if (claim.ingest) {
    layer::Pin pin = claim.ingest->finish({});
    blob.digest = claim.ingest->blob();
    loaded_.emplace(name, LoadedLayer{std::move(pin), std::move(blob)});
    return;
  }
  blob.digest = hash.finish();
  if (blob.digest != claimed) {
    fail(Kind::InvalidArgument, "archive: {}: wrong digest, its bytes are {}", name,
         blob.digest.text());
  }
  loaded_.emplace(name, LoadedLayer{std::move(*claim.layer), std::move(blob)});
}

void Intake::say(const std::string& id, std::int64_t done, std::int64_t total) {
  const std::int64_t now = base::monotonic_ns();
  if (quiet_ || (now - said_ns_ < kReportEveryNs && done != total)) return;
  said_ns_ = now;
  progress_({.status = "Loading layer", .id = id, .current = done, .total = total});
}

std::string Intake::follow(std::string_view name) const {
  std::string at;
  try {
    at = archive::clean_name(name);
  } catch (const base::Error&) {
    return {};
  }
  for (int hops = 0; hops < kLinkLimit; ++hops) {
    const auto link = links_.find(at);
    if (link == links_.end()) return at;
    at = link->second;
  }
  return {};
}

const std::string* Intake::document(std::string_view name) const {
  const auto found = documents_.find(follow(name));
  return found == documents_.end() ? nullptr : &found->second;
}

const LoadedLayer* Intake::layer(std::string_view name) const {
  const auto found = loaded_.find(follow(name));
  return found == loaded_.end() ? nullptr : &found->second;
}

}  // namespace wharf::image
