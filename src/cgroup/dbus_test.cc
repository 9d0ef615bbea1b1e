#include "cgroup/dbus.h"

#include <gtest/gtest.h>

#include <string>

namespace wharf::cgroup::dbus {
namespace {

using namespace std::string_literals;

// StopUnit("a.scope", "replace") with the serial 3.
const std::string kStop =
    "l\1\0\1\x18\0\0\0\3\0\0\0\xa0\0\0\0"s                                // head, 0xa0 of fields
    "\1\1o\0\x19\0\0\0/org/freedesktop/systemd1\0\0\0\0\0\0\0"s           // path
    "\2\1s\0\x20\0\0\0org.freedesktop.systemd1.Manager\0\0\0\0\0\0\0\0"s  // interface
    "\3\1s\0\x08\0\0\0StopUnit\0\0\0\0\0\0\0\0"s                          // member
    "\6\1s\0\x18\0\0\0org.freedesktop.systemd1\0\0\0\0\0\0\0\0"s          // destination
    "\x08\1g\0\2ss\0"s                                                    // signature
    "\7\0\0\0a.scope\0\7\0\0\0replace\0"s;

TEST(DBus, WritesACallAsTheSpecificationHasIt) {
  char memory[512];
  Marshal message(memory);
  message.begin({"org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                 "org.freedesktop.systemd1.Manager", "StopUnit", "ss"},
                3);
  message.text("a.scope");
  message.text("replace");
  ASSERT_TRUE(message.finish());
  EXPECT_EQ(message.view(), kStop);
}

TEST(DBus, WritesArraysOfStructsWithTheirPaddingUncounted) {
  char memory[128];
  Marshal message(memory);
  const Marshal::Array all = message.open_array(8);
  message.align(8);
  message.text("X");
  message.signature("t");
  message.number(std::uint64_t{5});
  message.align(8);
  message.text("PIDs");
  message.signature("au");
  const Marshal::Array pids = message.open_array(4);
  message.number(std::uint32_t{7});
  message.close_array(pids);
  message.close_array(all);
  EXPECT_EQ(message.view(),
            "\x30\0\0\0\0\0\0\0"s
            "\1\0\0\0X\0\1t\0\0\0\0\0\0\0\0\5\0\0\0\0\0\0\0"s
            "\4\0\0\0PIDs\0\2au\0\0\0\0\4\0\0\0\7\0\0\0"s);
}

TEST(DBus, SaysWhenAMessageDoesNotFit) {
  char memory[64];
  Marshal message(memory);
  message.begin({"org.freedesktop.systemd1", "/o", "i.i", "M", ""}, 1);
  message.text(std::string(100, 'x'));
  EXPECT_FALSE(message.finish());
  EXPECT_LE(message.view().size(), sizeof memory);
}

// As systemd sends it, with a field that nobody here knows (9: descriptors) between the others.
const std::string kRemoved =
    "l\4\1\1\x25\0\0\0\x09\0\0\0\x82\0\0\0"s
    "\1\1o\0\x19\0\0\0/org/freedesktop/systemd1\0\0\0\0\0\0\0"s
    "\x09\1u\0\0\0\0\0"s
    "\2\1s\0\x20\0\0\0org.freedesktop.systemd1.Manager\0\0\0\0\0\0\0\0"s
    "\3\1s\0\x0a\0\0\0JobRemoved\0\0\0\0\0\0"s
    "\x08\1g\0\4uoss\0\0\0\0\0\0\0"s
    "\5\0\0\0\4\0\0\0/j/5\0\0\0\0\7\0\0\0a.scope\0\4\0\0\0done\0"s;

TEST(DBus, ReadsASignalPassingOverFieldsItDoesNotKnow) {
  std::string bytes = kRemoved;
  ASSERT_EQ(message_size(bytes), bytes.size());
  Message message;
  ASSERT_TRUE(parse_message(bytes, message));
  EXPECT_EQ(message.type, Type::Signal);
  EXPECT_EQ(message.member, "JobRemoved");
  EXPECT_EQ(message.signature, "uoss");
  Unmarshal body(message.body);
  EXPECT_EQ(body.number(), 5u);
  EXPECT_EQ(body.text(), "/j/5");
  EXPECT_EQ(body.text(), "a.scope");
  EXPECT_EQ(body.text(), "done");
  EXPECT_TRUE(body.good());
}

TEST(DBus, RefusesWhatIsCutOrLiesAboutItsLengths) {
  Message message;
  for (std::size_t size = 0; size < kRemoved.size(); ++size) {
    EXPECT_FALSE(parse_message(kRemoved.substr(0, size), message)) << size;
  }
  // Whatever a byte becomes, nothing is read beyond the end (the sanitizers watch).
  for (std::size_t at = 0; at < kRemoved.size(); ++at) {
    std::string bytes = kRemoved;
    bytes[at] = '\xff';
    if (!parse_message(bytes, message)) continue;
    Unmarshal body(message.body);
    body.number();
    body.text();
    body.text();
  }
  std::string huge = kRemoved;
  huge.replace(4, 4, "\xff\xff\xff\x7f");
  EXPECT_EQ(message_size(huge), 0u);
}

}  // namespace
}  // namespace wharf::cgroup::dbus
