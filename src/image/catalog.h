// Which images exist and what they are called: the tables `images` and `tags`.
//
// A Record lists the documents an image needs (its manifest or index, the manifests of the
// platforms that are here, their configs), so that what nobody needs can be collected. Layers
// are held by owner "image:<id>" in room layer, in the same transaction. Thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/time.h"
#include "store/database.h"

namespace wharf::image {

/// What add() is told of an image.
struct Record {
  base::Digest id;
  std::string media_type;
  std::int64_t bytes = 0;               ///< Of the document `id`.
  std::vector<base::Digest> documents;  ///< All blobs it needs, `id` among them.
  std::vector<base::Digest> diff_ids;   ///< All layers of all its platforms that are here.
  std::string source;                   ///< "docker.io/library/busybox" where it was pulled from.
  std::string parent;                   ///< Id of the image it was committed from, or empty.
};

/// One image and all its names, oldest name first.
struct Entry {
  base::Digest id;
  std::string media_type;
  std::int64_t bytes = 0;
  std::string source;
  std::string parent;
  std::vector<base::Digest> documents;  ///< As in Record: a manifest not among them is not here.
  base::Time added;                     ///< When it first came here.
  base::Time last_tagged;               ///< Or added, without names.
  std::vector<std::string> names;       ///< Full: "docker.io/library/busybox:latest".
};

class Catalog {
 public:
  explicit Catalog(store::Database& database) : database_(database) {}

  std::vector<Entry> all() const;
  std::optional<Entry> by_id(const base::Digest& id) const;
  std::optional<Entry> by_name(const std::string& name) const;

  /// Images whose hex id starts so; at most `limit`.
  std::vector<Entry> by_prefix(std::string_view hex_prefix, int limit) const;

  /// Every document some image needs.
  std::vector<base::Digest> documents() const;

  // Within a transaction of the caller.

  static void put(store::Transaction& transaction, const Record& record);
  /// True when the name is new or moved.
  static bool name(store::Transaction& transaction, const std::string& name,
                   const base::Digest& id);
  static void unname(store::Transaction& transaction, const std::string& name);
  static void remove(store::Transaction& transaction, const base::Digest& id);

 private:
  store::Database& database_;
};

}  // namespace wharf::image
