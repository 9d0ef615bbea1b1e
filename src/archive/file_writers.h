// Writes regular files on threads of their own while the archive is being read.
//
// Files of one directory go to one writer, in order, as the kernel locks a directory for each
// file made in it. The reader of the archive asks pending() before it touches a name itself,
// and drain()s where the answer is yes; a wrong yes costs a moment, a wrong no cannot be. With
// zero writers everything is done in write() itself. The first error stops all, and is thrown
// by the next call. Owned and called by the one thread that reads the archive.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "archive/tar_reader.h"
#include "archive/tree.h"

namespace wharf::archive {

/// One file to be made. `content` is called until it returns nothing.
struct FileJob {
  DirectoryPtr parent;
  std::string name;
  Entry attributes;
  std::uint64_t ordinal = 0;
};

class FileWriters {
 public:
  FileWriters(Tree& tree, unsigned writers);
  ~FileWriters();

  /// Creates the file and fills it with what `content` gives until that is empty.
  void write(FileJob job, const std::function<std::string_view()>& content);

  /// Whether a file of this name may still be under way.
  bool pending(const Directory& parent, std::string_view name) const;

  /// Waits until every file so far is complete.
  void drain();

  /// Extended attributes that were left out, of all files.
  std::uint64_t skipped_xattrs() const { return skipped_xattrs_; }

 private:
  static constexpr std::size_t kPiece = 64 << 10;
  static constexpr std::size_t kPieces = 128;
  static constexpr std::size_t kSlots = 1 << 14;

  struct Piece {
    std::shared_ptr<FileJob> job;
    std::vector<char> bytes;
    std::size_t size = 0;
    bool first = false;
    bool last = false;
    std::size_t slot = 0;
  };
  struct Queue {
    std::deque<Piece> pieces;
    std::condition_variable filled;
    os::Fd file;  ///< The file being written; its writer's alone.
  };

  static std::size_t slot_of(const Directory& parent, std::string_view name);
  void write_inline(const FileJob& job, const std::function<std::string_view()>& content);
  std::vector<char> free_buffer();
  void push(Queue& queue, Piece piece);
  void run(Queue& queue);
  void work(Queue& queue, Piece& piece);
  void rethrow();

  Tree& tree_;
  std::mutex lock_;
  std::condition_variable returned_;
  std::vector<std::vector<char>> buffers_;
  std::size_t made_buffers_ = 0;
  std::size_t under_way_ = 0;
  bool stopping_ = false;
  std::exception_ptr failure_;
  std::atomic<std::uint64_t> skipped_xattrs_ = 0;
  std::vector<std::atomic<std::uint32_t>> slots_;
  std::deque<Queue> queues_;
  std::vector<std::jthread> threads_;
};

}  // namespace wharf::archive
