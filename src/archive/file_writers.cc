#include "archive/file_writers.h"

#include <fcntl.h>

#include <cstring>

#include "archive/attributes.h"
#include "base/error.h"

namespace wharf::archive {
namespace {

os::Fd create(Tree& tree, const FileJob& job) {
  const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  const int directory = job.parent->fd.get();
  const mode_t mode = job.attributes.mode & 0777;
  int fd = WHARF_CALL(openat, directory, job.name.c_str(), flags, mode);
  if (fd < 0 && errno == EEXIST) {
    tree.replace(*job.parent, job.name, job.ordinal);
    fd = WHARF_CALL(openat, directory, job.name.c_str(), flags, mode);
  }
  return os::Fd(os::check(fd, "create {}", join(job.parent->path, job.name)));
}

std::uint64_t complete(const os::Fd& file, const FileJob& job) {
  const std::uint64_t skipped = set_attributes(file, job.attributes, job.attributes.mode & 0777);
  set_time(file, job.attributes);
  return skipped;
}

}  // namespace

FileWriters::FileWriters(Tree& tree, unsigned writers) : tree_(tree), slots_(kSlots) {
  queues_.resize(writers);
  for (Queue& queue : queues_) threads_.emplace_back([this, &queue] { run(queue); });
}

FileWriters::~FileWriters() {
  {
    const std::lock_guard lock(lock_);
    stopping_ = true;
  }
  for (Queue& queue : queues_) queue.filled.notify_all();
}

std::size_t FileWriters::slot_of(const Directory& parent, std::string_view name) {
  return (std::hash<std::string_view>{}(name) ^ parent.inode * 0x9e3779b97f4a7c15ULL) % kSlots;
}

bool FileWriters::pending(const Directory& parent, std::string_view name) const {
  return slots_[slot_of(parent, name)].load(std::memory_order_acquire) != 0;
}

void FileWriters::write_inline(const FileJob& job,
                               const std::function<std::string_view()>& content) {
  const os::Fd file = create(tree_, job);
  for (std::string_view bytes = content(); !bytes.empty(); bytes = content()) {
    os::write_all(file, bytes);
  }
  skipped_xattrs_ += complete(file, job);
}

void FileWriters::write(FileJob job, const std::function<std::string_view()>& content) {
  if (queues_.empty()) return write_inline(job, content);
  const std::uint64_t mixed = job.parent->inode * 0x9e3779b97f4a7c15ULL;
  Queue& queue = queues_[(mixed >> 40) % queues_.size()];
  Piece piece;
  piece.slot = slot_of(*job.parent, job.name);
  piece.first = true;
  piece.job = std::make_shared<FileJob>(std::move(job));
  piece.bytes = free_buffer();
  slots_[piece.slot].fetch_add(1, std::memory_order_relaxed);
  for (std::string_view bytes = content(); !bytes.empty();) {
    const std::size_t size = std::min(bytes.size(), kPiece - piece.size);
    std::memcpy(piece.bytes.data() + piece.size, bytes.data(), size);
    piece.size += size;
    bytes.remove_prefix(size);
    if (bytes.empty()) bytes = content();
    if (piece.size < kPiece || bytes.empty()) continue;
    Piece rest{.job = piece.job, .bytes = free_buffer(), .slot = piece.slot};
    push(queue, std::exchange(piece, std::move(rest)));
  }
  piece.last = true;
  push(queue, std::move(piece));
}

void FileWriters::rethrow() {
  if (failure_) std::rethrow_exception(failure_);
}

std::vector<char> FileWriters::free_buffer() {
  std::unique_lock lock(lock_);
  if (buffers_.empty() && made_buffers_ < kPieces) {
    ++made_buffers_;
    lock.unlock();
    return std::vector<char>(kPiece);
  }
  returned_.wait(lock, [&] { return failure_ || !buffers_.empty(); });
  rethrow();
  std::vector<char> buffer = std::move(buffers_.back());
  buffers_.pop_back();
  return buffer;
}

void FileWriters::push(Queue& queue, Piece piece) {
  {
    const std::lock_guard lock(lock_);
    rethrow();
    queue.pieces.push_back(std::move(piece));
    ++under_way_;
  }
  queue.filled.notify_one();
}

void FileWriters::drain() {
  std::unique_lock lock(lock_);
  returned_.wait(lock, [&] { return failure_ || under_way_ == 0; });
  rethrow();
}

void FileWriters::work(Queue& queue, Piece& piece) {
  if (piece.first) queue.file = create(tree_, *piece.job);
  os::write_all(queue.file, {piece.bytes.data(), piece.size});
  if (!piece.last) return;
  skipped_xattrs_ += complete(queue.file, *piece.job);
  queue.file.reset();
  slots_[piece.slot].fetch_sub(1, std::memory_order_release);
}

void FileWriters::run(Queue& queue) {
  std::unique_lock lock(lock_);
  while (true) {
    queue.filled.wait(lock, [&] { return stopping_ || !queue.pieces.empty(); });
    if (stopping_) return;
    Piece piece = std::move(queue.pieces.front());
    queue.pieces.pop_front();
    lock.unlock();
    std::exception_ptr failure;
    try {
      work(queue, piece);
    } catch (...) {
      failure = std::current_exception();
    }
    piece.job.reset();
    lock.lock();
    if (failure && !failure_) failure_ = failure;
    buffers_.push_back(std::move(piece.bytes));
    --under_way_;
    returned_.notify_one();
  }
}

}  // namespace wharf::archive
