#include "store/schema.h"

#include <array>

namespace wharf::store {
namespace {

// `record` is the owning room's JSON document; what SQL must find or keep unique is a column.
// Times are nanoseconds since 1970. Tables of a room are written by that room alone.
constexpr std::string_view kFirst = R"sql(
-- image: an image is its manifest's or index's digest; tags name images.
CREATE TABLE images(
  id TEXT NOT NULL PRIMARY KEY, created INTEGER NOT NULL, record TEXT NOT NULL) STRICT;
CREATE TABLE tags(
  reference TEXT NOT NULL PRIMARY KEY, image TEXT NOT NULL REFERENCES images(id),
  tagged INTEGER NOT NULL) STRICT;
CREATE INDEX tags_by_image ON tags(image);

-- layer: rows exist only for layers whose bytes are on disk.
CREATE TABLE layers(
  diff_id TEXT NOT NULL PRIMARY KEY, size INTEGER NOT NULL, entries INTEGER NOT NULL,
  created INTEGER NOT NULL) STRICT;
CREATE TABLE layer_proofs(
  blob TEXT NOT NULL PRIMARY KEY,
  diff_id TEXT NOT NULL REFERENCES layers(diff_id) ON DELETE CASCADE) STRICT;
CREATE INDEX layer_proofs_by_layer ON layer_proofs(diff_id);
CREATE TABLE layer_references(
  owner TEXT NOT NULL, position INTEGER NOT NULL, diff_id TEXT NOT NULL REFERENCES layers(diff_id),
  PRIMARY KEY(owner, position)) STRICT, WITHOUT ROWID;
CREATE INDEX layer_references_by_layer ON layer_references(diff_id);

-- container
CREATE TABLE containers(
  id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL UNIQUE, created INTEGER NOT NULL,
  record TEXT NOT NULL) STRICT;

-- network
CREATE TABLE networks(
  id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL UNIQUE, created INTEGER NOT NULL,
  record TEXT NOT NULL) STRICT;

-- volume
CREATE TABLE volumes(
  name TEXT NOT NULL PRIMARY KEY, created INTEGER NOT NULL, record TEXT NOT NULL) STRICT;
)sql";

// container: ids of the host that a container has for itself; the row goes with the container's.
constexpr std::string_view kIdBlocks = R"sql(
CREATE TABLE id_blocks(
  container TEXT NOT NULL PRIMARY KEY REFERENCES containers(id) ON DELETE CASCADE,
  first INTEGER NOT NULL UNIQUE, count INTEGER NOT NULL) STRICT;
)sql";

constexpr std::string_view kBuildCache = R"sql(
-- build: what steps of builds made before; the layer is held by the owner "build:<key>".
CREATE TABLE build_cache(
  key TEXT NOT NULL PRIMARY KEY, diff_id TEXT NOT NULL, tar_bytes INTEGER NOT NULL,
  created TEXT NOT NULL, description TEXT NOT NULL, made INTEGER NOT NULL,
  used INTEGER NOT NULL, uses INTEGER NOT NULL) STRICT;
CREATE TABLE build_uses(
  key TEXT NOT NULL REFERENCES build_cache(key), image TEXT NOT NULL,
  PRIMARY KEY(key, image)) STRICT, WITHOUT ROWID;
CREATE INDEX build_uses_by_image ON build_uses(image);
)sql";

constexpr std::array kMigrations = {kFirst, kIdBlocks, kBuildCache};

}  // namespace

std::span<const std::string_view> migrations() {
  return kMigrations;
}

}  // namespace wharf::store
