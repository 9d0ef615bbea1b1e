// Sending blobs and documents to a registry (distribution-spec, "push").
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

/// One blob on its way: POST opens, PATCH sends, PUT names it. What the registry has kept of a
/// PATCH that broke is not sent again.
class Upload {
 public:
  Upload(Session& session, const oci::Descriptor* wanted, const std::function<BodyBytes()>& open)
      : session_(session), wanted_(wanted), open_(open) {}

  Sent run() {
    for (int failures = 1;; ++failures) {
      const std::int64_t before = accepted_;
      try {
        return once();
      } catch (const Error& error) {
        if (accepted_ > before) failures = 1;
        const bool last = failures >= session_.settings().max_download_attempts;
        if (in_source_ || !may_cure(error) || last) throw;
        base::log_debug("upload, attempt {} at byte {}: {}", failures, accepted_, error.what());
      }
      session_.wait_before_retry(failures, std::chrono::milliseconds(0));
    }
  }

 private:
  Sent once() {
    if (!at_ || !still_there()) begin();
    base::Sha256 hash;
    std::int64_t bytes = 0;
    patch(hash, bytes);
    const Sent sent{hash.finish(), bytes};
    if (wanted_ && sent.digest != wanted_->digest) {
      fail(Kind::InvalidArgument, "blob {}: the bytes to send are {}", wanted_->digest.text(),
           sent.digest.text());
    }
    finish(sent.digest);
    return sent;
  }

  void begin() {
    const Call call{.method = "POST", .path = session_.path("/blobs/uploads/"), .need = Need::Push};
    Answer opened = session_.send(call);
    if (opened.response.status() != 202) session_.fail_status(call, opened);
    at_ = session_.location(opened);
    accepted_ = 0;
    opened.response.read_all(kErrorBodyLimit);
  }

  /// Asks how much has arrived; false where the registry has lost the upload (threats F30).
  bool still_there() {
    const Call call{.need = Need::Push};
    Answer answer = session_.send_to(*at_, call);
    if (answer.response.status() != 204) return false;
    const std::string_view range = answer.response.header("range");
    const std::size_t dash = range.find('-');
    std::int64_t last = -1;
    if (dash != std::string_view::npos)
      std::from_chars(range.data() + dash + 1, range.data() + range.size(), last);
    // "0-0" is also what some say of nothing.
    accepted_ = last > 0 ? last + 1 : 0;
    if (last == 0) return false;
    if (!answer.response.header("location").empty()) at_ = session_.location(answer);
    answer.response.read_all(kErrorBodyLimit);
    return true;
  }

  void patch(base::Sha256& hash, std::int64_t& bytes) {
    const BodyBytes source = open_();
    std::vector<char> skipped(64 << 10);
    const auto take = [&](std::span<char> into) {
      in_source_ = true;
      const std::size_t size = source(into);
      in_source_ = false;
      hash.update({into.data(), size});
      bytes += static_cast<std::int64_t>(size);
      return size;
    };
    while (bytes < accepted_) {
      const auto left = std::min<std::int64_t>(accepted_ - bytes, std::ssize(skipped));
      if (take({skipped.data(), static_cast<std::size_t>(left)}) == 0)
        fail(Kind::Internal, "the registry has more of an upload than there is");
    }
    Call call{.method = "PATCH",
              .need = Need::Push,
              .headers = {{"Content-Type", "application/octet-stream"}},
              .source = take};
    if (wanted_) call.source_bytes = static_cast<std::uint64_t>(wanted_->size_bytes - accepted_);
    Answer answer = session_.send_to(*at_, call);
    const int status = answer.response.status();
    if (worth_retry(status) || status == 404 || status == 416)
      fail(Kind::Unavailable, "status {}", status);
    if (status != 202 && status != 201 && status != 204) session_.fail_status(call, answer);
    at_ = session_.location(answer);
    accepted_ = bytes;
    answer.response.read_all(kErrorBodyLimit);
  }

  void finish(const base::Digest& digest) {
    http::Url to = *at_;
    to.query += (to.query.empty() ? "digest=" : "&digest=") + digest.text();
    const Call put{.method = "PUT", .path = to.path, .need = Need::Push};
    Answer answer = session_.send_to(to, put);
    if (answer.response.status() == 201) return;
    if (worth_retry(answer.response.status()) || answer.response.status() == 404) {
      // A new upload starts over.
      at_.reset();
      fail(Kind::Unavailable, "blob {}: status {}", digest.text(), answer.response.status());
    }
    session_.fail_status(put, answer);
  }

  Session& session_;
  const oci::Descriptor* wanted_;
  const std::function<BodyBytes()>& open_;
  std::optional<http::Url> at_;
  std::int64_t accepted_ = 0;
  bool in_source_ = false;
};

}  // namespace

bool Repository::has_blob(const base::Digest& digest) const {
  const Call call{
      .method = "HEAD", .path = session_->path("/blobs/" + digest.text()), .need = Need::Push};
  return session_->send(call).response.status() == 200;
}

bool Repository::mount_blob(const base::Digest& digest, const std::string& from_path) const {
  const Call call{.method = "POST",
                  .path = session_->path("/blobs/uploads/?mount=" + digest.text() +
                                         "&from=" + http::percent_encode(from_path)),
                  .need = Need::Push};
  return session_->send(call).response.status() == 201;
}

void Repository::upload(const oci::Descriptor& descriptor,
                        const std::function<BodyBytes()>& open) const {
  Upload(*session_, &descriptor, open).run();
}

Sent Repository::upload_new(const std::function<BodyBytes()>& open) const {
  return Upload(*session_, nullptr, open).run();
}

void Repository::put_document(std::string_view tag, const std::string& bytes,
                              const std::string& media_type) const {
  const Call call{.method = "PUT",
                  .path = session_->path("/manifests/" + std::string(tag)),
                  .need = Need::Push,
                  .headers = {{"Content-Type", media_type}},
                  .body = bytes};
  Answer answer = session_->send(call);
  if (answer.response.status() != 201) session_->fail_status(call, answer);
  const std::string_view kept = answer.response.header("docker-content-digest");
  if (kept.empty() || kept == base::Sha256::of(bytes).text()) return;
  fail(Kind::Internal, "registry {} keeps {:.80} for what we sent", session_->name().domain(),
       kept);
}

}  // namespace wharf::registry
