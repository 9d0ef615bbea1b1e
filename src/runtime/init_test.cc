// What a container finds when its program runs: run on the real kernel, read by busybox.
#include "runtime/bundle_fixture.h"

namespace wharf::runtime {
namespace {

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(Init, TheProgramsExitStatusIsTheRuntimes) {
  Bundle bundle;
  EXPECT_EQ(bundle.script("exit 42").run().status, 42);
  EXPECT_EQ(bundle.script("kill -9 $$").run().status, 0);  // PID 1 ignores what it does not handle
}

TEST(Init, TheProgramIsPidOneWithItsOwnHostname) {
  Bundle bundle;
  EXPECT_EQ(bundle.output("echo $$; busybox hostname"), "1\nbox\n");
}

TEST(Init, NothingOfTheHostIsMountedInside) {
  Bundle bundle;
  const std::string mounts = bundle.output("busybox cat /proc/self/mountinfo");
  for (const char* gone : {"/mnt", " /run", "/work", "cgroup/unified"}) {
    EXPECT_FALSE(contains(mounts, gone)) << mounts;
  }
  const std::string before = mount_table();
  bundle.output("true");
  EXPECT_EQ(mount_table(), before);
}

TEST(Init, OnlyTheStandardDescriptorsAreOpen) {
  Bundle bundle;
  // 3 is ls's own.
  EXPECT_EQ(bundle.output("cd /proc/self/fd; echo *"), "0 1 2 3\n");
}

TEST(Init, TheDefaultDevicesWorkAndOthersAreRefused) {
  Bundle bundle;
  const std::string out = bundle.output(
      "echo x > /dev/null && busybox head -c 2 /dev/zero | busybox wc -c;"
      "busybox readlink /dev/fd; busybox readlink /dev/ptmx;"
      "for d in null zero full random urandom tty; do test -c /dev/$d && echo $d; done");
  EXPECT_EQ(out, "2\n/proc/self/fd\npts/ptmx\nnull\nzero\nfull\nrandom\nurandom\ntty\n");
}

TEST(Init, ADeviceOutsideTheListCannotBeOpened) {
  Bundle bundle;
  bundle.linux_part()["devices"] = json::parse(R"([{"path": "/dev/mem2", "type": "c",
      "major": 1, "minor": 1, "fileMode": 438}])");
  EXPECT_TRUE(contains(bundle.script("busybox head -c1 /dev/mem2").run().err, "not permitted"));
}

TEST(Init, MaskedFilesReadEmptyAndMaskedDirectoriesAreEmpty) {
  Bundle bundle;
  EXPECT_EQ(bundle.output("busybox cat /proc/keys; busybox ls -A /sys/firmware | busybox wc -l"),
            "0\n");
}

TEST(Init, ReadOnlyPathsRefuseWrites) {
  Bundle bundle;
  const Result result = bundle.script("echo 1 > /proc/irq/default_smp_affinity").run();
  EXPECT_TRUE(contains(result.err, "Read-only file system")) << result.err;
  EXPECT_NE(bundle.script("echo x > /proc/sys/kernel/core_pattern").run().status, 0);
}

TEST(Init, CgroupFilesAreTheContainersOwnAndReadOnly) {
  Bundle bundle;
  const Result result =
      bundle
          .script(
              "busybox cat /sys/fs/cgroup/pids/cgroup.procs; echo 1 > /sys/fs/cgroup/pids/pids.max")
          .run();
  EXPECT_TRUE(result.out.starts_with("1\n")) << result.out;
  EXPECT_TRUE(contains(result.err, "Read-only file system")) << result.err;
}

TEST(Init, ACgroupNamespaceHidesThePath) {
  Bundle bundle;
  bundle.linux_part()["namespaces"].as_array().push_back(json::object{{"type", "cgroup"}});
  const std::string out = bundle.output("busybox cat /proc/self/cgroup; ls /sys/fs/cgroup/pids/");
  EXPECT_FALSE(contains(out, bundle.id())) << out;
  EXPECT_TRUE(contains(out, "pids.max")) << out;
}

