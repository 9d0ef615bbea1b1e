// Questions of containers: hostile bytes by design.
#include <cstddef>
#include <cstdint>

#include "network/dns_message.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace wharf::network;
  const auto question = parse_question({reinterpret_cast<const char*>(data), size});
  if (!question) return 0;
  reverse_address(question->name);
  cut_for_udp(dns_answer(*question, std::vector<Ipv4>(40)), *question);
  // What was asked is asked again by its own answer's bytes, but for the bit that says so.
  std::string again = dns_answer(*question, std::vector<std::string>{question->name});
  again[2] = static_cast<char>(again[2] & 0x7f);
  if (!parse_question(again)) __builtin_trap();
  return 0;
}
