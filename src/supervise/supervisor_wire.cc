#include "supervise/supervisor_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

namespace wharf::supervise {
namespace {

std::uint64_t packed(Key key) {
  return static_cast<std::uint64_t>(key.source) << 32 | key.index;
}

epoll_event event_of(std::uint32_t events, Key key) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = packed(key);
  return event;
}

}  // namespace

bool Poller::open() {
  fd_ = epoll_create1(EPOLL_CLOEXEC);
  return fd_ >= 0;
}

bool Poller::watch(int fd, std::uint32_t events, Key key) {
  epoll_event event = event_of(events, key);
  return epoll_ctl(fd_, EPOLL_CTL_ADD, fd, &event) == 0;
}

bool Poller::change(int fd, std::uint32_t events, Key key) {
  epoll_event event = event_of(events, key);
  return epoll_ctl(fd_, EPOLL_CTL_MOD, fd, &event) == 0;
}

void Poller::forget(int fd) {
  epoll_ctl(fd_, EPOLL_CTL_DEL, fd, nullptr);
}

std::size_t Poller::wait(std::span<Ready> into, int timeout_ms) {
  constexpr int kBatch = 16;
  epoll_event events[kBatch];
  const int room = into.size() < kBatch ? static_cast<int>(into.size()) : kBatch;
  const int count = epoll_wait(fd_, events, room, timeout_ms);
  for (int i = 0; i < count; ++i) {
    const std::uint64_t key = events[i].data.u64;
    into[static_cast<std::size_t>(i)] = {
        {static_cast<Source>(key >> 32), static_cast<std::uint32_t>(key)}, events[i].events};
  }
  return count < 0 ? 0 : static_cast<std::size_t>(count);
}

void close_fd(int& fd) {
  if (fd >= 0) close(fd);
  fd = -1;
}

std::int64_t wall_ns() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

std::int64_t monotonic_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

Descriptors::~Descriptors() {
  for (std::size_t i = 0; i < count_; ++i) close_fd(fds_[i]);
}

int Descriptors::take(std::size_t index) {
  if (index >= count_) return -1;
  const int taken = fds_[index];
  fds_[index] = -1;
  return taken;
}

void Descriptors::add(int fd) {
  if (count_ == wire::kMaxDescriptors) {
    close(fd);
    return;
  }
  fds_[count_++] = fd;
}

ssize_t receive(int socket, std::span<char> into, Descriptors& descriptors) {
  alignas(cmsghdr) char control[CMSG_SPACE(wire::kMaxDescriptors * sizeof(int))];
  iovec part{into.data(), into.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  ssize_t size = -1;
  do {
    size = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  if (size < 0) return -1;
  for (cmsghdr* part_of = CMSG_FIRSTHDR(&header); part_of;
       part_of = CMSG_NXTHDR(&header, part_of)) {
    if (part_of->cmsg_level != SOL_SOCKET || part_of->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part_of->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      memcpy(&fd, CMSG_DATA(part_of) + i * sizeof fd, sizeof fd);
      descriptors.add(fd);
    }
  }
  if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    errno = EMSGSIZE;
    return -1;
  }
  return size;
}

bool send(int socket, std::string_view first, std::string_view second,
          std::span<const int> descriptors) {
  alignas(cmsghdr) char control[CMSG_SPACE(8 * sizeof(int))] = {};
  iovec parts[2] = {{const_cast<char*>(first.data()), first.size()},
                    {const_cast<char*>(second.data()), second.size()}};
  msghdr header{};
  header.msg_iov = parts;
  header.msg_iovlen = 2;
  if (!descriptors.empty()) {
    header.msg_control = control;
    header.msg_controllen =
        static_cast<decltype(header.msg_controllen)>(CMSG_SPACE(descriptors.size_bytes()));
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = static_cast<decltype(rights->cmsg_len)>(CMSG_LEN(descriptors.size_bytes()));
    memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size_bytes());
  }
  ssize_t sent = -1;
  do {
    sent = sendmsg(socket, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  return sent >= 0;
}

}  // namespace wharf::supervise
