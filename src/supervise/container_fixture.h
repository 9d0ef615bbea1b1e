// What the tests of this room share: a root of busybox, a container of it, its events.
//
// Used by *_test.cc only. Needs root, busybox-static, and wharf-runtime beside the test.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sstream>
#include <thread>

#include "base/ids.h"
#include "base/json.h"
#include "os/file.h"
#include "os/mount.h"
#include "os/poll.h"
#include "supervise/client.h"
#include "supervise/gathered_events.h"

namespace wharf::supervise {

/// Everything `socket` gives until its end or until `time` is over.
inline std::string read_until_end(const os::Fd& socket, milliseconds time = milliseconds(5000)) {
  std::string out;
  std::array<char, 65536> buffer;
  while (os::wait_for(socket, POLLIN, time) != 0) {
    const ssize_t n = ::read(socket.get(), buffer.data(), buffer.size());
    if (n <= 0) break;
    out.append(buffer.data(), static_cast<std::size_t>(n));
  }
  return out;
}

/// Ended, though nobody may have reaped it yet.
inline bool dead(pid_t pid) {
  const auto stat = os::read_file_if_exists(fmt::format("/proc/{}/stat", pid));
  return !stat || stat->find(") Z ") != std::string::npos;
}

/// Reads until `wanted` has come.
inline std::string read_until(const os::Fd& socket, std::string_view wanted) {
  std::string out;
  char letter = 0;
  while (out.find(wanted) == std::string::npos &&
         os::wait_for(socket, POLLIN, milliseconds(5000)) != 0 &&
         ::read(socket.get(), &letter, 1) == 1) {
    out += letter;
  }
  return out;
}

struct Shape {
  bool tty = false;
  bool open_stdin = false;
  bool stdin_once = false;
  bool own_pids = true;
  std::string resources = "{}";
};

class ContainerTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    if (::access("/bin/busybox", X_OK) != 0) GTEST_SKIP() << "needs busybox-static";
    if (::access(Supervisors::default_runtime().c_str(), X_OK) != 0)
      GTEST_SKIP() << "needs " << Supervisors::default_runtime().string();
    for (const char* folder : {"bin", "proc", "dev", "sys", "tmp"})
      os::make_directories(root_ / folder, 0755);
    std::filesystem::copy_file("/bin/busybox", root_ / "bin/busybox");
    for (const char* name : {"sh", "cat", "echo", "sleep", "true", "seq", "stty", "yes", "head",
                             "dd", "kill", "ls", "tail", "setsid", "test", "wc", "tr"})
      std::filesystem::create_symlink("busybox", root_ / "bin" / name);
    supervisors_ =
        std::make_unique<Supervisors>(Supervisors::Options{Supervisors::default_runtime(), 1});
  }

  /// A test that failed may have left a container; its cgroup is ours alone.
  void TearDown() override {
    supervisors_.reset();
    for (const auto& hierarchy : std::filesystem::directory_iterator("/sys/fs/cgroup")) {
      const os::Path parent = hierarchy.path().string() + cgroup_parent();
      std::error_code none;
      for (const auto& left : std::filesystem::directory_iterator(parent, none)) {
        if (!left.is_directory(none)) continue;
        std::istringstream pids(os::read_file_if_exists(left.path() / "cgroup.procs").value_or(""));
        for (pid_t pid = 0; pids >> pid;) ::kill(pid, SIGKILL);
        for (int i = 0; i < 100 && ::rmdir(left.path().c_str()) < 0; ++i)
          std::this_thread::sleep_for(milliseconds(5));
      }
      ::rmdir(parent.c_str());
    }
  }

  static std::string process(const std::string& script, bool tty = false) {
    return fmt::format(R"({{"terminal":{},"user":{{"uid":0,"gid":0}},"args":["/bin/sh","-c",{}],)"
                       R"("env":["PATH=/bin","TERM=xterm"],"cwd":"/"}})",
                       tty, base::to_text(base::Json(script)));
  }

  std::string config(const std::string& process_json, const std::string& id, const Shape& shape) {
    return fmt::format(
        R"({{"ociVersion":"1.2.0","process":{},"root":{{"path":"rootfs"}},"hostname":"box",)"
        R"("mounts":[{{"destination":"/proc","type":"proc","source":"proc"}},)"
        R"({{"destination":"/dev","type":"tmpfs","source":"tmpfs",)"
        R"("options":["nosuid","mode=755"]}},)"
        R"({{"destination":"/dev/pts","type":"devpts","source":"devpts",)"
        R"("options":["nosuid","noexec","newinstance","ptmxmode=0666","mode=0620"]}}],)"
        R"("linux":{{"cgroupsPath":"{}","resources":{},"namespaces":[{}{{"type":"mount"}},)"
        R"({{"type":"ipc"}},{{"type":"uts"}},{{"type":"cgroup"}}]}}}})",
        process_json, cgroup(id), shape.resources, shape.own_pids ? R"({"type":"pid"},)" : "");
  }

  static std::string cgroup_parent() { return fmt::format("/wharf-supervise-test-{}", ::getpid()); }
  static std::string cgroup(const std::string& id) { return cgroup_parent() + "/" + id; }

  LaunchRequest request(const std::string& script, const Shape& shape = {}) {
    LaunchRequest wanted;
    wanted.id = base::random_id();
    wanted.config_json = config(process(script, shape.tty), wanted.id, shape);
    wanted.run_directory = run_ / wanted.id;
    os::make_directories(run_, 0700);
    data_ = temp_.path() / "data" / wanted.id;
    os::make_directories(data_, 0700);
    wanted.data_directory = os::open_file(data_, O_RDONLY | O_DIRECTORY);
    wanted.rootfs =
        os::DetachedMount::bind(os::open_directory(root_), os::Depth::TopOnly).release();
    wanted.log.name = wanted.id + "-json.log";
    wanted.tty = shape.tty;
    wanted.open_stdin = shape.open_stdin;
    wanted.stdin_once = shape.stdin_once;
    log_ = data_ / wanted.log.name;
    run_directory_ = wanted.run_directory;
    return wanted;
  }

  Task run(const std::string& script, Ends& ends, const Shape& shape = {}) {
    return supervisors_->launch(request(script, shape), ends.callbacks());
  }

  /// With one attachment of all streams, made before the start.
  Task run_attached(const std::string& script, Ends& ends, os::Fd& ours, const Shape& shape = {}) {
    LaunchRequest wanted = request(script, shape);
    AttachPair pair = attach_pair();
    wanted.attachments.push_back({std::move(pair.theirs), {true, true, true}});
    ours = std::move(pair.ours);
    return supervisors_->launch(std::move(wanted), ends.callbacks());
  }

  /// The "log" members of the log, joined.
  std::string logged() const {
    std::string out;
    std::istringstream lines(os::read_file_if_exists(log_, 256 << 20).value_or(""));
    for (std::string line; std::getline(lines, line);)
      out += base::text_at(base::parse_json(line).get_object(), "log");
    return out;
  }

  os::TempDirectory temp_;
  os::Path root_ = temp_.path() / "root";
  os::Path run_ = temp_.path() / "run";
  os::Path data_, log_, run_directory_;
  std::unique_ptr<Supervisors> supervisors_;
};

}  // namespace wharf::supervise
