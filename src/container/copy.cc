// /containers/{id}/archive and /containers/{id}/export.
#include "container/copy.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "archive/pack.h"
#include "archive/tar_writer.h"
#include "base/error.h"
#include "base/strings.h"
#include "container/file_paths.h"
#include "container/file_view.h"
#include "container/state.h"
#include "container/users.h"
#include "os/file.h"

namespace wharf::container {

namespace {

using base::Kind;
using Sink = std::function<void(std::string_view)>;

constexpr std::size_t kChunkBytes = 256 << 10;

/// Go's os.FileMode: permissions, and the kind in bits of its own.
std::uint32_t go_mode(mode_t mode) {
  constexpr std::pair<mode_t, std::uint32_t> kKinds[] = {
      {S_IFDIR, 1U << 31}, {S_IFLNK, 1U << 27},  {S_IFBLK, 1U << 26},
      {S_IFIFO, 1U << 25}, {S_IFSOCK, 1U << 24}, {S_IFCHR, 1U << 26 | 1U << 21}};
  std::uint32_t bits = mode & 0777;
  for (const auto& [kind, bit] : kKinds) {
    if ((mode & S_IFMT) == kind) bits |= bit;
  }
  if (mode & S_ISUID) bits |= 1U << 23;
  if (mode & S_ISGID) bits |= 1U << 22;
  if (mode & S_ISVTX) bits |= 1U << 20;
  return bits;
}

[[noreturn]] void not_found(const std::string& path, std::string_view name) {
  base::fail(Kind::NotFound, "Could not find the file {} in container {}", path, name);
}

/// Opens for looking only. Throws Docker's text, which begins with `call`.
os::Fd look(const os::Fd& root, const std::string& path, int flags, const char* call) {
  try {
    return os::open_in_root(root, path, O_PATH | flags);
  } catch (const base::Error& error) {
    if (error.error_number() == ENOENT) throw;
    throw base::errno_error(error.error_number(), fmt::format("{} {}", call, path));
  }
}

api::PathStat stat_of(const os::Fd& root, const std::string& path, const struct stat& found) {
  api::PathStat stat;
  stat.name = last_part(path);
  stat.size = found.st_size;
  stat.mode = go_mode(found.st_mode);
  stat.mtime = base::rfc3339_nano(
      {found.st_mtim.tv_sec * std::int64_t{1'000'000'000} + found.st_mtim.tv_nsec});
  if (S_ISLNK(found.st_mode)) stat.link_target = followed_path(root, path);
  return stat;
}

/// Gathers what a TarWriter says into pieces worth a write.
class Chunks {
 public:
  explicit Chunks(const Sink& sink) : sink_(sink) { chunk_.reserve(kChunkBytes); }

  void write(std::string_view bytes) {
    if (chunk_.size() + bytes.size() > kChunkBytes) flush();
    if (bytes.size() >= kChunkBytes) return sink_(bytes);
    chunk_ += bytes;
  }
  void flush() {
    if (!chunk_.empty()) sink_(chunk_);
    chunk_.clear();
  }

 private:
  const Sink& sink_;
  std::string chunk_;
};

/// Runs `pack(packer)` into `sink`.
template <class Pack>
void send_tar(const Sink& sink, const os::IdMaps* ids, Pack pack) {
  Chunks chunks(sink);
  archive::TarWriter tar([&](std::string_view bytes) { chunks.write(bytes); });
  archive::Packer packer(tar, ids);
  pack(packer);
  tar.finish();
  chunks.flush();
}

class PathArchive final : public Archive {
 public:
  PathArchive(Containers::State& state, Record record, FileView view, std::string path,
              const struct stat& found)
      : state_(state),
        record_(std::move(record)),
        view_(std::move(view)),
        path_(std::move(path)),
        is_directory_(S_ISDIR(found.st_mode)),
        stat_(stat_of(view_.root(), path_, found)) {}

  const api::PathStat& stat() const override { return stat_; }

  void send(const Sink& sink) override {
    const std::size_t slash = path_.rfind('/');
    const std::string opened = is_directory_ ? path_ : path_.substr(0, slash + 1);
    const os::Fd directory = os::open_in_root(view_.root(), opened, O_RDONLY | O_DIRECTORY);
    state_.publish(record_, "archive-path");
    send_tar(sink, view_.ids(), [&](archive::Packer& packer) {
      if (is_directory_) {
        packer.tree(directory, stat_.name);
      } else {
        packer.member(directory, path_.substr(slash + 1), stat_.name);
      }
    });
  }

 private:
  Containers::State& state_;
  const Record record_;
  const FileView view_;
  const std::string path_;
  const bool is_directory_;
  const api::PathStat stat_;
};

class RootArchive final : public Archive {
 public:
  RootArchive(Containers::State& state, Record record, FileView view)
      : state_(state), record_(std::move(record)), view_(std::move(view)) {}

  const api::PathStat& stat() const override { return stat_; }

  void send(const Sink& sink) override {
    const os::Fd root = os::open_in_root(view_.root(), "/", O_RDONLY | O_DIRECTORY);
    state_.publish(record_, "export");
    send_tar(sink, view_.ids(), [&](archive::Packer& packer) { packer.tree(root, ""); });
  }

 private:
  Containers::State& state_;
  const Record record_;
  const FileView view_;
  const api::PathStat stat_;
};

/// Docker: said before the kernel would, and with other words.
void check_writable(const Record& record, const View& view, const std::string& path) {
  const MountSpec* innermost = nullptr;
  for (const MountSpec& mount : record.mounts) {
    // A tmpfs is there only while the container runs.
    if (mount.type == MountSpec::Type::Tmpfs && !view.run()) continue;
    const bool deeper = !innermost || mount.destination.size() > innermost->destination.size();
    if (deeper && is_below(path, mount.destination)) innermost = &mount;
  }
  if (innermost && !innermost->writable) {
    base::fail(Kind::InvalidArgument, "mounted volume is marked read-only");
  }
  if (!innermost && record.host.readonly_rootfs) {
    base::fail(Kind::InvalidArgument, "container rootfs is marked read-only");
  }
}

void pour(layer::Extraction& extraction, const ByteSource& source) {
  std::vector<char> buffer(kChunkBytes);
  while (const std::size_t size = source(buffer)) extraction.write({buffer.data(), size});
  extraction.finish();
}

/// Docker: whatever is wrong with the archive is a 500, in the words of Go's reader.
[[noreturn]] void archive_failed(const base::Error& error) {
  constexpr std::string_view kPrefix = "archive/tar: unexpected EOF";
  const std::string text = error.what();
  const Kind kind = error.kind() == Kind::Cancelled ? Kind::Cancelled : Kind::Internal;
  throw base::Error(kind, text == kPrefix ? "unexpected EOF" : text, error.error_number());
}

}  // namespace

std::unique_ptr<Archive> Containers::archive(std::string_view name, const std::string& path) {
  const ContainerPointer container = state_->find(name);
  FileView view = FileView::open(*state_, container, FileView::Purpose::Look);
  const std::string wanted = copy_path(path);
  try {
    const struct stat found = os::status(look(view.root(), wanted, O_NOFOLLOW, "lstat"));
    return std::make_unique<PathArchive>(*state_, container->record(), std::move(view), wanted,
                                         found);
  } catch (const base::Error& error) {
    if (error.error_number() == ENOENT) not_found(path, name);
    throw;
  }
}

std::unique_ptr<Archive> Containers::export_files(std::string_view name) {
  const ContainerPointer container = state_->find(name);
  const View view = container->view();
  if (std::holds_alternative<Dead>(view.state)) {
    base::fail(Kind::Conflict, "You cannot export container {} which is Dead", container->id);
  }
  if (view.removing) {
    base::fail(Kind::Conflict, "You cannot export container {} which is being removed",
               container->id);
  }
  return std::make_unique<RootArchive>(
      *state_, container->record(),
      FileView::open(*state_, container, FileView::Purpose::RootOnly));
}

void Containers::extract(std::string_view name, const ExtractOptions& options,
                         const ByteSource& source) {
  const ContainerPointer container = state_->find(name);
  const Record record = container->record();
  const FileView view = FileView::open(*state_, container, FileView::Purpose::Change);
  archive::Onto onto;
  onto.shown = copy_path(options.path);
  try {
    const os::Fd target = look(view.root(), onto.shown, 0, "stat");
    if (!S_ISDIR(os::status(target).st_mode)) {
      base::fail(Kind::InvalidArgument, "extraction point is not a directory");
    }
  } catch (const base::Error& error) {
    if (error.error_number() == ENOENT) not_found(options.path, name);
    throw;
  }
  const std::string followed = followed_path(view.root(), onto.shown);
  check_writable(record, container->view(), followed);
  onto.below = followed.substr(1);
  onto.keep_kinds = options.keep_kinds;
  if (const os::IdMaps* ids = view.ids()) onto.ids = *ids;
  if (options.copy_owner && !record.config.user.empty()) {
    const Identity identity = find_identity(view.root(), record.config.user, {});
    onto.set_owner = true;
    onto.uid = identity.uid;
    onto.gid = identity.gid;
  }
  try {
    pour(*state_->services.layers.extract(view.root(), onto), source);
  } catch (const base::Error& error) {
    archive_failed(error);
  }
  state_->publish(record, "extract-to-dir");
}

}  // namespace wharf::container
