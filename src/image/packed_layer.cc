#include "image/packed_layer.h"

#include <fcntl.h>
#include <isa-l/igzip_lib.h>
#include <unistd.h>

#include "base/error.h"
#include "os/file.h"

namespace wharf::image {
namespace {

constexpr std::size_t kOutBytes = 64 << 10;

/// A running ISA-L gzip stream into a file.
class Gzip {
 public:
  explicit Gzip(const os::Fd& file) : file_(file), level_(ISAL_DEF_LVL1_DEFAULT), out_(kOutBytes) {
    ::isal_deflate_init(&stream_);
    stream_.level = 1;
    stream_.level_buf = level_.data();
    stream_.level_buf_size = static_cast<std::uint32_t>(level_.size());
    stream_.gzip_flag = IGZIP_GZIP;
  }

  void write(std::string_view bytes, bool last) {
    stream_.next_in = reinterpret_cast<std::uint8_t*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = static_cast<std::uint32_t>(bytes.size());
    stream_.end_of_stream = last;
    do {
      stream_.next_out = reinterpret_cast<std::uint8_t*>(out_.data());
      stream_.avail_out = static_cast<std::uint32_t>(out_.size());
      if (::isal_deflate(&stream_) != COMP_OK) base::fail(base::Kind::Internal, "gzip failed");
      const std::string_view made(out_.data(), out_.size() - stream_.avail_out);
      hash_.update(made);
      os::write_all(file_, made);
      total_ += static_cast<std::int64_t>(made.size());
    } while (stream_.avail_out == 0);
  }

  base::Digest digest() { return hash_.finish(); }
  std::int64_t total() const { return total_; }

 private:
  const os::Fd& file_;
  isal_zstream stream_{};
  std::vector<std::uint8_t> level_;
  std::vector<char> out_;
  base::Sha256 hash_;
  std::int64_t total_ = 0;
};

}  // namespace

PackedLayer::PackedLayer(layer::Layers& layers, const base::Digest& diff_id)
    : file_(os::open_file("/var/tmp", O_TMPFILE | O_RDWR, 0600)) {
  Gzip gzip(file_);
  layers.write_tar(diff_id, [&](std::string_view bytes) { gzip.write(bytes, false); });
  gzip.write({}, true);
  digest_ = gzip.digest();
  bytes_ = gzip.total();
}

registry::BodyBytes PackedLayer::open() const {
  return [this, at = off_t{0}](std::span<char> into) mutable {
    const ssize_t n = os::check(::pread(file_.get(), into.data(), into.size(), at), "read layer");
    at += n;
    return static_cast<std::size_t>(n);
  };
}

}  // namespace wharf::image
