// A profile of any bytes: compiled into a program whose jumps stay inside, or refused.
#include <cstdint>
#include <string>

#include "os/seccomp.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  wharf::base::Arena arena(8 << 20);
  wharf::base::Failure failure;
  wharf::os::SeccompFilter filter;
  if (!wharf::os::compile_seccomp(arena, text, filter, failure)) return 0;
  for (std::size_t at = 0; at < filter.code.size(); ++at) {
    const sock_filter& each = filter.code[at];
    if (BPF_CLASS(each.code) != BPF_JMP) continue;
    const bool always = BPF_OP(each.code) == BPF_JA;
    const std::size_t farthest = always ? each.k : each.jt > each.jf ? each.jt : each.jf;
    if (at + 1 + farthest >= filter.code.size()) __builtin_trap();
  }
  return 0;
}
