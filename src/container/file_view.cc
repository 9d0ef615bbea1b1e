#include "container/file_view.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/error.h"
#include "container/first_files.h"
#include "container/mount_sources.h"
#include "container/user_space.h"
#include "os/file.h"
#include "os/namespace.h"

namespace wharf::container {

namespace {

using base::Kind;

constexpr std::chrono::seconds kEndPatience{5};

/// Says that the first files and mount points of a container were made.
constexpr const char* kLaidOut = "laid-out";

constexpr const char* kEtcFiles[] = {"hostname", "hosts", "resolv.conf"};

os::Path files_directory(const Containers::State& state, const Record& record) {
  constexpr std::string_view kContainer = "container:";
  const std::string& mode = record.host.network_mode;
  if (!mode.starts_with(kContainer)) return state.directory(record.id);
  try {
    return state.directory(state.find(mode.substr(kContainer.size()))->id);
  } catch (const base::Error&) {
    return state.directory(record.id);
  }
}

/// Mounts further down come after those they are in.
std::vector<MountSpec> in_order(const Record& record) {
  const auto depth = [](const MountSpec& mount) {
    return std::count(mount.destination.begin(), mount.destination.end(), '/');
  };
  std::vector<MountSpec> mounts = record.mounts;
  std::stable_sort(mounts.begin(), mounts.end(),
                   [&](const auto& a, const auto& b) { return depth(a) < depth(b); });
  return mounts;
}

/// A directory, where nothing is known of it.
bool is_directory(const Containers::State& state, const MountSpec& mount) {
  if (mount.type == MountSpec::Type::Tmpfs) return true;
  try {
    return S_ISDIR(os::status(mount_source(state, mount).fd()).st_mode);
  } catch (const base::Error&) {
    return true;
  }
}

void set_laid_out(const Containers::State& state, const Record& record) {
  os::open_file(state.directory(record.id) / kLaidOut, O_WRONLY | O_CREAT, 0600);
}

/// Once for a container: what Docker makes when it creates one.
void lay_out(const Containers::State& state, const Record& record, const os::Fd& root,
             const os::IdMaps* ids) {
  const auto acting = os::acting_as(ids);
  make_first_files(root);
  for (const MountSpec& mount : in_order(record)) {
    make_mount_point(root, mount.destination, is_directory(state, mount));
  }
  set_laid_out(state, record);
}

/// The ids of a container, running or not.
std::optional<os::IdSpace> ids_of(const Containers::State& state, const Container& container,
                                  const Record& record) {
  if (const auto run = container.view().run()) {
    try {
      return ids_of_running(*run);
    } catch (const base::Error&) {
      // It is ending this moment.
    }
  }
  return ids_at_rest(state.settings, record);
}

bool is_laid_out(const Containers::State& state, const Record& record) {
  return std::filesystem::exists(state.directory(record.id) / kLaidOut);
}

}  // namespace

FileView FileView::open(Containers::State& state, const ContainerPointer& container,
                        Purpose purpose) {
  const Record record = container->record();
  FileView view;
  try {
    view.ids_ = ids_of(state, *container, record);
    if (purpose != Purpose::RootOnly)
      view.pieces_ = find_pieces(state, record, purpose, view.space());
    if (!view.take_running(state, *container, record)) {
      view.take_stopped(state, container, record, purpose);
    }
  } catch (const base::Error&) {
    // Its directories go right after its place in the index: then this says what Docker says.
    state.find(container->id);
    throw;
  }
  view.pieces_.clear();
  return view;
}

/// All that is mounted in the container, outer ones first.
std::vector<FileView::Piece> FileView::find_pieces(const Containers::State& state,
                                                   const Record& record, Purpose purpose,
                                                   const os::IdSpace* ids) {
  std::vector<Piece> pieces;
  for (const MountSpec& mount : in_order(record)) {
    if (mount.type == MountSpec::Type::Tmpfs) {
      pieces.push_back({mount.destination, std::nullopt, false});
      continue;
    }
    try {
      os::DetachedMount source = mount_source(state, mount, ids);
      if (!mount.writable) {
        const bool all = mount.recursive && mount.read_only_recursive;
        source.set_flags({.read_only = true}, all ? os::Depth::Recursive : os::Depth::TopOnly);
      }
      pieces.push_back({mount.destination, std::move(source), true});
    } catch (const base::Error& error) {
      // What is left can still be read, but nothing shall be written below a missing volume.
      const bool missing = error.kind() == Kind::NotFound || error.error_number() == ENOENT;
      if (!missing || purpose == Purpose::Change) {
        base::fail(Kind::Internal, "mount {} of container {}: {}", mount.destination, record.id,
                   error.what());
      }
    }
  }
  const os::Path files = files_directory(state, record);
  for (const char* name : kEtcFiles) {
    const std::string destination = std::string("/etc/") + name;
    const bool replaced =
        std::any_of(record.mounts.begin(), record.mounts.end(),
                    [&](const MountSpec& mount) { return mount.destination == destination; });
    if (replaced || !std::filesystem::exists(files / name)) continue;
    const os::Fd file = os::open_file(files / name, O_PATH | O_NOFOLLOW);
    os::DetachedMount source = os::DetachedMount::bind(file, os::Depth::TopOnly);
    if (ids) source.map_ids(ids->user, os::Depth::TopOnly);
    pieces.push_back({destination, std::move(source), false});
  }
  return pieces;
}

/// Puts the pieces into the root. Mounts can be put together only where they are attached (Linux
/// before 6.15), so it is done in a mount namespace that has nothing else in it.
void FileView::assemble(const os::Path& place) {
  if (pieces_.empty()) {
    root_->set_flags({.no_dev = true}, os::Depth::TopOnly);
    return;
  }
  os::in_own_mount_namespace([&] {
    namespace_ = os::current_mount_namespace();
    std::move(*root_).attach(os::open_directory(place));
    for (Piece& piece : pieces_) {
      if (!piece.mount) continue;
      try {
        const os::Fd target = os::open_in_root(root_->fd(), piece.destination, O_PATH);
        std::move(*piece.mount).attach(target);
      } catch (const base::Error& error) {
        // The container has taken the place away.
        const int why = error.error_number();
        if (piece.needed || (why != ENOENT && why != ENOTDIR)) throw;
      }
    }
    root_->set_flags({.no_dev = true}, os::Depth::Recursive);
    // Nothing of the host stays mounted here, where it could keep a disk busy.
    os::leave_only(*root_);
  });
}

/// False where the container does not run.
bool FileView::take_running(Containers::State& state, Container& container, const Record& record) {
  const auto run = container.view().run();
  if (!run) return false;
  try {
    const os::Fd root = run->copy_of(run->rootfs);
    if (!root) base::fail(Kind::Conflict, "container {} is not running", container.id);
    const os::Fd inside = os::open_file(fmt::format("/proc/{}/ns/mnt", run->task.pid()), O_RDONLY);
    // A mount is copied only from the namespace that it belongs to.
    os::in_mount_namespace(inside, [&] {
      root_ = os::DetachedMount::bind(root, os::Depth::TopOnly);
      for (Piece& piece : pieces_) {
        if (piece.mount) continue;
        const os::Fd top = os::open_in_root(root, piece.destination, O_PATH | O_DIRECTORY);
        piece.mount = os::DetachedMount::bind(top, os::Depth::TopOnly);
      }
    });
    assemble(state.directory(record.id));
  } catch (const base::Error&) {
    // It may be ending this moment.
    const auto deadline = std::chrono::steady_clock::now() + kEndPatience;
    const auto ended = [&](const View& view, std::uint64_t, bool removed) {
      return removed || view.run() != run;
    };
    const bool alive = std::filesystem::exists(fmt::format("/proc/{}/ns/mnt", run->task.pid()));
    if (alive || !container.wait(ended, deadline, {})) throw;
    return take_running(state, container, record);
  }
  if (!is_laid_out(state, record) && !record.host.readonly_rootfs) {
    const auto acting = os::acting_as(ids());
    make_first_files(root_->fd());
    set_laid_out(state, record);
  }
  return true;
}

void FileView::take_stopped(Containers::State& state, const ContainerPointer& container,
                            const Record& record, Purpose purpose) {
  layer::Layers& layers = state.services.layers;
  const std::vector<base::Digest> diff_ids = layers_of(record);
  const bool change = purpose == Purpose::Change;
  if (change || !is_laid_out(state, record)) {
    turn_.emplace(container->take_turn());
    if (container->view().run()) {
      turn_.reset();
      if (take_running(state, *container, record)) return;
      base::fail(Kind::Conflict, "container {} is starting and ending", container->id);
    }
    // Made again where a power loss takes it: nothing here needs to wait for the disk.
    layer::MountOptions options;
    options.discardable = !change;
    options.ids = space();
    os::DetachedMount mount = layers.mount(record.id, diff_ids, options);
    lay_out(state, record, mount.fd(), ids());
    if (change) root_ = std::move(mount);
  }
  if (!change) {
    turn_.reset();
    root_ = layers.mount_at_rest(record.id, diff_ids, space());
  }
  assemble(state.directory(record.id));
}

}  // namespace wharf::container
