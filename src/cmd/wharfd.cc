// wharfd, which may also be called dockerd.
//
//   wharfd [dockerd's options]     the daemon: see server/daemon.h
//   wharfd unpack ...              a sandboxed unpacker of one layer, started by the daemon itself
#include <string>
#include <vector>

#include "server/daemon.h"

int main(int count, char** arguments) {
  const std::vector<std::string> words(arguments + 1, arguments + count);
  return wharf::server::daemon_main(words);
}
