#include "http/websocket.h"

#include <openssl/evp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/strings.h"

namespace wharf::http {
namespace {

/// RFC 6455, section 1.3.
constexpr std::string_view kKeySuffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr std::size_t kMaxControlPayload = 125;
/// Pongs that may wait for a peer that sends pings and does not read.
constexpr std::size_t kMaxPongs = 4 << 10;

enum Code : std::uint8_t { kText = 1, kBinary = 2, kClose = 8, kPing = 9, kPong = 10 };

std::string frame_head(Code code, std::uint64_t size) {
  std::string head(1, static_cast<char>(0x80 | code));
  if (size < 126) return head + static_cast<char>(size);
  const int bytes = size <= 0xffff ? 2 : 8;
  head += static_cast<char>(bytes == 2 ? 126 : 127);
  for (int i = bytes - 1; i >= 0; --i) head += static_cast<char>(size >> (8 * i));
  return head;
}

[[noreturn]] void broken(std::string_view what) {
  base::fail(base::Kind::InvalidArgument, "websocket: {}", what);
}

/// A frame of the peer, as far as it is known.
struct Incoming {
  std::string head;  ///< Its first bytes, until they are all there.
  bool open = false;
  Code code = kBinary;
  std::uint64_t left = 0;
  std::array<std::uint8_t, 4> mask{};
  std::size_t at = 0;  ///< Of the mask.

  /// True once the head is whole; it is then taken apart.
  bool take(char byte) {
    head += byte;
    if (head.size() < 2) return false;
    const auto at_index = [&](std::size_t i) { return static_cast<std::uint8_t>(head[i]); };
    if ((at_index(1) & 0x80) == 0) broken("a frame of a client without a mask");
    const std::size_t length = at_index(1) & 0x7f;
    const std::size_t extra = length == 126 ? 2 : length == 127 ? 8 : 0;
    if (head.size() < 2 + extra + mask.size()) return false;
    left = extra == 0 ? length : 0;
    for (std::size_t i = 0; i < extra; ++i) left = left << 8 | at_index(2 + i);
    for (std::size_t i = 0; i < mask.size(); ++i) mask[i] = at_index(2 + extra + i);
    code = static_cast<Code>(at_index(0) & 0x0f);
    check(at_index(0));
    head.clear();
    open = true;
    at = 0;
    return true;
  }

  void check(std::uint8_t first) const {
    if ((first & 0x70) != 0) broken("reserved bits are set");
    if (left >> 63 != 0) broken("a frame of impossible length");
    if (code < kClose) return code > kBinary ? broken("unknown kind of frame") : void();
    if (code > kPong) broken("unknown kind of frame");
    if (left > kMaxControlPayload || (first & 0x80) == 0) broken("a control frame in parts");
  }

  char unmask(char byte) { return static_cast<char>(byte ^ mask[at++ % mask.size()]); }
};

class WebSocketStream final : public Stream {
 public:
  WebSocketStream(os::Fd socket, std::string already_read)
      : Stream(socket.duplicate()), plain_(plain_stream(std::move(socket))) {
    raw_ = std::move(already_read);
  }

  Attempt try_read(std::span<char> into) override {
    while (!closed_by_peer_) {
      const std::size_t got = decode(into);
      if (got > 0) return {got, 0};
      if (closed_by_peer_) break;
      std::array<char, 16 << 10> buffer;
      const Attempt attempt = plain_->try_read(buffer);
      if (attempt.wait_for != 0 || attempt.bytes == 0) return attempt;
      raw_.assign(buffer.data(), attempt.bytes);
      used_ = 0;
    }
    return {0, 0};
  }

  Attempt try_write(std::string_view bytes) override {
    if (frame_left_ == 0 && head_.empty()) {
      head_ = std::exchange(control_, {}) + frame_head(kBinary, bytes.size());
      frame_left_ = bytes.size();
    }
    if (const short wait_for = write_head()) return {0, wait_for};
    const Attempt attempt = plain_->try_write(bytes.substr(0, frame_left_));
    frame_left_ -= attempt.bytes;
    return attempt;
  }

  void shutdown_write() override {
    // Normal closure, after what is still to be said.
    head_ += std::exchange(control_, {}) + frame_head(kClose, 2) + std::string("\x03\xe8", 2);
    try {
      while (const short wait_for = write_head()) plain_->wait(wait_for);
    } catch (const base::Error&) {
      // The peer is gone: nobody to say it to.
    }
    plain_->shutdown_write();
  }

  bool buffered() const override { return used_ < raw_.size(); }

 private:
  /// Payload out of what was read. 0 when more must be read, or at the peer's close.
  std::size_t decode(std::span<char> into) {
    std::size_t put = 0;
    while (used_ < raw_.size() && put < into.size() && !closed_by_peer_) {
      if (!incoming_.open) {
        if (incoming_.take(raw_[used_++])) end_frame_if_over();
        continue;
      }
      const char byte = incoming_.unmask(raw_[used_++]);
      --incoming_.left;
      if (incoming_.code >= kClose) {
        control_payload_ += byte;
      } else {
        into[put++] = byte;
      }
      end_frame_if_over();
    }
    return put;
  }

  void end_frame_if_over() {
    if (incoming_.left > 0) return;
    incoming_.open = false;
    if (incoming_.code < kClose) return;
    const std::string payload = std::exchange(control_payload_, {});
    if (incoming_.code == kClose) closed_by_peer_ = true;
    // Sent before the next frame: pings come from peers that read.
    if (incoming_.code == kPing && control_.size() < kMaxPongs)
      control_ += frame_head(kPong, payload.size()) + payload;
    if (frame_left_ == 0 && head_.empty()) head_ = std::exchange(control_, {});
    if (!head_.empty()) write_head();
  }

  /// 0 once it is all sent; else what to wait for.
  short write_head() {
    while (!head_.empty()) {
      const Attempt attempt = plain_->try_write(head_);
      head_.erase(0, attempt.bytes);
      if (attempt.wait_for != 0) return attempt.wait_for;
    }
    return 0;
  }

  std::unique_ptr<Stream> plain_;
  std::string raw_;  ///< Read from the socket, from `used_` on not decoded yet.
  std::size_t used_ = 0;
  Incoming incoming_;
  std::string control_payload_;
  bool closed_by_peer_ = false;
  std::string head_;              ///< To be sent before anything else.
  std::uint64_t frame_left_ = 0;  ///< Payload that the frame under way has promised.
  std::string control_;           ///< Pongs that wait for the end of that frame.
};

}  // namespace

bool wants_websocket(const Headers& headers) {
  return base::equal_fold(headers.get("Upgrade"), "websocket") &&
         base::lower(headers.get("Connection")).find("upgrade") != std::string::npos &&
         headers.get("Sec-WebSocket-Version") == "13" && headers.contains("Sec-WebSocket-Key");
}

std::string websocket_answer(std::string_view key) {
  const std::string text = std::string(key) + std::string(kKeySuffix);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr);
  const std::string accept =
      base::base64_encode({reinterpret_cast<const char*>(digest.data()), size});
  return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Accept: " +
         accept + "\r\n\r\n";
}

std::unique_ptr<Stream> websocket_stream(os::Fd socket, std::string already_read) {
  return std::make_unique<WebSocketStream>(std::move(socket), std::move(already_read));
}

}  // namespace wharf::http
