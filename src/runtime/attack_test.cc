// Images and specs that try to reach the host; each has had a CVE of its own in some runtime.
#include "runtime/bundle_fixture.h"

namespace wharf::runtime {
namespace {

namespace fs = std::filesystem;

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

/// A directory of the host that nothing may change.
class Canary {
 public:
  Canary() {
    Bundle::write(directory_.path() / "victim", "secret");
    Bundle::write(directory_.path() / "ptmx", "");
  }
  std::string path() const { return directory_.path().string(); }
  bool untouched() const {
    std::size_t count = 0;
    for (const auto& entry : fs::directory_iterator(directory_.path())) {
      count += entry.path().filename() == "victim" || entry.path().filename() == "ptmx" ? 1 : 10;
    }
    return count == 2;
  }

 private:
  os::TempDirectory directory_;
};

TEST(Attack, AWorkingDirectoryThroughADescriptorStaysInside) {
  for (int number = 3; number < 20; ++number) {
    Bundle bundle;
    bundle.process()["cwd"] = "/proc/self/fd/" + std::to_string(number);
    const Result result = bundle.script("busybox ls ../../../../../../work").run();
    EXPECT_NE(result.status, 0) << number;
    EXPECT_FALSE(contains(result.out, "main")) << number;
  }
}

TEST(Attack, LinksInPlaceOfSystemDirectoriesResolveInside) {
  const Canary canary;
  for (const char* name : {"dev", "proc", "sys", "etc", "run", "tmp"}) {
    for (const std::string& target : {canary.path(), "../../../../../../../.." + canary.path()}) {
      Bundle bundle;
      fs::remove_all(bundle.root() / name);
      fs::create_symlink(target, bundle.root() / name);
      bundle.process()["cwd"] = std::string("/") + name + "/w";
      bundle.run();
      EXPECT_TRUE(canary.untouched()) << name;
    }
  }
}

TEST(Attack, AMountDestinationThroughALinkLandsInside) {
  const Canary canary;
  Bundle bundle;
  os::TempDirectory source;
  Bundle::write(source.path() / "file", "here");
  fs::create_symlink(canary.path(), bundle.root() / "l");
  bundle.add_mount(source.path().string(), "/l/a/b", {"rbind"});
  EXPECT_EQ(bundle.output("busybox cat /l/a/b/file"), "here");
  EXPECT_TRUE(canary.untouched());
}

TEST(Attack, AFileBindOverADanglingLinkIsMadeInside) {
  const Canary canary;
  Bundle bundle;
  os::TempDirectory source;
  Bundle::write(source.path() / "file", "here");
  fs::create_symlink(canary.path() + "/new", bundle.root() / "etc/resolv.conf");
  bundle.add_mount((source.path() / "file").string(), "/etc/resolv.conf", {"bind", "ro"});
  EXPECT_EQ(bundle.output("busybox cat /etc/resolv.conf"), "here");
  EXPECT_TRUE(canary.untouched());
}

TEST(Attack, NothingIsMountedOverFilesOfProc) {
  os::TempDirectory source;
  for (const char* target : {"/proc", "/proc/self", "/proc/sys/net", "/proc/self/attr"}) {
    Bundle bundle;
    bundle.add_mount(source.path().string(), target, {"rbind"});
    EXPECT_TRUE(contains(bundle.run().err, "inside /proc")) << target;
  }
  Bundle bundle;
  fs::create_symlink("/proc/sys", bundle.root() / "innocent");
  bundle.add_mount(source.path().string(), "/innocent/net", {"rbind"});
  EXPECT_TRUE(contains(bundle.run().err, "inside /proc"));
}

TEST(Attack, ProcOverALinkIsRefused) {
  Bundle bundle;
  fs::create_directories(bundle.root() / "fake/self/attr");
  fs::create_symlink("fake", bundle.root() / "proc");
  EXPECT_TRUE(contains(bundle.run().err, "must be mounted on ordinary directory"));
}

TEST(Attack, MaskingNeverUsesANullDeviceOfTheContainer) {
  Bundle bundle;
  os::TempDirectory volume;
  fs::create_symlink("/proc/sys/kernel/core_pattern", volume.path() / "null");
  bundle.mounts().clear();
  bundle.mounts().push_back(json::parse(R"({"destination": "/proc", "type": "proc"})"));
  bundle.add_mount(volume.path().string(), "/dev", {"rbind"});
  std::ifstream before_file("/proc/sys/kernel/core_pattern");
  const std::string before{std::istreambuf_iterator<char>(before_file), {}};
  const Result result = bundle.script("busybox cat /proc/keys; echo pwn > /proc/keys").run();
  EXPECT_EQ(result.out, "");
  std::ifstream after_file("/proc/sys/kernel/core_pattern");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(after_file), {}), before);
}

TEST(Attack, TheRuntimesBinaryCannotBeWrittenFromInside) {
  Bundle bundle;
  bundle.start_sleeping();
  const std::string before = os::read_file(Bundle::binary(), 1 << 24);
  fs::create_symlink("/proc/self/exe", bundle.root() / "bin/again");
  // Executed as the container's program it is the runtime itself, visible inside.
  const Result result = bundle.exec({"/bin/busybox", "sh", "-c",
                                     "exec 3</proc/self/exe; /bin/again --help >/dev/null;"
                                     "for p in /proc/[0-9]*/exe; do busybox dd if=/dev/null of=$p "
                                     "conv=notrunc 2>&1; done"});
  EXPECT_EQ(os::read_file(Bundle::binary(), 1 << 24), before);
  fs::remove(bundle.root() / "bin/busybox.fake");
  Bundle::write(bundle.root() / "bin/script", "#!/proc/self/exe\n");
  ::chmod((bundle.root() / "bin/script").c_str(), 0755);
  for (int round = 0; round < 20; ++round) bundle.exec({"/bin/script", "--help"});
  EXPECT_EQ(os::read_file(Bundle::binary(), 1 << 24), before);
}

TEST(Attack, AJoiningProcessShowsNothingOfTheHost) {
  Bundle bundle;
  for (const char* set : {"bounding", "effective", "permitted"}) {
    bundle.process()["capabilities"].as_object()[set] =
        json::array{"CAP_SYS_PTRACE", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH",
                    "CAP_SYS_ADMIN",  "CAP_CHOWN",        "CAP_KILL"};
  }
  bundle.script(
      "while :; do for p in /proc/[0-9]*; do case $p in /proc/1) ;; *) "
      "busybox ls -l $p/fd $p/cwd $p/root 2>/dev/null;; esac; done; done > /tmp/seen");
  bundle.save();
  const std::string command = "exec " + Bundle::binary() + " --root " + bundle.state_root() +
                              " run --detach --bundle " + bundle.path().string() + " " +
                              bundle.id() + " >/dev/null 2>&1";
  ASSERT_EQ(run_program({"sh", "-c", command}).status, 0);
  for (int round = 0; round < 60; ++round) bundle.exec({"/bin/busybox", "true"});
  bundle.runtime({"kill", bundle.id(), "KILL"});
  const std::string seen = os::read_file(bundle.root() / "tmp/seen", 1 << 26);
  for (const char* leak :
       {"config.json", "/sys/fs/cgroup", "socket:", "/work", "state.json", "anon_inode", "memfd"}) {
    EXPECT_FALSE(contains(seen, leak)) << leak;
  }
}

}  // namespace
}  // namespace wharf::runtime
