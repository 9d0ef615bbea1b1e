// Debian's docker-registry for tests, and skopeo to put images there.
#pragma once

#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/file.h"
#include "os/process.h"

namespace wharf::image {

/// Debian's docker-registry on a free port of 127.0.0.1.
class RealRegistry {
 public:
  RealRegistry() {
    os::Fd probe(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    os::check(::bind(probe.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), "bind");
    socklen_t bytes = sizeof address;
    ::getsockname(probe.get(), reinterpret_cast<sockaddr*>(&address), &bytes);
    domain = fmt::format("127.0.0.1:{}", ntohs(address.sin_port));
    probe.reset();
    os::replace_file(
        root.path() / "config.yml",
        fmt::format(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n"
            "http: {{addr: {}}}\n",
            (root.path() / "data").string(), domain),
        0600);
    process = os::Process::spawn({.program = "/usr/bin/docker-registry",
                                  .arguments = {"serve", (root.path() / "config.yml").string()}});
  }
  /// The program that is not installed, or "".
  static std::string missing() {
    for (const char* program : {"/usr/bin/docker-registry", "/usr/bin/skopeo"}) {
      if (::access(program, X_OK) != 0) return program;
    }
    return {};
  }

  ~RealRegistry() {
    process.signal(SIGKILL);
    process.wait();
  }
  int copy(const std::string& archive, const std::string& name) const {
    return os::Process::spawn(
               {.program = "/usr/bin/skopeo",
                .arguments = {"copy", "--insecure-policy", "--dest-tls-verify=false", "--quiet",
                              "docker-archive:" + archive, "docker://" + domain + "/" + name},
                .environment = {"HOME=/tmp", "PATH=/usr/bin:/bin"}})
        .wait()
        .code;
  }
  os::TempDirectory root;
  std::string domain;
  os::Process process;
};

}  // namespace wharf::image
