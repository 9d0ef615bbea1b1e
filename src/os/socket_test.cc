#include "os/socket.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "os/file.h"
#include "os/poll.h"

namespace wharf::os {
namespace {

TEST(UnixSocket, CarriesDescriptorsBesideAMessage) {
  const SocketPair pair = make_socket_pair(SOCK_SEQPACKET);
  const Pipe pipe = make_pipe();
  send_message(pair.first, "take", std::array{&pipe.write});
  std::array<char, 16> buffer;
  const Message message = receive_message(pair.second, buffer);
  EXPECT_EQ(std::string_view(buffer.data(), message.size), "take");
  ASSERT_EQ(message.descriptors.size(), 1u);
  EXPECT_TRUE(::fcntl(message.descriptors[0].get(), F_GETFD) & FD_CLOEXEC);
  write_all(message.descriptors[0], "x");
  EXPECT_EQ(read_some(pipe.read, buffer), 1u);
}

TEST(UnixSocket, AMessageTooLongIsAnErrorAndItsDescriptorsAreClosed) {
  const SocketPair pair = make_socket_pair(SOCK_SEQPACKET);
  Pipe pipe = make_pipe();
  send_message(pair.first, "too long", std::array{&pipe.write});
  pipe.write.reset();
  std::array<char, 4> buffer;
  EXPECT_THROW(receive_message(pair.second, buffer), base::Error);
  EXPECT_EQ(read_some(pipe.read, buffer), 0u);  // Nobody holds the other end.
}

TEST(UnixSocket, ListensWithTheModeAskedForAndKnowsItsPeer) {
  const TempDirectory temp;
  const Path path = temp.path() / "s";
  const Fd listener = listen_unix(path, SOCK_SEQPACKET | SOCK_NONBLOCK, 0600);
  struct stat status{};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  EXPECT_FALSE(accept_connection(listener).valid());
  const Fd client = connect_unix(path, SOCK_SEQPACKET);
  const Fd server = accept_connection(listener);
  EXPECT_EQ(peer_credentials(server).pid, ::getpid());
  EXPECT_EQ(peer_credentials(server).uid, ::geteuid());
}

TEST(UnixSocket, ReachesPathsLongerThanSunPath) {
  const TempDirectory temp;
  const Path folder = temp.path() / std::string(120, 'a');
  make_directories(folder, 0700);
  const Fd listener = listen_unix(folder / "sock", SOCK_STREAM, 0600);
  EXPECT_TRUE(connect_unix(folder / "sock", SOCK_STREAM).valid());
}

TEST(UnixSocket, TellsANameThatIsMissingFromOneThatNobodyServes) {
  const TempDirectory temp;
  const auto reason = [&](const char* name) {
    try {
      connect_unix(temp.path() / name, SOCK_STREAM);
    } catch (const base::Error& error) {
      return error.error_number();
    }
    return 0;
  };
  EXPECT_EQ(reason("absent"), ENOENT);
  {
    const Fd gone = listen_unix(temp.path() / "stale", SOCK_STREAM, 0600);
  }
  EXPECT_EQ(reason("stale"), ECONNREFUSED);
  // A new listener takes the stale name over.
  const Fd again = listen_unix(temp.path() / "stale", SOCK_STREAM, 0600);
  EXPECT_EQ(reason("stale"), 0);
}

TEST(Poll, EndsInTimeAndReportsWhatHappened) {
  const SocketPair pair = make_socket_pair(SOCK_STREAM);
  EXPECT_EQ(wait_for(pair.first, POLLIN, std::chrono::milliseconds(5)), 0);
  write_all(pair.second, "x");
  EXPECT_EQ(wait_for(pair.first, POLLIN, std::chrono::milliseconds(1000)), POLLIN);
}

TEST(Poll, EpollReturnsTheKeysOfWhatIsReady) {
  Epoll epoll;
  Wakeup one, two;
  epoll.add(one.fd(), EPOLLIN, 1);
  epoll.add(two.fd(), EPOLLIN, 2);
  two.signal();
  std::array<epoll_event, 4> events;
  const auto ready = epoll.wait(events, std::chrono::milliseconds(1000));
  ASSERT_EQ(ready.size(), 1u);
  // A copy: epoll_event is packed, and no reference may be bound to what is misaligned.
  EXPECT_EQ(std::uint64_t{ready[0].data.u64}, 2u);
  two.clear();
  EXPECT_TRUE(epoll.wait(events, std::chrono::milliseconds(0)).empty());
}

}  // namespace
}  // namespace wharf::os
