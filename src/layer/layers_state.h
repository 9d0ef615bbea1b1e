// What Layers, Pin and Ingest share. Inside room layer only.
//
// Lock order: `lock` is never held while the database or a file system is asked. What needs
// both marks the diff id busy, lets go of the lock, works, and marks it free again: one thread
// at a time brings, finds or removes a given layer.
#pragma once

#include <condition_variable>
#include <mutex>
#include <set>
#include <unordered_map>

#include "layer/layers.h"
#include "layer/trash.h"
#include "layer/unpacker.h"

namespace wharf::layer {

struct Pin::Held {
  std::weak_ptr<LayersState> state;
  LayerInfo info;
  bool committed = false;            ///< Its row is in the database. Guarded by the lock.
  std::vector<base::Digest> proofs;  ///< Blobs seen to unpack to it, not yet in the database.
  ~Held();
};

struct LayersState : std::enable_shared_from_this<LayersState> {
  LayersState(const os::Path& data_root, store::Database& db, LayerOptions chosen);

  os::Path layers;
  os::Path writable;
  store::Database& database;
  LayerOptions options;
  Trash trash;

  std::mutex lock;
  std::condition_variable_any changed;
  std::unordered_map<std::string, std::weak_ptr<Pin::Held>> pins;     ///< By diff id.
  std::unordered_map<std::string, std::weak_ptr<Pin::Held>> brought;  ///< By blob, uncommitted.
  std::set<std::string> busy;                                         ///< Diff ids.
  std::set<std::string> bringing;  ///< Blobs somebody has an Ingest for.

  os::Path directory(const base::Digest& diff_id) const { return layers / diff_id.hex(); }
  bool on_disk(const base::Digest& diff_id) const;
  std::optional<LayerInfo> row(const base::Digest& diff_id);
  std::optional<base::Digest> proof(const base::Digest& blob);

  /// The pin of a known, present layer.
  std::optional<Pin> pin(const base::Digest& diff_id);
  std::optional<Pin> proven(const base::Digest& blob);

  /// Takes over what was unpacked in `from`; where the layer is here already, `from` is dropped.
  Pin settle(const os::Path& from, const LayerInfo& info, const base::Digest& blob);

  std::unique_ptr<Ingest> begin(const base::Digest& claimed);
  void commit(std::span<const Pin> pins);
  std::uint64_t collect();
  void discard(const Pin::Held& held);
  void scrub();

  static Pin make_pin(std::shared_ptr<Pin::Held> held) { return Pin(std::move(held)); }
  static const std::shared_ptr<Pin::Held>& held(const Pin& pin) { return pin.held_; }

 private:
  std::shared_ptr<Pin::Held> live(const std::string& diff_id);
  bool pinned(const std::string& diff_id) const;
  Pin hold_new(const LayerInfo& info, bool committed);
};

/// Marks a diff id busy while it lives; made with the lock held, waits until it is free.
class Busy {
 public:
  Busy(LayersState& state, std::unique_lock<std::mutex>& lock, const base::Digest& diff_id);
  ~Busy();
  Busy(const Busy&) = delete;

 private:
  LayersState& state_;
  std::unique_lock<std::mutex>& lock_;
  std::string diff_id_;
};

struct Ingest::State {
  std::shared_ptr<LayersState> layers;
  base::Digest claimed;  ///< Empty where nobody named the blob before.
  base::Digest blob;
  base::Sha256 hash;
  os::Path directory;
  std::optional<Unpacker> unpacker;
  bool finished = false;
};

}  // namespace wharf::layer
