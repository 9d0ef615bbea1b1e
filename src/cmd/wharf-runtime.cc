// wharf-runtime: the OCI runtime, and with `supervise` the keeper of one container for wharfd.
#include <unistd.h>

#include <span>
#include <string_view>

#include "runtime/command.h"
#include "runtime/launch.h"
#include "supervise/supervisor.h"

namespace {

int supervise(char** arguments, char** environment) {
  wharf::base::Failure failure;
  if (wharf::runtime::protect_binary(arguments, environment, failure)) {
    return wharf::supervise::supervise();
  }
  failure.text.put("\n");
  (void)!::write(2, failure.text.c_str(), failure.text.size());
  return 1;
}

}  // namespace

int main(int count, char** arguments, char** environment) {
  if (count > 1 && std::string_view(arguments[1]) == "supervise") {
    return supervise(arguments, environment);
  }
  return wharf::runtime::run_command(std::span(arguments, static_cast<std::size_t>(count)),
                                     environment);
}
