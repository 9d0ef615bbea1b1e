// Sending blobs and documents to a registry (distribution-spec, "push").
#include "base/error.h"
#include "base/log.h"
#include "registry/retry.h"
#include "registry/session.h"

namespace wharf::registry {
namespace {

using base::Error;
using base::fail;
using base::Kind;

void one_upload(Session& session, const oci::Descriptor& descriptor, const BodyBytes& bytes) {
  const Call begin{.method = "POST", .path = session.path("/blobs/uploads/"), .need = Need::Push};
  Answer opened = session.send(begin);
  if (opened.response.status() != 202) session.fail_status(begin, opened);
  http::Url to = session.location(opened);
  opened.response.read_all(kErrorBodyLimit);
  to.query += (to.query.empty() ? "digest=" : "&digest=") + descriptor.digest.text();
  const Call put{.method = "PUT",
                 .path = to.path,
                 .need = Need::Push,
                 .headers = {{"Content-Type", "application/octet-stream"}},
                 .source = bytes,
                 .source_bytes = static_cast<std::uint64_t>(descriptor.size_bytes)};
  Answer answer = session.send_to(to, put);
  if (answer.response.status() == 201) return;
  if (worth_retry(answer.response.status()) || answer.response.status() == 404) {
    // 404: the registry has lost the upload; a new one starts over (threats F30).
    fail(Kind::Unavailable, "blob {}: status {}", descriptor.digest.text(),
         answer.response.status());
  }
  session.fail_status(put, answer);
}

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
  for (int failures = 1;; ++failures) {
    try {
      return one_upload(*session_, descriptor, open());
    } catch (const Error& error) {
      const bool last = failures >= session_->settings().max_download_attempts;
      if (!may_cure(error) || last) throw;
      base::log_debug("blob {}: attempt {}: {}", descriptor.digest.text(), failures, error.what());
    }
    session_->wait_before_retry(failures, std::chrono::milliseconds(0));
  }
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
