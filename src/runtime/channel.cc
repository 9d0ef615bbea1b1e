#include "runtime/channel.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>

#include "runtime/launch.h"

namespace wharf::runtime {
namespace {

constexpr std::size_t kHead = offsetof(Message, text);

union Control {
  cmsghdr header;
  char bytes[CMSG_SPACE(sizeof(int))];
};

bool send_message(int channel, const void* data, std::size_t size, int descriptor) {
  iovec part{const_cast<void*>(data), size};
  Control control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (descriptor >= 0) {
    message.msg_control = &control;
    message.msg_controllen = sizeof control;
    cmsghdr* head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof descriptor);
    std::memcpy(CMSG_DATA(head), &descriptor, sizeof descriptor);
  }
  ssize_t sent = 0;
  do {
    sent = ::sendmsg(channel, &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent >= 0;
}

}  // namespace

int make_channel(int ends[2]) {
  return ::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
}

bool send_news(int channel, News news, std::int32_t number, std::string_view text) {
  Message message;
  message.news = news;
  message.number = number;
  const std::size_t length =
      text.size() < sizeof message.text ? text.size() : sizeof message.text - 1;
  std::memcpy(message.text, text.data(), length);
  return send_message(channel, &message, kHead + length + 1, -1);
}

bool send_descriptor(int channel, News news, int descriptor) {
  Message message;
  message.news = news;
  return send_message(channel, &message, kHead + 1, descriptor);
}

bool send_text(int socket, std::string_view text, int descriptor) {
  return send_message(socket, text.data(), text.size(), descriptor);
}

bool send_terminal(int socket, int terminal) {
  // What follows the descriptor is its name; runc sends this one, and some readers check it.
  return send_message(socket, "/dev/ptmx", 9, terminal);
}

bool receive(int channel, Message& message, int* descriptor) {
  iovec part{&message, sizeof message};
  Control control{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = &control;
  header.msg_controllen = sizeof control;
  ssize_t got = 0;
  do {
    got = ::recvmsg(channel, &header, MSG_CMSG_CLOEXEC);
    // ECONNRESET comes once when the other side ended with a message of ours unread, ahead of
    // what it had said before: that is read next.
  } while (got < 0 && (errno == EINTR || errno == ECONNRESET));
  if (descriptor != nullptr) *descriptor = -1;
  const cmsghdr* head = CMSG_FIRSTHDR(&header);
  if (got > 0 && head != nullptr && head->cmsg_type == SCM_RIGHTS) {
    int received = -1;
    std::memcpy(&received, CMSG_DATA(head), sizeof received);
    if (descriptor != nullptr)
      *descriptor = received;
    else
      ::close(received);
  }
  if (got <= 0) {
    message.news = News::End;
    return got == 0;
  }
  message.text[sizeof message.text - 1] = '\0';
  return static_cast<std::size_t>(got) > kHead;
}

}  // namespace wharf::runtime
