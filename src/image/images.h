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
#include "image/image.h"
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

/// Who uses images: implemented by room container. Any thread.
class Users {
 public:
  virtual ~Users() = default;
  virtual std::vector<User> users_of(const base::Digest& image) const = 0;
  /// The image is no more: what was kept on its account can go.
  virtual void image_removed(const base::Digest& image) const { (void)image; }
};

/// Where images are kept, and who hears of changes. Not owned.
struct Stores {
  store::Database& database;
  content::Blobs& blobs;
  layer::Layers& layers;
  base::EventSink& events;
};

class Images {
 public:
  explicit Images(Stores stores) : stores_(stores), catalog_(stores.database) {}

  /// Containers are made after images: set once, before the first request.
  void set_users(const Users* users) { users_ = users; }

  /// By name, id or unique beginning of an id. Throws InvalidArgument (the reference is
  /// malformed) and NotFound "No such image: x:latest"; with `platform`, NotFound where the
  /// image has none that serves it.
  Image resolve(std::string_view reference,
                const std::optional<oci::Platform>& platform = {}) const;

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
  Record record_of(const base::Digest& id, const std::string& media_type,
                   const std::set<base::Digest>& here) const;
  std::vector<Removed> remove_platforms(const Entry& entry,
                                        const std::vector<oci::Platform>& platforms);
  std::vector<Removed> delete_image(const Entry& entry, bool force);

  Stores stores_;
  Catalog catalog_;
  const Users* users_ = nullptr;
};

}  // namespace wharf::image