TEST(Init, CapabilitiesAreExactlyThoseGiven) {
  Bundle bundle;
  EXPECT_EQ(bundle.output("busybox grep Cap /proc/self/status | busybox cut -f2"),
            "0000000000000000\n0000000000000021\n0000000000000021\n0000000000000021\n"
            "0000000000000000\n");
}

TEST(Init, AnotherUserHasNoCapabilitiesButAmbientOnes) {
  Bundle bundle;
  bundle.process()["user"] = json::parse(R"({"uid": 1000, "gid": 1000, "additionalGids": [7, 8]})");
  EXPECT_EQ(bundle.output("busybox id -u; busybox id -G; busybox grep CapEff /proc/self/status"),
            "1000\n1000 7 8\nCapEff:\t0000000000000000\n");
  bundle.process()["capabilities"].as_object()["inheritable"] = json::array{"CAP_KILL"};
  bundle.process()["capabilities"].as_object()["ambient"] = json::array{"CAP_KILL"};
  EXPECT_EQ(bundle.output("busybox grep CapEff /proc/self/status"), "CapEff:\t0000000000000020\n");
}

TEST(Init, NoNewPrivilegesHoldsWhenAskedFor) {
  Bundle bundle;
  EXPECT_TRUE(contains(bundle.output("busybox cat /proc/self/status"), "NoNewPrivs:\t1"));
  bundle.process()["noNewPrivileges"] = false;
  EXPECT_TRUE(contains(bundle.output("busybox cat /proc/self/status"), "NoNewPrivs:\t0"));
}

TEST(Init, LimitsAndOomScoreAreSet) {
  Bundle bundle;
  bundle.process()["rlimits"] =
      json::parse(R"([{"type": "RLIMIT_NOFILE", "soft": 77, "hard": 99}])");
  bundle.process()["oomScoreAdj"] = 321;
  EXPECT_EQ(bundle.output("ulimit -n; ulimit -Hn; busybox cat /proc/self/oom_score_adj"),
            "77\n99\n321\n");
}

TEST(Init, HomeComesFromThePasswdFile) {
  Bundle bundle;
  EXPECT_EQ(bundle.output("echo $HOME"), "/root\n");
  bundle.process()["user"] = json::object{{"uid", 1000}, {"gid", 1000}};
  EXPECT_EQ(bundle.output("echo $HOME"), "/home/u\n");
  bundle.process()["user"] = json::object{{"uid", 5}, {"gid", 5}};
  EXPECT_EQ(bundle.output("echo $HOME"), "/\n");
}

TEST(Init, APasswdFileThatIsAFifoDelaysNobody) {
  Bundle bundle;
  std::filesystem::remove(bundle.root() / "etc/passwd");
  ASSERT_EQ(::mkfifo((bundle.root() / "etc/passwd").c_str(), 0666), 0);
  EXPECT_EQ(bundle.output("echo $HOME"), "/\n");
}

TEST(Init, SysctlsOfItsNamespacesAreSetAndOthersRefused) {
  Bundle bundle;
  bundle.linux_part()["sysctl"] =
      json::object{{"net.ipv4.ip_forward", "1"}, {"kernel.shm_rmid_forced", "1"}};
  EXPECT_EQ(bundle.output("busybox cat /proc/sys/net/ipv4/ip_forward "
                          "/proc/sys/kernel/shm_rmid_forced"),
            "1\n1\n");
  bundle.linux_part()["sysctl"] = json::object{{"kernel.core_pattern", "x"}};
  EXPECT_TRUE(contains(bundle.run().err, "not in a separate kernel namespace"));
}

TEST(Init, TheRootCanBeReadOnly) {
  Bundle bundle;
  bundle.config["root"].as_object()["readonly"] = true;
  EXPECT_TRUE(contains(bundle.script("echo > /file").run().err, "Read-only file system"));
}

TEST(Init, AMissingWorkingDirectoryIsMade) {
  Bundle bundle;
  bundle.process()["cwd"] = "/some/where";
  EXPECT_EQ(bundle.output("pwd"), "/some/where\n");
}

