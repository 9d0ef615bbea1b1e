#include "network/dns_server.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <random>

#include "base/error.h"
#include "base/log.h"
#include "network/dns_upstream.h"
#include "network/nft.h"
#include "os/namespace.h"

namespace wharf::network {

/// Where one container asks.
struct DnsServer::Desk {
  os::Fd datagrams;
  os::Fd connections;
  std::uint64_t key = 0;
  std::size_t under_way = 0;  ///< Guarded by the server's mutex.
  std::mutex mutex;
  bool closed = false;
  DnsView view;
};

namespace {

using base::Kind;

constexpr Ipv4 kAddress{127u << 24 | 11};
constexpr std::uint16_t kPort = 53;
constexpr const char* kTable = "wharf_dns";
constexpr const char* kMap = "ports";
constexpr std::uint64_t kEndingKey = 1;
constexpr std::size_t kMaxMessage = 4096;
constexpr std::size_t kMaxUnderWayEach = 64;
constexpr std::size_t kMaxUnderWay = 512;
constexpr std::chrono::seconds kPatience{10};
constexpr int kBatch = 64;

os::Fd bound_socket(int type) {
  os::Fd made(os::check(WHARF_CALL(socket, AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
                        "make a socket for names"));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = kAddress.network_order();
  os::check(WHARF_CALL(bind, made.get(), reinterpret_cast<const sockaddr*>(&address),
                       socklen_t{sizeof address}),
            "bind to {}", kAddress.text());
  if (type == SOCK_STREAM) os::check(WHARF_CALL(listen, made.get(), 16), "listen for names");
  return made;
}

std::uint16_t port_of(const os::Fd& socket) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  os::check(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size),
            "look at a socket");
  return ntohs(address.sin_port);
}

void lead_to(const os::Fd& datagrams, const os::Fd& connections) {
  NftBatch batch(kTable);
  // Added first: deleting one that is not there would fail.
  batch.add_table();
  batch.delete_table();
  batch.add_table();
  batch.add_set(kMap, NftSetKind::PortTargets);
  for (const auto& [protocol, socket] :
       {std::pair(IPPROTO_UDP, &datagrams), std::pair(IPPROTO_TCP, &connections)}) {
    NftTarget target{.protocol = static_cast<std::uint8_t>(protocol), .port = kPort};
    target.to_address = kAddress;
    target.to_port = port_of(*socket);
    batch.add_target(kMap, NftSetKind::PortTargets, target);
  }
  batch.add_base_chain({"output", "nat", NF_INET_LOCAL_OUT, NF_IP_PRI_NAT_DST});
  batch.add_rule("output", NftRule().destination_in({kAddress, 32}).translate_by_port(kMap));
  os::NetlinkSocket socket = os::NetlinkSocket::open(NETLINK_NETFILTER);
  batch.commit(socket);
}

bool read_exactly(const os::Fd& client, std::span<char> into) {
  while (!into.empty()) {
    if (os::wait_for(client, POLLIN, kPatience) == 0) return false;
    const ssize_t n = WHARF_CALL(recv, client.get(), into.data(), into.size(), 0);
    if (n <= 0) return false;
    into = into.subspan(static_cast<std::size_t>(n));
  }
  return true;
}

}  // namespace

DnsServer::Listener::Listener(DnsServer& server, std::shared_ptr<Desk> desk)
    : server_(&server), desk_(std::move(desk)) {}

DnsServer::Listener::Listener(Listener&& other) noexcept {
  *this = std::move(other);
}

DnsServer::Listener& DnsServer::Listener::operator=(Listener&& other) noexcept {
  if (this == &other) return *this;
  close();
  server_ = std::exchange(other.server_, nullptr);
  desk_ = std::move(other.desk_);
  return *this;
}

void DnsServer::Listener::close() {
  if (!desk_) return;
  {
    const std::lock_guard lock(server_->mutex_);
    server_->desks_.erase(desk_->key);
  }
  server_->epoll_.remove(desk_->datagrams);
  server_->epoll_.remove(desk_->connections);
  {
    const std::lock_guard lock(desk_->mutex);
    desk_->closed = true;
  }
  desk_.reset();
}

DnsServer::DnsServer() {
  epoll_.add(ending_.fd(), EPOLLIN, kEndingKey);
  thread_ = std::jthread([this](std::stop_token stop) { run(stop); });
}

DnsServer::~DnsServer() {
  thread_.request_stop();
  ending_.signal();
  thread_.join();
}

DnsServer::Listener DnsServer::listen(const NetworkNamespace& netns, DnsView view) {
  auto desk = std::make_shared<Desk>();
  desk->view = std::move(view);
  os::in_network_namespace(netns.fd, [&] {
    desk->datagrams = bound_socket(SOCK_DGRAM);
    desk->connections = bound_socket(SOCK_STREAM);
    lead_to(desk->datagrams, desk->connections);
  });
  {
    const std::lock_guard lock(mutex_);
    desk->key = next_key_;
    next_key_ += 2;
    desks_.emplace(desk->key, desk);
  }
  // Odd: its connections.
  epoll_.add(desk->datagrams, EPOLLIN, desk->key);
  epoll_.add(desk->connections, EPOLLIN, desk->key + 1);
  return Listener(*this, std::move(desk));
}

