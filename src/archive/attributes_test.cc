#include "archive/attributes.h"

#include <gtest/gtest.h>

namespace wharf::archive {
namespace {

const std::string kSecond("\1\0\0\2\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
const std::string kThird("\1\0\0\3\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xa0\x86\1\0", 24);

Entry with(const std::string& value) {
  Entry entry;
  entry.xattrs["user.other"] = value;
  entry.xattrs["security.capability"] = value;
  return entry;
}

std::string capability(const Entry& entry) {
  return entry.xattrs.at("security.capability");
}

TEST(Attributes, ACapabilityIsGivenToTheRootOfAUserNamespaceAndTakenBack) {
  Entry entry = with(kSecond);
  give_capability(entry, 100'000);
  EXPECT_EQ(capability(entry), kThird);
  EXPECT_EQ(entry.xattrs.at("user.other"), kSecond);
  take_capability(entry, 100'000);
  EXPECT_EQ(capability(entry), kSecond);
}

TEST(Attributes, ACapabilityOfAnotherKindStays) {
  Entry entry = with(kThird);
  give_capability(entry, 5);
  EXPECT_EQ(capability(entry), kThird);
  take_capability(entry, 5);
  EXPECT_EQ(capability(entry), kThird);
  for (const std::string& odd : {std::string(), std::string("\1\0\0"), kSecond + "x"}) {
    Entry broken = with(odd);
    give_capability(broken, 5);
    take_capability(broken, 5);
    EXPECT_EQ(capability(broken), odd);
  }
}

}  // namespace
}  // namespace wharf::archive