TEST(Init, ATimeNamespaceShiftsTheClocks) {
  Bundle bundle;
  bundle.linux_part()["namespaces"].as_array().push_back(json::object{{"type", "time"}});
  bundle.linux_part()["timeOffsets"] =
      json::parse(R"({"boottime": {"secs": 1000000000, "nanosecs": 0}})");
  EXPECT_GT(std::stod(bundle.output("busybox cut -d. -f1 /proc/uptime")), 1e9);
}

TEST(Init, AUserNamespaceMapsRootToAnother) {
  Bundle bundle;
  bundle.linux_part()["namespaces"].as_array().push_back(json::object{{"type", "user"}});
  bundle.linux_part()["uidMappings"] =
      json::parse(R"([{"containerID": 0, "hostID": 100000, "size": 65536}])");
  bundle.linux_part()["gidMappings"] = bundle.linux_part()["uidMappings"];
  ::chmod(bundle.path().c_str(), 0755);
  ASSERT_EQ(::chown(bundle.root().c_str(), 100000, 100000), 0);
  EXPECT_EQ(bundle.output("busybox id -u; busybox awk '{print $2}' /proc/self/uid_map;"
                          "echo x > /dev/null && echo ok"),
            "0\n100000\nok\n");
}

TEST(Init, ATmpfsCanBeginWithWhatTheImageHas) {
  Bundle bundle;
  std::filesystem::create_directories(bundle.root() / "data/deep");
  Bundle::write(bundle.root() / "data/deep/file", "kept");
  std::filesystem::create_symlink("deep/file", bundle.root() / "data/link");
  ::chmod((bundle.root() / "data").c_str(), 0751);
  bundle.mounts().push_back(json::parse(R"({"destination": "/data", "type": "tmpfs",
      "source": "tmpfs", "options": ["rw", "tmpcopyup"]})"));
  EXPECT_EQ(bundle.output("busybox cat /data/link; busybox stat -c %a /data; echo x > /data/new"),
            "kept751\n");
  EXPECT_FALSE(std::filesystem::exists(bundle.root() / "data/new"));
}

TEST(Init, ABindMountCanBeIdMapped) {
  Bundle bundle;
  os::TempDirectory source;
  Bundle::write(source.path() / "file", "x");
  ASSERT_EQ(::chown((source.path() / "file").c_str(), 1000, 1000), 0);
  ::chmod(source.path().c_str(), 0755);
  bundle.add_mount(source.path().string(), "/data", {"bind", "idmap"});
  json::object& mount = bundle.mounts().back().as_object();
  mount["uidMappings"] = json::parse(R"([{"containerID": 1000, "hostID": 2000, "size": 1}])");
  mount["gidMappings"] = mount["uidMappings"];
  EXPECT_EQ(bundle.output("busybox stat -c %u /data/file"), "2000\n");
}

TEST(Init, AReadOnlyTreeIsReadOnlyBelowToo) {
  Bundle bundle;
  bundle.add_mount("/dev", "/data", {"rbind", "rro"});
  const Result result = bundle.script("echo > /data/shm/wharf-test-file").run();
  EXPECT_TRUE(contains(result.err, "Read-only file system")) << result.err;
}

TEST(Init, TheSeccompFilterHolds) {
  Bundle bundle;
  bundle.linux_part()["seccomp"] = json::parse(R"({"defaultAction": "SCMP_ACT_ALLOW",
      "architectures": ["SCMP_ARCH_X86_64"],
      "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 42}]})");
  const Result result =
      bundle.script("busybox grep Seccomp: /proc/self/status; busybox mkdir /d").run();
  EXPECT_EQ(result.out, "Seccomp:\t2\n");
  EXPECT_TRUE(contains(result.err, "No message of desired type")) << result.err;
  bundle.process()["noNewPrivileges"] = false;
  EXPECT_EQ(bundle.script("busybox grep Seccomp: /proc/self/status").run().out, "Seccomp:\t2\n");
}

}  // namespace
}  // namespace wharf::runtime
