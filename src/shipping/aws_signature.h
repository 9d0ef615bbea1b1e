// Signature Version 4: how a request to AWS says whose it is.
//
// Pure functions. Specified in AWS's "Signing API requests".
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/time.h"

namespace wharf::shipping {

struct AwsIdentity {
  std::string key_id;
  std::string secret;
  std::string token;  ///< Of credentials that last for a while; or empty.
};

struct AwsRequest {
  std::string method;
  std::string region;
  std::string service;
  std::map<std::string, std::string> headers;  ///< By their names in lower case, "host" among them.
  std::string_view body;
  base::Time time;
};

/// "20150830T123600Z", the header x-amz-date.
std::string aws_time(base::Time time);

/// The header Authorization of a request for "/" without a query; all `headers` are signed.
std::string aws_authorization(const AwsRequest& request, const AwsIdentity& identity);

}  // namespace wharf::shipping
