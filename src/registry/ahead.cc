#include "registry/ahead.h"

#include <charconv>

#include "base/error.h"
#include "base/log.h"
#include "registry/pace.h"

namespace wharf::registry {
namespace {

constexpr std::size_t kReadBytes = 128 << 10;

bool begins_at(std::string_view content_range, std::int64_t wanted) {
  std::int64_t start = -1;
  if (content_range.starts_with("bytes "))
    std::from_chars(content_range.data() + 6, content_range.data() + content_range.size(), start);
  return start == wanted;
}

}  // namespace

Ahead::Ahead(Session& session, const oci::Descriptor& blob, content::Partial& kept)
    : session_(session),
      blob_(blob),
      kept_(kept),
      on_session_stop_(session.stop(), [this] { stop_.request_stop(); }) {}

Ahead::~Ahead() {
  stop_.request_stop();
  workers_.clear();
}

void Ahead::reader_at(std::int64_t at) {
  const std::lock_guard lock(mutex_);
  reader_ = at;
}

void Ahead::begin() {
  const std::lock_guard lock(mutex_);
  if (!workers_.empty() || useless_) return;
  for (int i = 1; i < session_.settings().ranges_at_once; ++i)
    workers_.emplace_back([this] { work(); });
}

bool Ahead::is_taken(std::int64_t at) const {
  const auto after = taken_.upper_bound(at);
  return after != taken_.begin() && std::prev(after)->second > at;
}

std::int64_t Ahead::next_taken(std::int64_t at) const {
  const std::lock_guard lock(mutex_);
  if (is_taken(at)) return at;
  const auto next = taken_.lower_bound(at);
  const std::int64_t known = kept_.next_known(at);
  return next == taken_.end() ? known : std::min(known, next->first);
}

void Ahead::wait_for(std::int64_t at) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, stop_.get_token(),
                [&] { return kept_.known_until(at) > at || !is_taken(at); });
}

/// The next range that nobody has or brings, well ahead of the reader.
std::optional<Ahead::Segment> Ahead::take() {
  const std::lock_guard lock(mutex_);
  const std::int64_t step = session_.settings().range_bytes;
  std::int64_t at = (reader_ / step + 2) * step;
  while (at < blob_.size_bytes && !useless_) {
    const std::int64_t known = kept_.known_until(at);
    if (known == at && !is_taken(at)) break;
    at = known > at ? known : std::prev(taken_.upper_bound(at))->second;
  }
  if (at >= blob_.size_bytes || useless_) return std::nullopt;
  std::int64_t end = std::min(at + step, kept_.next_known(at));
  if (const auto next = taken_.lower_bound(at); next != taken_.end())
    end = std::min(end, next->first);
  // Not joined with its neighbours: each is given back by its own worker.
  taken_[at] = end;
  return Segment{at, end};
}

void Ahead::work() {
  while (const std::optional<Segment> segment = take()) {
    bool good = false;
    try {
      fetch(*segment);
      good = true;
    } catch (const base::Error& error) {
      base::log_debug("blob {} from {}: {}", blob_.digest.text(), segment->begin, error.what());
    }
    {
      const std::lock_guard lock(mutex_);
      taken_.erase(segment->begin);
    }
    changed_.notify_all();
    if (!good) return;
  }
}

void Ahead::fetch(const Segment& segment) {
  const Call call{
      .path = session_.path("/blobs/" + blob_.digest.text()),
      .headers = {{"Range", fmt::format("bytes={}-{}", segment.begin, segment.end - 1)}},
      .stop = stop_.get_token()};
  Answer answer = session_.send_once(call);
  if (answer.response.status() == 200) {
    const std::lock_guard lock(mutex_);
    useless_ = true;
  }
  if (answer.response.status() != 206 ||
      !begins_at(answer.response.header("content-range"), segment.begin)) {
    base::fail(base::Kind::Unavailable, "status {}", answer.response.status());
  }
  Pace pace(session_.settings().idle_timeout_ms);
  std::vector<char> buffer(kReadBytes);
  std::int64_t at = segment.begin;
  while (at < segment.end) {
    const std::size_t n = answer.response.read_some(buffer);
    if (n == 0) base::fail(base::Kind::Unavailable, "unexpected EOF at byte {}", at);
    if (!pace.keeps_up(static_cast<std::int64_t>(n)))
      base::fail(base::Kind::Unavailable, "too slow");
    const std::string_view bytes(buffer.data(), n);
    kept_.write(at, bytes.substr(0, static_cast<std::size_t>(segment.end - at)));
    at += static_cast<std::int64_t>(n);
    changed_.notify_all();
  }
  // The end of the body, so that the connection is free for the next range.
  answer.response.read_some(buffer);
}

}  // namespace wharf::registry
