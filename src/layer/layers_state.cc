#include "layer/layers_state.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ids.h"
#include "base/log.h"
#include "base/time.h"
#include "layer/implied.h"

namespace wharf::layer {
namespace {

constexpr std::string_view kIngestPrefix = ".ingest-";
// Lower directories for images without layers, and below images of one layer.
constexpr std::string_view kEmptyNames[] = {".empty", ".below"};

os::Path prepared(const os::Path& directory) {
  os::make_directories(directory, 0700);
  return directory;
}

}  // namespace

Busy::Busy(LayersState& state, std::unique_lock<std::mutex>& lock, const base::Digest& diff_id)
    : state_(state), lock_(lock), diff_id_(diff_id.text()) {
  state.changed.wait(lock, [&] { return !state.busy.contains(diff_id_); });
  state.busy.insert(diff_id_);
}

Busy::~Busy() {
  if (!lock_.owns_lock()) lock_.lock();
  state_.busy.erase(diff_id_);
  state_.changed.notify_all();
}

Pin::Held::~Held() {
  // Never committed: nobody knows the layer, and what it holds on disk is given back.
  if (const auto owner = state.lock(); owner && !committed) owner->discard(*this);
}

const LayerInfo& Pin::info() const {
  return held_->info;
}

LayersState::LayersState(const os::Path& data_root, store::Database& db, LayerOptions chosen)
    : layers(prepared(data_root / "layers")),
      writable(prepared(data_root / "writable")),
      database(db),
      options(std::move(chosen)),
      trash(data_root / "trash") {
  for (const std::string_view name : kEmptyNames) os::make_directories(layers / name, 0755);
}

bool LayersState::on_disk(const base::Digest& diff_id) const {
  const os::Path path = directory(diff_id);
  return ::access((path / "diff").c_str(), F_OK) == 0 &&
         ::access((path / "tar-record").c_str(), F_OK) == 0;
}

std::optional<LayerInfo> LayersState::row(const base::Digest& diff_id) {
  std::optional<LayerInfo> found;
  database.read([&](store::Reader& reader) {
    auto rows = reader.query("SELECT size, entries FROM layers WHERE diff_id=?",
                             {std::string_view(diff_id.text())});
    if (!rows.next()) return;
    found = LayerInfo{diff_id, static_cast<std::uint64_t>(rows.integer(0)),
                      static_cast<std::uint64_t>(rows.integer(1))};
  });
  return found;
}

std::optional<base::Digest> LayersState::proof(const base::Digest& blob) {
  std::optional<base::Digest> found;
  database.read([&](store::Reader& reader) {
    auto rows = reader.query("SELECT diff_id FROM layer_proofs WHERE blob=?",
                             {std::string_view(blob.text())});
    if (rows.next()) found = base::Digest::parse(rows.text(0));
  });
  return found;
}

/// The pin somebody holds, or nullptr. With the lock held.
std::shared_ptr<Pin::Held> LayersState::live(const std::string& diff_id) {
  const auto found = pins.find(diff_id);
  return found == pins.end() ? nullptr : found->second.lock();
}

/// As live(), where the answer is enough: a pin taken only to look could be the last one, and its
/// end must not come with the lock held.
bool LayersState::pinned(const std::string& diff_id) const {
  const auto found = pins.find(diff_id);
  return found != pins.end() && !found->second.expired();
}

Pin LayersState::hold_new(const LayerInfo& info, bool committed) {
  auto fresh = std::make_shared<Pin::Held>();
  fresh->state = weak_from_this();
  fresh->info = info;
  fresh->committed = committed;
  const std::lock_guard guard(lock);
  pins[info.diff_id.text()] = fresh;
  return Pin(std::move(fresh));
}

std::optional<Pin> LayersState::pin(const base::Digest& diff_id) {
  std::unique_lock guard(lock);
  const Busy busy_now(*this, guard, diff_id);
  if (auto held = live(diff_id.text())) return Pin(std::move(held));
  guard.unlock();
  const std::optional<LayerInfo> known = row(diff_id);
  // A row without its directory is a broken layer: bringing it again heals it.
  if (!known || !on_disk(diff_id)) return std::nullopt;
  return hold_new(*known, true);
}

std::optional<Pin> LayersState::proven(const base::Digest& blob) {
  {
    const std::lock_guard guard(lock);
    const auto found = brought.find(blob.text());
    if (found != brought.end()) {
      if (auto held = found->second.lock()) return Pin(std::move(held));
      brought.erase(found);
    }
  }
  const std::optional<base::Digest> diff_id = proof(blob);
  return diff_id ? pin(*diff_id) : std::nullopt;
}

Pin LayersState::settle(const os::Path& from, const LayerInfo& info, const base::Digest& blob) {
  // Before the Busy, to end after it: where a step below throws, discard() waits for the layer.
  std::shared_ptr<Pin::Held> held;
  std::unique_lock guard(lock);
  const Busy busy_now(*this, guard, info.diff_id);
  held = live(info.diff_id.text());
  guard.unlock();
  if (!held) {
    const bool known = row(info.diff_id).has_value();
    const bool present = known && on_disk(info.diff_id);
    if (!present) {
      // What may lie there is broken, or was never committed.
      trash.take(directory(info.diff_id));
      os::check(WHARF_CALL(rename, from.c_str(), directory(info.diff_id).c_str()), "keep layer {}",
                info.diff_id.text());
    }
    held = LayersState::held(hold_new(info, present));
  }
  trash.take(from);
  guard.lock();
  held->proofs.push_back(blob);
  brought[blob.text()] = held;
  return Pin(std::move(held));
}

std::unique_ptr<Ingest> LayersState::begin(const base::Digest& claimed) {
  auto state = std::make_unique<Ingest::State>();
  state->layers = shared_from_this();
  state->claimed = claimed;
  state->directory = layers / (std::string(kIngestPrefix) + base::hex(base::random_bytes(8)));
  // From here on its destructor cleans up.
  std::unique_ptr<Ingest> ingest(new Ingest(std::move(state)));
  Ingest::State& made = *ingest->state_;
  os::check(WHARF_CALL(mkdir, made.directory.c_str(), 0700), "make directory {}",
            made.directory.native());
  const os::Fd directory = os::open_file(made.directory, O_RDONLY | O_DIRECTORY);
  made.unpacker.emplace(options.unpacker, Order{options.limits, options.writers, {}}, directory,
                        options.stall_seconds);
  return ingest;
}

void LayersState::commit(std::span<const Pin> wanted) {
  struct Row {
    std::shared_ptr<Pin::Held> held;
    std::vector<base::Digest> proofs;
  };
  std::vector<Row> fresh;
  bool unsynced = false;
  {
    const std::lock_guard guard(lock);
    for (const Pin& pin : wanted) {
      if (pin.held_->committed && pin.held_->proofs.empty()) continue;
      unsynced = unsynced || !pin.held_->committed;
      fresh.push_back({pin.held_, pin.held_->proofs});
    }
  }
  if (fresh.empty()) return;
  // The bytes first, then the row that says they are there (threats F07).
  if (unsynced) os::sync_file_system(os::open_file(layers, O_RDONLY | O_DIRECTORY));
  database.write([&](store::Transaction& transaction) {
    for (const Row& one : fresh) {
      const LayerInfo& info = one.held->info;
      transaction.run(
          "INSERT INTO layers(diff_id, size, entries, created) VALUES(?, ?, ?, ?) "
          "ON CONFLICT(diff_id) DO NOTHING",
          {std::string_view(info.diff_id.text()), static_cast<std::int64_t>(info.size),
           static_cast<std::int64_t>(info.entries), base::now().unix_ns});
      for (const base::Digest& blob : one.proofs) {
        transaction.run("INSERT OR REPLACE INTO layer_proofs(blob, diff_id) VALUES(?, ?)",
                        {std::string_view(blob.text()), std::string_view(info.diff_id.text())});
      }
    }
  });
  const std::lock_guard guard(lock);
  for (const Row& one : fresh) {
    one.held->committed = true;
    for (const base::Digest& blob : one.proofs) {
      std::erase(one.held->proofs, blob);
      brought.erase(blob.text());
    }
  }
}

std::uint64_t LayersState::collect() {
  std::vector<LayerInfo> unused;
  database.read([&](store::Reader& reader) {
    auto rows = reader.query(
        "SELECT diff_id, size FROM layers WHERE diff_id NOT IN "
        "(SELECT diff_id FROM layer_references)");
    while (rows.next()) {
      unused.push_back(
          {base::Digest::parse(rows.text(0)), static_cast<std::uint64_t>(rows.integer(1)), 0});
    }
  });
  std::uint64_t freed = 0;
  for (const LayerInfo& one : unused) {
    std::unique_lock guard(lock);
    const Busy busy_now(*this, guard, one.diff_id);
    if (pinned(one.diff_id.text())) continue;
    guard.unlock();
    bool removed = false;
    database.write([&](store::Transaction& transaction) {
      removed = transaction.run(
                    "DELETE FROM layers WHERE diff_id=?1 AND NOT EXISTS "
                    "(SELECT 1 FROM layer_references WHERE diff_id=?1)",
                    {std::string_view(one.diff_id.text())}) == 1;
    });
    if (!removed) continue;
    // Gone between these two, a directory without a row is removed at the next start.
    for (const os::Path& path : implied_of(layers, one.diff_id)) trash.take(path);
    trash.take(directory(one.diff_id));
    freed += one.size;
  }
  return freed;
}

void LayersState::discard(const Pin::Held& held) {
  std::unique_lock guard(lock);
  const Busy busy_now(*this, guard, held.info.diff_id);
  // Brought again meanwhile by somebody else: theirs now.
  if (pinned(held.info.diff_id.text())) return;
  pins.erase(held.info.diff_id.text());
  guard.unlock();
  try {
    if (!row(held.info.diff_id)) trash.take(directory(held.info.diff_id));
  } catch (const base::Error& error) {
    base::log_warn("layer {} is not removed: {}", held.info.diff_id.text(), error.what());
  }
}

/// At start: half-made ingests go, and so does what the database does not know. Where the
/// database was lost, what is on disk is all there is, and stays.
void LayersState::scrub() {
  for (const auto& entry : std::filesystem::directory_iterator(layers)) {
    const std::string name = entry.path().filename().native();
    if (std::ranges::count(kEmptyNames, name) != 0 || name.starts_with(".implied-")) continue;
    const bool layer = base::Digest::valid("sha256:" + name);
    if (layer && (database.set_aside() || row(base::Digest::parse("sha256:" + name)))) continue;
    if (!layer && !name.starts_with(kIngestPrefix)) {
      base::log_warn("{} is nothing of ours and stays", entry.path().native());
      continue;
    }
    trash.take(entry.path());
  }
}

}  // namespace wharf::layer
