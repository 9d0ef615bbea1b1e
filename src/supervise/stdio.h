// A container's standard streams: read once, kept in the log, copied to who is attached.
//
// Output is read in chunks. A chunk goes into the log first and then to every attachment
// that wants the stream, framed as Docker's stdcopy without a TTY, raw with one. While an
// attachment has no room the chunk waits in the one buffer there is and nothing more is
// read; after kPatienceMs such an attachment is dropped, so it can hold the container up
// that long and no longer. Input of attachments goes into the container's stdin as there is
// room there.
//
//   container ── pipe or pty ──► chunk ──► LogFile
//                                      └─► attachments (sockets)
//   container ◄─ pipe or pty ◄── input ◄── attachments
//
// Static runtime: no heap, no exceptions, one thread. Descriptors given are owned.
#pragma once

#include <cstdint>

#include "supervise/logfile.h"
#include "supervise/supervisor_wire.h"

namespace wharf::supervise {

inline constexpr std::int64_t kPatienceMs = 5000;
/// Once the container has ended.
inline constexpr std::int64_t kLastPatienceMs = 1000;
/// How long a terminal that others still have open is read after PID 1 has ended (threats F34).
inline constexpr std::int64_t kDrainMs = 200;
inline constexpr std::size_t kMaxAttached = 128;

struct StdioOptions {
  bool tty = false;
  bool open_stdin = false;
  bool stdin_once = false;
};

class Stdio {
 public:
  Stdio(Poller& poller, LogFile& log) : poller_(poller), log_(log) {}

  /// Makes the pipes; `child` gets the container's ends of 0, 1, 2, -1 where there is none.
  bool open(const StdioOptions& options, int (&child)[3]);
  /// With a TTY: the master takes the place of the pipes.
  bool take_terminal(int master);
  /// Starts reading; before, attachments only gather.
  bool run();

  /// False with errno: EMFILE when kMaxAttached are there already.
  bool attach(int socket, std::uint8_t streams);
  bool resize(std::uint16_t rows, std::uint16_t columns);

  void output_ready(std::uint32_t index);
  void stdin_ready(std::uint32_t events);
  void attachment_ready(std::uint32_t index, std::uint32_t events);

  /// Drops attachments that waited too long. Called after each turn of the loop.
  void expire();
  /// Milliseconds until expire() or drained() must be asked again, -1: no need.
  int timeout_ms() const;

  /// PID 1 has ended: what is left is read and sent, within bounds.
  void begin_drain();
  bool drained();
  /// Ends the log and closes everything.
  void close_all();

  /// Gives the memory of buffers back when they were filled more than a second ago.
  void trim_if_idle();

 private:
  struct Pipe {
    int fd = -1;
    Output stream = Output::Stdout;
    bool hung_up = false;  // Only a change is waited for.
  };
  struct Attached {
    int fd = -1;
    std::uint8_t streams = 0;
    bool behind = false;      // The chunk has not left completely.
    std::uint32_t sent = 0;   // Bytes of its frame that left.
    std::uint32_t armed = 0;  // What the poller waits for.
  };

  std::uint32_t header_bytes() const { return options_.tty ? 0 : 8; }
  bool read_chunk(std::uint32_t index);
  void end_of_output(std::uint32_t index, bool hung_up);
  void watch_outputs();
  std::uint32_t free_place();
  void offer_chunk();
  bool send_rest(Attached& attached);
  void settle();
  void watch_attached(std::uint32_t index);
  void watch_all_attached();
  void drop(std::uint32_t index);
  void stop_output(std::uint32_t index);
  void hung_up(std::uint32_t index);
  void read_input(std::uint32_t index);
  void end_of_input(std::uint32_t index);
  void write_input();
  void close_stdin();
  bool feeds(const Attached& attached) const;
  void arm(std::uint32_t index, std::uint32_t events);
  void arm_stdin(std::uint32_t events);

  Poller& poller_;
  LogFile& log_;
  StdioOptions options_;
  Pipe outputs_[2];
  int stdin_ = -1;
  std::uint32_t stdin_armed_ = 0;
  bool running_ = false;
  std::int64_t filled_at_ms_ = 0;  // When a buffer was last filled past its first page; 0: not.
  bool draining_ = false;
  std::int64_t drain_until_ms_ = 0;
  std::int64_t drain_limit_ms_ = 0;
  std::int64_t left_[2] = {};  // Bytes in the pipes when PID 1 ended.

  std::uint32_t chunk_size_ = 0;  // 0: none in flight.
  Output chunk_stream_ = Output::Stdout;
  std::int64_t chunk_since_ms_ = 0;
  std::uint8_t chunk_header_[8] = {};

  std::uint32_t input_size_ = 0;
  std::uint32_t input_sent_ = 0;
  bool input_waits_ = false;  // For room in the container's stdin.

  Attached attached_[kMaxAttached];
  alignas(4096) char chunk_[64 * 1024];
  alignas(4096) char input_[16 * 1024];
};

}  // namespace wharf::supervise
