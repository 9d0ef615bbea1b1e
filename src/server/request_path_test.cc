#include "server/request_path.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace wharf::server {
namespace {

TEST(RequestPath, LosesItsVersion) {
  const RequestPath path = parse_request_path("/v1.51/containers/json?all=1");
  EXPECT_EQ(path.path, "/containers/json");
  EXPECT_EQ(path.query, "all=1");
  EXPECT_EQ(path.version_text, "1.51");
  EXPECT_EQ(path.version, (api::Version{1, 51}));
}

TEST(RequestPath, WithoutAVersionMeansTheHighest) {
  EXPECT_EQ(parse_request_path("/info").version, api::kMaximum);
  EXPECT_EQ(parse_request_path("/vx/info").path, "/vx/info");
  EXPECT_EQ(parse_request_path("/v1.51").path, "/v1.51");
  EXPECT_EQ(parse_request_path("/version").path, "/version");
  EXPECT_EQ(parse_request_path("/v1./_ping").version_text, "1.");
}

TEST(RequestPath, IsRedirectedWhereItIsNotClean) {
  EXPECT_EQ(parse_request_path("/v1.51//info?a=b").redirect, "/v1.51/info?a=b");
  EXPECT_EQ(parse_request_path("/v1.51/x/../info").redirect, "/v1.51/info");
  EXPECT_EQ(parse_request_path("/../../etc").redirect, "/etc");
  EXPECT_EQ(parse_request_path("/networks/").redirect, std::nullopt);
}

TEST(RequestPath, IsDecodedAfterItWasFoundClean) {
  EXPECT_EQ(parse_request_path("/containers/%C3%BC/json").path, "/containers/ü/json");
  const RequestPath climbing = parse_request_path("/containers/..%2f..%2fetc/json");
  EXPECT_EQ(climbing.redirect, std::nullopt);
  EXPECT_EQ(climbing.path, "/containers/../../etc/json");
}

TEST(RequestPath, ReadsTheAbsoluteForm) {
  EXPECT_EQ(parse_request_path("http://docker/v1.51/info").path, "/info");
  EXPECT_EQ(parse_request_path("http://docker").path, "/");
}

TEST(RequestPath, RefusesWhatIsNoPath) {
  EXPECT_THROW(parse_request_path("*"), base::Error);
  EXPECT_THROW(parse_request_path("/%zz"), base::Error);
  EXPECT_THROW(parse_request_path("/a%00b"), base::Error);
}

}  // namespace
}  // namespace wharf::server
