// wharf-runtime: the OCI runtime, and with `supervise` the keeper of one container for wharfd.
#include <span>
#include <string_view>

#include "runtime/command.h"

int main(int count, char** arguments, char** environment) {
  return wharf::runtime::run_command(std::span(arguments, static_cast<std::size_t>(count)),
                                     environment);
}
