#include "oci/spec.h"

#include <gtest/gtest.h>
#include <linux/mount.h>
#include <sys/resource.h>

#include <string>

namespace wharf::oci {
namespace {

class Read {
 public:
  explicit Read(std::string text) : text_(std::move(text)) {
    fine = parse_spec(arena_, text_, spec, failure);
  }
  bool fine = false;
  Spec spec;
  base::Failure failure;

 private:
  std::string text_;
  base::Arena arena_{1 << 20};
};

std::string with(const std::string& members) {
  return R"({"ociVersion": "1.0.2", "process": {"args": ["sh"], "cwd": "/"}, )" + members + "}";
}

TEST(Spec, ReadsWhatTheRuntimeActsOn) {
  const Read read(R"({"ociVersion": "1.2.0", "hostname": "h",
    "process": {"args": ["a", "b"], "env": ["X=1"], "cwd": "/w", "oomScoreAdj": -5,
      "user": {"uid": 1, "gid": 2, "additionalGids": [3], "umask": 18},
      "capabilities": {"bounding": ["CAP_CHOWN", "CAP_SYS_ADMIN", "CAP_OF_TOMORROW"]},
      "rlimits": [{"type": "RLIMIT_CORE", "soft": 18446744073709551615,
                   "hard": 18446744073709551615}]},
    "root": {"path": "r", "readonly": true},
    "linux": {"resources": {"memory": {"limit": -1}, "pids": {"limit": 7}},
      "namespaces": [{"type": "network", "path": "/n"}]}})");
  ASSERT_TRUE(read.fine) << read.failure.text.c_str();
  const Process& process = *read.spec.process;
  EXPECT_STREQ(process.args[1], "b");
  EXPECT_EQ(process.args.data()[2], nullptr);
  EXPECT_EQ(process.additional_gids[0], 3U);
  EXPECT_EQ(process.umask, 18U);
  EXPECT_EQ(process.oom_score_adj, -5);
  EXPECT_EQ(process.capabilities->bounding, std::uint64_t{1} | std::uint64_t{1} << 21);
  EXPECT_EQ(process.rlimits[0].soft, RLIM_INFINITY);
  EXPECT_TRUE(read.spec.root_read_only);
  EXPECT_EQ(read.spec.resources.memory.limit, -1);
  EXPECT_EQ(read.spec.resources.pids, 7);
  EXPECT_EQ(read.spec.find_namespace(CLONE_NEWNET)->path, "/n");
  EXPECT_EQ(read.spec.find_namespace(CLONE_NEWPID), nullptr);
}

TEST(Spec, MountOptionsBecomeFlags) {
  const Read read(with(R"("mounts": [{"destination": "/a", "type": "bind", "source": "/s",
      "options": ["rbind", "ro", "nosuid", "rslave", "rnoexec", "noatime"]},
      {"destination": "/t", "type": "tmpfs", "source": "tmpfs",
      "options": ["rw", "size=64m", "mode=755", "noexec"]}])"));
  ASSERT_TRUE(read.fine) << read.failure.text.c_str();
  const MountOptions& bind = read.spec.mounts[0].options;
  EXPECT_TRUE(bind.bind && bind.recursive && bind.propagation_recursive);
  EXPECT_EQ(bind.set, std::uint64_t{MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOATIME});
  EXPECT_EQ(bind.clear, std::uint64_t{MOUNT_ATTR__ATIME});
  EXPECT_EQ(bind.recursive_set, std::uint64_t{MOUNT_ATTR_NOEXEC});
  const MountOptions& tmpfs = read.spec.mounts[1].options;
  ASSERT_EQ(tmpfs.data.size(), 2U);
  EXPECT_EQ(tmpfs.data[0], "size=64m");
  EXPECT_EQ(tmpfs.clear, std::uint64_t{MOUNT_ATTR_RDONLY});
}

TEST(Spec, WrongTypesAndValuesNameTheField) {
  const std::pair<const char*, const char*> table[] = {
      {R"("hostname": 3)", "hostname"},
      {R"("mounts": {})", "mounts"},
      {R"("mounts": [3])", "mounts"},
      {R"("mounts": [{"type": "tmpfs"}])", "mounts.destination"},
      {R"("mounts": [{"destination": "/x", "type": "bind"}])", "mounts.source"},
      {R"("mounts": [{"destination": "/x", "type": "bind", "source": "/", "options": ["frob"]}])",
       "frob"},
      {R"("root": [])", "root"},
      {R"("linux": {"namespaces": [{"type": "x"}]})", "linux.namespaces"},
      {R"("linux": {"namespaces": [{"type": "pid"}, {"type": "pid"}]})", "given twice"},
      {R"("linux": {"resources": {"pids": {"limit": "7"}}})", "limit"},
      {R"("linux": {"resources": {"unified": {"../x": "1"}}})", "unified"},
      {R"("linux": {"devices": [{"path": "dev", "type": "c"}]})", "linux.devices"},
      {R"("linux": {"rootfsPropagation": "maybe"})", "rootfsPropagation"},
      {R"("linux": {"intelRdt": {"closID": ".."}})", "intelRdt"},
      {R"("hooks": {"prestart": [{"path": "relative"}]})", "hooks path"},
      {R"("hooks": {"prestart": [{"path": "/x", "timeout": 0}]})", "timeout"}};
  for (const auto& [members, word] : table) {
    const Read read(with(members));
    EXPECT_FALSE(read.fine) << members;
    EXPECT_NE(read.failure.text.view().find(word), std::string_view::npos)
        << members << ": " << read.failure.text.c_str();
  }
}

TEST(Spec, AProcessNeedsArgumentsAnAbsoluteDirectoryAndNumericIds) {
  for (const char* process :
       {R"({"cwd": "/"})", R"({"args": [], "cwd": "/"})", R"({"args": ["x"], "cwd": "w"})",
        R"({"args": ["x"], "cwd": "/", "user": {"uid": -1}})",
        R"({"args": ["x"], "cwd": "/", "user": {"uid": 4294967296}})",
        R"({"args": ["x"], "cwd": "/", "user": {"additionalGids": ["a"]}})",
        R"({"args": ["x"], "cwd": "/", "rlimits": [{"type": "RLIMIT_X"}]})",
        R"({"args": ["x"], "cwd": "/", "scheduler": {"policy": "SCHED_X"}})"}) {
    const Read read(std::string(R"({"ociVersion": "1.0.0", "process": )") + process + "}");
    EXPECT_FALSE(read.fine) << process;
  }
}

TEST(Spec, AnotherMajorVersionIsRefused) {
  EXPECT_FALSE(Read(R"({"ociVersion": "2.0.0"})").fine);
  EXPECT_FALSE(Read(R"({})").fine);
  EXPECT_FALSE(Read(R"([])").fine);
}

}  // namespace
}  // namespace wharf::oci
