#include "volume/volumes.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "base/error.h"
#include "base/event.h"
#include "store/database.h"

namespace wharf::volume {
namespace {

class Recorder : public base::EventSink {
 public:
  void publish(base::Event event) override { actions.push_back(event.action + " " + event.id); }
  std::vector<std::string> actions;
};

struct Daemon {
  Daemon() { start(); }
  void start() {
    database = std::make_unique<store::Database>(root.path() / "wharf.db");
    volumes = std::make_unique<Volumes>(root.path(), *database, events);
  }
  void restart() {
    volumes.reset();
    database.reset();
    start();
  }
  os::Path data(const std::string& name) const { return root.path() / "volumes" / name / "_data"; }

  os::TempDirectory root;
  Recorder events;
  std::unique_ptr<store::Database> database;
  std::unique_ptr<Volumes> volumes;
};

std::string refusal(const std::function<void()>& call) {
  try {
    call();
    return "no error";
  } catch (const base::Error& error) {
    return fmt::format("{} {}", base::http_status(error.kind()), error.what());
  }
}

void write_file(const os::Path& path, const std::string& text) {
  std::ofstream(path) << text;
}

TEST(Volume, IsThereAfterARestartAndCreatingItAgainChangesNothing) {
  Daemon daemon;
  const Volume made = daemon.volumes->create({"data", "local", {}, Labels{{"a", "b"}}});
  EXPECT_EQ(made.mountpoint, daemon.data("data"));
  daemon.restart();
  const Volume again = daemon.volumes->create({"data", "local", {}, Labels{{"other", "x"}}});
  EXPECT_EQ(again.labels, (Labels{{"a", "b"}}));
  EXPECT_EQ(again.created, made.created);
  EXPECT_EQ(daemon.volumes->list().size(), 1u);
  EXPECT_EQ(daemon.events.actions, std::vector<std::string>{"create data"});
}

TEST(Volume, WithoutANameIsAnonymousAndSaysSo) {
  Daemon daemon;
  const Volume volume = daemon.volumes->create({});
  EXPECT_EQ(volume.name.size(), 64u);
  EXPECT_TRUE(volume.anonymous());
  EXPECT_EQ(volume.labels, (Labels{{"com.docker.volume.anonymous", ""}}));
}

TEST(Volume, NamesAndOptionsAreRefusedInDockersWords) {
  Daemon daemon;
  const auto create = [&](const std::string& name, std::optional<Labels> options = {},
                          const std::string& driver = "local") {
    return refusal([&] { daemon.volumes->create({name, driver, options, {}}); });
  };
  const std::string invalid =
      " includes invalid characters for a local volume name, only "
      "\"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use "
      "absolute path";
  EXPECT_EQ(create("bad name"), "400 create bad name: \"bad name\"" + invalid);
  EXPECT_EQ(create("../x"), "400 create ../x: \"../x\"" + invalid);
  EXPECT_EQ(create("a"),
            "400 create a: volume name is too short, names should be at least two alphanumeric "
            "characters");
  for (const char* name : {"a/b", "-x", ".gold", "a\nb", "\u202e", "é1", ".."}) {
    EXPECT_TRUE(create(name).starts_with("400 ")) << name;
  }
  EXPECT_TRUE(create(std::string(300, 'x')).starts_with("400 "));
  EXPECT_EQ(create("xy", {}, "bogus"),
            "404 create xy: error looking up volume plugin bogus: plugin \"bogus\" not found");
  EXPECT_EQ(create("ve", Labels{{"bogus", "x"}}), "400 create ve: invalid option: \"bogus\"");
  EXPECT_EQ(create("vf", Labels{{"type", "nfs"}}),
            "400 create vf: missing required option: \"device\"");
  EXPECT_EQ(create("vg", Labels{{"o", "bind"}}),
            "400 create vg: missing required option: \"device\"");
  EXPECT_EQ(create("vq", Labels{{"size", "1g"}}),
            "400 create vq: quota size requested but no quota support");
  EXPECT_TRUE(daemon.volumes->list().empty());
  EXPECT_TRUE(std::filesystem::is_empty(daemon.root.path() / "volumes"));
}

TEST(Volume, InUseCannotBeRemovedNotEvenByForce) {
  Daemon daemon;
  daemon.volumes->create({.name = "busy"});
  {
    const Attachment first = daemon.volumes->attach("busy", "c1");
    const Attachment same = daemon.volumes->attach("busy", "c1");
    EXPECT_EQ(refusal([&] { daemon.volumes->remove("busy", false); }),
              "409 remove busy: volume is in use - [c1]");
    EXPECT_EQ(refusal([&] { daemon.volumes->remove("busy", true); }),
              "409 remove busy: volume is in use - [c1]");
  }
  daemon.volumes->remove("busy", false);
  EXPECT_FALSE(std::filesystem::exists(daemon.data("busy").parent_path()));
  EXPECT_EQ(refusal([&] { daemon.volumes->remove("busy", false); }),
            "404 get busy: no such volume");
  EXPECT_EQ(refusal([&] { daemon.volumes->remove("busy", true); }), "no error");
}

TEST(Volume, ManyCreatorsOfOneNameMakeOne) {
  Daemon daemon;
  std::atomic<int> failures{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 16; ++i) {
      threads.emplace_back([&] {
        for (int round = 0; round < 20; ++round) {
          try {
            daemon.volumes->create({.name = "shared" + std::to_string(round % 4)});
          } catch (const base::Error&) {
            ++failures;
          }
        }
      });
    }
  }
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(daemon.volumes->list().size(), 4u);
}

TEST(Volume, LeftoversOfACrashAreSweptAndForeignDataIsKept) {
  Daemon daemon;
  daemon.volumes->create({.name = "doomed"});
  const os::Path volumes = daemon.root.path() / "volumes";
  // Killed between setting the directory aside and deleting the row.
  std::filesystem::rename(volumes / "doomed", volumes / ".removing-0123456789ab-doomed");
  // Killed between making the directory and writing the row.
  std::filesystem::create_directories(volumes / "halfmade" / "_data");
  // Another engine's.
  std::filesystem::create_directories(volumes / "foreign" / "_data");
  write_file(volumes / "foreign" / "_data" / "file", "precious");
  daemon.restart();
  const auto left = daemon.volumes->list();
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0].name, "foreign");
  EXPECT_EQ(os::read_file(daemon.data("foreign") / "file"), "precious");
  EXPECT_FALSE(std::filesystem::exists(volumes / "halfmade"));
  EXPECT_FALSE(std::filesystem::exists(volumes / ".removing-0123456789ab-doomed"));
}

