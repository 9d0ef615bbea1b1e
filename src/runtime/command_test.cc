// The command line as containerd, CRI-O and Podman use it.
#include "runtime/bundle_fixture.h"

namespace wharf::runtime {
namespace {

namespace fs = std::filesystem;

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

bool cgroup_exists(const std::string& id) {
  return fs::exists("/sys/fs/cgroup/memory/" + id);
}

TEST(Command, AContainerGoesThroughItsStates) {
  Bundle bundle;
  bundle.script("exec /bin/busybox sleep 1000");
  bundle.save();
  const std::string create = "exec " + Bundle::binary() + " --root " + bundle.state_root() +
                             " create --pid-file " + bundle.path().string() + "/pid --bundle " +
                             bundle.path().string() + " " + bundle.id() + " >/dev/null 2>&1";
  ASSERT_EQ(run_program({"sh", "-c", create}).status, 0);
  EXPECT_EQ(bundle.state()["status"].as_string(), "created");
  EXPECT_EQ(std::to_string(bundle.state()["pid"].as_int64()), os::read_file(bundle.path() / "pid"));
  EXPECT_EQ(bundle.runtime({"start", bundle.id()}).status, 0);
  EXPECT_EQ(bundle.state()["status"].as_string(), "running");
  EXPECT_EQ(bundle.runtime({"start", bundle.id()}).status, 1);
  EXPECT_EQ(bundle.runtime({"pause", bundle.id()}).status, 0);
  EXPECT_EQ(bundle.state()["status"].as_string(), "paused");
  EXPECT_EQ(bundle.runtime({"resume", bundle.id()}).status, 0);
  EXPECT_EQ(bundle.runtime({"delete", bundle.id()}).status, 1);
  EXPECT_EQ(bundle.runtime({"kill", bundle.id(), "KILL"}).status, 0);
  for (int i = 0; i < 500 && bundle.state()["status"].as_string() != "stopped"; ++i) ::usleep(2000);
  EXPECT_EQ(bundle.state()["status"].as_string(), "stopped");
  EXPECT_TRUE(cgroup_exists(bundle.id()));
  EXPECT_EQ(bundle.runtime({"delete", bundle.id()}).status, 0);
  EXPECT_FALSE(cgroup_exists(bundle.id()));
  EXPECT_TRUE(contains(bundle.runtime({"state", bundle.id()}).err, "does not exist"));
}

TEST(Command, AFailedCreateLeavesNothing) {
  const std::string before = mount_table();
  Bundle bundle;
  bundle.process()["args"] = json::array{"/no/such/file"};
  const Result result = bundle.run();
  EXPECT_EQ(result.err,
            "wharf-runtime: exec: \"/no/such/file\": stat /no/such/file: no such file or "
            "directory\n");
  EXPECT_EQ(result.status, 1);
  EXPECT_FALSE(cgroup_exists(bundle.id()));
  EXPECT_FALSE(fs::exists(bundle.path() / "state" / bundle.id()));
  EXPECT_EQ(mount_table(), before);
}

TEST(Command, AMissingProgramIsNamedAsGoNamesIt) {
  Bundle bundle;
  bundle.process()["args"] = json::array{"nosuchcmd"};
  EXPECT_EQ(bundle.run().err,
            "wharf-runtime: exec: \"nosuchcmd\": executable file not found in $PATH\n");
  bundle.process()["args"] = json::array{"/etc/passwd"};
  EXPECT_EQ(bundle.run().err, "wharf-runtime: exec: \"/etc/passwd\": permission denied\n");
  bundle.process()["args"] = json::array{"/etc"};
  EXPECT_EQ(bundle.run().err, "wharf-runtime: exec: \"/etc\": is a directory\n");
}

TEST(Command, AFileThatIsNoProgramEndsWith255) {
  Bundle bundle;
  Bundle::write(bundle.root() / "bin/text", "not a program\x01");
  ::chmod((bundle.root() / "bin/text").c_str(), 0755);
  bundle.process()["args"] = json::array{"/bin/text"};
  const Result result = bundle.run();
  EXPECT_EQ(result.status, 255);
  EXPECT_EQ(result.err, "exec /bin/text: exec format error\n");
}

TEST(Command, ExecJoinsAndGivesTheStatus) {
  Bundle bundle;
  bundle.start_sleeping();
  const Result result =
      bundle.exec({"/bin/busybox", "sh", "-c",
                   "busybox hostname; busybox ps -o pid | busybox head -2;"
                   "busybox grep Cap /proc/self/status | busybox cut -f2;"
                   "busybox cat /proc/1/cgroup > /tmp/a;"
                   "busybox cat /proc/self/cgroup > /tmp/b;"
                   "busybox cmp /tmp/a /tmp/b; cd /proc/self/fd; echo *; exit 7"});
  EXPECT_EQ(result.status, 7) << result.err;
  EXPECT_EQ(result.out,
            "box\nPID\n    1\n0000000000000000\n0000000000000021\n0000000000000021\n"
            "0000000000000021\n0000000000000000\n0 1 2 3\n");
}

TEST(Command, ALimitOfVeryFewDescriptorsHindersNeitherStartNorExec) {
  Bundle bundle;
  bundle.process()["rlimits"] = json::parse(R"([{"type": "RLIMIT_NOFILE", "soft": 4, "hard": 4}])");
  bundle.start_sleeping();
  const Result result = bundle.exec({"/bin/busybox", "sh", "-c", "ulimit -n; ulimit -Hn"});
  EXPECT_EQ(result.out, "4\n4\n") << result.err;
}

TEST(Command, ExecTakesUserDirectoryAndVariables) {
  Bundle bundle;
  bundle.start_sleeping();
  EXPECT_EQ(
      bundle
          .runtime({"exec", "--user", "1000:7", "--cwd", "/tmp", "--env", "A=b", bundle.id(),
                    "/bin/busybox", "sh", "-c", "busybox id -u; busybox id -g; pwd; echo $A $HOME"})
          .out,
      "1000\n7\n/tmp\nb /home/u\n");
  EXPECT_TRUE(contains(bundle.runtime({"exec", "--user", "4294967296", bundle.id(), "/bin/sh"}).err,
                       "not a valid id"));
}

TEST(Command, ExecOfAMissingProgramIsAFailure) {
  Bundle bundle;
  bundle.start_sleeping();
  const Result result = bundle.exec({"nosuchcmd"});
  EXPECT_EQ(result.err, "wharf-runtime: exec: \"nosuchcmd\": executable file not found in $PATH\n");
  EXPECT_EQ(result.status, 255);
}

TEST(Command, ExecWorkingDirectoryOutsideIsRefused) {
  Bundle bundle;
  bundle.start_sleeping();
  for (int number = 3; number < 12; ++number) {
    const Result result =
        bundle.runtime({"exec", "--cwd", "/proc/self/fd/" + std::to_string(number), bundle.id(),
                        "/bin/busybox", "ls", "../../../../work"});
    EXPECT_NE(result.status, 0) << number;
  }
}

TEST(Command, KillAllReachesEveryProcess) {
  Bundle bundle;
  bundle.start_sleeping();
  const json::value pids = json::parse(bundle.runtime({"ps", "--format", "json", bundle.id()}).out);
  ASSERT_EQ(pids.as_array().size(), 1U);
  EXPECT_EQ(pids.as_array()[0].as_int64(), bundle.state()["pid"].as_int64());
  EXPECT_EQ(bundle.runtime({"kill", "--all", bundle.id(), "SIGKILL"}).status, 0);
  for (int i = 0; i < 500 && bundle.state()["status"].as_string() != "stopped"; ++i) ::usleep(2000);
  EXPECT_EQ(bundle.state()["status"].as_string(), "stopped");
}

TEST(Command, LimitsAreWrittenAndUpdated) {
  Bundle bundle;
  bundle.linux_part()["resources"].as_object()["memory"] =
      json::object{{"limit", 64 << 20}, {"swap", 64 << 20}};
  bundle.linux_part()["resources"].as_object()["cpu"] =
      json::object{{"shares", 512}, {"quota", 50000}, {"period", 100000}, {"cpus", "0"}};
  bundle.linux_part()["resources"].as_object()["pids"] = json::object{{"limit", 33}};
  bundle.start_sleeping();
  const auto read = [&](const std::string& file) {
    const auto slash = file.find('/');
    return os::read_file("/sys/fs/cgroup/" + file.substr(0, slash) + "/" + bundle.id() +
                         file.substr(slash));
  };
  EXPECT_EQ(read("memory/memory.limit_in_bytes"), "67108864\n");
  EXPECT_EQ(read("cpu/cpu.shares"), "512\n");
  EXPECT_EQ(read("cpu/cpu.cfs_quota_us"), "50000\n");
  EXPECT_EQ(read("cpuset/cpuset.cpus"), "0\n");
  EXPECT_EQ(read("pids/pids.max"), "33\n");
  EXPECT_EQ(bundle
                .runtime({"update", "--memory", "128m", "--memory-swap", "128m", "--pids-limit",
                          "44", bundle.id()})
                .status,
            0);
  EXPECT_EQ(read("memory/memory.limit_in_bytes"), "134217728\n");
  EXPECT_EQ(read("pids/pids.max"), "44\n");
  EXPECT_EQ(read("devices/devices.list").find("a *:* rwm"), std::string::npos);
}

TEST(Command, HooksRunInTheirOrderWithTheState) {
  Bundle bundle;
  const std::string log = (bundle.path() / "log").string();
  json::object hooks;
  for (const char* stage :
       {"prestart", "createRuntime", "createContainer", "poststart", "poststop"}) {
    hooks[stage] = json::array{json::object{
        {"path", "/bin/sh"},
        {"args", json::array{"sh", "-c", std::string("echo ") + stage + " $(cat) >> " + log}}}};
  }
  bundle.config["hooks"] = hooks;
  EXPECT_EQ(bundle.run().status, 0);
  std::istringstream lines(os::read_file(log));
  std::string order;
  for (std::string line; std::getline(lines, line);) order += line.substr(0, line.find(' ')) + " ";
  EXPECT_EQ(order, "prestart createRuntime createContainer poststart poststop ");
  EXPECT_TRUE(contains(os::read_file(log), "\"id\":\"" + bundle.id() + "\""));
}

TEST(Command, AHookThatFailsUndoesTheContainer) {
  Bundle bundle;
  bundle.config["hooks"] =
      json::parse(R"({"createRuntime": [{"path": "/bin/sh", "args": ["sh", "-c", "exit 3"]}]})");
  EXPECT_TRUE(contains(bundle.run().err, "createRuntime hook /bin/sh: exit status 3"));
  EXPECT_FALSE(cgroup_exists(bundle.id()));
}

TEST(Command, AHookThatIsTooSlowIsKilled) {
  Bundle bundle;
  bundle.config["hooks"] = json::parse(
      R"({"prestart": [{"path": "/bin/sleep", "args": ["sleep", "60"], "timeout": 1}]})");
  EXPECT_TRUE(contains(bundle.run().err, "not done after 1 s"));
}

TEST(Command, AnErrorGoesToTheLogAsJson) {
  Bundle bundle;
  const std::string log = (bundle.path() / "log").string();
  const Result result = run_program({Bundle::binary(), "--log", log, "--log-format", "json",
                                     "--root", bundle.state_root(), "state", "none"});
  EXPECT_EQ(result.status, 1);
  const json::object line = json::parse(os::read_file(log)).as_object();
  EXPECT_EQ(line.at("msg").as_string(), "container does not exist: none");
  EXPECT_EQ(line.at("level").as_string(), "error");
}

TEST(Command, BadIdsAndOptionsAreRefused) {
  Bundle bundle;
  bundle.save();
  for (const char* id : {"../x", "a/b", ".", "a b"}) {
    EXPECT_TRUE(contains(bundle.runtime({"run", "-b", bundle.path().string(), id}).err,
                         "invalid container id"))
        << id;
  }
  EXPECT_EQ(bundle.runtime({"run", "--no-such-option", "x"}).status, 1);
  EXPECT_EQ(bundle.runtime({"frobnicate"}).status, 1);
  EXPECT_EQ(bundle.runtime({"--version"}).status, 0);
}

TEST(Command, FeaturesIsJson) {
  const Result result = run_program({Bundle::binary(), "features"});
  const json::object features = json::parse(result.out).as_object();
  EXPECT_EQ(features.at("ociVersionMin").as_string(), "1.0.0");
}

TEST(Command, TheExampleSpecCanBeRunFrom) {
  Bundle bundle;
  ASSERT_EQ(bundle.runtime({"spec", "--bundle", bundle.path().string()}).status, 0);
  json::object example = json::parse(os::read_file(bundle.path() / "config.json")).as_object();
  example["process"].as_object()["terminal"] = false;
  example["process"].as_object()["args"] = json::array{"/bin/busybox", "echo", "hello"};
  example["linux"].as_object()["cgroupsPath"] = "/" + bundle.id();
  bundle.config = example;
  EXPECT_EQ(bundle.run().out, "hello\n");
}

}  // namespace
}  // namespace wharf::runtime
