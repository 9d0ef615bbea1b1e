// The images this daemon has: names, documents and layers, and what is asked of them.
//
// An image's id is the digest of its manifest or index, kept byte for byte. Names
// ("docker.io/library/busybox:latest") point to ids; an image without a name is dangling.
// Image::diff_ids is what a container needs to mount. A name appears only after every
// document and layer below it was verified and is on disk (threats A31).
//
// load(), pull(), import_tar(), save() and remove() are in files of their own. Thread-safe;
// no lock is held while a registry, a client or an unpacker is waited for.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/event.h"
#include "base/filters.h"
#include "base/time.h"
#include "image/catalog.h"
#include "oci/image_config.h"
#include "oci/manifest.h"
#include "oci/platform.h"
#include "oci/reference.h"

namespace wharf::content {
class Blobs;
}
namespace wharf::layer {
class Layers;
}
namespace wharf::store {
class Database;
}

namespace wharf::image {

/// A container that was made from an image.
struct User {
  std::string container_id;
  bool running = false;
};

/// Who uses images: implemented by room container. Any thread.
class Users {
 public:
  virtual ~Users() = default;
  virtual std::vector<User> users_of(const base::Digest& image) const = 0;
};

/// Where images are kept, and who hears of changes. Not owned.
struct Stores {
  store::Database& database;
  content::Blobs& blobs;
  layer::Layers& layers;
  base::EventSink& events;
};

/// One image as one platform sees it.
struct Image {
  base::Digest id;             ///< Of the manifest or index that the name points to.
  std::int64_t id_bytes = 0;   ///< Size of that document.
  std::string media_type;      ///< Of that document.
  base::Digest manifest;       ///< Of the manifest chosen; equal to `id` without an index.
  base::Digest config_digest;
  oci::ImageConfig config;
  std::vector<base::Digest> diff_ids;  ///< Bottom layer first.
  oci::Platform platform;
  std::vector<std::string> repo_tags;     ///< Familiar: "busybox:latest".
  std::vector<std::string> repo_digests;  ///< Familiar: "busybox@sha256:...".
  base::Time created;
  base::Time last_tagged;
  std::int64_t size_bytes = 0;
};

/// One manifest of an image, as `docker images --tree` and "manifests=1" show it.
struct ManifestSummary {
  oci::Descriptor descriptor;
  std::string kind;  ///< "image", "attestation", "unknown".
  bool available = false;
  oci::Platform platform;
  base::Digest attests;  ///< For an attestation: the manifest it speaks of.
  std::int64_t content_bytes = 0;
  std::int64_t unpacked_bytes = 0;
  std::vector<std::string> container_ids;
};

/// One line of `docker images`.
struct Summary {
  base::Digest id;
  std::string media_type;
  std::int64_t id_bytes = 0;
  std::vector<std::string> repo_tags;
  std::vector<std::string> repo_digests;
  std::int64_t created_s = 0;
  std::int64_t size_bytes = 0;
  std::int64_t shared_bytes = -1;  ///< -1: not asked.
  std::int64_t containers = 0;
  oci::Labels labels;
  std::vector<ManifestSummary> manifests;
};

struct ListOptions {
  base::Filters filters;
  bool shared_size = false;
  bool manifests = false;
};

struct HistoryItem {
  std::string id = "<missing>";
  std::int64_t created_s = 0;
  std::string created_by;
  std::vector<std::string> tags;
  std::int64_t size_bytes = 0;
  std::string comment;
};

struct Removed {
  std::string untagged;  ///< One of the two is set.
  std::string deleted;
};

struct RemoveOptions {
  bool force = false;
  std::vector<oci::Platform> platforms;
};

struct PruneReport {
  std::vector<Removed> removed;
  std::uint64_t space_reclaimed = 0;
};

class Images {
 public:
  explicit Images(Stores stores) : stores_(stores), catalog_(stores.database) {}

  /// Containers are made after images: set once, before the first request.
  void set_users(const Users* users) { users_ = users; }

  /// By name, id or unique beginning of an id. Throws InvalidArgument (the reference is
  /// malformed) and NotFound "No such image: x:latest"; with `platform`, NotFound where the
  /// image has none that serves it.
  Image resolve(std::string_view reference, const std::optional<oci::Platform>& platform = {}) const;

  /// The id alone, without reading any document.
  base::Digest resolve_id(std::string_view reference) const;

  /// By exact id, also dangling.
  Image get(const base::Digest& id, const std::optional<oci::Platform>& platform = {}) const;

  std::vector<Summary> list(const ListOptions& options) const;
  std::vector<ManifestSummary> manifests(const base::Digest& id) const;
  std::vector<HistoryItem> history(std::string_view reference,
                                   const std::optional<oci::Platform>& platform = {}) const;

  /// `source` gets one more name; a name that was elsewhere moves.
  void tag(std::string_view source, const oci::Reference& name);

  /// `docker rmi`: untags, or deletes with what only this image needs. Throws Conflict with
  /// Docker's texts.
  std::vector<Removed> remove(std::string_view reference, const RemoveOptions& options);

  /// Filters: dangling (default true), until, label, label!.
  PruneReport prune(const base::Filters& filters);

  /// Gives an image whose documents and layers are in the stores its names, and holds them:
  /// durable on return. Layers must be committed before. For load, pull, import, commit, build.
  void add(const Record& record, const std::vector<oci::Reference>& names);

  /// The record of an image whose top document is `id`. Of its manifests those count as here
  /// that the caller has `verified` now, every layer by its bytes, or that were verified when the
  /// image was added before: documents alone prove nothing (threats A32).
  Record examine(const base::Digest& id, const std::string& media_type,
                 const std::set<base::Digest>& verified) const;

  /// Tells who listens: "pull", "load", "tag" ... with the image's labels. `actor` is the id
  /// that is shown, where it is not the image's.
  void publish(std::string_view action, const base::Digest& id, const std::string& name,
               std::string_view actor = {}) const;

  /// Removes documents and layers that no image needs any more; bytes given back.
  std::uint64_t collect();

  const Stores& stores() const { return stores_; }
  Catalog& catalog() { return catalog_; }
  const Catalog& catalog() const { return catalog_; }

 private:
  Image open(const Entry& entry, const std::optional<oci::Platform>& platform) const;
  Entry find(std::string_view reference) const;
  Summary summarize(const Entry& entry, const ListOptions& options) const;
  void fill_shared_sizes(std::vector<Summary>& summaries) const;
  ManifestSummary describe(const Entry& entry, const oci::Descriptor& manifest) const;
  std::vector<User> users_of(const base::Digest& id) const;
  std::vector<Removed> untag(const base::Digest& id, const std::vector<std::string>& names);
  std::vector<Removed> delete_image(const Entry& entry, bool force);

  Stores stores_;
  Catalog catalog_;
  const Users* users_ = nullptr;
};

}  // namespace wharf::image
