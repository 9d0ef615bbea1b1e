// What must be kept beside an unpacked layer to make its exact tar again.
//
// RecordWriter notes every byte of the archive that is not the content of a file in the tree
// (headers, padding, long names, what follows the end), compressed with zstd; contents are
// notes of where in the tree they are. write_tar() puts both together again. A file that a
// later entry replaced lies in the layer's `aside` directory. Format: docs/formats/tar-record.md.
// One thread at a time; throws base::Error.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "archive/tar_reader.h"
#include "archive/tree.h"
#include "os/fd.h"

namespace wharf::archive {

class RecordWriter final : public Record {
 public:
  /// Writes to `file`, which somebody else owns.
  explicit RecordWriter(const os::Fd& file);
  ~RecordWriter() override;

  void raw(std::string_view bytes) override;

  /// The next `size` bytes of the archive are what the file at `path` now holds.
  void content(std::string_view path, std::uint64_t size);

  /// How many contents have been noted.
  std::uint64_t contents() const { return contents_; }

  /// Completes the record: what was set aside, and the tar's digest.
  void finish(const std::vector<SetAside>& aside, const base::Digest& tar);

 private:
  struct Stream;
  void put(std::string_view bytes);
  void flush_raw();

  std::unique_ptr<Stream> stream_;
  std::string raw_;
  std::uint64_t contents_ = 0;
};

using Sink = std::function<void(std::string_view)>;

/// Sends the tar that `record` was made of, with contents from below `tree` and `aside` (which
/// may be invalid where nothing was set aside). Internal where a file is missing or has another
/// size, or the digest is not the recorded one; the last block is held back until it is right.
base::Digest write_tar(const os::Fd& record, const os::Fd& tree, const os::Fd& aside,
                       const Sink& sink);

}  // namespace wharf::archive
