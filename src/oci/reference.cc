#include "oci/reference.h"

#include "base/error.h"
#include "base/strings.h"

namespace wharf::oci {
namespace {

using base::fail;
using base::Kind;

constexpr std::string_view kDefaultDomain = "docker.io";
constexpr std::string_view kLegacyDomain = "index.docker.io";
constexpr std::string_view kOfficialPrefix = "library/";
constexpr std::string_view kFormat = "invalid reference format";

bool digit(char c) {
  return c >= '0' && c <= '9';
}
bool lower_letter(char c) {
  return c >= 'a' && c <= 'z';
}
bool letter(char c) {
  return lower_letter(c) || (c >= 'A' && c <= 'Z');
}
bool word(char c) {
  return letter(c) || digit(c) || c == '_';
}
bool hex_digit(char c) {
  return digit(c) || (c >= 'a' && c <= 'f');
}

bool all(std::string_view text, bool (*is)(char)) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is);
}

/// [a-zA-Z0-9] with '-' inside.
bool valid_domain_component(std::string_view part) {
  const auto alphanumeric = [](char c) { return letter(c) || digit(c); };
  if (part.empty() || !alphanumeric(part.front()) || !alphanumeric(part.back())) return false;
  return std::all_of(part.begin(), part.end(), [&](char c) { return alphanumeric(c) || c == '-'; });
}

bool valid_domain(std::string_view domain) {
  std::string_view host = domain;
  if (host.starts_with('[')) {
    const std::size_t end = host.find(']');
    if (end == std::string_view::npos) return false;
    const auto address = [](char c) { return hex_digit(c) || (c >= 'A' && c <= 'F') || c == ':'; };
    if (!all(host.substr(1, end - 1), address)) return false;
    const std::string_view rest = host.substr(end + 1);
    return rest.empty() || (rest[0] == ':' && all(rest.substr(1), digit));
  }
  if (const std::size_t colon = host.find(':'); colon != std::string_view::npos) {
    if (!all(host.substr(colon + 1), digit)) return false;
    host = host.substr(0, colon);
  }
  const auto parts = base::split(host, '.');
  return std::all_of(parts.begin(), parts.end(),
                     [](const auto& p) { return valid_domain_component(p); });
}

/// Lower-case letters and digits, joined by one '.', one or two '_', or any number of '-'.
bool valid_path_component(std::string_view part) {
  const auto plain = [](char c) { return lower_letter(c) || digit(c); };
  if (part.empty() || !plain(part.front()) || !plain(part.back())) return false;
  for (std::size_t i = 0; i < part.size();) {
    if (plain(part[i])) {
      ++i;
      continue;
    }
    const char separator = part[i];
    std::size_t n = 0;
    while (part[i + n] == separator) ++n;  // The last character is plain: this ends.
    if (!plain(part[i + n])) return false;
    const bool fine =
        (separator == '-') || (separator == '.' && n == 1) || (separator == '_' && n <= 2);
    if (!fine) return false;
    i += n;
  }
  return true;
}

bool valid_path(std::string_view path) {
  const auto parts = base::split(path, '/');
  return std::all_of(parts.begin(), parts.end(),
                     [](const auto& p) { return valid_path_component(p); });
}

struct Parts {
  std::string domain;
  std::string rest;
};

/// Docker: the part before the first slash is a domain only if it looks like a host:
/// a dot, a colon, "localhost", or an upper-case letter in it.
Parts split_domain(std::string_view text) {
  Parts parts;
  const std::size_t slash = text.find('/');
  const std::string_view first = text.substr(0, slash == std::string_view::npos ? 0 : slash);
  const bool host = first.find_first_of(".:") != std::string_view::npos || first == "localhost" ||
                    base::lower(first) != first;
  if (slash == std::string_view::npos || !host) {
    parts = {std::string(kDefaultDomain), std::string(text)};
  } else {
    parts = {std::string(first), std::string(text.substr(slash + 1))};
  }
  if (parts.domain == kLegacyDomain) parts.domain = kDefaultDomain;
  if (parts.domain == kDefaultDomain && parts.rest.find('/') == std::string::npos) {
    parts.rest.insert(0, kOfficialPrefix);
  }
  return parts;
}

base::Digest parse_digest(std::string_view text) {
  if (base::Digest::valid(text)) return base::Digest::parse(text);
  const std::size_t colon = text.find(':');
  const auto not_hex = [](char c) { return !hex_digit(c) && !(c >= 'A' && c <= 'F'); };
  const std::string_view digits = colon == std::string_view::npos ? "" : text.substr(colon + 1);
  const bool in_grammar = colon > 0 && colon != std::string_view::npos && letter(text[0]) &&
                          digits.size() >= 32 &&
                          std::none_of(digits.begin(), digits.end(), not_hex);
  if (!in_grammar) fail(Kind::InvalidArgument, "{}", kFormat);
  if (text.substr(0, colon) != "sha256")
    fail(Kind::InvalidArgument, "unsupported digest algorithm");
  if (digits.size() != 64) fail(Kind::InvalidArgument, "invalid checksum digest length");
  fail(Kind::InvalidArgument, "invalid checksum digest format");
}

