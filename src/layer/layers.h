// Layers by diff id, unpacked once, and the writable layers of containers.
//
//   claim(blob) ─► Ingest ─write()…─► finish() ─► Pin ─► commit(pins) ─► hold(tx, owner, ids)
//            └───► Pin (already here by proof) ────────────┘
//
// A layer is found for a blob only where this daemon itself has unpacked that blob (the proof,
// digest to diff id); a config that merely names a diff id gets nothing (threats A32). A Pin
// keeps a layer from collect() until it is held by an owner in the database. Nothing is listed
// before commit() has brought its bytes to the disk. Unpacking happens in a sandboxed process
// (unpacker.h). Formats: docs/formats/layer-directory.md. Thread-safe; throws base::Error.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "archive/apply.h"
#include "base/digest.h"
#include "layer/options.h"
#include "os/mount.h"
#include "store/database.h"

namespace wharf::layer {

class Draft;
class Unpacker;

/// What is known of a layer without looking at its files.
struct LayerInfo {
  base::Digest diff_id;
  std::uint64_t size = 0;  ///< Bytes of file content, as `docker history` and `system df` count.
  std::uint64_t entries = 0;
};

/// Keeps one layer on disk while held. Copies share it.
class Pin {
 public:
  const LayerInfo& info() const;
  const base::Digest& diff_id() const { return info().diff_id; }

 private:
  friend struct LayersState;
  struct Held;
  explicit Pin(std::shared_ptr<Held> held) : held_(std::move(held)) {}
  std::shared_ptr<Held> held_;
};

/// One stream being unpacked. Dropping it before finish() ends the process and removes what
/// it wrote. One thread at a time.
class Ingest {
 public:
  ~Ingest();

  /// Bytes of the blob as they come, compressed (gzip, zstd, bzip2, xz) or not. Blocks while the
  /// unpacker is busy, at most layer_stall_seconds. Throws what the unpacker objects to.
  void write(std::string_view bytes);

  /// Ends the stream and waits. Throws where the blob's digest is not the one claimed, or the
  /// diff id not `expected` (pass an empty digest where any will do).
  Pin finish(const base::Digest& expected);

  /// Uncompressed bytes so far, for "Extracting": any thread.
  std::uint64_t unpacked_bytes() const;

  /// The digest of all bytes written; after finish().
  const base::Digest& blob() const;

 private:
  friend struct LayersState;
  struct State;
  explicit Ingest(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// An archive being laid over the files of a container. Dropping it before finish() ends the
/// process; what it wrote by then stays. One thread at a time.
class Extraction {
 public:
  ~Extraction();

  /// As Ingest::write().
  void write(std::string_view bytes);

  /// Ends the stream and waits. Throws what the process objects to.
  void finish();

 private:
  friend class Layers;
  explicit Extraction(std::unique_ptr<Unpacker> unpacker);
  std::unique_ptr<Unpacker> unpacker_;
};

/// Either the layer is here, or the caller is the one who brings it.
struct Claim {
  std::optional<Pin> layer;
  std::unique_ptr<Ingest> ingest;
};

struct LayersState;

class Layers {
 public:
  /// Takes <data-root>/{layers,writable,trash}; removes half-made ingests and what the database
  /// does not know, unless the database itself is new because the old one was damaged.
  Layers(const os::Path& data_root, store::Database& database, LayerOptions options = {});
  ~Layers();

  /// Waits while somebody else brings the same blob; Cancelled when stopped.
  Claim claim(const base::Digest& blob, std::stop_token stop = {});

  /// Unpacks a stream whose digest nobody has claimed yet: load, import, commit.
  std::unique_ptr<Ingest> begin();

  /// A layer that is made here, file by file: steps of a build (draft.h).
  std::unique_ptr<Draft> draft();

  /// The layer unpacked from `blob` before, by proof.
  std::optional<Pin> proven(const base::Digest& blob);

  /// Makes these layers durable (one syncfs) and known. Call before the transaction that tags.
  void commit(std::span<const Pin> pins);

  /// `owner` ("image:<digest>", "container:<id>") keeps these layers, bottom first. NotFound,
  /// naming the layer, where one is not known. Holding again replaces.
  void hold(store::Transaction& transaction, std::string_view owner,
            std::span<const base::Digest> diff_ids);
  void release(store::Transaction& transaction, std::string_view owner);

  /// Moves layers that nobody holds or pins to the trash; the bytes given back.
  std::uint64_t collect();

  /// NotFound where the database does not know it.
  LayerInfo info(const base::Digest& diff_id);

  /// Keeps a known, present layer; nothing where it is not.
  std::optional<Pin> pin(const base::Digest& diff_id);

  /// Sends the exact tar the layer was unpacked from. Internal where files are damaged: the
  /// digest is checked while sending, so the last bytes are held back until it is right.
  void write_tar(const base::Digest& diff_id, const std::function<void(std::string_view)>& sink);

  std::optional<PackedBlob> packed(const base::Digest& diff_id);

  /// Kept beside the layer. Failing to is no error.
  void note_packed(const base::Digest& diff_id, const PackedBlob& blob) noexcept;

  /// No fsync. Its root has the owner of the topmost layer's. Existing is no error.
  void create_writable(std::string_view id, std::span<const base::Digest> diff_ids);

  /// Any other directory of <data-root>: to the trash. Missing is no error.
  void discard(const os::Path& directory);

  /// Moves it to the trash. Missing is no error.
  void remove_writable(std::string_view id);

  /// Moves those of none of `ids` to the trash. Only at start, before any create.
  void sweep_writable(const std::set<std::string>& ids);

  /// <data-root>/writable/<id>/upper, for diff and commit.
  os::Path upper_directory(std::string_view id) const;

  /// The root file system: `diff_ids` bottom first under the writable layer `id`, attached
  /// nowhere. An error names the layer that is missing or broken.
  os::DetachedMount mount(std::string_view id, std::span<const base::Digest> diff_ids,
                          MountOptions options = {});

  /// As mount(), but read-only and without a claim on the writable layer: to look into it.
  os::DetachedMount mount_at_rest(std::string_view id, std::span<const base::Digest> diff_ids,
                                  const os::IdSpace* ids = nullptr);

  /// The layers alone, read-only: to look into an image.
  os::DetachedMount mount_image(std::span<const base::Digest> diff_ids,
                                const os::IdSpace* ids = nullptr);

  /// Unpacks an archive in a sandboxed process that has `root` as its own.
  std::unique_ptr<Extraction> extract(const os::Fd& root, const archive::Onto& onto);

  /// What the upper directory takes on the disk (du): SizeRw.
  std::uint64_t writable_size(std::string_view id) const;

  /// Waits until the trash is empty: prune, tests.
  void empty_trash();

 private:
  std::shared_ptr<LayersState> state_;
};

}  // namespace wharf::layer
