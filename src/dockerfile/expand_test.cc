#include "dockerfile/expand.h"

#include <gtest/gtest.h>

#include <map>

#include "base/error.h"
#include "dockerfile/pattern.h"

namespace wharf::dockerfile {
namespace {

Expander expander() {
  Expander made;
  made.variables = [](std::string_view name) -> std::optional<std::string> {
    static const std::map<std::string, std::string, std::less<>> kValues = {
        {"V", "a/b/c"}, {"E", ""}, {"W", "two words"}, {"S", "x*y"}};
    const auto found = kValues.find(name);
    if (found == kValues.end()) return std::nullopt;
    return found->second;
  };
  return made;
}

std::string word(std::string_view text) {
  try {
    return expander().word(text);
  } catch (const base::Error& error) {
    return std::string("! ") + error.what();
  }
}

TEST(Expand, every_form_of_a_variable) {
  EXPECT_EQ(word("$V-${V}"), "a/b/c-a/b/c");
  EXPECT_EQ(word("${U:-w}${E:-w}${V:-w}"), "wwa/b/c");
  EXPECT_EQ(word("${U-w}${E-w}"), "w");
  EXPECT_EQ(word("${U:+w}${E:+w}${V:+w}"), "w");
  EXPECT_EQ(word("${U+w}${E+w}"), "w");
  EXPECT_EQ(word("${V#*/} ${V##*/} ${V%/*} ${V%%/*}"), "b/c c a/b a");
  EXPECT_EQ(word("${V/\\//-} ${V//\\//-}"), "a-b/c a-b-c");
  EXPECT_EQ(word("${S#x\\*}"), "y");
}

TEST(Expand, errors_name_the_variable) {
  EXPECT_NE(word("${U?gone}").find("U: gone"), std::string::npos);
  EXPECT_NE(word("${E:?}").find("E: is not allowed to be empty"), std::string::npos);
  EXPECT_NE(word("${U").find("syntax error: missing '}'"), std::string::npos);
  EXPECT_NE(word("${}").find("bad substitution"), std::string::npos);
  EXPECT_NE(word("'a").find("matching single-quote"), std::string::npos);
  EXPECT_NE(word("\"a").find("matching double-quote"), std::string::npos);
}

TEST(Expand, quotes_and_escapes) {
  EXPECT_EQ(word("'$V'\"$V\"\\$V"), "$Va/b/c$V");
  EXPECT_EQ(word("\"a\\\"b\\c\""), "a\"b\\c");
  EXPECT_EQ(word("a\\ b"), "a b");
  EXPECT_EQ(word("$"), "$");
}

TEST(Expand, words_are_split_after_expansion) {
  EXPECT_EQ(expander().words("$W \"$W\" ${U}"),
            (std::vector<std::string>{"two", "words", "two words"}));
}

TEST(Expand, depth_has_a_limit) {
  std::string deep;
  for (int i = 0; i < 1000; ++i) deep += "${U:-";
  EXPECT_NE(word(deep + "x").find("substitutions inside one another"), std::string::npos);
}

TEST(PathPattern, stars_stop_at_slashes_and_two_do_not) {
  EXPECT_TRUE(PathPattern("*.c").matches("a.c"));
  EXPECT_FALSE(PathPattern("*.c").matches("d/a.c"));
  EXPECT_TRUE(PathPattern("**/*.c").matches("a.c"));
  EXPECT_TRUE(PathPattern("**/*.c").matches("d/e/a.c"));
  EXPECT_TRUE(PathPattern("a/**").matches("a/b/c"));
  EXPECT_FALSE(PathPattern("a/**").matches("ab"));
  EXPECT_TRUE(PathPattern("a?[0-9]").matches("ab1"));
  EXPECT_FALSE(PathPattern("[^a]").matches("a"));
  EXPECT_TRUE(PathPattern("\\*").matches("*"));
  EXPECT_TRUE(PathPattern("**/x/**/y").matches("a/x/b/c/y"));
  EXPECT_FALSE(PathPattern("**/x").matches("ax"));
}

TEST(PathPattern, what_is_malformed_is_an_error) {
  EXPECT_THROW(PathPattern("[a"), base::Error);
  EXPECT_THROW(PathPattern("a\\"), base::Error);
  EXPECT_THROW(PathPattern("[]"), base::Error);
}

TEST(IgnoreList, the_last_pattern_that_fits_decides) {
  const IgnoreList list = IgnoreList::parse("# x\n*.log\n!keep.log\n/dir\n dir2/ \n");
  EXPECT_TRUE(list.excludes("a.log"));
  EXPECT_FALSE(list.excludes("keep.log"));
  EXPECT_TRUE(list.excludes("dir/below/x"));
  EXPECT_TRUE(list.excludes("dir2/x"));
  EXPECT_FALSE(list.excludes("d/a.log"));
  EXPECT_THROW(IgnoreList::parse("!\n"), base::Error);
}

TEST(CleanPath, is_as_go_has_it) {
  EXPECT_EQ(clean_path(""), ".");
  EXPECT_EQ(clean_path("a//b/./c/.."), "a/b");
  EXPECT_EQ(clean_path("/../a"), "/a");
  EXPECT_EQ(clean_path("../../a"), "../../a");
}

}  // namespace
}  // namespace wharf::dockerfile
