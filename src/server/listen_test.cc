#include "server/listen.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "os/file.h"
#include "server/access.h"
#include "server/pid_file.h"

namespace wharf::server {
namespace {

engine::Settings settings() {
  engine::Settings made;
  made.group = "0";
  return made;
}

class UnixSocketTest : public testing::Test {
 protected:
  std::string path() const { return (directory_.path() / "d.sock").string(); }
  std::vector<http::Listener> open() const {
    return open_listeners("unix://" + path(), settings());
  }
  os::TempDirectory directory_;
};

TEST_F(UnixSocketTest, IsThereWithItsFinalModeAndNothingBesideIt) {
  const auto listeners = open();
  struct stat found{};
  ASSERT_EQ(::stat(path().c_str(), &found), 0);
  EXPECT_TRUE(S_ISSOCK(found.st_mode));
  EXPECT_EQ(found.st_mode & 07777, 0660u);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_.path()),
                          std::filesystem::directory_iterator()),
            1);
}

TEST_F(UnixSocketTest, ReplacesADeadOne) {
  {
    const auto dead = open();
  }
  EXPECT_NO_THROW(open());
}

TEST_F(UnixSocketTest, LeavesALiveOneAlone) {
  const auto live = open();
  EXPECT_THROW(open(), base::Error);
}

TEST_F(UnixSocketTest, IsRefusedWhereSomethingElseLies) {
  ::mkdir(path().c_str(), 0700);
  EXPECT_THROW(open(), base::Error);
  ::rmdir(path().c_str());
  ::symlink("/tmp/elsewhere.sock", path().c_str());
  EXPECT_THROW(open(), base::Error);
  ::unlink(path().c_str());
  ::mkfifo(path().c_str(), 0600);
  EXPECT_THROW(open(), base::Error);
}

TEST_F(UnixSocketTest, IsForRootAloneWhenTheGroupIsMissing) {
  engine::Settings missing;
  missing.group = "no-such-group-here";
  const auto listeners = open_listeners("unix://" + path(), missing);
  struct stat found{};
  ASSERT_EQ(::stat(path().c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 0600u);
  missing.group_given = true;
  EXPECT_THROW(open_listeners("unix:///tmp/never.sock", missing), base::Error);
}

TEST(TcpSocket, WithoutClientCertificatesMustBeAskedForBeyondLoopback) {
  EXPECT_NO_THROW(open_listeners("tcp://127.0.0.1:0", settings()));
  EXPECT_THROW(open_listeners("tcp://0.0.0.0:0", settings()), base::Error);
  engine::Settings asked = settings();
  asked.tls.given = true;
  EXPECT_NO_THROW(open_listeners("tcp://0.0.0.0:0", asked));
}

TEST(Listen, RefusesUnknownProtocols) {
  EXPECT_THROW(open_listeners("npipe:////./pipe/x", settings()), base::Error);
}

http::RequestHead with(const char* name, const char* value) {
  http::RequestHead head;
  if (name) head.headers.add(name, value);
  return head;
}

TEST(Access, RefusesWebPagesOverTcp) {
  const std::vector<std::string> names = {"localhost", "engine.example"};
  EXPECT_THROW(check_origin(with("Origin", "http://evil"), http::Transport::Tcp, names),
               base::Error);
  EXPECT_THROW(check_origin(with("Host", "evil.example"), http::Transport::Tcp, names),
               base::Error);
  EXPECT_NO_THROW(check_origin(with("Host", "127.0.0.1:2375"), http::Transport::Tcp, names));
  EXPECT_NO_THROW(check_origin(with("Host", "[::1]:2375"), http::Transport::Tcp, names));
  EXPECT_NO_THROW(check_origin(with("Host", "ENGINE.example:1"), http::Transport::Tls, names));
  EXPECT_NO_THROW(check_origin(with("Origin", "http://x"), http::Transport::Unix, names));
}

TEST(PidFile, BelongsToTheProcessThatLocksIt) {
  const os::TempDirectory directory;
  const std::string path = (directory.path() / "pid").string();
  os::replace_file(path, "1", 0644);  // A live process that is none of ours.
  {
    const PidFile first(path);
    EXPECT_EQ(os::read_file(path), std::to_string(::getpid()));
    EXPECT_THROW(PidFile second(path), base::Error);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace wharf::server
