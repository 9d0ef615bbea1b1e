#include "supervise/compressor.h"

#include <isa-l/igzip_lib.h>

#include <vector>

namespace wharf::supervise {
namespace {

constexpr std::size_t kInputBytes = 256 * 1024;
constexpr std::size_t kOutputBytes = 256 * 1024;

}  // namespace

void compress_file(const os::Fd& from, const os::Fd& into) {
  std::vector<char> input(kInputBytes);
  std::vector<char> output(kOutputBytes);
  std::vector<std::uint8_t> level(ISAL_DEF_LVL1_DEFAULT);
  isal_zstream stream{};
  isal_deflate_init(&stream);
  stream.gzip_flag = IGZIP_GZIP;
  stream.level = 1;
  stream.level_buf = level.data();
  stream.level_buf_size = static_cast<std::uint32_t>(level.size());
  while (stream.internal_state.state != ZSTATE_END) {
    if (stream.avail_in == 0 && !stream.end_of_stream) {
      const std::size_t n = os::read_some(from, input);
      stream.next_in = reinterpret_cast<std::uint8_t*>(input.data());
      stream.avail_in = static_cast<std::uint32_t>(n);
      stream.end_of_stream = n == 0;
    }
    stream.next_out = reinterpret_cast<std::uint8_t*>(output.data());
    stream.avail_out = kOutputBytes;
    if (isal_deflate(&stream) != COMP_OK) base::fail(base::Kind::Internal, "compress log file");
    os::write_all(into, {output.data(), kOutputBytes - stream.avail_out});
  }
}

}  // namespace wharf::supervise
