#include "build/cache.h"

#include <algorithm>

#include "base/error.h"

namespace wharf::build {
namespace {

std::string owner_of(const std::string& key) {
  return "build:" + key;
}

}  // namespace

Cache::Turn::~Turn() {
  if (!cache_) return;
  {
    const std::lock_guard guard(cache_->lock_);
    cache_->busy_.erase(key_);
  }
  cache_->changed_.notify_all();
}

Cache::Turn Cache::take_turn(const std::string& key, std::stop_token stop) {
  std::unique_lock guard(lock_);
  if (!changed_.wait(guard, stop, [&] { return !busy_.contains(key); })) {
    base::fail(base::Kind::Cancelled, "context canceled");
  }
  busy_.insert(key);
  return {*this, key};
}

std::optional<Result> Cache::find(const std::string& key) {
  {
    const std::lock_guard guard(lock_);
    const auto found = fresh_.find(key);
    if (found != fresh_.end()) return found->second;
  }
  std::optional<Result> result;
  std::string diff_id;
  database_.read([&](store::Reader& reader) {
    auto rows =
        reader.query("SELECT diff_id, tar_bytes, created FROM build_cache WHERE key=?", {key});
    if (!rows.next()) return;
    diff_id = rows.text(0);
    result = Result{{}, static_cast<std::uint64_t>(rows.integer(1)), rows.text(2)};
  });
  if (!result) return std::nullopt;
  if (!diff_id.empty()) {
    result->layer = layers_.pin(base::Digest::parse(diff_id));
    // Its layer is broken on disk: it is made again.
    if (!result->layer) return std::nullopt;
  }
  database_.write(
      [&](store::Transaction& transaction) {
        transaction.run("UPDATE build_cache SET used=?, uses=uses+1 WHERE key=?",
                        {base::now().unix_ns, key});
      },
      os::Durability::Lazy);
  return result;
}

void Cache::remember(const Made& made) {
  const std::lock_guard guard(lock_);
  fresh_[made.key] = made.result;
}

void Cache::keep(const std::vector<Made>& made) {
  if (made.empty()) return;
  std::vector<layer::Pin> pins;
  for (const Made& one : made) {
    if (one.result.layer) pins.push_back(*one.result.layer);
  }
  layers_.commit(pins);
  database_.write([&](store::Transaction& transaction) {
    for (const Made& one : made) {
      const std::string diff_id = one.result.layer ? one.result.layer->diff_id().text() : "";
      const std::int64_t now = base::now().unix_ns;
      transaction.run(
          "INSERT OR REPLACE INTO build_cache(key, diff_id, tar_bytes, created, description, made, "
          "used, uses) VALUES(?, ?, ?, ?, ?, ?, ?, 1)",
          {one.key, diff_id, static_cast<std::int64_t>(one.result.tar_bytes), one.result.created,
           one.description, now, now});
      if (!one.result.layer) continue;
      const std::vector<base::Digest> layers = {one.result.layer->diff_id()};
      layers_.hold(transaction, owner_of(one.key), layers);
    }
  });
  const std::lock_guard guard(lock_);
  for (const Made& one : made) fresh_.erase(one.key);
}

void Cache::use(const std::vector<std::string>& keys, const base::Digest& image) {
  database_.write(
      [&](store::Transaction& transaction) {
        for (const std::string& key : keys) {
          transaction.run(
              "INSERT OR IGNORE INTO build_uses(key, image) SELECT key, ?2 FROM build_cache "
              "WHERE key=?1",
              {key, image.text()});
        }
      },
      os::Durability::Lazy);
}

void Cache::remove(store::Transaction& transaction, const std::string& key) {
  transaction.run("DELETE FROM build_uses WHERE key=?", {key});
  transaction.run("DELETE FROM build_cache WHERE key=?", {key});
  layers_.release(transaction, owner_of(key));
}

void Cache::forget_image(const base::Digest& image) {
  database_.write(
      [&](store::Transaction& transaction) {
        std::vector<std::string> keys;
        {
          auto rows = transaction.query("SELECT key FROM build_uses WHERE image=?", {image.text()});
          while (rows.next()) keys.push_back(rows.text(0));
        }
        transaction.run("DELETE FROM build_uses WHERE image=?", {image.text()});
        for (const std::string& key : keys) {
          bool used = false;
          {
            auto rows = transaction.query("SELECT 1 FROM build_uses WHERE key=?", {key});
            used = rows.next();
          }
          if (!used) remove(transaction, key);
        }
      },
      os::Durability::Lazy);
}

std::vector<CacheRecord> Cache::list() {
  std::vector<CacheRecord> records;
  std::vector<std::string> diff_ids;
  database_.read([&](store::Reader& reader) {
    auto rows = reader.query(
        "SELECT key, description, made, used, uses, diff_id, (SELECT count(*) FROM "
        "layer_references r WHERE r.diff_id=c.diff_id AND r.owner<>'build:'||c.key) "
        "FROM build_cache c ORDER BY made, key");
    while (rows.next()) {
      CacheRecord record;
      record.id = rows.text(0);
      record.type = "regular";
      record.description = rows.text(1);
      record.created = {rows.integer(2)};
      record.last_used = {rows.integer(3)};
      record.usage_count = rows.integer(4);
      record.shared = rows.integer(6) > 0;
      records.push_back(std::move(record));
      diff_ids.push_back(rows.text(5));
    }
  });
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (diff_ids[i].empty()) continue;
    records[i].size_bytes =
        static_cast<std::int64_t>(layers_.info(base::Digest::parse(diff_ids[i])).size);
  }
  const std::lock_guard guard(lock_);
  for (CacheRecord& record : records) record.in_use = busy_.contains(record.id);
  return records;
}

