#include "http/request_parser.h"

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <charconv>

#include "base/strings.h"

namespace wharf::http {
namespace {

namespace beast_http = boost::beast::http;
using ErrorCode = boost::system::error_code;

[[noreturn]] void refuse(const ErrorCode& failed) {
  if (failed == beast_http::error::header_limit || failed == beast_http::error::buffer_overflow) {
    throw BadRequest(431, "request header is larger than 64 KiB");
  }
  if (failed == beast_http::error::bad_version)
    throw BadRequest(505, "unsupported protocol version");
  throw BadRequest(400, failed.message());
}

/// What Beast lets pass and another program might read differently.
void check_framing(const Headers& headers, bool http_1_0) {
  int lengths = 0;
  int codings = 0;
  int hosts = 0;
  for (const auto& [name, value] : headers) {
    if (base::equal_fold(name, "Content-Length")) {
      ++lengths;
      if (value.find_first_not_of("0123456789") != std::string::npos)
        throw BadRequest(400, "bad Content-Length");
    } else if (base::equal_fold(name, "Transfer-Encoding")) {
      ++codings;
      if (!base::equal_fold(value, "chunked"))
        throw BadRequest(501, "unsupported transfer encoding");
    } else if (base::equal_fold(name, "Host")) {
      ++hosts;
    }
  }
  if (lengths > 1) throw BadRequest(400, "too many Content-Length headers");
  if (codings > 1) throw BadRequest(400, "too many transfer encodings");
  if (codings != 0 && lengths != 0)
    throw BadRequest(400, "both Content-Length and Transfer-Encoding");
  if (codings != 0 && http_1_0) throw BadRequest(400, "Transfer-Encoding in an HTTP/1.0 request");
  if (hosts > 1) throw BadRequest(400, "too many Host headers");
  if (hosts == 0 && !http_1_0) throw BadRequest(400, "missing required Host header");
}

}  // namespace

struct RequestParser::Beast {
  Beast() {
    parser.header_limit(kHeadLimit);
    parser.body_limit(boost::none);
  }

  std::size_t put(const std::string& input, ErrorCode& failed) {
    return parser.put(boost::asio::const_buffer(input.data(), input.size()), failed);
  }

  beast_http::request_parser<beast_http::empty_body> parser;
};

RequestParser::RequestParser() : beast_(std::make_unique<Beast>()) {}
RequestParser::~RequestParser() = default;

bool RequestParser::put_head(std::string& input) {
  while (!beast_->parser.is_header_done() && !input.empty()) {
    ErrorCode failed;
    const std::size_t used = beast_->put(input, failed);
    input.erase(0, used);
    head_bytes_ += used;
    if (failed == beast_http::error::need_more) break;
    if (failed) refuse(failed);
  }
  if (head_bytes_ + (beast_->parser.is_header_done() ? 0 : input.size()) > kHeadLimit) {
    throw BadRequest(431, "request header is larger than 64 KiB");
  }
  return beast_->parser.is_header_done();
}

RequestHead RequestParser::head() const {
  const auto& message = beast_->parser.get();
  RequestHead head;
  head.method = std::string(message.method_string());
  head.target = std::string(message.target());
  head.http_1_0 = message.version() < 11;
  head.keep_alive = message.keep_alive();
  for (const auto& field : message)
    head.headers.add(std::string(field.name_string()), std::string(field.value()));
  check_framing(head.headers, head.http_1_0);

  const std::string_view length = head.headers.get("Content-Length");
  if (beast_->parser.chunked()) {
    head.has_body = true;
  } else {
    head.content_length = 0;
    const auto read =
        std::from_chars(length.data(), length.data() + length.size(), head.content_length);
    if (!length.empty() && read.ec != std::errc()) throw BadRequest(400, "bad Content-Length");
    head.has_body = head.content_length > 0;
  }
  return head;
}

}  // namespace wharf::http
