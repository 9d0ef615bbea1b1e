#include "http/pump.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <thread>

namespace wharf::http {
namespace {

/// One direction: bytes read and not yet written, and whether more can come.
struct Direction {
  std::array<char, 16 << 10> buffer;
  std::size_t begin = 0;
  std::size_t end = 0;
  bool ended = false;   ///< The source has no more.
  bool closed = false;  ///< The end was passed on.
  short wait_read = 0;
  short wait_write = 0;

  bool wants_input() const { return begin == end && !ended; }

  void step(Stream& from, Stream& to) {
    wait_read = wait_write = 0;
    if (wants_input()) {
      const Stream::Attempt attempt = from.try_read(buffer);
      wait_read = attempt.wait_for;
      if (attempt.wait_for == 0 && attempt.bytes == 0) ended = true;
      begin = 0;
      end = attempt.bytes;
    }
    while (begin != end && wait_write == 0) {
      const Stream::Attempt attempt = to.try_write({buffer.data() + begin, end - begin});
      begin += attempt.bytes;
      wait_write = attempt.wait_for;
    }
    if (begin == end && ended && !closed) {
      to.shutdown_write();
      closed = true;
    }
  }

  bool can_go_on() const { return !closed && wait_read == 0 && wait_write == 0; }
};

void run(Stream& outer, Stream& inner) {
  Direction in;
  Direction out;
  while (!in.closed || !out.closed) {
    if (!in.closed) in.step(outer, inner);
    if (!out.closed) out.step(inner, outer);
    if (in.can_go_on() || out.can_go_on()) continue;
    const auto events = [](int bits) { return static_cast<short>(bits); };
    std::array<pollfd, 2> watched{{
        {outer.fd().get(), events(in.wait_read | out.wait_write), 0},
        {inner.fd().get(), events(out.wait_read | in.wait_write), 0},
    }};
    WHARF_CALL(poll, watched.data(), watched.size(), -1);
  }
}

}  // namespace

os::Fd pump(std::unique_ptr<Stream> stream) {
  std::array<int, 2> ends{};
  os::check(WHARF_CALL(socketpair, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()),
            "make socket pair");
  os::Fd ours(ends[0]);
  os::Fd theirs(ends[1]);
  std::thread([outer = std::move(stream), inner = plain_stream(std::move(ours))] {
    try {
      run(*outer, *inner);
    } catch (const base::Error&) {
      // A cut connection: both ends are closed here, which is all there is to tell.
    }
  }).detach();
  return theirs;
}

os::Fd blocking_copy(const os::Fd& socket) {
  os::Fd copy = socket.duplicate();
  const int flags = os::check(WHARF_CALL(fcntl, copy.get(), F_GETFL), "read socket flags");
  os::check(WHARF_CALL(fcntl, copy.get(), F_SETFL, flags & ~O_NONBLOCK), "set socket flags");
  return copy;
}

}  // namespace wharf::http
