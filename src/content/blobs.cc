#include "content/blobs.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mutex>

#include "base/error.h"
#include "base/ids.h"

namespace wharf::content {

struct Blobs::State {
  os::Path blobs;
  os::Path ingest;
  std::unique_ptr<Partials> partials;
  std::mutex lock;
  std::weak_ptr<void> leased;  ///< One object for all leases: alive while any of them is.

  os::Path path(const base::Digest& digest) const { return blobs / digest.hex(); }
};

namespace {

void sync_directory(const os::Path& path) {
  const os::Fd directory = os::open_file(path, O_RDONLY | O_DIRECTORY);
  os::check(WHARF_CALL(fsync, directory.get()), "sync {}", path.native());
}

bool holds(const os::Path& path, const base::Digest& digest) {
  try {
    const auto bytes = os::read_file_if_exists(path, kMaxBlobBytes);
    return bytes && base::Sha256::of(*bytes) == digest;
  } catch (const base::Error&) {
    return false;
  }
}

}  // namespace

Blobs::Blobs(const os::Path& data_root) : state_(std::make_unique<State>()) {
  state_->blobs = data_root / "content" / "sha256";
  state_->ingest = data_root / "content" / "ingest";
  os::make_directories(data_root / "content", 0700);
  os::make_directories(state_->blobs, 0700);
  os::remove_tree(state_->ingest);
  os::make_directories(state_->ingest, 0700);
  state_->partials = std::make_unique<Partials>(data_root / "content" / "partial");
}

Blobs::~Blobs() = default;

Partials& Blobs::partials() {
  return *state_->partials;
}

base::Digest Blobs::put(std::string_view bytes, const base::Digest& expected) {
  if (bytes.size() > kMaxBlobBytes) {
    base::fail(base::Kind::TooLarge, "document of {} bytes, at most {} are allowed", bytes.size(),
               kMaxBlobBytes);
  }
  const base::Digest digest = base::Sha256::of(bytes);
  if (!expected.empty() && digest != expected) {
    // Docker: containerd's words.
    base::fail(base::Kind::InvalidArgument, "unexpected digest {}, expected {}", digest.text(),
               expected.text());
  }
  if (holds(state_->path(digest), digest)) return digest;
  const os::Path beside = state_->ingest / base::hex(base::random_bytes(12));
  try {
    const os::Fd file = os::open_file(beside, O_WRONLY | O_CREAT | O_EXCL, 0600);
    os::write_all(file, bytes);
    os::check(WHARF_CALL(fdatasync, file.get()), "sync {}", beside.native());
    os::check(WHARF_CALL(rename, beside.c_str(), state_->path(digest).c_str()), "keep blob {}",
              digest.text());
  } catch (...) {
    ::unlink(beside.c_str());
    throw;
  }
  sync_directory(state_->blobs);
  return digest;
}

bool Blobs::has(const base::Digest& digest) const {
  return !digest.empty() && ::access(state_->path(digest).c_str(), F_OK) == 0;
}

std::string Blobs::read(const base::Digest& digest) const {
  const auto bytes = os::read_file_if_exists(state_->path(digest), kMaxBlobBytes);
  if (!bytes) base::fail(base::Kind::NotFound, "content digest {}: not found", digest.text());
  if (base::Sha256::of(*bytes) != digest) {
    base::fail(base::Kind::Internal, "content {} is damaged on disk: {}", digest.text(),
               state_->path(digest).native());
  }
  return *bytes;
}

std::uint64_t Blobs::size(const base::Digest& digest) const {
  struct stat found{};
  if (WHARF_CALL(stat, state_->path(digest).c_str(), &found) < 0) {
    if (errno != ENOENT) throw os::last_error("stat blob {}", digest.text());
    base::fail(base::Kind::NotFound, "content digest {}: not found", digest.text());
  }
  return static_cast<std::uint64_t>(found.st_size);
}

Lease Blobs::lease() {
  const std::lock_guard guard(state_->lock);
  std::shared_ptr<void> held = state_->leased.lock();
  if (!held) {
    held = std::make_shared<char>();
    state_->leased = held;
  }
  return Lease(std::move(held));
}

std::uint64_t Blobs::collect(const std::function<bool(const base::Digest&)>& wanted) {
  // Held throughout, so that no lease begins between a look and a removal.
  const std::lock_guard guard(state_->lock);
  if (!state_->leased.expired()) return 0;
  std::uint64_t freed = 0;
  for (const auto& entry : std::filesystem::directory_iterator(state_->blobs)) {
    const std::string text = "sha256:" + entry.path().filename().native();
    if (!base::Digest::valid(text)) continue;
    if (wanted(base::Digest::parse(text))) continue;
    const std::uint64_t bytes = entry.file_size();
    if (WHARF_CALL(unlink, entry.path().c_str()) == 0) freed += bytes;
  }
  return freed;
}

}  // namespace wharf::content
