#include "os/netlink.h"

#include <libmnl/libmnl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace wharf::os {
namespace {

// nftables answers a batch of a thousand messages with up to as many errors at once.
constexpr int kSocketBufferBytes = 16 << 20;

/// The kernel's own text in an extended acknowledgement (NLMSGERR_ATTR_MSG).
std::string reason_of(const nlmsghdr* message) {
  if (!(message->nlmsg_flags & NLM_F_ACK_TLVS)) return {};
  const auto* error = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(message));
  std::size_t offset = sizeof *error;
  // NETLINK_CAP_ACK leaves only the header of the request in there, where it is flagged so.
  if (!(message->nlmsg_flags & NLM_F_CAPPED)) offset += error->msg.nlmsg_len - sizeof(nlmsghdr);
  const auto* end = reinterpret_cast<const char*>(message) + message->nlmsg_len;
  const auto* attribute = static_cast<const nlattr*>(mnl_nlmsg_get_payload_offset(message, offset));
  while (mnl_attr_ok(attribute, static_cast<int>(end - reinterpret_cast<const char*>(attribute)))) {
    if (mnl_attr_get_type(attribute) == NLMSGERR_ATTR_MSG) return mnl_attr_get_str(attribute);
    attribute = mnl_attr_next(attribute);
  }
  return {};
}

}  // namespace

NetlinkBatch::NetlinkBatch() {
  buffer_.resize(kRoom);
}

void NetlinkBatch::close_last() {
  if (!open_) return;
  const auto* header = reinterpret_cast<const nlmsghdr*>(buffer_.data() + used_);
  used_ += NLMSG_ALIGN(header->nlmsg_len);
  open_ = false;
}

nlmsghdr* NetlinkBatch::add(std::uint16_t type, std::uint16_t flags, std::string words,
                            std::size_t room) {
  close_last();
  if (buffer_.size() < used_ + room) buffer_.resize(std::max(used_ + room, used_ * 2));
  nlmsghdr* header = mnl_nlmsg_put_header(buffer_.data() + used_);
  header->nlmsg_type = type;
  header->nlmsg_flags = static_cast<std::uint16_t>(flags | NLM_F_REQUEST);
  header->nlmsg_seq = static_cast<std::uint32_t>(words_.size());  // Made absolute by send().
  words_.push_back(std::move(words));
  open_ = true;
  return header;
}

NetlinkSocket NetlinkSocket::open(int protocol) {
  Fd fd(check(WHARF_CALL(socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol),
              "open netlink socket"));
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  check(WHARF_CALL(bind, fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address),
        "bind netlink socket");
  // Errors are told without a copy of the request, and with the kernel's own words. Kernels
  // without one of these options answer just as well, less nicely.
  const int on = 1;
  ::setsockopt(fd.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  ::setsockopt(fd.get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUFFORCE, &kSocketBufferBytes,
               sizeof kSocketBufferBytes);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kSocketBufferBytes,
               sizeof kSocketBufferBytes);
  return NetlinkSocket(std::move(fd));
}

void NetlinkSocket::drain() {
  std::array<char, 4096> scrap;
  while (::recv(fd_.get(), scrap.data(), scrap.size(), MSG_DONTWAIT) > 0) {
  }
}

void NetlinkSocket::send(NetlinkBatch& batch) {
  batch.close_last();
  nlmsghdr* last = nullptr;
  for (std::size_t at = 0; at < batch.used_;) {
    last = reinterpret_cast<nlmsghdr*>(batch.buffer_.data() + at);
    last->nlmsg_seq += sequence_;
    at += NLMSG_ALIGN(last->nlmsg_len);
  }
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  const ssize_t sent = WHARF_CALL(sendto, fd_.get(), batch.buffer_.data(), batch.used_, 0,
                                  reinterpret_cast<sockaddr*>(&kernel), sizeof kernel);
  check(sent, "{}: send to the kernel", batch.words_.front());
}

std::size_t NetlinkSocket::receive(std::vector<char>& into) {
  while (true) {
    const ssize_t n = WHARF_CALL(recv, fd_.get(), into.data(), into.size(), MSG_DONTWAIT);
    if (n >= 0) return static_cast<std::size_t>(n);
    if (errno == EAGAIN) return 0;
    if (errno != EINTR) throw last_error("read the kernel's answer");
  }
}

std::vector<NetlinkFailure> NetlinkSocket::attempt(NetlinkBatch& batch) {
  std::vector<NetlinkFailure> failures;
  if (batch.empty()) return failures;
  batch.close_last();
  const std::lock_guard lock(*mutex_);
  drain();
  send(batch);
  const std::uint32_t first = sequence_;
  sequence_ += static_cast<std::uint32_t>(batch.size());

  std::vector<char> answer(32 * 1024);
  while (const std::size_t bytes = receive(answer)) {
    int left = static_cast<int>(bytes);
    const auto* message = reinterpret_cast<const nlmsghdr*>(answer.data());
    for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
      if (message->nlmsg_type != NLMSG_ERROR) continue;
      const auto* error = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(message));
      const std::size_t index = message->nlmsg_seq - first;
      if (error->error == 0 || index >= batch.size()) continue;
      failures.push_back({index, -error->error, batch.words_[index], reason_of(message)});
    }
  }
  return failures;
}

void NetlinkSocket::transact(NetlinkBatch& batch) {
  const std::vector<NetlinkFailure> failures = attempt(batch);
  if (!failures.empty()) throw netlink_error(failures.front());
}

void NetlinkSocket::dump(NetlinkBatch& batch, const std::function<void(const nlmsghdr&)>& each) {
  const std::lock_guard lock(*mutex_);
  drain();
  send(batch);
  const std::uint32_t first = sequence_;
  sequence_ += static_cast<std::uint32_t>(batch.size());

  std::vector<char> answer(64 * 1024);
  while (const std::size_t bytes = receive(answer)) {
    int left = static_cast<int>(bytes);
    const auto* message = reinterpret_cast<const nlmsghdr*>(answer.data());
    for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
      if (message->nlmsg_seq < first) continue;
      if (message->nlmsg_type == NLMSG_DONE) return;
      if (message->nlmsg_type == NLMSG_ERROR) {
        const auto* error = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(message));
        if (error->error == 0) return;
        throw netlink_error({0, -error->error, batch.words_.front(), reason_of(message)});
      }
      each(*message);
    }
  }
}

base::Error netlink_error(const NetlinkFailure& failure) {
  if (failure.reason.empty()) return base::errno_error(failure.error_number, failure.words);
  return base::errno_error(failure.error_number,
                           fmt::format("{} ({})", failure.words, failure.reason));
}

}  // namespace wharf::os
