#include "server/listen.h"

#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>

#include "base/ids.h"
#include "base/log.h"
#include "base/strings.h"
#include "http/tls_server.h"
#include "os/file.h"

namespace wharf::server {
namespace {

using base::fail;
using base::Kind;

constexpr int kBacklog = 1024;
constexpr int kFirstInherited = 3;  // sd_listen_fds(3)

sockaddr_un unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    fail(Kind::InvalidArgument, "listen unix {}: bind: path is too long", path);
  path.copy(address.sun_path, path.size());
  return address;
}

/// Whether a daemon still answers at `path`.
bool is_alive(const std::string& path) {
  const os::Fd probe(
      os::check(WHARF_CALL(socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "make socket"));
  const sockaddr_un address = unix_address(path);
  return WHARF_CALL(connect, probe.get(), reinterpret_cast<const sockaddr*>(&address),
                    sizeof address) == 0;
}

/// What lies at `path` may be a dead socket, nothing else.
void check_place(const std::string& path) {
  struct stat found{};
  if (::lstat(path.c_str(), &found) < 0) return;
  if (!S_ISSOCK(found.st_mode)) {
    fail(Kind::InvalidArgument, "can't create unix socket {}: something is there that is no socket",
         path);
  }
  if (is_alive(path))
    fail(Kind::Conflict, "can't create unix socket {}: a daemon is listening on it", path);
}

/// Nothing: the group does not exist. Docker: that is a warning unless the group was asked for.
std::optional<gid_t> group_id(const engine::Settings& settings) {
  gid_t number = 0;
  const std::string& name = settings.group;
  const auto read = std::from_chars(name.data(), name.data() + name.size(), number);
  if (!name.empty() && read.ec == std::errc() && read.ptr == name.data() + name.size())
    return number;
  if (name.empty()) return 0;
  if (const struct group* found = ::getgrnam(name.c_str())) return found->gr_gid;
  if (settings.group_given)
    fail(Kind::InvalidArgument, "can't create unix socket: group {} not found", name);
  base::log_warn("could not change group to {}: group {} not found", name, name);
  return std::nullopt;
}

http::Listener open_unix(std::string path, const engine::Settings& settings) {
  if (path.empty()) path = "/var/run/docker.sock";
  check_place(path);
  const std::optional<gid_t> group = group_id(settings);
  os::make_directories(os::Path(path).parent_path(), 0755);
  const std::string made = fmt::format("{}.{}", path, base::short_id(base::random_id()));
  os::Fd socket(os::check(
      WHARF_CALL(socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "make socket"));
  const sockaddr_un address = unix_address(made);

  // The file has the socket's mode. A umask would be that of every thread, and of every process
  // that one of them starts meanwhile.
  os::check(WHARF_CALL(fchmod, socket.get(), 0), "change mode of a socket");
  os::check(
      WHARF_CALL(bind, socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
      "listen unix {}: bind", path);
  try {
    // Without the group only root may speak to the daemon.
    if (group) os::check(WHARF_CALL(chown, made.c_str(), 0, *group), "change owner of {}", path);
    os::check(WHARF_CALL(listen, socket.get(), kBacklog), "listen unix {}", path);
    os::check(WHARF_CALL(chmod, made.c_str(), group ? 0660 : 0600), "change mode of {}", path);
    os::check(WHARF_CALL(rename, made.c_str(), path.c_str()), "put socket at {}", path);
  } catch (...) {
    ::unlink(made.c_str());
    throw;
  }
  return {std::move(socket), http::Transport::Unix, nullptr, path};
}

struct Address {
  std::string host;
  std::string port;
};

/// "127.0.0.1:2375", "[::1]:2375", "host", ":2375".
Address parse_address(std::string_view text, bool tls) {
  text = text.substr(0, text.find('/'));
  Address address;
  const std::size_t close = text.find(']');
  const std::size_t colon = text.rfind(':');
  const bool has_port =
      colon != std::string_view::npos && (close == std::string_view::npos || colon > close);
  address.host = std::string(text.substr(0, has_port ? colon : text.size()));
  if (has_port) address.port = std::string(text.substr(colon + 1));
  if (address.host.starts_with('[') && address.host.ends_with(']'))
    address.host = address.host.substr(1, address.host.size() - 2);
  if (address.host.empty()) address.host = "localhost";
  if (address.port.empty()) address.port = tls ? "2376" : "2375";
  return address;
}

bool is_loopback(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    return (ntohl(reinterpret_cast<const sockaddr_in*>(address)->sin_addr.s_addr) >> 24) == 127;
  }
  return IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr);
}

/// An API without client certificates is root for whoever can connect (threats A62).
void check_exposure(const engine::Settings& settings, const sockaddr* address,
                    std::string_view name) {
  if (settings.tls.verify) return;
  base::log_warn(
      "Binding to IP address without --tlsverify is insecure and gives root access on this machine "
      "to "
      "everyone who has access to your network. (host: {})",
      name);
  if (is_loopback(address) || settings.tls.given) return;
  fail(Kind::InvalidArgument,
       "API listens on tcp://{} without TLS verification: this must be asked for with --tls=false "
       "or "
       "--tlsverify=false (or use --tlsverify)",
       name);
}

std::shared_ptr<const http::TlsServer> tls_server(const engine::Settings& settings) {
  if (!settings.tls.enabled) return nullptr;
  http::TlsServerOptions options;
  const std::string home =
      ::getenv("DOCKER_CERT_PATH") ? ::getenv("DOCKER_CERT_PATH") : "/root/.docker";
  options.certificate_file =
      settings.tls.certificate.empty() ? home + "/cert.pem" : settings.tls.certificate;
  options.key_file = settings.tls.key.empty() ? home + "/key.pem" : settings.tls.key;
  options.ca_file = settings.tls.ca.empty() ? home + "/ca.pem" : settings.tls.ca;
  options.verify_clients = settings.tls.verify;
  return std::make_shared<const http::TlsServer>(options);
}

os::Fd bind_tcp(const addrinfo& address, const std::string& name) {
  os::Fd socket(os::check(
      WHARF_CALL(socket, address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
      "make socket"));
  const int on = 1;
  os::check(::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on),
            "set SO_REUSEADDR");
  if (address.ai_family == AF_INET6)
    os::check(::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on),
              "set IPV6_V6ONLY");
  os::check(WHARF_CALL(bind, socket.get(), address.ai_addr, address.ai_addrlen),
            "listen tcp {}: bind", name);
  os::check(WHARF_CALL(listen, socket.get(), kBacklog), "listen tcp {}", name);
  return socket;
}

std::vector<http::Listener> open_tcp(std::string_view text, const engine::Settings& settings) {
  const Address wanted = parse_address(text, settings.tls.enabled);
  const std::string name = fmt::format("{}:{}", wanted.host, wanted.port);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (const int failed = ::getaddrinfo(wanted.host.c_str(), wanted.port.c_str(), &hints, &found);
      failed != 0) {
    fail(Kind::InvalidArgument, "listen tcp {}: {}", name, ::gai_strerror(failed));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned(found, ::freeaddrinfo);
  check_exposure(settings, found->ai_addr, name);
  const auto tls = tls_server(settings);
  std::vector<http::Listener> listeners;
  // As Go: a name is listened to at its first address.
  listeners.push_back(
      {bind_tcp(*found, name), tls ? http::Transport::Tls : http::Transport::Tcp, tls, name});
  return listeners;
}

int environment_number(const char* name) {
  const char* text = ::getenv(name);
  int number = -1;
  if (text) std::from_chars(text, text + std::string_view(text).size(), number);
  return number;
}

/// Sockets that systemd opened: "fd://" all of them, "fd://3" or "fd://*" likewise.
std::vector<http::Listener> take_inherited(std::string_view which) {
  const int count =
      environment_number("LISTEN_PID") == ::getpid() ? environment_number("LISTEN_FDS") : 0;
  std::vector<http::Listener> listeners;
  for (int number = kFirstInherited; number < kFirstInherited + count; ++number) {
    if (!which.empty() && which != "*" && which != std::to_string(number)) continue;
    os::check(WHARF_CALL(fcntl, number, F_SETFD, FD_CLOEXEC), "take descriptor {}", number);
    const int flags = os::check(WHARF_CALL(fcntl, number, F_GETFL), "take descriptor {}", number);
    os::check(WHARF_CALL(fcntl, number, F_SETFL, flags | O_NONBLOCK), "take descriptor {}", number);
    sockaddr_storage bound{};
    socklen_t size = sizeof bound;
    os::check(::getsockname(number, reinterpret_cast<sockaddr*>(&bound), &size),
              "take descriptor {}", number);
    const auto transport =
        bound.ss_family == AF_UNIX ? http::Transport::Unix : http::Transport::Tcp;
    listeners.push_back({os::Fd(number), transport, nullptr, fmt::format("fd://{}", number)});
  }
  if (listeners.empty())
    fail(Kind::InvalidArgument,
         "no sockets found via socket activation: make sure the service was started by systemd");
  return listeners;
}

}  // namespace

std::vector<http::Listener> open_listeners(const std::string& host,
                                           const engine::Settings& settings) {
  const std::size_t scheme = host.find("://");
  const std::string protocol = scheme == std::string::npos
                                   ? (host.starts_with('/') ? "unix" : "tcp")
                                   : host.substr(0, scheme);
  const std::string rest = scheme == std::string::npos ? host : host.substr(scheme + 3);
  if (protocol == "fd") return take_inherited(rest);
  if (protocol == "tcp") return open_tcp(rest, settings);
  if (protocol != "unix")
    fail(Kind::InvalidArgument, "invalid bind address ({}): unsupported protocol {}", host,
         base::quoted(protocol));
  std::vector<http::Listener> listeners;
  listeners.push_back(open_unix(rest, settings));
  return listeners;
}

std::vector<std::string> host_names(const engine::Settings& settings) {
  std::vector<std::string> names = {"localhost"};
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) == 0) names.emplace_back(name.data());
  for (const std::string& host : settings.hosts) {
    if (host.starts_with("tcp://"))
      names.push_back(parse_address(std::string_view(host).substr(6), false).host);
  }
  return names;
}

}  // namespace wharf::server
