#include <fcntl.h>
#include <isa-l/igzip_lib.h>
#include <unistd.h>

#include "logs/files.h"

namespace wharf::logs {

namespace {

/// What one rotated log file may unpack to: max-size is far below it.
constexpr std::uint64_t kUnpackedLimit = 4ULL << 30;

}  // namespace

os::Fd gunzip(const os::Fd& packed, const os::Fd& directory) {
  os::Fd plain(
      os::check(WHARF_CALL(openat, directory.get(), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600),
                "make a temporary log file"));
  std::vector<char> in(64 << 10), out(256 << 10);
  auto state = std::make_unique<inflate_state>();
  isal_inflate_init(state.get());
  state->crc_flag = ISAL_GZIP;
  std::uint64_t total = 0;
  while (state->block_state != ISAL_BLOCK_FINISH) {
    if (state->avail_in == 0) {
      state->avail_in = static_cast<std::uint32_t>(os::read_some(packed, in));
      state->next_in = reinterpret_cast<std::uint8_t*>(in.data());
      if (state->avail_in == 0) base::fail(base::Kind::Internal, "compressed log is cut short");
    }
    state->next_out = reinterpret_cast<std::uint8_t*>(out.data());
    state->avail_out = static_cast<std::uint32_t>(out.size());
    if (isal_inflate(state.get()) != ISAL_DECOMP_OK) {
      base::fail(base::Kind::Internal, "compressed log is damaged");
    }
    const std::size_t made = out.size() - state->avail_out;
    total += made;
    if (total > kUnpackedLimit) base::fail(base::Kind::TooLarge, "compressed log is over 4 GiB");
    os::write_all(plain, std::string_view(out.data(), made));
  }
  return plain;
}

}  // namespace wharf::logs
