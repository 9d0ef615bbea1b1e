#include "server/parameters.h"

#include <charconv>

#include "base/strings.h"

namespace wharf::server {
namespace {

using base::fail;
using base::Kind;

std::uint32_t side(const Exchange& exchange, std::string_view key, std::string_view name) {
  const std::string& text = exchange.parameter(key);
  // Docker: a sign makes it a number out of range, not a syntax error.
  const bool negative = text.size() > 1 && text[0] == '-';
  const char* begin = text.data() + (negative ? 1 : 0);
  const char* end = text.data() + text.size();
  std::uint32_t value = 0;
  const auto read = std::from_chars(begin, end, value);
  const bool digits = read.ptr == end && read.ec != std::errc::invalid_argument;
  const char* why = "invalid syntax";
  if (digits && (negative || read.ec == std::errc::result_out_of_range)) why = "value out of range";
  if (!digits || negative || read.ec != std::errc()) {
    fail(Kind::InvalidArgument, "invalid resize {} {}: {}", name, base::quoted(text), why);
  }
  return value;
}

}  // namespace

std::optional<base::Time> time_parameter(const Exchange& exchange, std::string_view key,
                                         std::string_view quoted_name) {
  const std::string& text = exchange.parameter(key);
  if (text.empty()) return std::nullopt;
  const std::string whole = text.substr(0, text.find('.'));
  const std::size_t sign = whole.starts_with('-') ? 1 : 0;
  const bool digits =
      whole.size() > sign && whole.find_first_not_of("0123456789", sign) == std::string::npos;
  if (!digits) {
    fail(Kind::InvalidArgument,
         "invalid value for {}: invalid timestamp \"{}\": invalid seconds \"{}\": invalid syntax",
         quoted_name, text, whole);
  }
  return base::parse_time_parameter(text);
}

TerminalSize size_parameters(const Exchange& exchange) {
  const std::uint32_t rows = side(exchange, "h", "height");
  return {rows, side(exchange, "w", "width")};
}

}  // namespace wharf::server
