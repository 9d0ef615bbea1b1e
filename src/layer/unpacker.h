// The daemon's end of an unpacker process: feeds it, bounds it, reads its verdict.
//
//   daemon                            unpacker (unpacker_process.h)
//     │  order ───────────────────────►│ confines itself
//     │  bytes of the layer … ────────►│
//     │◄────────────── "P <bytes>" … ──│
//     │  end of stream ───────────────►│
//     │◄──────────────── "V <json>" ───│ ends
//
// A process that moves nothing for `stall_seconds`, says too much, or ends without a verdict,
// is an error; the destructor kills it and reaps it. One thread, but for unpacked_bytes().
#pragma once

#include <sys/types.h>

#include <atomic>
#include <optional>
#include <string>
#include <string_view>

#include "layer/verdict.h"
#include "os/file.h"

namespace wharf::layer {

class Unpacker {
 public:
  /// Starts `program unpack` working on `directory`.
  Unpacker(const os::Path& program, const Order& order, const os::Fd& directory, int stall_seconds);
  ~Unpacker();
  Unpacker(const Unpacker&) = delete;

  /// Throws what the process objects to, as soon as it has said so.
  void write(std::string_view bytes);

  /// Ends the stream and waits for the verdict; throws a refusal.
  Verdict finish();

  std::uint64_t unpacked_bytes() const { return unpacked_; }

 private:
  void wait(short stream_events);
  void hear();
  void line(std::string_view text);
  [[noreturn]] void refuse_or_died();

  pid_t process_ = -1;
  os::Fd stream_;
  os::Fd verdict_;
  int stall_seconds_;
  bool writable_ = false;
  bool ended_ = false;  ///< The process has closed its end.
  std::string heard_;
  std::optional<Verdict> said_;
  std::atomic<std::uint64_t> unpacked_ = 0;
};

}  // namespace wharf::layer