void DnsServer::run(std::stop_token stop) {
  std::array<epoll_event, 32> events;
  while (!stop.stop_requested()) {
    for (const epoll_event& event : epoll_.wait(events, std::chrono::milliseconds(-1))) {
      if (event.data.u64 == kEndingKey) continue;
      DeskPointer desk;
      {
        const std::lock_guard lock(mutex_);
        const auto found = desks_.find(event.data.u64 & ~std::uint64_t{1});
        if (found != desks_.end()) desk = found->second;
      }
      if (!desk) continue;
      try {
        event.data.u64 == desk->key ? answer_datagrams(desk) : take_connection(desk);
      } catch (const base::Error& error) {
        base::log_debug("a container's question: {}", error.what());
      }
    }
  }
}

bool DnsServer::begin(Desk& desk) {
  const std::lock_guard lock(mutex_);
  if (desk.under_way >= kMaxUnderWayEach || under_way_ >= kMaxUnderWay) return false;
  ++desk.under_way;
  ++under_way_;
  return true;
}

void DnsServer::end(Desk& desk) {
  const std::lock_guard lock(mutex_);
  --desk.under_way;
  --under_way_;
}

std::optional<std::string> DnsServer::answer_here(Desk& desk, const DnsQuestion& question) {
  const std::lock_guard lock(desk.mutex);
  if (desk.closed) return dns_answer(question, DnsCode::Failed);
  if (question.type == DnsType::Ptr) {
    const auto address = reverse_address(question.name);
    const auto names = address ? desk.view.names(*address) : std::vector<std::string>();
    if (names.empty()) return std::nullopt;
    return dns_answer(question, names);
  }
  if (question.type != DnsType::A && question.type != DnsType::Aaaa &&
      question.type != DnsType::Mx) {
    return std::nullopt;
  }
  auto addresses = desk.view.addresses(question.name);
  if (!addresses) return std::nullopt;
  // A name of ours is asked nowhere else, whatever of it is wanted.
  if (question.type != DnsType::A) return dns_answer(question, DnsCode::Good);
  static thread_local std::minstd_rand random{std::random_device{}()};
  std::ranges::shuffle(*addresses, random);
  return dns_answer(question, *addresses);
}

std::string DnsServer::ask_others(Desk& desk, const DnsQuestion& question, std::string_view message,
                                  bool by_tcp) const {
  const auto stopping = [this] { return os::wait_for(ending_.fd(), POLLIN, {}) != 0; };
  for (const std::string& server : desk.view.servers) {
    const auto answer = ask_name_server(server, question, message, {by_tcp, stopping});
    if (answer) return *answer;
  }
  return dns_answer(question, DnsCode::Failed);
}

void DnsServer::answer_datagrams(const DeskPointer& desk) {
  for (int i = 0; i < kBatch; ++i) {
    std::array<char, kMaxMessage> buffer;
    sockaddr_in from{};
    socklen_t size = sizeof from;
    const ssize_t n = WHARF_CALL(recvfrom, desk->datagrams.get(), buffer.data(), buffer.size(), 0,
                                 reinterpret_cast<sockaddr*>(&from), &size);
    if (n < 0) return;
    std::string message(buffer.data(), static_cast<std::size_t>(n));
    auto question = parse_question(message);
    if (!question) continue;
    const auto reply = [desk, from, asked = *question](std::string answer) {
      answer = cut_for_udp(std::move(answer), asked);
      WHARF_CALL(sendto, desk->datagrams.get(), answer.data(), answer.size(), MSG_NOSIGNAL,
                 reinterpret_cast<const sockaddr*>(&from), socklen_t{sizeof from});
    };
    if (auto answer = answer_here(*desk, *question)) {
      reply(std::move(*answer));
    } else if (!begin(*desk)) {
      reply(dns_answer(*question, DnsCode::Refused));
    } else {
      jobs_.run([this, desk, reply, asked = std::move(*question), text = std::move(message)] {
        reply(ask_others(*desk, asked, text, false));
        end(*desk);
      });
    }
  }
}

void DnsServer::take_connection(const DeskPointer& desk) {
  const int client = WHARF_CALL(accept4, desk->connections.get(), nullptr, nullptr, SOCK_CLOEXEC);
  if (client < 0) return;
  const auto held = std::make_shared<os::Fd>(client);
  if (!begin(*desk)) return;
  jobs_.run([this, desk, held] {
    converse(desk, *held);
    end(*desk);
  });
}

void DnsServer::converse(const DeskPointer& desk, const os::Fd& client) const {
  std::array<char, 2> head;
  while (read_exactly(client, head)) {
    const std::size_t size = static_cast<std::size_t>(static_cast<unsigned char>(head[0])) << 8 |
                             static_cast<unsigned char>(head[1]);
    std::string message(size, '\0');
    if (!read_exactly(client, message)) return;
    const auto question = parse_question(message);
    if (!question) return;
    auto answer = answer_here(*desk, *question);
    if (!answer) answer = ask_others(*desk, *question, message, true);
    std::string framed{static_cast<char>(answer->size() >> 8), static_cast<char>(answer->size())};
    framed += *answer;
    if (WHARF_CALL(send, client.get(), framed.data(), framed.size(), MSG_NOSIGNAL) < 0) return;
  }
}

}  // namespace wharf::network
