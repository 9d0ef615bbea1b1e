#include "image/fetch.h"

#include <thread>

#include "base/error.h"
#include "base/ids.h"
#include "base/log.h"

namespace wharf::image {
namespace {

using base::fail;
using base::Kind;

/// Docker sends a line about every 100 ms.
constexpr std::int64_t kReportEveryNs = 100'000'000;

std::string shown_id(const oci::Descriptor& blob) {
  return base::short_id(blob.digest.text());
}

}  // namespace

void LayerFetch::plan(const oci::Manifest& manifest, const oci::ImageConfig& config) {
  const std::vector<base::Digest> diff_ids = config.diff_ids();
  if (diff_ids.size() != manifest.layers.size()) {
    fail(Kind::InvalidArgument, "the manifest has {} layers, but the config has {} diff ids",
         manifest.layers.size(), diff_ids.size());
  }
  for (std::size_t i = 0; i < diff_ids.size(); ++i) {
    const oci::Descriptor& blob = manifest.layers[i];
    if (!oci::is_layer_type(blob.media_type)) {
      fail(Kind::InvalidArgument, "layer {}: unsupported media type {:.100}", blob.digest.text(),
           blob.media_type);
    }
    // The same layer may stand in one image twice: it is fetched once.
    const auto same = [&](const Job& job) { return job.blob->digest == blob.digest; };
    const auto known = std::find_if(jobs_.begin(), jobs_.end(), same);
    if (known == jobs_.end()) {
      jobs_.push_back({&blob, diff_ids[i], std::nullopt, nullptr});
    } else if (known->diff_id != diff_ids[i]) {
      fail(Kind::InvalidArgument, "layer {}: the config gives it two diff ids", blob.digest.text());
    }
  }
}

std::vector<layer::Pin> LayerFetch::run(const oci::Manifest& manifest,
                                        const oci::ImageConfig& config, int threads) {
  plan(manifest, config);
  for (const Job& job : jobs_) say({.status = "Pulling fs layer", .id = shown_id(*job.blob)});
  {
    std::vector<std::jthread> workers;
    const std::size_t wanted =
        std::min(jobs_.size(), static_cast<std::size_t>(std::max(threads, 1)));
    for (std::size_t i = 0; i < wanted; ++i) workers.emplace_back([this] { work(); });
  }
  if (first_failure_) std::rethrow_exception(first_failure_);
  std::vector<layer::Pin> pins;
  for (const Job& job : jobs_) pins.push_back(job.pin.value());
  return pins;
}

void LayerFetch::work() {
  while (true) {
    std::size_t mine = 0;
    {
      const std::lock_guard lock(mutex_);
      if (next_ >= jobs_.size() || first_failure_) return;
      mine = next_++;
    }
    try {
      fetch(jobs_[mine]);
    } catch (...) {
      const std::lock_guard lock(mutex_);
      // Others fail because of this one: theirs is not the reason.
      if (!first_failure_) first_failure_ = std::current_exception();
      failed_.request_stop();
    }
  }
}

void LayerFetch::fetch(Job& job) {
  const std::string id = shown_id(*job.blob);
  std::stop_source either;
  const std::stop_callback on_stop(stop_, [&] { either.request_stop(); });
  const std::stop_callback on_failure(failed_.get_token(), [&] { either.request_stop(); });
  while (!job.pin) {
    layer::Claim claim = layers_.claim(job.blob->digest, either.get_token());
    if (claim.layer) {
      if (claim.layer->diff_id() != job.diff_id) {
        fail(Kind::InvalidArgument, "layer {}: wrong diff id: the config says {}, it is {}",
             job.blob->digest.text(), job.diff_id.text(), claim.layer->diff_id().text());
      }
      job.pin = std::move(*claim.layer);
      say({.status = "Already exists", .id = id});
      return;
    }
    job.kept = partials_.open(job.blob->digest, job.blob->size_bytes);
    job.pin = unpack(job, *claim.ingest);
  }
  say({.status = "Pull complete", .id = id});
}

/// Nothing where bytes of an earlier pull were wrong: they are gone, and it begins anew.
std::optional<layer::Pin> LayerFetch::unpack(const Job& job, layer::Ingest& ingest) {
  bool unpacking = false;
  try {
    stream(job, ingest, unpacking);
    unpacking = true;
    return ingest.finish(job.diff_id);
  } catch (const base::Error& error) {
    // Neither the bytes nor what they unpack to: the client left, the disk is full, a time-out.
    const bool innocent = !unpacking || error.error_number() != 0 ||
                          error.kind() == Kind::Cancelled || error.kind() == Kind::Unavailable;
    if (innocent) throw;
    job.kept->discard();
    if (!job.kept->resumed()) throw;
    base::log_warn("layer {}: what was kept of it is of no use: {}", job.blob->digest.text(),
                   error.what());
    return std::nullopt;
  }
}

void LayerFetch::stream(const Job& job, layer::Ingest& ingest, bool& unpacking) {
  const std::string id = shown_id(*job.blob);
  std::int64_t done = 0;
  std::int64_t said_ns = 0;
  repository_.blob(*job.blob, *job.kept, [&](std::string_view bytes) {
    if (cancelled()) fail(Kind::Cancelled, "pull cancelled");
    unpacking = true;
    ingest.write(bytes);
    unpacking = false;
    done += static_cast<std::int64_t>(bytes.size());
    const std::int64_t now = base::monotonic_ns();
    if (now - said_ns < kReportEveryNs) return;
    said_ns = now;
    say({.status = "Downloading", .id = id, .current = done, .total = job.blob->size_bytes});
  });
  say({.status = "Download complete", .id = id});
  say({.status = "Extracting", .id = id, .current = done, .total = job.blob->size_bytes});
}

void LayerFetch::forget_kept() noexcept {
  for (Job& job : jobs_) {
    if (job.kept) job.kept->discard();
  }
}

void LayerFetch::say(const Progress& line) {
  const std::lock_guard lock(mutex_);
  progress_(line);
}

}  // namespace wharf::image
