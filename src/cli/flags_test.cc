#include "cli/flags.h"

#include <gtest/gtest.h>

namespace wharf::cli {
namespace {

struct Parsed {
  bool interactive = false;
  bool tty = false;
  std::string name;
  std::vector<std::string> env;
  std::vector<std::string> arguments;
  std::string error;
};

Parsed parse(std::vector<std::string> words, FlagSet::Stop stop = FlagSet::Stop::AtFirstArgument) {
  Parsed out;
  FlagSet flags(stop);
  flags.boolean(out.interactive, {"interactive", 'i', "", ""});
  flags.boolean(out.tty, {"tty", 't', "", ""});
  flags.text(out.name, {"name", 'n', "string", ""});
  flags.list(out.env, {"env", 'e', "list", ""});
  try {
    out.arguments = flags.parse(words);
  } catch (const UsageError& wrong) {
    out.error = wrong.what();
  }
  return out;
}

TEST(Flags, ShortOnesAreGroupedAndTheLastMayTakeAValue) {
  const Parsed parsed = parse({"-itnx", "image"});
  EXPECT_TRUE(parsed.interactive && parsed.tty);
  EXPECT_EQ(parsed.name, "x");
  EXPECT_EQ(parse({"-n=x"}).name, "x");
  EXPECT_EQ(parse({"-n", "x"}).name, "x");
}

TEST(Flags, LongOnesTakeAValueAfterEqualsOrAsTheNextWord) {
  EXPECT_EQ(parse({"--name=a=b"}).name, "a=b");
  EXPECT_EQ(parse({"--name", "-i"}).name, "-i");
  EXPECT_FALSE(parse({"-i", "--interactive=false"}).interactive);
}

TEST(Flags, OfRunEndAtTheFirstArgument) {
  const Parsed parsed = parse({"-i", "image", "-t", "--name", "x"});
  EXPECT_EQ(parsed.arguments, (std::vector<std::string>{"image", "-t", "--name", "x"}));
  EXPECT_FALSE(parsed.tty);
}

TEST(Flags, OfOthersMayStandAnywhereBeforeTwoDashes) {
  const Parsed parsed = parse({"a", "-t", "b", "--", "-i"}, FlagSet::Stop::AtDashes);
  EXPECT_EQ(parsed.arguments, (std::vector<std::string>{"a", "b", "-i"}));
  EXPECT_TRUE(parsed.tty);
  EXPECT_FALSE(parsed.interactive);
}

TEST(Flags, ErrorsAreThoseOfDockersParser) {
  EXPECT_EQ(parse({"--foo"}).error, "unknown flag: --foo");
  EXPECT_EQ(parse({"-ix"}).error, "unknown shorthand flag: 'x' in -x");
  EXPECT_EQ(parse({"--name"}).error, "flag needs an argument: --name");
  EXPECT_EQ(parse({"-in"}).error, "flag needs an argument: 'n' in -n");
  EXPECT_EQ(parse({"--=x"}).error, "bad flag syntax: --=x");
  EXPECT_EQ(parse({"--tty=maybe"}).error,
            "invalid argument \"maybe\" for \"-t, --tty\" flag: strconv.ParseBool: parsing "
            "\"maybe\": invalid syntax");
}

TEST(Flags, ASingleDashIsAnArgument) {
  EXPECT_EQ(parse({"-"}).arguments, (std::vector<std::string>{"-"}));
}

TEST(Flags, NumbersAreReadAsGoReadsThem) {
  EXPECT_EQ(parse_integer("0x10"), 16);
  EXPECT_EQ(parse_integer("-010"), -8);
  EXPECT_EQ(parse_integer("+5"), 5);
  EXPECT_THROW(parse_integer("5x"), UsageError);
  EXPECT_THROW(parse_integer(""), UsageError);
  EXPECT_THROW(parse_integer("--5"), UsageError);
  EXPECT_THROW(parse_unsigned("65536", 16), UsageError);
  EXPECT_THROW(parse_unsigned("-1", 16), UsageError);
}

TEST(Flags, HelpAlignsItsColumnsAndWrapsTheSecond) {
  FlagSet flags;
  bool all = false;
  std::string format;
  flags.boolean(all, {"all", 'a', "", "Show all"});
  flags.text(format, {"format", 0, "string", "one two three four five six seven", "x"});
  EXPECT_EQ(flags.help(50),
            "  -a, --all             Show all\n"
            "      --format string   one two three four\n"
            "                        five six seven\n"
            "                        (default x)\n");
}

}  // namespace
}  // namespace wharf::cli
