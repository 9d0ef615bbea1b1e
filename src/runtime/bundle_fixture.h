// What the tests of this room share: an OCI bundle of busybox, and the runtime run on it.
//
// Used by *_test.cc only. Needs root, busybox-static, and wharf-runtime beside the test. Every
// container is deleted at the end, whatever the test left.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/ids.h"
#include "os/file.h"

namespace wharf::runtime {

namespace json = boost::json;

struct Result {
  int status = -1;
  std::string out;
  std::string err;
};

/// A program with an empty standard input. A function of its own, as vfork(2) shares its frame.
[[gnu::noinline]] inline pid_t start_program(char* const* arguments, int out, int err) {
  const pid_t pid = ::vfork();
  if (pid != 0) return pid;
  const int null = ::open("/dev/null", O_RDONLY);
  ::dup2(null, 0);
  ::dup2(out, 1);
  ::dup2(err, 2);
  ::execvp(arguments[0], arguments);
  ::_exit(127);
}

/// Runs a program, its standard input empty, both outputs kept.
inline Result run_program(const std::vector<std::string>& words) {
  os::Pipe out = os::make_pipe();
  os::Pipe err = os::make_pipe();
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const pid_t pid = start_program(arguments.data(), out.write.get(), err.write.get());
  out.write.reset();
  err.write.reset();
  Result result;
  // A detached container keeps the pipes open: its end is not the runtime's.
  std::thread errors([&] { result.err = os::read_all(err.read, 1 << 22); });
  result.out = os::read_all(out.read, 1 << 22);
  errors.join();
  int status = 0;
  ::waitpid(pid, &status, 0);
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

class Bundle {
 public:
  Bundle() : id_("wharf-test-" + std::string(base::short_id(base::random_id()))) {
    namespace fs = std::filesystem;
    fs::create_directories(root() / "bin");
    fs::create_directories(root() / "etc");
    fs::create_directories(root() / "tmp");
    fs::copy_file("/usr/bin/busybox", root() / "bin/busybox");
    fs::create_symlink("busybox", root() / "bin/sh");
    write(root() / "etc/passwd", "root:x:0:0:root:/root:/bin/sh\nu:x:1000:1000::/home/u:/bin/sh\n");
    config = json::parse(kConfig).as_object();
    config["linux"].as_object()["cgroupsPath"] = "/" + id_;
  }
  ~Bundle() { run_program({binary(), "--root", state_root(), "delete", "--force", id_}); }
  Bundle(const Bundle&) = delete;

  static std::string binary() {
    return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "wharf-runtime")
        .string();
  }
  std::filesystem::path path() const { return directory_.path(); }
  std::filesystem::path root() const { return path() / "rootfs"; }
  std::string state_root() const { return (path() / "state").string(); }
  const std::string& id() const { return id_; }

  static void write(const std::filesystem::path& path, std::string_view text) {
    std::ofstream(path) << text;
  }

  /// The process's arguments: `sh -c SCRIPT`.
  Bundle& script(std::string_view script) {
    process()["args"] = json::array{"/bin/busybox", "sh", "-c", script};
    return *this;
  }
  json::object& process() { return config["process"].as_object(); }
  json::object& linux_part() { return config["linux"].as_object(); }
  json::array& mounts() { return config["mounts"].as_array(); }
  void add_mount(std::string_view source, std::string_view destination, json::array options) {
    mounts().push_back(json::object{{"source", source},
                                    {"destination", destination},
                                    {"type", "bind"},
                                    {"options", std::move(options)}});
  }

  /// The runtime with this bundle's state directory.
  Result runtime(std::vector<std::string> words) {
    std::vector<std::string> all{binary(), "--root", state_root()};
    for (std::string& word : words) all.push_back(std::move(word));
    return run_program(all);
  }
  void save() { write(path() / "config.json", json::serialize(config)); }
  Result run() {
    save();
    return runtime({"run", "--bundle", path().string(), id_});
  }
  /// What the script prints, for scripts that must end well.
  std::string output(std::string_view text) {
    const Result result = script(text).run();
    EXPECT_EQ(result.status, 0) << text << "\n" << result.err;
    return result.out;
  }
  /// Created and started, in the background; its output goes nowhere.
  void start_sleeping() {
    script("exec /bin/busybox sleep 1000");
    save();
    const std::string command = "exec " + binary() + " --root " + state_root() +
                                " create --bundle " + path().string() + " " + id_ +
                                " >/dev/null 2>&1";
    ASSERT_EQ(run_program({"sh", "-c", command}).status, 0);
    ASSERT_EQ(runtime({"start", id_}).status, 0);
  }
  Result exec(std::vector<std::string> words) {
    words.insert(words.begin(), {"exec", id_});
    return runtime(std::move(words));
  }
  json::object state() { return json::parse(runtime({"state", id_}).out).as_object(); }

  json::object config;

 private:
  static constexpr const char* kConfig = R"({
    "ociVersion": "1.0.2",
    "process": {"user": {"uid": 0, "gid": 0}, "args": ["/bin/busybox", "true"],
      "env": ["PATH=/bin"], "cwd": "/", "noNewPrivileges": true,
      "capabilities": {"bounding": ["CAP_KILL", "CAP_CHOWN"],
        "effective": ["CAP_KILL", "CAP_CHOWN"],
        "permitted": ["CAP_KILL", "CAP_CHOWN"]}},
    "root": {"path": "rootfs"}, "hostname": "box",
    "mounts": [
      {"destination": "/proc", "type": "proc", "source": "proc"},
      {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
       "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
      {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
       "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
      {"destination": "/dev/shm", "type": "tmpfs", "source": "shm",
       "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]},
      {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue",
       "options": ["nosuid", "noexec", "nodev"]},
      {"destination": "/sys", "type": "sysfs", "source": "sysfs",
       "options": ["nosuid", "noexec", "nodev", "ro"]},
      {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
       "options": ["nosuid", "noexec", "nodev", "relatime", "ro"]}],
    "linux": {
      "namespaces": [{"type": "pid"}, {"type": "network"}, {"type": "ipc"}, {"type": "uts"},
                     {"type": "mount"}],
      "resources": {"devices": [{"allow": false, "access": "rwm"}]},
      "maskedPaths": ["/proc/kcore", "/proc/keys", "/proc/acpi", "/sys/firmware", "/proc/none"],
      "readonlyPaths": ["/proc/bus", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]}})";

  os::TempDirectory directory_;
  std::string id_;
};

/// The lines of the host's mount table: what a leak would add to.
inline std::string mount_table() {
  std::ifstream file("/proc/self/mountinfo");
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace wharf::runtime
