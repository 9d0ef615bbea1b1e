// Streaming one blob, over as many connections as it takes.
#include <charconv>

#include "base/error.h"
#include "base/log.h"
#include "registry/retry.h"
#include "registry/session.h"

namespace wharf::registry {
namespace {

using base::Error;
using base::fail;
using base::Kind;

constexpr std::size_t kReadBytes = 128 << 10;

/// A peer that sends less than this in one window is treated as one that stalls: the
/// connection is given up and the blob resumed.
constexpr std::int64_t kMinimumBytesPerWindow = 16 << 10;

class BlobFetch {
 public:
  BlobFetch(Session& session, const oci::Descriptor& descriptor,
            const std::function<void(std::string_view)>& sink)
      : session_(session), descriptor_(descriptor), sink_(sink), buffer_(kReadBytes) {}

  void run() {
    while (done_ < descriptor_.size_bytes || !opened_) {
      try {
        once();
      } catch (const Error& error) {
        if (in_sink_ || !may_cure(error)) throw;
        again(error.what(), std::chrono::milliseconds(0));
      }
    }
    const base::Digest digest = hash_.finish();
    if (digest == descriptor_.digest) return;
    fail(Kind::InvalidArgument, "blob {}: wrong digest, the registry sent {}",
         descriptor_.digest.text(), digest.text());
  }

 private:
  void once() {
    Call call{.path = session_.path("/blobs/" + descriptor_.digest.text())};
    if (done_ > 0) call.headers.push_back({"Range", fmt::format("bytes={}-", done_)});
    Answer answer = session_.send_once(call);
    const int status = answer.response.status();
    // An expired link of a content network: the registry makes a new one.
    const bool expired = answer.redirected && (status == 403 || status == 400);
    if (worth_retry(status) || expired || status == 416) {
      if (failures_ + 1 >= session_.settings().max_download_attempts)
        session_.fail_status(call, answer);
      again(fmt::format("status {}", status),
            retry_after(answer.response.header("retry-after"), base::now()));
      return;
    }
    if (status == 404 && session_.leave_mirror()) return;
    if (status != 200 && status != 206) session_.fail_status(call, answer);
    skip_ = status == 206 ? check_range(answer.response.header("content-range")) : done_;
    opened_ = true;
    read(answer.response);
  }

  /// 206 may start before what was asked for, never after it.
  std::int64_t check_range(std::string_view range) const {
    std::int64_t start = -1;
    if (range.starts_with("bytes "))
      std::from_chars(range.data() + 6, range.data() + range.size(), start);
    if (start < 0 || start > done_)
      fail(Kind::InvalidArgument, "blob {}: the registry sent another range", name());
    return done_ - start;
  }

  void read(http::client::Response& response) {
    std::int64_t window_ends = base::monotonic_ns() + window_ns();
    std::int64_t in_window = 0;
    while (const std::size_t n = response.read_some(buffer_)) {
      const std::int64_t before_sink = base::monotonic_ns();
      in_window += static_cast<std::int64_t>(n);
      if (before_sink > window_ends) {
        if (in_window < kMinimumBytesPerWindow)
          fail(Kind::Unavailable, "blob {}: {} bytes in {} s", name(), in_window,
               session_.settings().idle_timeout_ms / 1000);
        window_ends = before_sink + window_ns();
        in_window = 0;
      }
      take(std::string_view(buffer_.data(), n));
      // Time in which we were the slow side does not count against the peer.
      window_ends += base::monotonic_ns() - before_sink;
    }
    if (done_ < descriptor_.size_bytes)
      fail(Kind::Unavailable, "blob {}: unexpected EOF at byte {}", name(), done_);
  }

  void take(std::string_view bytes) {
    const std::int64_t skipped = std::min(skip_, static_cast<std::int64_t>(bytes.size()));
    skip_ -= skipped;
    bytes.remove_prefix(static_cast<std::size_t>(skipped));
    if (bytes.empty()) return;
    if (done_ + static_cast<std::int64_t>(bytes.size()) > descriptor_.size_bytes) {
      fail(Kind::InvalidArgument, "blob {} is longer than the {} bytes its descriptor says", name(),
           descriptor_.size_bytes);
    }
    hash_.update(bytes);
    in_sink_ = true;
    sink_(bytes);
    in_sink_ = false;
    done_ += static_cast<std::int64_t>(bytes.size());
    if (done_ - done_at_failure_ > kProgressBytes) failures_ = 0;
  }

  void again(std::string_view why, std::chrono::milliseconds at_least) {
    ++failures_;
    done_at_failure_ = done_;
    if (failures_ >= session_.settings().max_download_attempts) {
      fail(Kind::Unavailable, "blob {}: gave up after {} attempts: {}", name(), failures_, why);
    }
    base::log_debug("blob {}: attempt {} at byte {}: {}", name(), failures_, done_, why);
    session_.wait_before_retry(failures_, at_least);
  }

  std::int64_t window_ns() const {
    return std::int64_t{session_.settings().idle_timeout_ms} * 1'000'000;
  }
  const std::string& name() const { return descriptor_.digest.text(); }

  /// After so much came, earlier failures are forgotten: a large blob may break often.
  static constexpr std::int64_t kProgressBytes = 4 << 20;

  Session& session_;
  const oci::Descriptor& descriptor_;
  const std::function<void(std::string_view)>& sink_;
  std::vector<char> buffer_;
  base::Sha256 hash_;
  std::int64_t done_ = 0;
  std::int64_t done_at_failure_ = 0;
  std::int64_t skip_ = 0;
  int failures_ = 0;
  bool opened_ = false;
  bool in_sink_ = false;
};

}  // namespace

void Repository::blob(const oci::Descriptor& descriptor,
                      const std::function<void(std::string_view)>& sink) const {
  BlobFetch(*session_, descriptor, sink).run();
}

}  // namespace wharf::registry
