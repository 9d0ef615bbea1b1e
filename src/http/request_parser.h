// The parser of the heads that clients send, by Boost.Beast.
//
// It is pushed bytes and owns none; it never reads a socket. What HTTP lets two programs
// read differently is refused here: a length together with chunks, two lengths, a negative
// one, other transfer codings (threats A66). One thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "http/message.h"

namespace wharf::http {

inline constexpr std::size_t kHeadLimit = 64 << 10;

/// A head that cannot be answered by a route: the status to answer before closing.
class BadRequest : public base::Error {
 public:
  BadRequest(int status, const std::string& why)
      : Error(base::Kind::InvalidArgument, why), status_(status) {}
  int status() const { return status_; }

 private:
  int status_;
};

class RequestParser {
 public:
  RequestParser();
  ~RequestParser();
  RequestParser(const RequestParser&) = delete;

  /// Takes bytes of the head from the front of `input`. True when the head is complete. Throws
  /// BadRequest: 431 past kHeadLimit, 400, 501, 505.
  bool put_head(std::string& input);

  RequestHead head() const;

 private:
  struct Beast;
  std::unique_ptr<Beast> beast_;
  std::size_t head_bytes_ = 0;
};

}  // namespace wharf::http
