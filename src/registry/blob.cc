// Streaming one blob, over as many connections as it takes.
#include <charconv>

#include "base/error.h"
#include "base/log.h"
#include "registry/ahead.h"
#include "registry/keeping.h"
#include "registry/pace.h"
#include "registry/retry.h"
#include "registry/session.h"

namespace wharf::registry {
namespace {

using base::Error;
using base::fail;
using base::Kind;

constexpr std::size_t kReadBytes = 128 << 10;

/// Blobs with fewer such steps left are not worth further connections.
constexpr std::int64_t kWorthwhileRanges = 3;

class BlobFetch {
 public:
  BlobFetch(Session& session, const oci::Descriptor& descriptor, content::Partial* kept,
            const std::function<void(std::string_view)>& sink)
      : session_(session), descriptor_(descriptor), kept_(kept), sink_(sink), buffer_(kReadBytes) {
    if (!kept_) return;
    ahead_.emplace(session_, descriptor_, *kept_);
    keeping_.emplace(*kept_, session_.settings());
  }

  void run() {
    while (done_ < descriptor_.size_bytes || !opened_) {
      if (take_kept()) continue;
      Call call{.path = session_.path("/blobs/" + descriptor_.digest.text())};
      try {
        once(call);
      } catch (const Error& error) {
        if (in_sink_ || error.kind() == Kind::Cancelled) throw;
        if (session_.leave_mirror(call)) continue;
        if (!may_cure(error)) throw;
        again(error.what(), std::chrono::milliseconds(0));
      }
    }
    if (kept_) return;
    const base::Digest digest = hash_.finish();
    if (digest == descriptor_.digest) return;
    fail(Kind::InvalidArgument, "blob {}: wrong digest, the registry sent {}",
         descriptor_.digest.text(), digest.text());
  }

 private:
  /// Goes on with what is here already, or on its way by another connection.
  bool take_kept() {
    if (!kept_ || done_ >= descriptor_.size_bytes) return false;
    ahead_->reader_at(done_);
    ahead_->wait_for(done_);
    if (session_.stop().stop_requested()) fail(Kind::Cancelled, "context canceled");
    if (kept_->known_until(done_) == done_) return false;
    opened_ = true;
    const std::size_t size = kept_->read(done_, buffer_);
    give({buffer_.data(), size});
    return true;
  }

  /// Where this connection has brought what it is for.
  std::int64_t limit() const { return kept_ ? ahead_->next_taken(done_) : descriptor_.size_bytes; }

  void once(Call& call) {
    const std::int64_t end = limit();
    const std::string last =
        end < descriptor_.size_bytes ? fmt::format("{}", end - 1) : std::string();
    if (done_ > 0 || !last.empty())
      call.headers.push_back({"Range", fmt::format("bytes={}-{}", done_, last)});
    const std::int64_t asked = base::monotonic_ns();
    Answer answer = session_.send_once(call);
    waited_ns_ += base::monotonic_ns() - asked;
    const int status = answer.response.status();
    if (status >= 400 && session_.leave_mirror(call)) return;
    // An expired link of a content network: the registry makes a new one.
    const bool expired = answer.redirected && (status == 403 || status == 400);
    if (worth_retry(status) || expired || status == 416) {
      if (failures_ + 1 >= session_.settings().max_download_attempts)
        session_.fail_status(call, answer);
      again(fmt::format("status {}", status),
            retry_after(answer.response.header("retry-after"), base::now()));
      return;
    }
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
    Pace pace(session_.settings().idle_timeout_ms);
    const std::int64_t end = limit();
    while (true) {
      const std::int64_t before = base::monotonic_ns();
      const std::size_t n = response.read_some(buffer_);
      const std::int64_t came = base::monotonic_ns();
      if (n == 0) break;
      if (!pace.keeps_up(static_cast<std::int64_t>(n))) {
        fail(Kind::Unavailable, "blob {}: less than {} bytes in {} s", name(),
             kMinimumBytesPerWindow, session_.settings().idle_timeout_ms / 1000);
      }
      waited_ns_ += came - before;
      take(std::string_view(buffer_.data(), n));
      const std::int64_t worked = base::monotonic_ns() - came;
      pace.forgive(worked);
      if (kept_ && done_ < descriptor_.size_bytes && done_ >= limit()) return;
      worked_ns_ += worked;
      consider_ranges();
    }
    if (done_ < end) fail(Kind::Unavailable, "blob {}: unexpected EOF at byte {}", name(), done_);
  }

  /// More connections help where this one is waited for, and not where we are the slow side.
  void consider_ranges() {
    if (!kept_) return;
    ahead_->reader_at(done_);
    const Settings& settings = session_.settings();
    const std::int64_t least = kWorthwhileRanges * settings.range_bytes;
    const bool slow = waited_ns_ >= std::int64_t{settings.ranges_after_ms} * 1'000'000 &&
                      waited_ns_ > 2 * worked_ns_;
    if (slow && descriptor_.size_bytes - done_ > least) ahead_->begin();
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
    if (kept_) keeping_->came(done_, bytes, waited_ns_);
    give(bytes);
    if (done_ - done_at_failure_ > kProgressBytes) failures_ = 0;
  }

  void give(std::string_view bytes) {
    if (!kept_) hash_.update(bytes);
    in_sink_ = true;
    sink_(bytes);
    in_sink_ = false;
    done_ += static_cast<std::int64_t>(bytes.size());
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

  const std::string& name() const { return descriptor_.digest.text(); }

  /// After so much came, earlier failures are forgotten: a large blob may break often.
  static constexpr std::int64_t kProgressBytes = 4 << 20;

  Session& session_;
  const oci::Descriptor& descriptor_;
  content::Partial* kept_;
  const std::function<void(std::string_view)>& sink_;
  std::vector<char> buffer_;
  base::Sha256 hash_;
  std::int64_t done_ = 0;
  std::int64_t done_at_failure_ = 0;
  std::int64_t skip_ = 0;
  int failures_ = 0;
  bool opened_ = false;
  bool in_sink_ = false;
  std::int64_t waited_ns_ = 0;
  std::int64_t worked_ns_ = 0;
  std::optional<Ahead> ahead_;
  std::optional<Keeping> keeping_;
};

}  // namespace

void Repository::blob(const oci::Descriptor& descriptor,
                      const std::function<void(std::string_view)>& sink) const {
  BlobFetch(*session_, descriptor, nullptr, sink).run();
}

void Repository::blob(const oci::Descriptor& descriptor, content::Partial& kept,
                      const std::function<void(std::string_view)>& sink) const {
  BlobFetch(*session_, descriptor, &kept, sink).run();
}

}  // namespace wharf::registry
