#include "cgroup/systemd.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <string>
#include <thread>

namespace wharf::cgroup {
namespace {

/// A socket of this test alone where nobody answers but the test.
class Fixture : public ::testing::Test {
 protected:
  void SetUp() override {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_ = "/tmp/wharf-systemd-test-" + std::to_string(::getpid());
    std::memcpy(address.sun_path, path_.data(), path_.size());
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::listen(listener_, 1), 0);
    ::setenv("WHARF_SYSTEMD_SOCKET", path_.c_str(), 1);
  }
  void TearDown() override {
    ::unsetenv("WHARF_SYSTEMD_SOCKET");
    ::close(listener_);
    ::unlink(path_.c_str());
  }
  /// What the peer says first, after it was spoken to; then it listens, slowly.
  std::thread answer(std::string words, std::string& heard) {
    return std::thread([this, words, &heard] {
      constexpr auto kBusy = std::chrono::milliseconds(30);
      const int peer = ::accept(listener_, nullptr, nullptr);
      char buffer[4096];
      for (ssize_t got = 0; (got = ::read(peer, buffer, sizeof buffer)) > 0;) {
        if (heard.empty()) {
          EXPECT_GT(::write(peer, words.data(), words.size()), 0);
        }
        heard.append(buffer, static_cast<std::size_t>(got));
        heard += '|';
        std::this_thread::sleep_for(kBusy);
      }
      ::close(peer);
    });
  }

  int listener_ = -1;
  std::string path_;
  Failure failure_;
};

using SystemdTalk = Fixture;

TEST_F(SystemdTalk, EndsInTimeWithAPeerThatSaysNothing) {
  Systemd systemd(50);
  EXPECT_FALSE(systemd.connect(failure_));
  EXPECT_STREQ(failure_.text.c_str(), "systemd: no answer in time");
  EXPECT_TRUE(systemd.timed_out());
}

TEST_F(SystemdTalk, BeginsWithWhoWeAre) {
  std::string heard;
  std::thread peer = answer("OK 0123\r\n", heard);
  {
    Systemd systemd(5000);
    EXPECT_TRUE(systemd.connect(failure_)) << failure_.text.c_str();
  }
  peer.join();
  std::string digits;
  for (const char digit : std::to_string(::geteuid())) digits += {'3', digit};
  EXPECT_EQ(heard, std::string(1, '\0') + "AUTH EXTERNAL " + digits + "\r\n|BEGIN\r\n|");
}

// A symptom: every second stop of a scope took its whole time limit, with systemd 252.
TEST_F(SystemdTalk, SaysNothingMoreBeforeItsBeginWasRead) {
  std::string heard;
  std::thread peer = answer("OK 0123\r\n", heard);
  {
    Systemd systemd(5000);
    ASSERT_TRUE(systemd.connect(failure_)) << failure_.text.c_str();
    char memory[512];
    dbus::Marshal message(memory);
    systemd.begin(message, "Subscribe", "");
    ASSERT_TRUE(message.finish());
    systemd.send_only(message);
  }
  peer.join();
  EXPECT_NE(heard.find("\r\n|BEGIN\r\n|l\1"), heard.npos);
}

TEST_F(SystemdTalk, GivesARefusalInThePeersWords) {
  std::string heard;
  std::thread peer = answer("REJECTED EXTERNAL\r\n", heard);
  {
    Systemd systemd(5000);
    EXPECT_FALSE(systemd.connect(failure_));
  }
  peer.join();
  EXPECT_STREQ(failure_.text.c_str(), "systemd: refuses us: REJECTED EXTERNAL");
}

}  // namespace
}  // namespace wharf::cgroup
