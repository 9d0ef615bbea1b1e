#include "build/output.h"

#include <sys/socket.h>

#include <array>
#include <vector>

#include "base/error.h"
#include "base/log.h"

namespace wharf::build {
namespace {

constexpr std::size_t kHeaderBytes = 8;
/// A frame is what one write(2) gave at most.
constexpr std::size_t kPieceBytes = 64 << 10;

/// All of it; false at the end of the stream.
bool read_exactly(const os::Fd& from, std::span<char> into) {
  std::size_t have = 0;
  while (have < into.size()) {
    const std::size_t n = os::read_some(from, into.subspan(have));
    if (n == 0) return false;
    have += n;
  }
  return true;
}

}  // namespace

Output::Output(std::unique_ptr<container::Attached> attached, Sink sink)
    : attached_(std::move(attached)), sink_(std::move(sink)) {
  std::array<int, 2> ends{};
  os::check(WHARF_CALL(socketpair, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()),
            "socketpair");
  ours_ = os::Fd(ends[0]);
  relay_ = std::jthread([this, theirs = os::Fd(ends[1])]() mutable {
    try {
      attached_->run({std::move(theirs), ""}, stop_.get_token());
    } catch (const base::Error& error) {
      base::log_debug("output of a step: {}", error.what());
    }
  });
  reader_ = std::jthread([this] { read(); });
}

Output::~Output() {
  stop_.request_stop();
  ::shutdown(ours_.get(), SHUT_RDWR);
}

void Output::finish() {
  relay_.join();
  reader_.join();
  if (failure_) std::rethrow_exception(failure_);
}

void Output::frame(unsigned stream, std::string_view bytes) {
  if (failure_) return;
  try {
    sink_(stream, bytes);
  } catch (...) {
    // The command goes on until the build hears that the client has gone.
    failure_ = std::current_exception();
  }
}

void Output::read() {
  std::array<char, kHeaderBytes> header;
  std::vector<char> piece(kPieceBytes);
  try {
    while (read_exactly(ours_, header)) {
      std::size_t size = 0;
      for (std::size_t i = 4; i < kHeaderBytes; ++i) {
        size = size << 8 | static_cast<unsigned char>(header[i]);
      }
      while (size > 0) {
        const std::size_t n = std::min(size, piece.size());
        if (!read_exactly(ours_, {piece.data(), n})) return;
        frame(static_cast<unsigned char>(header[0]), {piece.data(), n});
        size -= n;
      }
    }
  } catch (const base::Error& error) {
    base::log_debug("output of a step: {}", error.what());
  }
}

}  // namespace wharf::build
