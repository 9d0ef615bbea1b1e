// features and spec: fixed documents.
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "oci/spec.h"
#include "runtime/container.h"

namespace wharf::runtime {
namespace {

constexpr std::string_view kFeaturesHead =
    R"({"ociVersionMin":"1.0.0","ociVersionMax":"1.2.0",)"
    R"("hooks":["prestart","createRuntime","createContainer","startContainer","poststart",)"
    R"("poststop"],"mountOptions":["async","atime","bind","defaults","dev","diratime",)"
    R"("dirsync","exec","idmap","iversion","lazytime","loud","mand","noatime","nodev",)"
    R"("nodiratime","noexec","noiversion","nolazytime","nomand","norelatime",)"
    R"("nostrictatime","nosuid","nosymfollow","private","ratime","rbind","rdev",)"
    R"("rdiratime","relatime","remount","rexec","ridmap","rnoatime","rnodev","rnodiratime",)"
    R"("rnoexec","rnorelatime","rnostrictatime","rnosuid","rnosymfollow","ro","rprivate",)"
    R"("rrelatime","rro","rrw","rshared","rslave","rstrictatime","rsuid","rsymfollow",)"
    R"("runbindable","rw","shared","silent","slave","strictatime","suid","symfollow",)"
    R"("sync","tmpcopyup","unbindable"],)"
    R"("linux":{"namespaces":["cgroup","ipc","mount","network","pid","time","user","uts"],)"
    R"("capabilities":[)";
constexpr std::string_view kFeaturesTail =
    R"(],"cgroup":{"v1":true,"v2":true,"systemd":true,"systemdUser":false,"rdma":true},)"
    R"("seccomp":{"enabled":true,"actions":["SCMP_ACT_ALLOW","SCMP_ACT_ERRNO","SCMP_ACT_KILL",)"
    R"("SCMP_ACT_KILL_PROCESS","SCMP_ACT_KILL_THREAD","SCMP_ACT_LOG","SCMP_ACT_NOTIFY",)"
    R"("SCMP_ACT_TRACE",)"
    R"("SCMP_ACT_TRAP"],"operators":["SCMP_CMP_EQ","SCMP_CMP_GE","SCMP_CMP_GT","SCMP_CMP_LE",)"
    R"("SCMP_CMP_LT","SCMP_CMP_MASKED_EQ","SCMP_CMP_NE"],"archs":["SCMP_ARCH_X32",)"
    R"("SCMP_ARCH_X86","SCMP_ARCH_X86_64"],"knownFlags":["SECCOMP_FILTER_FLAG_TSYNC",)"
    R"("SECCOMP_FILTER_FLAG_SPEC_ALLOW","SECCOMP_FILTER_FLAG_LOG",)"
    R"("SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"],)"
    R"("supportedFlags":["SECCOMP_FILTER_FLAG_TSYNC","SECCOMP_FILTER_FLAG_SPEC_ALLOW",)"
    R"("SECCOMP_FILTER_FLAG_LOG","SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]},)"
    R"("apparmor":{"enabled":true},"selinux":{"enabled":true},"intelRdt":{"enabled":false},)"
    R"("mountExtensions":{"idmap":{"enabled":true}}}})"
    "\n";

constexpr std::string_view kExampleSpec = R"({
  "ociVersion": "1.2.0",
  "process": {
    "terminal": true,
    "user": {"uid": 0, "gid": 0},
    "args": ["sh"],
    "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
    "cwd": "/",
    "capabilities": {
      "bounding": ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"],
      "effective": ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"],
      "permitted": ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
    },
    "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
    "noNewPrivileges": true
  },
  "root": {"path": "rootfs", "readonly": true},
  "hostname": "wharf",
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
     "options": ["nosuid", "noexec", "nodev", "relatime", "ro"]}
  ],
  "linux": {
    "resources": {"devices": [{"allow": false, "access": "rwm"}]},
    "namespaces": [{"type": "pid"}, {"type": "network"}, {"type": "ipc"}, {"type": "uts"},
                   {"type": "mount"}, {"type": "cgroup"}],
    "maskedPaths": ["/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys",
                    "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
                    "/proc/sched_debug", "/sys/firmware", "/proc/scsi"],
    "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
  }
}
)";

}  // namespace

int features_command(Call& call) {
  base::Text<8191> text(kFeaturesHead);
  for (unsigned number = 0; !oci::capability_name(number).empty(); ++number) {
    text.put(number == 0 ? "" : ",", base::Quoted{oci::capability_name(number)});
  }
  text.put(kFeaturesTail);
  if (::write(1, text.c_str(), text.size()) > 0) return 0;
  (void)call.failure.because_of_errno("write");
  return 1;
}

int spec_command(Call& call) {
  std::string_view bundle = ".";
  const Option options[] = {{"bundle", "b", &bundle}};
  if (!take_options(call.arena, call.arguments, options, call.failure)) return 1;
  const base::PathText path(bundle, "/config.json");
  // O_EXCL: an edited config is not lost.
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  const bool fine = fd >= 0 && ::write(fd, kExampleSpec.data(), kExampleSpec.size()) > 0;
  if (!fine) (void)call.failure.because_of_errno("write ", path.view());
  if (fd >= 0) ::close(fd);
  return fine ? 0 : 1;
}

}  // namespace wharf::runtime