TEST(Volume, PruneTakesOnlyWhatMatchesAndIsFree) {
  Daemon daemon;
  daemon.volumes->create({.name = "named"});
  const std::string anonymous = daemon.volumes->create({}).name;
  const std::string used = daemon.volumes->create({}).name;
  write_file(daemon.data(anonymous) / "file", std::string(100'000, 'x'));
  const Attachment attachment = daemon.volumes->attach(used, "c1");
  const auto pruned = daemon.volumes->prune([](const Volume& v) { return v.anonymous(); });
  EXPECT_EQ(pruned.names, std::vector<std::string>{anonymous});
  EXPECT_GE(pruned.bytes, 100'000u);
  EXPECT_EQ(daemon.volumes->list().size(), 2u);
}

struct ImageRoot {
  ImageRoot() {
    std::filesystem::create_directories(root.path() / "etc" / "deep");
    write_file(root.path() / "etc" / "passwd", "root:x:0:0");
    std::filesystem::create_symlink("/etc/passwd", root.path() / "etc" / "link");
    std::filesystem::create_hard_link(root.path() / "etc" / "passwd",
                                      root.path() / "etc" / "deep" / "same");
    ::mkfifo((root.path() / "etc" / "fifo").c_str(), 0622);
    ::chmod((root.path() / "etc").c_str(), 01777);
    ::chown((root.path() / "etc").c_str(), 1000, 1001);
    ::chmod((root.path() / "etc" / "passwd").c_str(), 04755);
  }
  os::Fd fd() const { return os::open_directory(root.path()); }
  os::TempDirectory root;
};

TEST(CopyUp, FillsAnEmptyVolumeOnceWithOwnersModesAndLinks) {
  Daemon daemon;
  ImageRoot image;
  daemon.volumes->create({.name = "etc"});
  const Attachment attachment = daemon.volumes->attach("etc", "c1");
  daemon.volumes->copy_up("etc", image.fd(), "/etc");
  const os::Path data = daemon.data("etc");
  EXPECT_EQ(os::read_file(data / "passwd"), "root:x:0:0");
  struct stat found{};
  ASSERT_EQ(::stat(data.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 01777u);
  EXPECT_EQ(found.st_uid, 1000u);
  EXPECT_EQ(found.st_gid, 1001u);
  ASSERT_EQ(::stat((data / "passwd").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 04755u);
  EXPECT_EQ(found.st_nlink, 2u);
  ASSERT_EQ(::lstat((data / "fifo").c_str(), &found), 0);
  EXPECT_TRUE(S_ISFIFO(found.st_mode));
  EXPECT_EQ(std::filesystem::read_symlink(data / "link"), "/etc/passwd");

  write_file(image.root.path() / "etc" / "later", "x");
  daemon.volumes->copy_up("etc", image.fd(), "/etc");
  EXPECT_FALSE(std::filesystem::exists(data / "later"));
}

// CVE-2022-23648 and its kin: threats A18.
TEST(CopyUp, NeverLeavesTheImageNorTheVolume) {
  Daemon daemon;
  ImageRoot image;
  os::TempDirectory canary;
  write_file(canary.path() / "secret", "canary");
  const os::Path root = image.root.path();
  std::filesystem::create_symlink(canary.path(), root / "absolute");
  std::filesystem::create_symlink("../../../../../../.." + canary.path().native(),
                                  root / "climbing");
  int number = 0;
  for (const std::string& path : {std::string("/absolute"), std::string("/climbing"),
                                  "/../.." + canary.path().native(), std::string("/missing")}) {
    const std::string name = "vol" + std::to_string(++number);
    daemon.volumes->create({.name = name});
    const Attachment attachment = daemon.volumes->attach(name, "c1");
    daemon.volumes->copy_up(name, image.fd(), path);
    EXPECT_TRUE(std::filesystem::is_empty(daemon.data(name))) << path;
  }
  EXPECT_EQ(os::read_file(canary.path() / "secret"), "canary");
}

TEST(CopyUp, KeepsTheDirectoryThatAnotherContainerMayHaveMounted) {
  Daemon daemon;
  ImageRoot image;
  daemon.volumes->create({.name = "shared"});
  const Attachment first = daemon.volumes->attach("shared", "c1");
  const Attachment second = daemon.volumes->attach("shared", "c2");
  const os::Fd mounted = daemon.volumes->open("shared");
  daemon.volumes->copy_up("shared", image.fd(), "/etc");
  EXPECT_EQ(::faccessat(mounted.get(), "passwd", F_OK, 0), 0);
}

TEST(Volume, OfABindStandsForAHostDirectory) {
  Daemon daemon;
  os::TempDirectory host;
  write_file(host.path() / "file", "x");
  const Labels options{{"type", "none"}, {"o", "bind"}, {"device", host.path()}};
  const Volume volume = daemon.volumes->create({"bound", "local", options, {}});
  EXPECT_EQ(volume.options, options);
  EXPECT_EQ(::faccessat(daemon.volumes->open("bound").get(), "file", F_OK, 0), 0);
}

}  // namespace
}  // namespace wharf::volume
