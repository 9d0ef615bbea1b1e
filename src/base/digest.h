// Content digests: "sha256:" and 64 lower-case hex digits (OCI image-spec, descriptor).
#pragma once

#include <compare>
#include <memory>
#include <span>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace wharf::base {

/// A checked sha256 digest. Only parse() and Sha256 make one that is not empty.
class Digest {
 public:
  Digest() = default;

  /// Throws InvalidArgument ("invalid checksum digest format" ...) for anything but sha256.
  static Digest parse(std::string_view text);
  static bool valid(std::string_view text);

  /// "sha256:…", or "" for the empty digest.
  const std::string& text() const { return text_; }
  std::string_view hex() const {
    return text_.empty() ? std::string_view() : std::string_view(text_).substr(7);
  }
  bool empty() const { return text_.empty(); }
  auto operator<=>(const Digest&) const = default;

 private:
  explicit Digest(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

/// A running SHA-256. One thread at a time.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void update(std::string_view bytes);

  /// The digest of all bytes so far; the state is spent.
  Digest finish();

  static Digest of(std::string_view bytes);

 private:
  evp_md_ctx_st* context_;
};

}  // namespace wharf::base
