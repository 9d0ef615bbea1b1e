// Image references: "busybox", "127.0.0.1:5000/a/b:1", "name@sha256:...".
//
// The grammar is the one of Docker's distribution/reference: a name without a domain is
// on docker.io, and there one without a slash is under "library/". A Reference is always
// normalised, so equal names compare equal; familiar() is what users see. Plain values.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/digest.h"

namespace wharf::oci {

inline constexpr std::size_t kRepositoryNameLimit = 255;
inline constexpr std::size_t kTagLimit = 128;

class Reference {
 public:
  Reference() = default;

  /// Normalises and checks. Throws InvalidArgument with Docker's words: "invalid reference
  /// format", "... repository name (library/X) must be lowercase", ...
  static Reference parse(std::string_view text);

  /// A registry without a repository: for `docker login`. Throws InvalidArgument.
  static Reference of_domain(std::string_view domain);

  const std::string& domain() const { return domain_; }
  const std::string& path() const { return path_; }
  const std::string& tag() const { return tag_; }
  const base::Digest& digest() const { return digest_; }
  bool has_tag() const { return !tag_.empty(); }
  bool has_digest() const { return !digest_.empty(); }
  bool name_only() const { return tag_.empty() && digest_.empty(); }

  /// "docker.io/library/busybox"
  std::string name() const { return domain_ + "/" + path_; }

  /// "docker.io/library/busybox:latest"
  std::string text() const;

  /// "busybox", and with tag and digest.
  std::string familiar_name() const;
  std::string familiar() const;

  /// With the tag "latest" where there is neither tag nor digest.
  Reference with_default_tag() const;

  /// Throws InvalidArgument "invalid tag format".
  Reference with_tag(std::string_view tag) const;
  Reference with_digest(const base::Digest& digest) const;

  /// Without tag and digest.
  Reference trimmed() const;

  auto operator<=>(const Reference&) const = default;

 private:
  std::string domain_;
  std::string path_;
  std::string tag_;
  base::Digest digest_;
};

/// What a user may write where an image is meant: a name, or an id of 64 hex digits with
/// or without "sha256:" (then only `digest` is set).
struct AnyReference {
  std::optional<Reference> name;
  base::Digest digest;

  /// As Docker repeats it in "No such image: ...": familiar, ":latest" added to a bare name.
  std::string shown() const;
};
AnyReference parse_any_reference(std::string_view text);

/// 4 to 64 hex digits, "sha256:" allowed before: returns the digits, else "".
std::string_view id_prefix(std::string_view text);

bool valid_tag(std::string_view tag);

}  // namespace wharf::oci
