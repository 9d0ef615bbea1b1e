// Volumes: directories that outlive containers.
//
// A volume of driver "local" is `<data-root>/volumes/<name>/_data`. A row in the store says
// that it exists; the row is written last at creation and removed first, and what a crash
// left of a directory without a row is swept at start. A container that exists holds an
// Attachment of each of its volumes; a volume that is attached cannot be removed.
//
// Thread-safe. Nothing here opens a file of a volume except copy_up(), which works by
// descriptors, never follows a link, and opens only regular files.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "os/fd.h"
#include "os/file.h"

namespace wharf::base {
class EventSink;
}
namespace wharf::store {
class Database;
}

namespace wharf::volume {

using Labels = std::map<std::string, std::string>;

struct CreateOptions {
  std::string name;  ///< Empty: anonymous, 64 hex digits.
  std::string driver = "local";
  std::optional<Labels> driver_options;
  std::optional<Labels> labels;
};

struct Volume {
  std::string name;
  std::string driver = "local";
  std::string mountpoint;
  base::Time created;
  std::optional<Labels> labels;  ///< Docker: null when none were given.
  std::optional<Labels> options;
  std::vector<std::string> containers;  ///< Ids of those that have it attached.

  bool anonymous() const;
};

class Volumes;

/// One container's claim on one volume, from its creation to its removal.
class Attachment {
 public:
  Attachment() = default;
  Attachment(Volumes& volumes, std::string name, std::string container_id);
  Attachment(Attachment&& other) noexcept;
  Attachment& operator=(Attachment&& other) noexcept;
  ~Attachment();

  const std::string& name() const { return name_; }

 private:
  Volumes* volumes_ = nullptr;
  std::string name_;
  std::string container_id_;
};

class Volumes {
 public:
  /// Sweeps half-made volumes. `data_root` is the daemon's.
  Volumes(os::Path data_root, store::Database& database, base::EventSink& events);
  ~Volumes();
  Volumes(const Volumes&) = delete;

  /// An existing one of the same driver is returned as it is. Durable when it returns.
  /// Throws InvalidArgument "create a: volume name is too short, ...", Conflict, NotFound.
  Volume create(const CreateOptions& options);

  /// create() and attach() in one: nobody can remove the volume between the two.
  Attachment create_attached(const CreateOptions& options, const std::string& container_id,
                             Volume& volume);

  /// Throws NotFound "get NAME: no such volume".
  Volume inspect(std::string_view name) const;
  std::vector<Volume> list() const;

  /// Throws NotFound (not with `force`), Conflict "remove NAME: volume is in use - [ids]".
  void remove(std::string_view name, bool force);

  /// Removes what `matches` and nobody has attached. The names, and the bytes they held on disk.
  struct Pruned {
    std::vector<std::string> names;
    std::uint64_t bytes = 0;
  };
  Pruned prune(const std::function<bool(const Volume&)>& matches);

  /// Claims the volume for a container; it must exist.
  Attachment attach(std::string_view name, std::string container_id);

  /// The directory to mount (O_PATH | O_DIRECTORY).
  os::Fd open(std::string_view name) const;

  /// Before a container's first use of an empty volume: copies what `root` (the container's root
  /// file system) has at `path`, with owner, mode and times, and makes the volume's top directory
  /// alike. Nothing happens where the volume has content, or `path` is no directory in there.
  void copy_up(std::string_view name, const os::Fd& root, std::string_view path);

  /// Bytes on disk, for `system df`.
  std::uint64_t size_bytes(std::string_view name) const;

 private:
  friend class Attachment;
  void detach(const std::string& name, const std::string& container_id);
  Volume make(const CreateOptions& options, const std::string& container_id);

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace wharf::volume