bool is_identifier(std::string_view text) {
  return text.size() == 64 && all(text, hex_digit);
}

}  // namespace

bool valid_tag(std::string_view tag) {
  if (tag.empty() || tag.size() > kTagLimit || !word(tag.front())) return false;
  return std::all_of(tag.begin(), tag.end(),
                     [](char c) { return word(c) || c == '.' || c == '-'; });
}

Reference Reference::parse(std::string_view text) {
  if (text.empty()) fail(Kind::InvalidArgument, "{}", kFormat);
  if (is_identifier(text)) {
    fail(Kind::InvalidArgument,
         "invalid repository name ({}), cannot specify 64-byte hexadecimal strings", text);
  }
  const Parts parts = split_domain(text);
  std::string_view rest = parts.rest;
  const std::string_view remote = rest.substr(0, rest.find(':'));
  if (base::lower(remote) != remote) {
    fail(Kind::InvalidArgument, "{}: repository name ({}) must be lowercase", kFormat, remote);
  }
  Reference reference;
  if (const std::size_t at = rest.find('@'); at != std::string_view::npos) {
    reference.digest_ = parse_digest(rest.substr(at + 1));
    rest = rest.substr(0, at);
  }
  if (const std::size_t colon = rest.find(':'); colon != std::string_view::npos) {
    reference.tag_ = rest.substr(colon + 1);
    if (!valid_tag(reference.tag_)) fail(Kind::InvalidArgument, "{}", kFormat);
    rest = rest.substr(0, colon);
  }
  if (!valid_domain(parts.domain) || !valid_path(rest)) fail(Kind::InvalidArgument, "{}", kFormat);
  if (rest.size() > kRepositoryNameLimit) {
    fail(Kind::InvalidArgument, "repository name must not be more than {} characters",
         kRepositoryNameLimit);
  }
  reference.domain_ = parts.domain;
  reference.path_ = rest;
  return reference;
}

Reference Reference::of_domain(std::string_view domain) {
  if (!valid_domain(domain)) fail(Kind::InvalidArgument, "invalid registry host {:.100}", domain);
  Reference reference;
  reference.domain_ = domain;
  return reference;
}

std::string Reference::text() const {
  std::string out = name();
  if (has_tag()) out += ":" + tag_;
  if (has_digest()) out += "@" + digest_.text();
  return out;
}

std::string Reference::familiar_name() const {
  if (domain_ != kDefaultDomain) return name();
  // "library/a/b" keeps its prefix: without it, "a/b" would be another repository.
  const std::string_view path = path_;
  if (path.starts_with(kOfficialPrefix) &&
      path.find('/', kOfficialPrefix.size()) == std::string_view::npos) {
    return std::string(path.substr(kOfficialPrefix.size()));
  }
  return path_;
}

std::string Reference::familiar() const {
  std::string out = familiar_name();
  if (has_tag()) out += ":" + tag_;
  if (has_digest()) out += "@" + digest_.text();
  return out;
}

Reference Reference::with_default_tag() const {
  Reference tagged = *this;
  if (name_only()) tagged.tag_ = "latest";
  return tagged;
}

Reference Reference::with_tag(std::string_view tag) const {
  if (!valid_tag(tag)) fail(Kind::InvalidArgument, "invalid tag format");
  Reference tagged = *this;
  tagged.tag_ = tag;
  return tagged;
}

Reference Reference::with_digest(const base::Digest& digest) const {
  Reference digested = *this;
  digested.digest_ = digest;
  return digested;
}

Reference Reference::trimmed() const {
  Reference bare = *this;
  bare.tag_.clear();
  bare.digest_ = {};
  return bare;
}

std::string AnyReference::shown() const {
  return name ? name->with_default_tag().familiar() : digest.text();
}

AnyReference parse_any_reference(std::string_view text) {
  if (is_identifier(text))
    return {std::nullopt, base::Digest::parse("sha256:" + std::string(text))};
  if (base::Digest::valid(text)) return {std::nullopt, base::Digest::parse(text)};
  return {Reference::parse(text), {}};
}

std::string_view id_prefix(std::string_view text) {
  if (text.starts_with("sha256:")) text.remove_prefix(7);
  if (text.size() < 4 || text.size() > 64 || !all(text, hex_digit)) return {};
  return text;
}

}  // namespace wharf::oci
