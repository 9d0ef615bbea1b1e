#include "image/layer_push.h"

#include <thread>

#include "base/error.h"
#include "base/ids.h"
#include "base/log.h"
#include "image/byte_pipe.h"
#include "image/gzip.h"

namespace wharf::image {
namespace {

using base::fail;
using base::Kind;

constexpr std::int64_t kReportEveryNs = 100'000'000;

std::string gzip_type(const std::string& type) {
  const bool docker = type.starts_with("application/vnd.docker.");
  return std::string(docker ? oci::media::kDockerLayerGzip : oci::media::kOciLayerGzip);
}

}  // namespace

void LayerPush::run(oci::Manifest& manifest, const std::vector<base::Digest>& diff_ids,
                    int threads) {
  for (std::size_t i = 0; i < diff_ids.size(); ++i) {
    const oci::Descriptor& blob = manifest.layers.at(i);
    const auto same = [&](const Job& job) { return job.before.digest == blob.digest; };
    if (std::ranges::none_of(jobs_, same)) jobs_.push_back({diff_ids[i], blob, blob});
  }
  {
    std::vector<std::jthread> workers;
    const auto wanted = std::min(jobs_.size(), static_cast<std::size_t>(std::max(threads, 1)));
    for (std::size_t i = 0; i < wanted; ++i) workers.emplace_back([this] { work(); });
  }
  if (first_failure_) std::rethrow_exception(first_failure_);
  for (oci::Descriptor& layer : manifest.layers) {
    const auto sent = std::ranges::find_if(
        jobs_, [&](const Job& job) { return job.before.digest == layer.digest; });
    if (sent != jobs_.end()) layer = sent->after;
  }
}

void LayerPush::work() {
  while (true) {
    std::size_t mine = 0;
    {
      const std::lock_guard lock(mutex_);
      if (next_ >= jobs_.size() || first_failure_) return;
      mine = next_++;
    }
    try {
      send(jobs_[mine]);
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!first_failure_) first_failure_ = std::current_exception();
    }
  }
}

void LayerPush::send(Job& job) {
  // A manifest that names the plain tar has no digest to keep: it is compressed for the wire.
  if (job.before.digest != job.diff_id && keep_digest(job)) return;
  pack(job);
}

bool LayerPush::keep_digest(const Job& job) {
  const base::Digest& digest = job.before.digest;
  if (target_.repository.has_blob(digest)) {
    say(digest, "Layer already exists");
    return true;
  }
  if (!target_.source) return false;
  const oci::Reference& from = target_.source_name;
  if (from.domain() != target_.domain) return send_on(job);
  if (!target_.repository.mount_blob(digest, from.path())) return false;
  say(digest, "Mounted from " + from.path());
  return true;
}

/// The original bytes go from the registry they were pulled from to the one they are pushed to.
bool LayerPush::send_on(const Job& job) {
  say(job.before.digest, "Pushing");
  try {
    target_.repository.upload(job.before, [&] {
      auto pipe = std::make_shared<BytePipe>(
          [this, &job](const BytePipe::Sink& sink) { target_.source->blob(job.before, sink); });
      return counted(job, [pipe](std::span<char> into) { return pipe->read(into); });
    });
  } catch (const base::Error& error) {
    if (error.kind() == Kind::Cancelled) throw;
    base::log_info("layer {} is not sent on: {}", job.before.digest.text(), error.what());
    return false;
  }
  say(job.before.digest, "Pushed");
  return true;
}

void LayerPush::pack(Job& job) {
  const base::Digest& shown = job.before.digest;
  say(shown, "Preparing");
  job.after.media_type = gzip_type(job.before.media_type);
  if (const std::optional<layer::PackedBlob> known = layers_.packed(job.diff_id)) {
    job.after.digest = known->digest;
    job.after.size_bytes = known->bytes;
    if (target_.repository.has_blob(known->digest)) return say(shown, "Layer already exists");
  }
  say(shown, "Pushing");
  const registry::Sent sent = target_.repository.upload_new([&] {
    auto pipe = std::make_shared<BytePipe>([this, &job](const BytePipe::Sink& sink) {
      Gzip gzip(sink);
      layers_.write_tar(job.diff_id, [&](std::string_view bytes) { gzip.write(bytes); });
      gzip.finish();
    });
    return counted(job, [pipe](std::span<char> into) { return pipe->read(into); });
  });
  job.after.digest = sent.digest;
  job.after.size_bytes = sent.bytes;
  layers_.note_packed(job.diff_id, {sent.digest, sent.bytes});
  say(shown, "Pushed");
}

/// Says how far it is, and ends when the client has left.
registry::BodyBytes LayerPush::counted(const Job& job, registry::BodyBytes bytes) {
  return [this, &job, bytes = std::move(bytes), done = std::int64_t{0},
          said_ns = base::monotonic_ns()](std::span<char> into) mutable {
    if (stop_.stop_requested()) fail(Kind::Cancelled, "push cancelled");
    const std::size_t size = bytes(into);
    done += static_cast<std::int64_t>(size);
    const std::int64_t now = base::monotonic_ns();
    if (now - said_ns < kReportEveryNs) return size;
    said_ns = now;
    const std::lock_guard lock(mutex_);
    progress_({.status = "Pushing",
               .id = base::short_id(job.before.digest.text()),
               .current = done,
               .total = std::max(done, job.before.size_bytes)});
    return size;
  };
}

void LayerPush::say(const base::Digest& layer, const std::string& status) {
  const std::lock_guard lock(mutex_);
  progress_({.status = status, .id = base::short_id(layer.text())});
}

}  // namespace wharf::image
