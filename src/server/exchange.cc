#include "server/exchange.h"

#include <charconv>

#include "base/strings.h"

namespace wharf::server {
namespace {

using base::fail;
using base::Kind;

bool is_token(std::string_view text) {
  constexpr std::string_view kSeparators = "()<>@,;:\\\"/[]?=";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return c > ' ' && c < 0x7f && kSeparators.find(c) == std::string_view::npos;
  });
}

/// Go's mime.ParseMediaType as far as its complaints are visible; the type in lower case.
std::string media_type(std::string_view header) {
  const std::string_view full = base::trim(header.substr(0, header.find(';')));
  const std::size_t slash = full.find('/');
  if (full.empty())
    fail(Kind::InvalidArgument, "malformed Content-Type header ({}): mime: no media type", header);
  const bool valid = slash == std::string_view::npos
                         ? is_token(full)
                         : is_token(full.substr(0, slash)) && is_token(full.substr(slash + 1));
  if (!valid) {
    fail(Kind::InvalidArgument,
         "malformed Content-Type header ({}): mime: unexpected content after media type", header);
  }
  return base::lower(full);
}

void require_json_type(std::string_view header) {
  if (media_type(header) == "application/json") return;
  fail(Kind::InvalidArgument, "unsupported Content-Type header ({}): must be 'application/json'",
       header);
}

}  // namespace

void rethrow_as_invalid_json() {
  try {
    throw;
  } catch (const base::Error& error) {
    if (error.kind() != Kind::InvalidArgument) throw;
    fail(Kind::InvalidArgument, "invalid JSON: {}", error.what());
  }
}

const std::string& Exchange::variable(std::string_view name) const {
  static const std::string nothing;
  const auto found = variables_.find(name);
  return found == variables_.end() ? nothing : found->second;
}

bool Exchange::flag(std::string_view key, bool otherwise) const {
  if (!query_.contains(key)) return otherwise;
  const std::string value = base::lower(base::trim(query_.get(key)));
  return !(value.empty() || value == "0" || value == "no" || value == "false" || value == "none");
}

bool Exchange::strict_flag(std::string_view key, bool otherwise) const {
  const std::string& value = query_.get(key);
  if (value.empty()) return otherwise;
  for (const std::string_view yes : {"1", "t", "T", "TRUE", "true", "True"}) {
    if (value == yes) return true;
  }
  for (const std::string_view no : {"0", "f", "F", "FALSE", "false", "False"}) {
    if (value == no) return false;
  }
  fail(Kind::InvalidArgument,
       "invalid value for {}: {}: strconv.ParseBool: parsing {}: invalid syntax", key, value,
       base::quoted(value));
}

std::int64_t Exchange::number(std::string_view key, std::int64_t otherwise) const {
  const std::string& value = query_.get(key);
  if (value.empty()) return otherwise;
  std::int64_t read = 0;
  const char* begin = value.data() + (value.starts_with('+') ? 1 : 0);
  const char* end = value.data() + value.size();
  const auto result = std::from_chars(begin, end, read);
  if (result.ec == std::errc::result_out_of_range) {
    fail(Kind::InvalidArgument, "strconv.Atoi: parsing {}: value out of range",
         base::quoted(value));
  }
  if (result.ec != std::errc() || result.ptr != end) {
    fail(Kind::InvalidArgument, "strconv.Atoi: parsing {}: invalid syntax", base::quoted(value));
  }
  return read;
}

base::Filters Exchange::filters() const {
  return base::Filters::parse(query_.get("filters"));
}

std::optional<base::Json> Exchange::json_body() {
  const std::string_view type = head_.headers.get("Content-Type");
  if (!head_.has_body && type.empty()) return std::nullopt;
  require_json_type(type);
  if (!head_.has_body) return std::nullopt;
  if (head_.content_length > static_cast<std::int64_t>(kJsonBodyLimit)) {
    fail(Kind::TooLarge, "request body is larger than {} bytes", kJsonBodyLimit);
  }
  const std::string text = body().read_all(kJsonBodyLimit);
  // Docker: an empty body of unknown length is no body either.
  if (base::trim(text).empty()) return std::nullopt;
  try {
    return base::parse_json(text);
  } catch (const base::Error& error) {
    if (std::string_view(error.what()) == "unexpected content after JSON") throw;
    rethrow_as_invalid_json();
  }
}

void Exchange::reply(int status, const base::Json& value) {
  send(status, "application/json", base::to_text(value) + "\n");
}

http::Hijacked Exchange::hijack(std::string_view content_type, HijackHeaders with) {
  const std::string protocol(headers().get("Upgrade"));
  std::string answer;
  if (wants_upgrade()) {
    answer = fmt::format(
        "HTTP/1.1 101 UPGRADED\r\nContent-Type: {}\r\nConnection: Upgrade\r\nUpgrade: {}\r\n",
        content_type, protocol.find_first_of("\r\n") == std::string::npos ? protocol : "tcp");
  } else {
    // Docker: without an upgrade the type says "raw" also where the stream is multiplexed.
    answer = fmt::format("HTTP/1.1 200 OK\r\nContent-Type: {}\r\n", kRawStream);
  }
  if (with == HijackHeaders::All) {
    for (const auto& [name, value] : usual_headers())
      answer += fmt::format("{}: {}\r\n", name, value);
  }
  // dockerode sends an attach's options as a body as well: that is no input of the container.
  if (head_.content_length > 0) (void)body().read_all(kJsonBodyLimit);
  http::Hijacked hijacked = take_connection();
  os::write_all(hijacked.socket, answer + "\r\n");
  return hijacked;
}

bool Exchange::wants_upgrade() const {
  return headers().contains("Upgrade");
}

}  // namespace wharf::server
