#include "image/gzip.h"

#include "base/error.h"

namespace wharf::image {
namespace {

constexpr std::size_t kOutBytes = 128 << 10;

}  // namespace

Gzip::Gzip(Sink sink) : sink_(std::move(sink)), level_(ISAL_DEF_LVL1_DEFAULT), out_(kOutBytes) {
  ::isal_deflate_init(&stream_);
  stream_.level = 1;
  stream_.level_buf = level_.data();
  stream_.level_buf_size = static_cast<std::uint32_t>(level_.size());
  stream_.gzip_flag = IGZIP_GZIP;
}

void Gzip::deflate(std::string_view bytes, bool last) {
  stream_.next_in = reinterpret_cast<std::uint8_t*>(const_cast<char*>(bytes.data()));
  stream_.avail_in = static_cast<std::uint32_t>(bytes.size());
  stream_.end_of_stream = last;
  do {
    stream_.next_out = reinterpret_cast<std::uint8_t*>(out_.data());
    stream_.avail_out = static_cast<std::uint32_t>(out_.size());
    if (::isal_deflate(&stream_) != COMP_OK) base::fail(base::Kind::Internal, "gzip failed");
    if (stream_.avail_out < out_.size()) sink_({out_.data(), out_.size() - stream_.avail_out});
  } while (stream_.avail_out == 0);
}

}  // namespace wharf::image
