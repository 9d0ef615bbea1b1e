#include <sys/stat.h>

#include <atomic>
#include <thread>

#include "layer/test_layers.h"

namespace wharf::layer {
namespace {

TEST_F(LayersTest, GzipLayerIsUnpackedInTheSandboxAndMountedWithItsWritableLayer) {
  const std::string bytes = tar({dir("etc"), file("etc/hello", "hello\n")});
  const Pin pin = bring(gzip(bytes), base::Sha256::of(bytes));
  EXPECT_EQ(pin.diff_id(), base::Sha256::of(bytes));
  layers->commit({&pin, 1});

  const std::vector<Digest> ids = {pin.diff_id()};
  layers->create_writable("c1", ids);
  const os::DetachedMount mount = layers->mount("c1", ids);
  EXPECT_EQ(read_in(mount, "etc/hello"), "hello\n");
  os::write_all(os::open_at(mount.fd(), "etc/new", O_WRONLY | O_CREAT, 0644), "12345");
  EXPECT_EQ(os::read_file(layers->upper_directory("c1") / "etc/new"), "12345");
  EXPECT_GE(layers->writable_size("c1"), 5U);
}

TEST_F(LayersTest, LayerOfTheSameBlobIsFoundByProofAndOthersAreNot) {
  const std::string secret = gzip(tar({file("secret.txt", "s3cret")}));
  const Pin victim = keep(secret, "image:victim");
  Claim again = layers->claim(base::Sha256::of(secret));
  ASSERT_TRUE(again.layer);
  EXPECT_EQ(again.layer->diff_id(), victim.diff_id());
  // Other bytes that claim the victim's diff id (threats A32).
  const std::string other = gzip(tar({file("other", "x")}));
  EXPECT_FALSE(layers->proven(base::Sha256::of(other)));
  EXPECT_NE(refusal(other, victim.diff_id()).find("wrong diff id"), std::string::npos);
  EXPECT_FALSE(layers->proven(base::Sha256::of(other)));
}

TEST_F(LayersTest, WrongBlobDigestLeavesNothing) {
  Claim claim = layers->claim(base::Sha256::of("something else"));
  claim.ingest->write(gzip(tar({file("f")})));
  EXPECT_THROW(claim.ingest->finish({}), base::Error);
  claim.ingest.reset();
  EXPECT_EQ(layer_directories(), 0U);
  EXPECT_FALSE(layers->proven(base::Sha256::of("something else")));
}

TEST_F(LayersTest, RefusedArchivesSayWhyAndLeaveNothing) {
  const std::string good = gzip(tar({file("f", std::string(100'000, 'x')), file("g")}));
  const std::vector<std::pair<std::string, std::string>> bad = {
      {gzip(tar({file("../../evil")})), "outside of the archive"},
      {gzip(tar({link("a", "b"), link("b", "a"), file("a/x")})), "not a directory"},
      {good.substr(0, good.size() - 20), "unexpected EOF"},
      {good + "garbage", "gzip"},
      {gzip(std::string(2048, 'r')), "invalid tar header"},
      {gzip(tar({file(std::string(300, 'n'))})), "too long"},
  };
  for (const auto& [blob, says] : bad) {
    const std::string text = refusal(blob);
    EXPECT_NE(text.find(says), std::string::npos) << text;
    EXPECT_EQ(layer_directories(), 0U) << says;
  }
  layers->empty_trash();
  EXPECT_TRUE(std::filesystem::is_empty(root.path() / "trash"));
}

TEST_F(LayersTest, EveryCompressionIsUnpackedInsideTheSandbox) {
  const std::string bytes = tar({file("f", std::string(300'000, 'x'))});
  const std::vector<std::string> blobs = {
      bytes, gzip(bytes), archive::testing::filtered(bytes, ::archive_write_add_filter_zstd),
      archive::testing::filtered(bytes, ::archive_write_add_filter_xz),
      archive::testing::filtered(bytes, ::archive_write_add_filter_bzip2)};
  for (const std::string& blob : blobs) {
    EXPECT_EQ(bring(blob).diff_id(), base::Sha256::of(bytes));
  }
}

TEST_F(LayersTest, RefusalArrivesWhileBytesAreStillBeingSent) {
  const auto ingest = layers->begin();
  const std::string noise(1 << 20, 'n');
  EXPECT_THROW(
      {
        for (int i = 0; i < 64; ++i) ingest->write(noise);
      },
      base::Error);
}

TEST_F(LayersTest, BombIsStoppedAtTheLimitAndItsSpaceComesBack) {
  LayerOptions options;
  options.limits.max_bytes = 32 << 20;
  layers = std::make_unique<Layers>(root.path(), *database, options);
  const std::string bomb = gzip(tar({file("zeros", std::string(64 << 20, '\0'))}));
  EXPECT_NE(refusal(bomb).find("max_bytes"), std::string::npos);
  layers->empty_trash();
  EXPECT_EQ(layer_directories(), 0U);
}

TEST_F(LayersTest, SameBlobIsBroughtOnceWhileOthersWait) {
  const std::string blob = gzip(tar({file("f", std::string(500'000, 'x'))}));
  std::atomic<int> ingests = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&] {
      Claim claim = layers->claim(base::Sha256::of(blob));
      if (claim.ingest) {
        ++ingests;
        claim.ingest->write(blob);
        claim.layer = claim.ingest->finish({});
      }
      layers->commit({&*claim.layer, 1});
    });
  }
  threads.clear();
  EXPECT_EQ(ingests, 1);
  EXPECT_EQ(layer_directories(), 1U);
}

TEST_F(LayersTest, WaiterTakesOverWhenTheFirstOneFails) {
  const std::string blob = gzip(tar({file("f")}));
  Claim first = layers->claim(base::Sha256::of(blob));
  std::jthread second([&] {
    Claim claim = layers->claim(base::Sha256::of(blob));
    ASSERT_TRUE(claim.ingest);
  });
  first.ingest->write(blob.substr(0, 10));
  first.ingest.reset();
  second.join();
}

TEST_F(LayersTest, WaitingForABlobEndsWhenStopped) {
  const Claim first = layers->claim(base::Sha256::of("x"));
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_THROW(layers->claim(base::Sha256::of("x"), stop.get_token()), base::Error);
}

TEST_F(LayersTest, UncommittedLayerIsGoneWithItsLastPin) {
  std::optional<Pin> pin = bring(gzip(tar({file("f")})));
  EXPECT_EQ(layer_directories(), 1U);
  pin.reset();
  EXPECT_EQ(layer_directories(), 0U);
}

TEST_F(LayersTest, CollectRemovesWhatNobodyHoldsOrPins) {
  const Digest held = keep(gzip(tar({file("held")})), "image:a").diff_id();
  std::optional<Pin> pinned = keep(gzip(tar({file("pinned")})), "image:b");
  const Digest pinned_id = pinned->diff_id();
  database->write([&](store::Transaction& tx) { layers->release(tx, "image:b"); });
  EXPECT_EQ(layers->collect(), 0U);
  EXPECT_TRUE(known(pinned_id));
  pinned.reset();
  EXPECT_EQ(layers->collect(), 8U);
  EXPECT_FALSE(known(pinned_id));
  EXPECT_TRUE(known(held));
  EXPECT_EQ(layer_directories(), 1U);
}

TEST_F(LayersTest, HoldingAnUnknownLayerIsRefusedByName) {
  const std::vector<Digest> ids = {base::Sha256::of("unknown")};
  try {
    database->write([&](store::Transaction& tx) { layers->hold(tx, "image:x", ids); });
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), base::Kind::NotFound);
    EXPECT_NE(std::string(error.what()).find(ids[0].text()), std::string::npos);
  }
}

TEST_F(LayersTest, NextStartRemovesHalfMadeIngestsAndKeepsLayers) {
  const Digest kept = keep(gzip(tar({file("kept", "k")})), "image:a").diff_id();
  os::make_directories(root.path() / "layers/.ingest-half/diff", 0700);
  os::make_directories(root.path() / "layers" / std::string(64, 'a') / "diff", 0700);
  os::make_directories(root.path() / "trash/old/a/b", 0700);
  reopen();
  layers->empty_trash();
  EXPECT_EQ(layer_directories(), 1U);
  EXPECT_TRUE(std::filesystem::is_empty(root.path() / "trash"));
  const std::vector<Digest> ids = {kept};
  EXPECT_EQ(read_in(layers->mount_image(ids), "kept"), "k");
}

TEST_F(LayersTest, LayersStayWhereTheDatabaseWasLost) {
  keep(gzip(tar({file("kept")})), "image:a");
  layers.reset();
  database.reset();
  os::replace_file(root.path() / "wharf.db", std::string(5000, 'd'), 0600);
  database.emplace(root.path() / "wharf.db");
  ASSERT_TRUE(database->set_aside());
  layers = std::make_unique<Layers>(root.path(), *database);
  EXPECT_EQ(layer_directories(), 1U);
}

TEST_F(LayersTest, MissingLayerDirectoryIsNamedAndBringingItAgainHeals) {
  const std::string blob = gzip(tar({file("f", "back")}));
  const Digest id = keep(blob, "image:a").diff_id();
  os::remove_tree(root.path() / "layers" / id.hex());
  const std::vector<Digest> ids = {id};
  try {
    (void)layers->mount_image(ids);
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_NE(std::string(error.what()).find(id.text()), std::string::npos);
  }
  const Pin pin = bring(blob);
  layers->commit({&pin, 1});
  EXPECT_EQ(read_in(layers->mount_image(ids), "f"), "back");
}

TEST_F(LayersTest, TheExactTarComesBack) {
  const std::string bytes =
      tar({dir("d"), file("d/f", "first"), file("d/f", "second"), file("d/.wh.x", "")}) + "rest";
  const Pin pin = bring(gzip(bytes));
  layers->commit({&pin, 1});
  std::string made;
  layers->write_tar(pin.diff_id(), [&](std::string_view some) { made += some; });
  EXPECT_TRUE(made == bytes);
  os::replace_file(root.path() / "layers" / pin.diff_id().hex() / "diff/d/f", "SECOND", 0644);
  EXPECT_THROW(layers->write_tar(pin.diff_id(), [](std::string_view) {}), base::Error);
}

TEST_F(LayersTest, UpperLayersHideReplaceAndMergeLowerOnes) {
  const Pin low = keep(gzip(tar({dir("d"), file("d/a", "a"), file("d/b", "b"), file("e/x", "x"),
                                 file("gone", "g")})),
                       "image:low");
  const Pin high = keep(gzip(tar({dir("d"), file("d/a", "A"), file(".wh.gone", ""), dir("e"),
                                  file("e/.wh..wh..opq", ""), file("e/y", "y")})),
                        "image:high");
  const std::vector<Digest> ids = {low.diff_id(), high.diff_id(), low.diff_id(), high.diff_id()};
  const os::DetachedMount mount = layers->mount_image(ids);
  EXPECT_EQ(read_in(mount, "d/a"), "A");
  EXPECT_EQ(read_in(mount, "d/b"), "b");
  EXPECT_EQ(read_in(mount, "e/y"), "y");
  EXPECT_THROW(read_in(mount, "e/x"), base::Error);
  EXPECT_THROW(read_in(mount, "gone"), base::Error);
  EXPECT_THROW(os::open_at(mount.fd(), "new", O_WRONLY | O_CREAT, 0600), base::Error);
}

TEST_F(LayersTest, DirectoriesALayerOnlyImpliesLookAsTheLayerBelowSays) {
  const Pin low =
      keep(gzip(tar({dir("tmp", 01777), dir("home", 0700), dir("home/u", 0710)})), "image:low");
  const Pin high = keep(gzip(tar({file("tmp/x", "x"), file("home/u/y", "y"), file("new/z", "z")})),
                        "image:high");
  const std::vector<Digest> ids = {low.diff_id(), high.diff_id()};
  const os::DetachedMount mount = layers->mount_image(ids);
  const auto mode = [&](const char* name) {
    return os::status(os::open_at(mount.fd(), name, O_PATH)).st_mode & 07777;
  };
  EXPECT_EQ(mode("tmp"), 01777U);
  EXPECT_EQ(mode("home"), 0700U);
  EXPECT_EQ(mode("home/u"), 0710U);
  EXPECT_EQ(mode("new"), 0755U);
  EXPECT_EQ(read_in(mount, "tmp/x"), "x");
  EXPECT_EQ(read_in(mount, "home/u/y"), "y");
  reopen();
  EXPECT_EQ(read_in(layers->mount_image(ids), "tmp/x"), "x");
}

TEST_F(LayersTest, ImpliedDirectoriesThatSortBetweenOthersAreFound) {
  const Pin low = keep(gzip(tar({dir("a", 0700), dir("a-b", 0701), dir("a/b", 0702),
                                 dir("a/b/c", 0703), dir("a/d", 0704), dir("z", 0705)})),
                       "image:low");
  // Hides what the lowest layer says about a/d.
  const Pin middle = keep(gzip(tar({file("a/.wh.d", "")})), "image:middle");
  const Pin high = keep(gzip(tar({file("a-b/x"), file("a/b.c/x"), file("a/b/c/x"), file("a/d/e/x"),
                                  file("z/y/x/w/v")})),
                        "image:high");
  const std::vector<Digest> ids = {low.diff_id(), middle.diff_id(), high.diff_id()};
  const os::DetachedMount mount = layers->mount_image(ids);
  const auto mode = [&](const char* name) {
    return os::status(os::open_at(mount.fd(), name, O_PATH)).st_mode & 07777;
  };
  EXPECT_EQ(mode("a"), 0700U);
  EXPECT_EQ(mode("a-b"), 0701U);
  EXPECT_EQ(mode("a/b"), 0702U);
  EXPECT_EQ(mode("a/b/c"), 0703U);
  EXPECT_EQ(mode("a/b.c"), 0755U);
  EXPECT_EQ(mode("a/d"), 0755U);
  EXPECT_EQ(mode("a/d/e"), 0755U);
  EXPECT_EQ(mode("z"), 0705U);
  EXPECT_EQ(mode("z/y/x/w"), 0755U);
}

TEST_F(LayersTest, WhiteoutsOfASingleLayerAreNotSeen) {
  const Pin pin = keep(gzip(tar({file(".wh.gone", ""), file("f")})), "image:a");
  const std::vector<Digest> ids = {pin.diff_id()};
  EXPECT_THROW(read_in(layers->mount_image(ids), "gone"), base::Error);
}

TEST_F(LayersTest, DiscardableContainerIsMountedAgainAfterItsEnd) {
  const Pin pin = keep(gzip(tar({file("f", "f")})), "image:a");
  const std::vector<Digest> ids = {pin.diff_id()};
  layers->create_writable("c", ids);
  for (int i = 0; i < 2; ++i) {
    const os::DetachedMount mount = layers->mount("c", ids, {.discardable = true});
    EXPECT_EQ(read_in(mount, "f"), "f");
  }
  layers->remove_writable("c");
  layers->remove_writable("c");
  layers->empty_trash();
  EXPECT_FALSE(std::filesystem::exists(root.path() / "writable/c"));
}

TEST_F(LayersTest, ContainerWithoutLayersHasAnEmptyRoot) {
  layers->create_writable("scratch", {});
  const os::DetachedMount mount = layers->mount("scratch", {});
  os::write_all(os::open_at(mount.fd(), "only", O_WRONLY | O_CREAT, 0644), "1");
  EXPECT_GE(layers->writable_size("scratch"), 1U);
  EXPECT_THROW(layers->create_writable("../x", {}), base::Error);
}

TEST_F(LayersTest, NothingUnderTheDataRootIsOpenToOthers) {
  keep(gzip(tar({file("f")})), "image:a");
  layers->create_writable("c", {});
  for (const char* name : {"layers", "writable", "trash", "writable/c"}) {
    struct stat found{};
    ASSERT_EQ(::stat((root.path() / name).c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 077, 0U) << name;
  }
}

TEST_F(LayersTest, ARootAtRestShowsTheWritableLayerAndIsInNobodysWay) {
  const Pin pin = keep(tar({dir("etc"), file("etc/hello", "hello\n")}), "image:x");
  const std::vector<Digest> ids = {pin.diff_id()};
  layers->create_writable("c1", ids);
  os::replace_file(layers->upper_directory("c1") / "mine", "mine", 0644);
  const os::DetachedMount rest = layers->mount_at_rest("c1", ids);
  const os::DetachedMount running = layers->mount("c1", ids);
  EXPECT_EQ(read_in(rest, "mine"), "mine");
  EXPECT_EQ(read_in(rest, "etc/hello"), "hello\n");
  EXPECT_THROW(os::open_at(rest.fd(), "new", O_WRONLY | O_CREAT, 0644), base::Error);
  os::write_all(os::open_at(running.fd(), "new", O_WRONLY | O_CREAT, 0644), "x");
}

TEST_F(LayersTest, AnArchiveIsLaidOverARootWithMountsBySandboxedHands) {
  const Pin pin = keep(tar({dir("etc"), dir("v")}), "image:x");
  const std::vector<Digest> ids = {pin.diff_id()};
  layers->create_writable("c1", ids);
  os::make_directories(root.path() / "volume", 0755);
  const os::DetachedMount mount = layers->mount("c1", ids);
  os::DetachedMount::bind(os::open_directory(root.path() / "volume"), os::Depth::TopOnly)
      .attach(os::open_in_root(mount.fd(), "v", O_PATH));
  const auto extraction = layers->extract(mount.fd(), {.below = "", .shown = "/"});
  extraction->write(gzip(tar(
      {file("etc/one", "1"), file("v/two", "2"), link("out", "/etc"), file("out/three", "3")})));
  extraction->finish();
  EXPECT_EQ(os::read_file(layers->upper_directory("c1") / "etc/one"), "1");
  EXPECT_EQ(os::read_file(layers->upper_directory("c1") / "etc/three"), "3");
  EXPECT_EQ(os::read_file(root.path() / "volume/two"), "2");

  const auto cut = layers->extract(mount.fd(), {.below = "etc", .shown = "/etc"});
  cut->write(tar({file("four", "4")}).substr(0, 700));
  EXPECT_THROW(cut->finish(), base::Error);
  const auto empty = layers->extract(mount.fd(), {.below = "etc", .shown = "/etc"});
  EXPECT_NO_THROW(empty->finish());
}

}  // namespace
}  // namespace wharf::layer
