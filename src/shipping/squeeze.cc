#include "shipping/squeeze.h"

#include <isa-l/igzip_lib.h>

#include <algorithm>
#include <vector>

#include "base/error.h"

namespace wharf::shipping {

namespace {

constexpr std::uint32_t kLevelBytes[] = {ISAL_DEF_LVL0_DEFAULT, ISAL_DEF_LVL1_DEFAULT,
                                         ISAL_DEF_LVL2_DEFAULT, ISAL_DEF_LVL3_DEFAULT};

}  // namespace

std::string squeezed(std::string_view bytes, Squeeze how, std::int64_t level) {
  const std::uint32_t ours =
      level < 0 ? 1 : static_cast<std::uint32_t>(std::min(level, std::int64_t{3}));
  std::vector<std::uint8_t> work(kLevelBytes[ours]);
  isal_zstream stream{};
  isal_deflate_init(&stream);
  stream.gzip_flag = how == Squeeze::Gzip ? IGZIP_GZIP : IGZIP_ZLIB;
  stream.level = ours;
  stream.level_buf = work.data();
  stream.level_buf_size = static_cast<std::uint32_t>(work.size());
  std::string input(bytes);
  stream.next_in = reinterpret_cast<std::uint8_t*>(input.data());
  stream.avail_in = static_cast<std::uint32_t>(input.size());
  stream.end_of_stream = 1;
  std::string out(bytes.size() + bytes.size() / 8 + 256, '\0');
  std::size_t done = 0;
  while (stream.internal_state.state != ZSTATE_END) {
    if (done == out.size()) out.resize(out.size() * 2);
    stream.next_out = reinterpret_cast<std::uint8_t*>(out.data()) + done;
    stream.avail_out = static_cast<std::uint32_t>(out.size() - done);
    if (isal_deflate(&stream) != COMP_OK) {
      base::fail(base::Kind::Internal, "compress a log message");
    }
    done = out.size() - stream.avail_out;
  }
  out.resize(done);
  return out;
}

}  // namespace wharf::shipping
