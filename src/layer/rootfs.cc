// Layers::mount: directories to one overlay, attached nowhere.
#include <fcntl.h>
#include <unistd.h>

#include <unordered_set>

#include "layer/implied.h"
#include "layer/layers_state.h"
#include "os/namespace.h"

namespace wharf::layer {
namespace {

/// The diff directories, topmost first. A layer that comes twice counts where it comes last:
/// what it hides and shows above is all that is seen, and the kernel refuses the same one twice.
std::vector<os::Fd> open_layers(const LayersState& state, std::span<const base::Digest> diff_ids) {
  std::vector<os::Fd> lower;
  lower.reserve(diff_ids.size() + 2);
  std::unordered_set<std::string_view> seen;
  for (std::size_t i = diff_ids.size(); i-- > 0;) {
    const base::Digest& diff_id = diff_ids[i];
    if (!seen.insert(diff_id.text()).second) continue;
    const os::Path path = state.directory(diff_id) / "diff";
    const int fd = WHARF_CALL(open, path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
      const base::Error why =
          os::last_error("layer {} is missing or broken: {}", diff_id.text(), path.native());
      throw base::Error(base::Kind::NotFound, why.what(), why.error_number());
    }
    lower.emplace_back(fd);
  }
  if (const auto on_top = implied_directories(state.layers, diff_ids)) {
    lower.insert(lower.begin(), os::open_directory(*on_top));
  }
  return lower;
}

/// After a mount marked volatile the kernel refuses the work directory, as what is in upper may
/// not have reached the disk. Only a power loss could have lost it, and a container of that kind
/// does not outlive one.
void clear_volatile_mark(const os::Path& work) {
  if (::access((work / "work" / "incompat").c_str(), F_OK) != 0) return;
  os::remove_tree(work);
  os::make_directories(work, 0755);
}

/// In a mount namespace of the caller's own: from here on paths below `path` show shifted ids.
void cover(const os::Path& path, const os::IdSpace& ids) {
  const os::Fd place = os::open_directory(path);
  os::DetachedMount mapped = os::DetachedMount::bind(place, os::Depth::TopOnly);
  try {
    mapped.map_ids(ids.user, os::Depth::TopOnly);
  } catch (const base::Error& error) {
    throw base::Error(base::Kind::Internal,
                      fmt::format("the file system of {} has no id-mapped mounts, which user "
                                  "namespaces need: {}",
                                  path.native(), error.what()),
                      error.error_number());
  }
  std::move(mapped).attach(place);
}

/// Runs `make`, where there are `ids` with `covered` as they show it. An overlay works with the
/// ids of who mounts it, so that must be somebody who is mapped: the container's root.
template <class Make>
os::DetachedMount with_ids(const os::IdSpace* ids, std::initializer_list<os::Path> covered,
                           Make make) {
  if (!ids) return make();
  std::optional<os::DetachedMount> made;
  os::in_own_mount_namespace([&] {
    for (const os::Path& path : covered) cover(path, *ids);
    const os::ActingAs root(ids->maps);
    made = make();
  });
  return std::move(*made);
}

}  // namespace

os::DetachedMount Layers::mount(std::string_view id, std::span<const base::Digest> diff_ids,
                                MountOptions options) {
  const os::Path upper_path = upper_directory(id);
  const os::Path work_path = upper_path.parent_path() / "work";
  // A power loss may have taken what create_writable() made: the container is still there.
  if (::access(work_path.c_str(), F_OK) != 0) create_writable(id, diff_ids);
  clear_volatile_mark(work_path);
  // What is made here is made with the ids of the disk.
  if (options.ids) implied_directories(state_->layers, diff_ids);
  return with_ids(options.ids, {state_->layers, upper_path.parent_path()}, [&] {
    std::vector<os::Fd> lower = open_layers(*state_, diff_ids);
    if (lower.empty()) lower.push_back(os::open_directory(state_->layers / ".empty"));
    const os::Fd upper = os::open_directory(upper_path);
    const os::Fd work = os::open_directory(work_path);
    os::DetachedMount mount = os::DetachedMount::overlay(
        {.lower = lower, .upper = &upper, .work = &work, .discardable = options.discardable});
    if (options.read_only) mount.set_flags({.read_only = true}, os::Depth::TopOnly);
    return mount;
  });
}

os::DetachedMount Layers::mount_at_rest(std::string_view id, std::span<const base::Digest> diff_ids,
                                        const os::IdSpace* ids) {
  const os::Path upper_path = upper_directory(id);
  if (ids) implied_directories(state_->layers, diff_ids);
  return with_ids(ids, {state_->layers, upper_path.parent_path()}, [&] {
    std::vector<os::Fd> lower = open_layers(*state_, diff_ids);
    lower.insert(lower.begin(), os::open_directory(upper_path));
    if (lower.size() == 1) lower.push_back(os::open_directory(state_->layers / ".empty"));
    os::DetachedMount mount = os::DetachedMount::overlay({.lower = lower});
    mount.set_flags({.read_only = true}, os::Depth::TopOnly);
    return mount;
  });
}

os::DetachedMount Layers::mount_image(std::span<const base::Digest> diff_ids,
                                      const os::IdSpace* ids) {
  if (ids) implied_directories(state_->layers, diff_ids);
  return with_ids(ids, {state_->layers}, [&] {
    std::vector<os::Fd> lower = open_layers(*state_, diff_ids);
    if (lower.empty()) lower.push_back(os::open_directory(state_->layers / ".empty"));
    // One directory alone is no overlay to the kernel; its whiteouts must not be seen either.
    if (lower.size() == 1) lower.push_back(os::open_directory(state_->layers / ".below"));
    os::DetachedMount mount = os::DetachedMount::overlay({.lower = lower});
    mount.set_flags({.read_only = true}, os::Depth::TopOnly);
    return mount;
  });
}

}  // namespace wharf::layer
