// wharfd, which may also be called dockerd.
//
//   wharfd [dockerd's options]     the daemon: see server/daemon.h
//   wharfd unpack ...              a sandboxed unpacker of one layer, started by the daemon itself
#include <string>
#include <string_view>
#include <vector>

#include "layer/unpacker_process.h"
#include "server/daemon.h"

int main(int count, char** arguments) {
  // First of all: this process must not have made a thread, nor opened anything of its own.
  if (count > 1 && std::string_view(arguments[1]) == "unpack") return wharf::layer::unpack_main();
  const std::vector<std::string> words(arguments + 1, arguments + count);
  return wharf::server::daemon_main(words);
}
