#include "base/fields_text.h"

#include <gtest/gtest.h>

namespace wharf::base {

struct Inner {
  std::string text;
  double number = 0;
};
struct Outer {
  bool flag = false;
  std::int64_t small = 0;
  std::uint16_t port = 0;
  std::string name, left_out;
  std::optional<Inner> inner, none;
  std::vector<Inner> list;
  std::map<std::string, std::optional<std::vector<std::string>>> map, empty;
  Json tree;
};

template <>
struct Fields<Inner> {
  static constexpr auto table =
      std::make_tuple(field("Text", &Inner::text), field("Number", &Inner::number));
};
template <>
struct Fields<Outer> {
  using T = Outer;
  static constexpr auto table =
      std::make_tuple(field("Flag", &T::flag), field("Small", &T::small), field("Port", &T::port),
                      field("Name", &T::name), field("LeftOut", &T::left_out, Omit::Empty),
                      field("Inner", &T::inner), field("None", &T::none), field("List", &T::list),
                      field("Map", &T::map), field("Empty", &T::empty), field("Tree", &T::tree));
};

namespace {

TEST(AppendText, WritesWhatATreeOfValuesWould) {
  Outer value;
  value.flag = true;
  value.small = -9'223'372'036'854'775'807;
  value.port = 65535;
  for (int c = 0; c < 256; ++c) value.name += static_cast<char>(c < 128 ? c : 'x');
  value.name += "\xc3\xa9 <&>\xe2\x80\xa8";
  value.inner = Inner{"a\"b", 2.5};
  value.list = {{"", 0}, {"\\", -1e300}};
  value.map = {{"k\n", std::nullopt}, {"l", std::vector<std::string>{"1", ""}}};
  value.tree = {{"x", {1, "2", nullptr}}};
  std::string text;
  append_text(text, value);
  EXPECT_EQ(text, to_text(to_json(value)));
  std::string empty;
  append_text(empty, Outer{});
  EXPECT_EQ(empty, to_text(to_json(Outer{})));
}

}  // namespace
}  // namespace wharf::base
