// The build cache: what a step with a certain key made before.
//
// A key is the digest of what a step depends on: the image below, the instruction, its inputs and
// the content of its files; times are no part of it. A result is a layer or none, and when it was
// made, so that the same build again gives the same image. Results live in the database and hold
// their layers ("build:<key>"). Docker: those of its first builder are images, and go when the
// image that was built goes; forget_image() is for that. Thread-safe; throws base::Error.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "base/filters.h"
#include "base/time.h"
#include "layer/layers.h"
#include "store/database.h"

namespace wharf::build {

struct Result {
  std::optional<layer::Pin> layer;
  std::uint64_t tar_bytes = 0;
  std::string created;  ///< RFC 3339.
};

/// One line of `docker system df -v`.
struct CacheRecord {
  std::string id;
  std::string type;
  std::string description;
  std::int64_t size_bytes = 0;
  bool in_use = false;
  bool shared = false;  ///< Some image has its layer as well.
  base::Time created;
  base::Time last_used;
  std::int64_t usage_count = 0;
};

struct PruneOptions {
  bool all = false;
  base::Filters filters;
  /// How much may stay; without any of the three, nothing that the filters name does. As BuildKit
  /// has it: at most `max_used`, less where the disk has not `min_free`, never less than
  /// `reserved`.
  std::int64_t reserved_bytes = 0;
  std::int64_t max_used_bytes = 0;
  std::int64_t min_free_bytes = 0;
  std::int64_t free_bytes = 0;  ///< What the disk has now.
};
/// What of a cache of `total_bytes` stays by those limits; nothing where there are none.
std::optional<std::int64_t> bytes_to_keep(const PruneOptions& options, std::int64_t total_bytes);

struct PruneReport {
  std::vector<std::string> deleted;
  std::uint64_t space_reclaimed = 0;
};

class Cache {
 public:
  Cache(store::Database& database, layer::Layers& layers) : database_(database), layers_(layers) {}

  /// What was made before; nothing where it is not known any more.
  std::optional<Result> find(const std::string& key);

  /// The right to make what `key` is for: others wait until it is given back. Cancelled.
  class Turn {
   public:
    Turn(Cache& cache, std::string key) : cache_(&cache), key_(std::move(key)) {}
    Turn(Turn&& other) noexcept
        : cache_(std::exchange(other.cache_, nullptr)), key_(std::move(other.key_)) {}
    ~Turn();

   private:
    Cache* cache_;
    std::string key_;
  };
  Turn take_turn(const std::string& key, std::stop_token stop);

  struct Made {
    std::string key;
    std::string description;
    Result result;
  };
  /// Keeps what was made: layers are committed, then rows written. Not before this is it known
  /// after a restart; to other builds of this daemon it is at once.
  void remember(const Made& made);
  void keep(const std::vector<Made>& made);

  /// These results are of that image, and go with it unless others use them too.
  void use(const std::vector<std::string>& keys, const base::Digest& image);
  void forget_image(const base::Digest& image);

  std::vector<CacheRecord> list();
  PruneReport prune(const PruneOptions& options);

 private:
  void remove(store::Transaction& transaction, const std::string& key);

  store::Database& database_;
  layer::Layers& layers_;
  std::mutex lock_;
  std::condition_variable_any changed_;
  std::set<std::string> busy_;
  std::map<std::string, Result> fresh_;  ///< Made, and not in the database yet.
};

}  // namespace wharf::build
