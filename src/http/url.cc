#include "http/url.h"

#include <charconv>

#include "base/error.h"
#include "base/strings.h"

namespace wharf::http {
namespace {

bool unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::uint16_t parse_port(std::string_view text, std::string_view whole) {
  unsigned value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc{} || end != text.data() + text.size() || value > 65535) {
    base::fail(base::Kind::InvalidArgument, "invalid port {} in {}", base::quoted(text),
               base::quoted(whole));
  }
  return static_cast<std::uint16_t>(value);
}

[[noreturn]] void bad_url(std::string_view text, std::string_view why) {
  base::fail(base::Kind::InvalidArgument, "parse {}: {}", base::quoted(text), why);
}

/// "/a/b/../c" is "/a/c"; a leading ".." goes nowhere.
std::string without_dots(std::string_view path) {
  std::vector<std::string> kept;
  const std::vector<std::string> parts = base::split(path, '/');
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const bool last = i + 1 == parts.size();
    if (parts[i] == ".." && !kept.empty()) kept.pop_back();
    if (parts[i] != "." && parts[i] != "..") {
      kept.push_back(parts[i]);
    } else if (last) {
      kept.emplace_back();
    }
  }
  return "/" + base::join(kept, "/");
}

}  // namespace

std::uint16_t Url::port_or_default() const {
  if (port) return port;
  return scheme == "https" ? 443 : 80;
}

std::string Url::target() const {
  std::string out = path.empty() ? "/" : path;
  if (!query.empty()) out += "?" + query;
  return out;
}

std::string Url::authority() const {
  std::string out = host.find(':') == std::string::npos ? host : "[" + host + "]";
  if (port && port != (scheme == "https" ? 443 : 80)) out += ":" + std::to_string(port);
  return out;
}

std::string Url::text() const {
  std::string out = scheme + "://";
  const std::size_t colon = userinfo.find(':');
  if (!userinfo.empty()) out += percent_encode(userinfo.substr(0, colon));
  if (colon != std::string::npos) out += ":***";
  if (!userinfo.empty()) out += "@";
  out += authority() + path;
  if (!query.empty()) out += "?" + query;
  return out;
}

Url parse_url(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f) {
      bad_url(text, "net/url: invalid control character in URL");
    }
  }
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos || colon == 0) bad_url(text, "missing protocol scheme");
  Url url;
  url.scheme = base::lower(text.substr(0, colon));
  std::string_view rest = text.substr(colon + 3);
  rest = rest.substr(0, rest.find('#'));
  if (const std::size_t mark = rest.find('?'); mark != std::string_view::npos) {
    url.query = rest.substr(mark + 1);
    rest = rest.substr(0, mark);
  }
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  url.path = rest.substr(slash);
  std::string_view authority = rest.substr(0, slash);
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    url.userinfo = percent_decode(authority.substr(0, at));
    authority.remove_prefix(at + 1);
  }
  const HostPort place = parse_host_port(authority);
  if (place.host.empty()) bad_url(text, "no Host in request URL");
  url.host = place.host;
  url.port = place.port;
  return url;
}

Url resolve_url(const Url& base_url, std::string_view reference) {
  if (reference.find("://") != std::string_view::npos &&
      reference.find("://") < reference.find_first_of("/?#")) {
    return parse_url(reference);
  }
  if (reference.starts_with("//")) return parse_url(base_url.scheme + ":" + std::string(reference));
  reference = reference.substr(0, reference.find('#'));
  Url url = base_url;
  const std::size_t mark = std::min(reference.find('?'), reference.size());
  const std::string_view path = reference.substr(0, mark);
  if (mark < reference.size() || !path.empty()) url.query = "";
  if (mark < reference.size()) url.query = reference.substr(mark + 1);
  if (path.starts_with('/')) {
    url.path = without_dots(path);
  } else if (!path.empty()) {
    const std::size_t slash = base_url.path.rfind('/');
    const std::string folder =
        slash == std::string::npos ? "/" : base_url.path.substr(0, slash + 1);
    url.path = without_dots(folder + std::string(path));
  }
  return url;
}

std::string percent_encode(std::string_view text, std::string_view keep) {
  static constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (unreserved(c) || keep.find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += '%';
      out += kHex[static_cast<unsigned char>(c) >> 4];
      out += kHex[static_cast<unsigned char>(c) & 15];
    }
  }
  return out;
}

std::string percent_decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
    if (high < 0 || low < 0) {
      base::fail(base::Kind::InvalidArgument, "invalid URL escape {}",
                 base::quoted(text.substr(i, 3)));
    }
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

std::string encode_query(const std::vector<std::pair<std::string, std::string>>& parameters) {
  std::string out;
  for (const auto& [key, value] : parameters) {
    if (!out.empty()) out += '&';
    std::string pair = percent_encode(key, " ") + "=" + percent_encode(value, " ");
    for (char& c : pair) c = c == ' ' ? '+' : c;
    out += pair;
  }
  return out;
}

HostPort parse_host_port(std::string_view text) {
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) {
      base::fail(base::Kind::InvalidArgument, "missing ']' in host {}", base::quoted(text));
    }
    const std::string_view rest = text.substr(end + 1);
    if (!rest.empty() && rest[0] != ':') {
      base::fail(base::Kind::InvalidArgument, "invalid host {}", base::quoted(text));
    }
    return {std::string(text.substr(1, end - 1)),
            rest.size() > 1 ? parse_port(rest.substr(1), text) : std::uint16_t{0}};
  }
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || text.find(':') != colon) return {std::string(text), 0};
  const std::string_view port = text.substr(colon + 1);
  return {std::string(text.substr(0, colon)),
          port.empty() ? std::uint16_t{0} : parse_port(port, text)};
}

}  // namespace wharf::http