std::optional<std::int64_t> bytes_to_keep(const PruneOptions& options, std::int64_t total_bytes) {
  const bool limited =
      options.reserved_bytes > 0 || options.max_used_bytes > 0 || options.min_free_bytes > 0;
  if (!limited) return std::nullopt;
  const std::int64_t missing = options.min_free_bytes - options.free_bytes;
  if (options.max_used_bytes == 0 && missing <= 0 && options.reserved_bytes == 0)
    return total_bytes;
  std::int64_t keep = options.max_used_bytes;
  if (missing > 0) {
    const std::int64_t left = std::max<std::int64_t>(total_bytes - missing, 0);
    keep = keep == 0 ? left : std::min(keep, left);
  }
  return std::max(keep, options.reserved_bytes);
}

PruneReport Cache::prune(const PruneOptions& options) {
  const std::optional<base::Time> until = options.filters.until(base::now());
  std::vector<CacheRecord> records = list();
  std::int64_t total = 0;
  for (const CacheRecord& record : records) total += record.size_bytes;
  const std::optional<std::int64_t> keep = bytes_to_keep(options, total);
  // Those that nobody has used for the longest time go first.
  std::stable_sort(records.begin(), records.end(), [](const CacheRecord& a, const CacheRecord& b) {
    return a.last_used < b.last_used;
  });
  const auto wanted = [&](const char* key, const std::string& value) {
    return options.filters.exact(key, value);
  };
  PruneReport report;
  database_.write([&](store::Transaction& transaction) {
    for (const CacheRecord& record : records) {
      if (record.in_use) continue;
      if (keep && total <= *keep) continue;
      // Docker: without "all" what an image still has stays.
      if (record.shared && !options.all) continue;
      if (until && record.last_used >= *until) continue;
      if (!wanted("id", record.id) || !wanted("type", record.type)) continue;
      if (!options.filters.matches("description", record.description)) continue;
      remove(transaction, record.id);
      total -= record.size_bytes;
      report.deleted.push_back(record.id);
    }
  });
  report.space_reclaimed = layers_.collect();
  return report;
}

}  // namespace wharf::build
