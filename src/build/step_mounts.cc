#include "build/step_mounts.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "base/error.h"
#include "build/copier.h"
#include "os/file.h"

namespace wharf::build {
namespace {

using base::fail;
using base::Kind;
using container::MountSpec;

/// Where a path of a tree lies on this machine, links resolved inside the tree.
os::Path real_path(const os::Fd& root, const std::string& path) {
  const os::Fd opened = os::open_in_root(root, path.empty() ? "/" : path, O_PATH);
  std::array<char, 4096> target{};
  const std::string link = fmt::format("/proc/self/fd/{}", opened.get());
  os::check(WHARF_CALL(readlink, link.c_str(), target.data(), target.size() - 1), "read {}", link);
  return target.data();
}

MountSpec spec_of(MountSpec::Type type, const std::string& target, bool read_only) {
  MountSpec spec;
  spec.type = type;
  spec.destination = target;
  spec.writable = !read_only;
  spec.mode = read_only ? "ro" : "";
  return spec;
}

}  // namespace

std::string StepMounts::target_of(const RunMount& mount) const {
  if (mount.target.starts_with('/')) return dockerfile::clean_path(mount.target);
  return dockerfile::clean_path("/" + directory_ + "/" + mount.target);
}

Context& StepMounts::scratch() {
  scratches_.push_back(std::make_unique<Context>(work_.services.directory / "contexts"));
  return *scratches_.back();
}

void StepMounts::bind_directory(const os::Path& source, const std::string& target, bool read_only) {
  MountSpec spec = spec_of(MountSpec::Type::Bind, target, read_only);
  spec.source = source;
  spec.propagation = "rprivate";
  specs_.push_back(std::move(spec));
  stubs_.push_back(target);
}

void StepMounts::add(const RunMount& mount) {
  switch (mount.type) {
    case RunMount::Type::Bind:
      return bind(mount);
    case RunMount::Type::Cache:
      return cache(mount);
    case RunMount::Type::Tmpfs: {
      MountSpec spec = spec_of(MountSpec::Type::Tmpfs, target_of(mount), false);
      if (mount.size_bytes > 0) spec.options = fmt::format("size={}", mount.size_bytes);
      stubs_.push_back(spec.destination);
      specs_.push_back(std::move(spec));
      return;
    }
    case RunMount::Type::Secret:
      // Secrets come over a session, and this build has none.
      if (mount.required) fail(Kind::InvalidArgument, "secret {}: not found", mount.id);
      return;
    case RunMount::Type::Ssh:
      if (mount.required) {
        fail(Kind::InvalidArgument, "unset ssh forward key {}",
             mount.id.empty() ? "default" : mount.id);
      }
      return;
  }
}

void StepMounts::bind(const RunMount& mount) {
  const std::string target = target_of(mount);
  if (!mount.from.empty() && mount.read_only) {
    MountSpec spec = spec_of(MountSpec::Type::Image, target, true);
    for (const base::Digest& id : layers_(mount.from)) spec.layers.push_back(id.text());
    spec.subpath = dockerfile::clean_path("/" + mount.source).substr(1);
    if (!spec.layers.empty()) {
      specs_.push_back(std::move(spec));
      stubs_.push_back(target);
      return;
    }
  }
  static const dockerfile::IgnoreList kNone;
  std::optional<os::DetachedMount> image;
  if (!mount.from.empty()) image = work_.services.layers.mount_image(layers_(mount.from));
  const Tree tree(image ? image->fd() : work_.context.root(), kNone);
  const std::string source = checked_source(mount.source.empty() ? "/" : mount.source);
  tree.find(source.empty() ? "." : source);
  if (!image && mount.read_only) {
    return bind_directory(real_path(tree.root(), source), target, true);
  }
  // What is written there is lost: it goes into a copy.
  Context& copy = scratch();
  const bool directory = S_ISDIR(os::status(tree.open(source, O_PATH)).st_mode);
  Copier(copy.root(), {}).copy(tree, source, directory ? "/" : "/file", false);
  bind_directory(directory ? copy.path() : copy.path() / "file", target, mount.read_only);
}

void StepMounts::cache(const RunMount& mount) {
  bool fresh = false;
  caches_.push_back(work_.caches.take(mount, work_.stop, fresh));
  const os::Path& path = caches_.back().path();
  if (fresh && !mount.from.empty()) {
    static const dockerfile::IgnoreList kNone;
    const os::DetachedMount image = work_.services.layers.mount_image(layers_(mount.from));
    const os::Fd root = os::open_file(path, O_RDONLY | O_DIRECTORY);
    Copier(root, {}).copy(Tree(image.fd(), kNone), checked_source("/" + mount.source), "/", false);
  }
  bind_directory(path, target_of(mount), mount.read_only);
}

void StepMounts::add_script(const std::string& target, const std::string& content) {
  const Context& at = scratch();
  os::replace_file(at.path() / "script", content, 0755);
  bind_directory(at.path() / "script", target, true);
}

}  // namespace wharf::build
