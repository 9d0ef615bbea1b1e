#include "layer/layers.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/tar_record.h"
#include "base/log.h"
#include "layer/draft.h"
#include "layer/layers_state.h"
#include "os/tree.h"

namespace wharf::layer {
namespace {

/// Ids are ours, but a record on disk may be broken: nothing but one plain name goes on.
void check_id(std::string_view id) {
  const bool plain = !id.empty() && id.size() <= 255 && id.front() != '.' &&
                     id.find('/') == std::string_view::npos &&
                     id.find('\0') == std::string_view::npos;
  if (!plain) base::fail(base::Kind::InvalidArgument, "invalid writable layer id");
}

}  // namespace

Layers::Layers(const os::Path& data_root, store::Database& database, LayerOptions options)
    : state_(std::make_shared<LayersState>(data_root, database, std::move(options))) {
  state_->scrub();
}

Layers::~Layers() = default;

Claim Layers::claim(const base::Digest& blob, std::stop_token stop) {
  {
    std::unique_lock guard(state_->lock);
    const bool ours =
        state_->changed.wait(guard, stop, [&] { return !state_->bringing.contains(blob.text()); });
    if (!ours) base::fail(base::Kind::Cancelled, "context canceled");
    state_->bringing.insert(blob.text());
  }
  Claim claim;
  try {
    claim.layer = state_->proven(blob);
    // The ingest keeps the mark until it ends.
    if (!claim.layer) claim.ingest = state_->begin(blob);
  } catch (...) {
    const std::lock_guard guard(state_->lock);
    state_->bringing.erase(blob.text());
    state_->changed.notify_all();
    throw;
  }
  if (claim.layer) {
    const std::lock_guard guard(state_->lock);
    state_->bringing.erase(blob.text());
    state_->changed.notify_all();
  }
  return claim;
}

std::unique_ptr<Ingest> Layers::begin() {
  return state_->begin({});
}

std::optional<Pin> Layers::pin(const base::Digest& diff_id) {
  return state_->pin(diff_id);
}

std::optional<Pin> Layers::proven(const base::Digest& blob) {
  return state_->proven(blob);
}

std::unique_ptr<Draft> Layers::draft() {
  return std::unique_ptr<Draft>(new Draft(state_));
}

void Layers::commit(std::span<const Pin> pins) {
  state_->commit(pins);
}

void Layers::hold(store::Transaction& transaction, std::string_view owner,
                  std::span<const base::Digest> diff_ids) {
  release(transaction, owner);
  std::int64_t position = 0;
  for (const base::Digest& diff_id : diff_ids) {
    const std::int64_t added = transaction.run(
        "INSERT INTO layer_references(owner, position, diff_id) "
        "SELECT ?1, ?2, diff_id FROM layers WHERE diff_id=?3",
        {owner, position++, std::string_view(diff_id.text())});
    if (added == 0) base::fail(base::Kind::NotFound, "layer {} does not exist", diff_id.text());
  }
}

void Layers::release(store::Transaction& transaction, std::string_view owner) {
  transaction.run("DELETE FROM layer_references WHERE owner=?", {owner});
}

std::uint64_t Layers::collect() {
  return state_->collect();
}

LayerInfo Layers::info(const base::Digest& diff_id) {
  const std::optional<LayerInfo> found = state_->row(diff_id);
  if (!found) base::fail(base::Kind::NotFound, "layer {} does not exist", diff_id.text());
  return *found;
}

void Layers::write_tar(const base::Digest& diff_id,
                       const std::function<void(std::string_view)>& sink) {
  const std::optional<Pin> pin = state_->pin(diff_id);
  if (!pin) base::fail(base::Kind::NotFound, "layer {} is missing on disk", diff_id.text());
  const os::Path path = state_->directory(diff_id);
  const os::Fd record = os::open_file(path / "tar-record", O_RDONLY);
  const os::Fd tree = os::open_directory(path / "diff");
  const os::Fd aside(WHARF_CALL(open, (path / "aside").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  try {
    const base::Digest made = archive::write_tar(record, tree, aside, sink);
    if (made != diff_id) base::fail(base::Kind::Internal, "its record is of {}", made.text());
  } catch (const base::Error& error) {
    throw base::Error(error.kind(), fmt::format("layer {}: {}", diff_id.text(), error.what()),
                      error.error_number());
  }
}

std::optional<PackedBlob> Layers::packed(const base::Digest& diff_id) {
  const auto text = os::read_file_if_exists(state_->directory(diff_id) / "packed", 200);
  if (!text || !base::Digest::valid(std::string_view(*text).substr(0, text->find(' '))))
    return std::nullopt;
  const std::size_t blank = text->find(' ');
  if (blank == std::string::npos) return std::nullopt;
  return PackedBlob{base::Digest::parse(text->substr(0, blank)),
                    std::atoll(text->c_str() + blank + 1)};
}

void Layers::note_packed(const base::Digest& diff_id, const PackedBlob& blob) noexcept {
  try {
    os::replace_file(state_->directory(diff_id) / "packed",
                     fmt::format("{} {}\n", blob.digest.text(), blob.bytes), 0600);
  } catch (const base::Error& error) {
    base::log_debug("layer {}: {}", diff_id.text(), error.what());
  }
}

void Layers::create_writable(std::string_view id, std::span<const base::Digest> diff_ids) {
  check_id(id);
  const os::Path path = state_->writable / id;
  for (const os::Path& one : {path, path / "upper", path / "work"}) {
    const mode_t mode = one == path ? 0700 : 0755;
    if (WHARF_CALL(mkdir, one.c_str(), mode) < 0 && errno != EEXIST) {
      throw os::last_error("make directory {}", one.native());
    }
  }
  // Docker: the container's root directory is 0755 whatever the image says, and the image's.
  struct stat top{};
  const os::Path upper = path / "upper";
  os::check(WHARF_CALL(chmod, upper.c_str(), 0755), "chmod {}", upper.native());
  if (diff_ids.empty()) return;
  const os::Path root = state_->directory(diff_ids.back()) / "diff";
  if (WHARF_CALL(stat, root.c_str(), &top) < 0) return;  // mount() will say what is missing.
  if (top.st_uid != 0 || top.st_gid != 0) {
    os::check(WHARF_CALL(chown, upper.c_str(), top.st_uid, top.st_gid), "chown {}", upper.native());
  }
}

void Layers::remove_writable(std::string_view id) {
  check_id(id);
  state_->trash.take(state_->writable / id);
}

void Layers::discard(const os::Path& directory) {
  state_->trash.take(directory);
}

void Layers::sweep_writable(const std::set<std::string>& ids) {
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(state_->writable, failed)) {
    if (!ids.contains(entry.path().filename())) state_->trash.take(entry.path());
  }
}

os::Path Layers::upper_directory(std::string_view id) const {
  check_id(id);
  return state_->writable / id / "upper";
}

std::uint64_t Layers::writable_size(std::string_view id) const {
  return os::tree_size(os::open_file(upper_directory(id), O_RDONLY | O_DIRECTORY)).bytes;
}

void Layers::empty_trash() {
  state_->trash.empty();
}

}  // namespace wharf::layer
