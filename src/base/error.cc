#include "base/error.h"

#include <system_error>

namespace wharf::base {

int http_status(Kind kind) {
  switch (kind) {
    case Kind::NotModified:
      return 304;
    case Kind::InvalidArgument:
      return 400;
    case Kind::Unauthorized:
      return 401;
    case Kind::Forbidden:
      return 403;
    case Kind::NotFound:
      return 404;
    case Kind::Conflict:
      return 409;
    case Kind::TooLarge:
      return 413;
    case Kind::Internal:
      return 500;
    case Kind::NotImplemented:
      return 501;
    case Kind::Unavailable:
      return 503;
    case Kind::Cancelled:
      return 499;
  }
  return 500;
}

Error errno_error(int error_number, const std::string& words) {
  // Lower case, as Go prints it: clients compare such texts ("no such file or directory").
  std::string reason = std::generic_category().message(error_number);
  if (reason.size() > 1 && reason[1] >= 'a') reason[0] = static_cast<char>(reason[0] | 0x20);
  return Error(Kind::Internal, words + ": " + reason, error_number);
}

}  // namespace wharf::base
