#include "image/images.h"

#include "image/changes.h"
#include "image/fixture_test.h"

namespace wharf::image {
namespace {

class RemoveTest : public ImageTest {
 protected:
  void SetUp() override {
    load_text(docker_archive(config_for({digest_of(layer_tar)}), {layer_tar}, R"(["a:1"])"));
    id = images.resolve("a:1").id;
    users.used = id;
    images.set_users(&users);
  }
  std::string removed(std::string_view name, bool force = false) {
    std::string out;
    for (const Removed& one : images.remove(name, {.force = force})) {
      out += one.untagged.empty() ? "-deleted" : "-" + one.untagged;
    }
    return out;
  }
  std::string short_id() const { return std::string(id.hex().substr(0, 12)); }

  base::Digest id;
  FakeUsers users;
};

TEST_F(RemoveTest, OneOfSeveralTagsIsOnlyUntagged) {
  images.tag("a:1", oci::Reference::parse("b:2"));
  EXPECT_EQ(removed("a:1"), "-a:1");
  EXPECT_EQ(removed("b:2"), "-b:2-deleted");
  expect_nothing_left();
  EXPECT_EQ(failure([&] { images.remove("b:2", {}); }),
            (std::pair{Kind::NotFound, std::string("No such image: b:2")}));
}

TEST_F(RemoveTest, IdWithSeveralTagsMustBeForced) {
  images.tag("a:1", oci::Reference::parse("b:2"));
  EXPECT_EQ(failure([&] { images.remove(id.text(), {}); }).second,
            "conflict: unable to delete " + short_id() +
                " (must be forced) - image is referenced in multiple repositories");
  EXPECT_EQ(removed(short_id(), true), "-a:1-b:2-deleted");
}

TEST_F(RemoveTest, ContainerHoldsItsImage) {
  users.users = {{std::string(64, 'c'), false}};
  EXPECT_EQ(failure([&] { images.remove("a:1", {}); }).second,
            "conflict: unable to delete a:1 (must be forced) - container cccccccccccc is using its "
            "referenced image " +
                short_id());
  EXPECT_EQ(removed("a:1", true), "-a:1");
  EXPECT_TRUE(images.get(id).repo_tags.empty());
  users.users[0].running = true;
  EXPECT_EQ(failure([&] { images.remove(id.text(), {.force = true}); }).second,
            "conflict: unable to delete " + short_id() +
                " (cannot be forced) - image is being used by running container cccccccccccc");
}

TEST_F(RemoveTest, PruneTakesDanglingImagesOnly) {
  users.users.clear();
  images.tag("a:1", oci::Reference::parse("keep:1"));
  const std::string other = tar({file("y")});
  load_text(docker_archive(config_for({digest_of(other)}), {other}, "null"));
  const PruneReport report = images.prune({});
  ASSERT_EQ(report.removed.size(), 1U);
  EXPECT_EQ(images.list({}).size(), 1U);
  base::Filters all;
  all.add("dangling", "false");
  images.prune(all);
  expect_nothing_left();
}

TEST_F(RemoveTest, EventsNameWhatHappened) {
  images.tag("a:1", oci::Reference::parse("b:2"));
  images.remove("b:2", {});
  EXPECT_EQ(events.heard, (std::vector<std::string>{"load " + id.text(), "tag b:2", "untag b:2"}));
}

TEST_F(RemoveTest, FiltersFollowDocker) {
  images.tag("a:1", oci::Reference::parse("gold-lf:a"));
  images.tag("a:1", oci::Reference::parse("gold-lf:b"));
  const auto tags = [&](const char* key, const char* value) {
    ListOptions options;
    options.filters.add(key, value);
    const std::vector<Summary> found = images.list(options);
    return found.empty() ? std::vector<std::string>{} : found.at(0).repo_tags;
  };
  using List = std::vector<std::string>;
  EXPECT_EQ(tags("reference", "gold-lf"), (List{"gold-lf:a", "gold-lf:b"}));
  EXPECT_EQ(tags("reference", "gold-l*:a"), (List{"gold-lf:a"}));
  EXPECT_EQ(tags("reference", "*/gold-lf"), List{});
  EXPECT_EQ(tags("reference", "["), List{});
  EXPECT_EQ(tags("label", "corpus=base").size(), 3U);
  EXPECT_EQ(tags("label", "corpus=x"), List{});
  EXPECT_EQ(tags("label!", "corpus=base"), List{});
  EXPECT_EQ(tags("dangling", "true"), List{});
  EXPECT_EQ(tags("before", "a:1"), List{});
  EXPECT_EQ(tags("since", "a:1"), List{});
  EXPECT_EQ(tags("until", "2030-01-01T00:00:00Z").size(), 3U);
  EXPECT_EQ(tags("until", "2000-01-01T00:00:00Z"), List{});
  EXPECT_EQ(failure([&] { tags("until", "bogus"); }).second,
            "invalid value for 'until' filter: failed to parse value as time or duration: invalid "
            "seconds \"bogus\": invalid syntax");
  EXPECT_EQ(failure([&] { tags("before", "nope-x"); }).second, "No such image: nope-x:latest");
  EXPECT_EQ(failure([&] { tags("dangling", "maybe"); }).second,
            "invalid filter 'dangling=[maybe]'");
  EXPECT_EQ(failure([&] { tags("nope", "x"); }).second, "invalid filter 'nope'");
}

TEST_F(RemoveTest, SharedLayersAreCountedWhereAsked) {
  const std::string config = config_for({digest_of(layer_tar)}, "386");
  load_text(docker_archive(config, {layer_tar}, R"(["second:1"])"));
  ListOptions options;
  options.shared_size = true;
  for (const Summary& summary : images.list(options)) EXPECT_EQ(summary.shared_bytes, 3);
}

TEST_F(ImageTest, ImportAppliesChanges) {
  const base::Digest id =
      import_tar(images, source_of(layer_tar),
                 {.name = oci::Reference::parse("im:t1"),
                  .message = "imported by test",
                  .changes = {"CMD [\"/hello\"]", "ENV A=b", "EXPOSE 80", "ENTRYPOINT [\"/e\"]",
                              "HEALTHCHECK --interval=5s CMD true", "WORKDIR /d"}},
                 {});
  const Image image = images.resolve("im:t1");
  EXPECT_EQ(image.id, id);
  EXPECT_EQ(image.config.config.cmd, (std::vector<std::string>{"/hello"}));
  EXPECT_EQ(image.config.config.healthcheck->test, (std::vector<std::string>{"CMD-SHELL", "true"}));
  EXPECT_EQ(image.config.config.healthcheck->interval_ns, 5'000'000'000);
  EXPECT_TRUE(image.config.config.exposed_ports->contains("80/tcp"));
  const std::vector<HistoryItem> history = images.history("im:t1");
  ASSERT_EQ(history.size(), 1U);
  EXPECT_EQ(history[0].comment, "imported by test");
  EXPECT_EQ(history[0].tags, (std::vector<std::string>{"im:t1"}));
  EXPECT_EQ(history[0].size_bytes, 3);
}

TEST_F(ImageTest, ImportOfWhatIsNoTarLeavesNothing) {
  EXPECT_EQ(failure([&] { import_tar(images, source_of("not a tar"), {}, {}); }).first,
            Kind::Internal);
  expect_nothing_left();
}

TEST(Changes, WhatIsWrongIsSaid) {
  const auto said = [](const std::string& line) -> std::string {
    oci::RunConfig config;
    try {
      apply_changes(config, {line});
    } catch (const base::Error& error) {
      return error.what();
    }
    return "fine";
  };
  EXPECT_EQ(said("RUN x"), "RUN is not a valid change command");
  EXPECT_EQ(said("BOGUS"), "BOGUS is not a valid change command");
  for (const char* bad : {"EXPOSE 99999", "EXPOSE x/icmp", "ENV", "ENV a=1 b", "LABEL =x",
                          "HEALTHCHECK", "HEALTHCHECK X", "HEALTHCHECK --bogus=1 CMD x",
                          "ONBUILD ONBUILD x", "WORKDIR a b", "USER"}) {
    EXPECT_NE(said(bad), "fine") << bad;
  }
}

TEST(Changes, WordsAreQuotedAsInADockerfile) {
  oci::RunConfig config;
  apply_changes(config,
                {"ENV A=\"b c\" D='e\\' F=g\\ h", "ENV OLD the rest of it", "LABEL \"x y\"=z",
                 "VOLUME /v /w", "CMD echo hi", "WORKDIR a", "WORKDIR b/../c"});
  EXPECT_EQ(config.env,
            (std::vector<std::string>{"A=b c", "D=e\\", "F=g h", "OLD=the rest of it"}));
  EXPECT_EQ(config.labels->at("x y"), "z");
  EXPECT_EQ(config.volumes->size(), 2U);
  EXPECT_EQ(config.cmd, (std::vector<std::string>{"/bin/sh", "-c", "echo hi"}));
  EXPECT_EQ(config.working_dir, "/a/c");
}

}  // namespace
}  // namespace wharf::image
