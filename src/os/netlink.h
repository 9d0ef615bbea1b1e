// Netlink: messages to the kernel in batches, and its answers.
//
// NetlinkBatch collects messages in one buffer (build them with libmnl or libnftnl);
// NetlinkSocket sends the batch with one sendmsg(2) and reads the answers. The kernel works a
// batch off before sendmsg(2) returns, so nothing here waits. rtnetlink goes on after a
// message that failed; nftables undoes the whole batch.
//
// A socket belongs to the network namespace of the thread that opened it, wherever it is used
// later. Thread-safe: one batch at a time per socket. Throws base::Error.
#pragma once

#include <linux/netlink.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "os/fd.h"

namespace wharf::os {

class NetlinkBatch {
 public:
  NetlinkBatch();

  /// Begins a message; NLM_F_REQUEST is added. The pointer is good for `room` bytes in all, until
  /// the next add(). `words` say what it does: "create link veth0".
  nlmsghdr* add(std::uint16_t type, std::uint16_t flags, std::string words,
                std::size_t room = kRoom);

  /// Messages so far.
  std::size_t size() const { return words_.size(); }
  bool empty() const { return words_.empty(); }

  static constexpr std::size_t kRoom = 4096;

 private:
  friend class NetlinkSocket;
  void close_last();

  std::vector<char> buffer_;
  std::size_t used_ = 0;
  bool open_ = false;
  std::vector<std::string> words_;
};

/// What the kernel said to one message.
struct NetlinkFailure {
  std::size_t message = 0;  ///< Which of the batch, from 0.
  int error_number = 0;
  std::string words;   ///< Of the message.
  std::string reason;  ///< The kernel's own text, often empty.
};

class NetlinkSocket {
 public:
  /// NETLINK_ROUTE or NETLINK_NETFILTER, in the network namespace of the calling thread.
  static NetlinkSocket open(int protocol);

  NetlinkSocket(NetlinkSocket&& other) noexcept = default;
  NetlinkSocket& operator=(NetlinkSocket&& other) noexcept = default;

  /// Sends all, and returns what failed. Silence is success: the kernel has worked the batch off
  /// when the send returns, and what failed is answered even where no NLM_F_ACK asks for it.
  std::vector<NetlinkFailure> attempt(NetlinkBatch& batch);

  /// As above; throws for the first failure: "create link veth0: file exists".
  void transact(NetlinkBatch& batch);

  /// Sends one NLM_F_DUMP request; `each` sees every message of the answer.
  void dump(NetlinkBatch& batch, const std::function<void(const nlmsghdr&)>& each);

 private:
  explicit NetlinkSocket(Fd fd) : fd_(std::move(fd)), mutex_(std::make_unique<std::mutex>()) {}
  void send(NetlinkBatch& batch);
  std::size_t receive(std::vector<char>& into);
  void drain();

  Fd fd_;
  std::unique_ptr<std::mutex> mutex_;
  std::uint32_t sequence_ = 0;  ///< Of the first message of the next batch.
};

/// The Error of a failure, with its words and the kernel's reason.
base::Error netlink_error(const NetlinkFailure& failure);

}  // namespace wharf::os
