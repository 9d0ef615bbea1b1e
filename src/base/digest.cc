#include "base/digest.h"

#include <openssl/evp.h>

#include <array>

#include "base/error.h"
#include "base/ids.h"

namespace wharf::base {

bool Digest::valid(std::string_view text) {
  if (!text.starts_with("sha256:") || text.size() != 71) return false;
  return text.substr(7).find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Digest Digest::parse(std::string_view text) {
  if (!valid(text)) fail(Kind::InvalidArgument, "invalid checksum digest format: {:.80}", text);
  return Digest(std::string(text));
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  EVP_DigestInit_ex(context_, EVP_sha256(), nullptr);
}

Sha256::~Sha256() {
  EVP_MD_CTX_free(context_);
}

Sha256::Sha256(Sha256&& other) noexcept : context_(std::exchange(other.context_, nullptr)) {}

Sha256& Sha256::operator=(Sha256&& other) noexcept {
  std::swap(context_, other.context_);
  return *this;
}

void Sha256::update(std::string_view bytes) {
  EVP_DigestUpdate(context_, bytes.data(), bytes.size());
}

Digest Sha256::finish() {
  std::array<unsigned char, 32> raw{};
  EVP_DigestFinal_ex(context_, raw.data(), nullptr);
  return Digest::parse(
      "sha256:" + hex(std::string_view(reinterpret_cast<const char*>(raw.data()), raw.size())));
}

Digest Sha256::of(std::string_view bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

}  // namespace wharf::base
