// The files of a container, as `docker cp` sees them: its root file system with its volumes,
// binds and tmpfs, whether it runs or not.
//
//   running: the container's own overlay, copied out of its mount namespace
//   stopped: the layers read-only (Look), or mounted for writing under the Turn (Change)
//
// On top come the container's mounts. The whole is a tree of mounts in a mount namespace that no
// process is in, with devices off; dropping the view takes it apart. Nothing of what the engine
// itself mounts in a container (/proc, /sys, /dev) is in it, as in Docker. One thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "container/container.h"
#include "container/state.h"
#include "os/mount.h"
#include "os/user_namespace.h"

namespace wharf::container {

class FileView {
 public:
  enum class Purpose {
    Look,      ///< Read.
    Change,    ///< Write: keeps a stopped container from starting as long as it lives.
    RootOnly,  ///< Read, without any mount: export.
  };

  /// Throws base::Error where a volume or a bind's source is gone and is to be written to.
  static FileView open(Containers::State& state, const ContainerPointer& container,
                       Purpose purpose);

  const os::Fd& root() const { return root_->fd(); }

  /// Of a container in a user namespace: its files have the ids that they have for the host, and
  /// these say which the container sees. Else null.
  const os::IdMaps* ids() const { return ids_ ? &ids_->maps : nullptr; }

 private:
  struct Piece {
    std::string destination;
    std::optional<os::DetachedMount> mount;  ///< Of a tmpfs: only once it is found running.
    bool needed = false;
  };
  FileView() = default;

  static std::vector<Piece> find_pieces(const Containers::State& state, const Record& record,
                                        Purpose purpose, const os::IdSpace* ids);
  const os::IdSpace* space() const { return ids_ ? &*ids_ : nullptr; }
  bool take_running(Containers::State& state, Container& container, const Record& record);
  void take_stopped(Containers::State& state, const ContainerPointer& container,
                    const Record& record, Purpose purpose);
  void assemble(const os::Path& place);

  std::optional<Container::Turn> turn_;
  std::optional<os::IdSpace> ids_;
  os::Fd namespace_;  ///< Keeps the mounts together.
  std::optional<os::DetachedMount> root_;
  std::vector<Piece> pieces_;
};

}  // namespace wharf::container
