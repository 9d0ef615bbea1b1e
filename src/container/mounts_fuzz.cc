// Binds, tmpfs options, ports, detach keys and sizes as a request may have them.
#include <cstddef>
#include <cstdint>
#include <string>

#include "api/request_checks.h"
#include "base/error.h"
#include "container/detach_keys.h"
#include "container/log_options.h"
#include "container/mounts.h"
#include "container/signals.h"

namespace {

template <class Action>
void attempt(Action action) {
  try {
    action();
  } catch (const wharf::base::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace wharf;
  const std::string text(reinterpret_cast<const char*>(data), size);
  attempt([&] { (void)container::parse_bind(text, ""); });
  attempt([&] { container::check_tmpfs_options(text); });
  attempt([&] { (void)container::parse_volumes_from(text); });
  attempt([&] { (void)api::normalized_port(text); });
  attempt([&] { api::check_address(text); });
  attempt([&] { (void)container::parse_detach_keys(text); });
  attempt([&] { (void)container::parse_size(text); });
  attempt([&] { (void)container::parse_signal(text); });
  return 0;
}
