#include "dockerfile/text.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace wharf::dockerfile {
namespace {

std::string refusal(std::string_view text) {
  try {
    read_text(text);
  } catch (const base::Error& error) {
    return error.what();
  }
  return {};
}

TEST(DockerfileText, joins_continued_lines_and_leaves_comments_out) {
  const Text text = read_text("RUN a \\\n# no\n\n  && b\n");
  ASSERT_EQ(text.lines.size(), 1U);
  EXPECT_EQ(text.lines[0].original, "RUN a   && b");
  EXPECT_EQ(text.lines[0].first_line, 1);
  EXPECT_EQ(text.lines[0].last_line, 4);
  EXPECT_TRUE(text.lines[0].empty_continuation);
}

TEST(DockerfileText, an_escaped_escape_character_continues_nothing) {
  EXPECT_EQ(read_text("RUN a \\\\\nRUN b\n").lines.size(), 2U);
}

TEST(DockerfileText, blanks_after_the_escape_character_do_not_matter) {
  EXPECT_EQ(read_text("RUN a \\ \t\nb\n").lines[0].rest, "a b");
}

TEST(DockerfileText, flags_end_where_the_arguments_begin) {
  const Line line = read_text("COPY --from=a --chown=\"b c\" x --y\n").lines[0];
  EXPECT_EQ(line.flags, (std::vector<std::string>{"--from=a", "--chown=b c"}));
  EXPECT_EQ(line.rest, "x --y");
}

TEST(DockerfileText, two_dashes_end_the_flags) {
  const Line line = read_text("COPY --link -- --x y\n").lines[0];
  EXPECT_EQ(line.flags, std::vector<std::string>{"--link"});
  EXPECT_EQ(line.rest, "--x y");
}

TEST(DockerfileText, directives_are_read_at_the_top_alone) {
  const Text text = read_text("#syntax = a/b:1\n# escape=`\n#check=skip=all\nRUN x\n# escape=\\\n");
  EXPECT_EQ(text.directives.syntax, "a/b:1");
  EXPECT_EQ(text.directives.escape, '`');
  EXPECT_EQ(text.directives.check, "skip=all");
  EXPECT_EQ(read_text("\n# escape=`\nRUN x\n").directives.escape, '\\');
}

TEST(DockerfileText, a_byte_order_mark_is_no_text) {
  EXPECT_EQ(read_text("\xEF\xBB\xBFRUN x\n").lines[0].name, "RUN");
}

TEST(DockerfileText, heredocs_end_at_their_name) {
  const Line line = read_text("RUN cat <<A 3<<-'B'\na\nA\n\tb\n\tB\nRUN y\n").lines[0];
  ASSERT_EQ(line.heredocs.size(), 2U);
  EXPECT_EQ(line.heredocs[0].content, "a\n");
  EXPECT_TRUE(line.heredocs[0].expand);
  EXPECT_EQ(line.heredocs[1].name, "B");
  EXPECT_FALSE(line.heredocs[1].expand);
  EXPECT_EQ(line.heredocs[1].file_descriptor, 3U);
  EXPECT_EQ(content_of(line.heredocs[1]), "b\n");
  EXPECT_EQ(line.last_line, 5);
}

TEST(DockerfileText, what_looks_like_a_heredoc_elsewhere_is_text) {
  EXPECT_TRUE(read_text("ENV A=<<B\n").lines[0].heredocs.empty());
  EXPECT_TRUE(read_text("RUN cat <<< x\n").lines[0].heredocs.empty());
  EXPECT_TRUE(read_text("RUN echo \"<<A B\"\n").lines[0].heredocs.empty());
}

TEST(DockerfileText, says_what_is_wrong) {
  EXPECT_EQ(refusal(""), "file with no instructions");
  EXPECT_EQ(refusal("# a\n\n"), "file with no instructions");
  EXPECT_EQ(refusal("RUN <<A\nx\n"), "unterminated heredoc");
  EXPECT_EQ(refusal("# escape=a\nRUN x"), "invalid ESCAPE 'a' does not match ` or \\");
  EXPECT_EQ(refusal("RUN " + std::string(kLineLimit, 'x')),
            "dockerfile line greater than maximum allowed size of 65535");
}

TEST(DockerfileText, words_keep_quotes_and_escapes) {
  EXPECT_EQ(split_words("a \"b c\"d e\\ f 'g h'", '\\'),
            (std::vector<std::string>{"a", "\"b c\"d", "e\\ f", "'g h'"}));
  EXPECT_EQ(split_blanks(" a\t b  "), (std::vector<std::string>{"a", "b"}));
}

}  // namespace
}  // namespace wharf::dockerfile
