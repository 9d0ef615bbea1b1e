// MessagePack, as much of it as fluentd's forward protocol takes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/time.h"

namespace wharf::shipping {

class Packer {
 public:
  void array(std::size_t elements);
  void map(std::size_t pairs);
  void text(std::string_view bytes);
  void number(std::uint64_t value);
  /// fluentd's EventTime: extension 0 with seconds and nanoseconds.
  void event_time(base::Time time);

  std::string take() { return std::move(bytes_); }

 private:
  void big_endian(std::uint64_t value, int bytes);
  std::string bytes_;
};

}  // namespace wharf::shipping
