// The messages between wharfd and a supervisor, as bytes on a SOCK_SEQPACKET socket.
//
// Plain structures in the host's byte order: both ends live on one machine, but may be of
// different releases of Wharf after an upgrade, hence `version` and fixed sizes. Text and
// lists follow their structure. Descriptors travel beside a message in the order given here.
// Included by both sides, one of which has no C++ library: only <cstdint> and constants.
// The conversation, with a sequence chart: docs/formats/supervisor-protocol.md.
#pragma once

#include <stdint.h>

namespace wharf::supervise::wire {

inline constexpr uint16_t kVersion = 1;

/// The descriptor a fresh supervisor finds its command socket on.
inline constexpr int kCommandDescriptor = 3;

inline constexpr uint32_t kMaxMessageBytes = 64 * 1024;
inline constexpr uint32_t kMaxConfigBytes = 8 * 1024 * 1024;
inline constexpr uint32_t kMaxAttachmentsAtLaunch = 64;
inline constexpr uint32_t kMaxDescriptors = 80;  // SCM_MAX_FD is 253.
inline constexpr uint32_t kMaxLogAttrsBytes = 16 * 1024;
inline constexpr uint32_t kMaxNameBytes = 255;

enum class Type : uint16_t {
  // Requests, each answered by one Reply with the same number.
  Launch = 1,
  Hello,  // First message of a wharfd that found the socket; the answer has the state.
  Signal,
  KillAll,
  Resize,
  Attach,
  ReopenLog,
  Freeze,
  Thaw,
  Update,
  Exec,
  ExecSignal,
  Compressed,
  Reply = 64,
  // Events, on the second socket, never answered but for Exited.
  Exited = 128,
  ExecExited,
  Oom,
  Rotated,
  // wharfd's answer to Exited, on the event socket: the supervisor may end.
  Heard = 192,
};

struct Head {
  uint16_t version;
  Type type;
  uint32_t number;
};

enum Stream : uint8_t { kStdin = 1, kStdout = 2, kStderr = 4 };

enum LaunchFlag : uint32_t {
  kTty = 1,
  kOpenStdin = 2,
  kStdinOnce = 4,
  kCompress = 8,
  kHasNetworkNamespace = 16,
  kHasSeccomp = 32,
};

/// Local: the files are in a directory of their own, kLocalLogFolder.
enum class LogType : uint32_t { None = 0, JsonFile = 1, Local = 2 };

inline constexpr char kLocalLogFolder[] = "local-logs";

/// Descriptors: event socket, config (a file), data directory, run directory, rootfs,
/// [network namespace], [seccomp], attach sockets. Text: id, log name, log attrs.
struct Launch {
  Head head;
  uint32_t flags;
  LogType log_type;
  int64_t log_max_size_bytes;
  uint32_t log_max_files;
  uint16_t rows;
  uint16_t columns;
  uint32_t id_bytes;
  uint32_t log_name_bytes;
  uint32_t log_attrs_bytes;
  uint32_t attachments;
  uint8_t streams[kMaxAttachmentsAtLaunch];
};
inline constexpr uint32_t kLaunchDescriptors = 5;

/// Hello (descriptor: event socket), KillAll, ReopenLog, Freeze, Thaw, and Heard.
struct Plain {
  Head head;
};

/// Signal, ExecSignal, Resize and Compressed (`id`: number of the rotation,
/// `first`: 1 if the file is whole).
struct Numbers {
  Head head;
  uint64_t id;
  int32_t first;   // Signal number, or rows.
  int32_t second;  // Columns.
};

/// Descriptor: the attach socket.
struct Attach {
  Head head;
  uint8_t streams;
  uint8_t unused[7];
};

/// Exec (descriptor: a file with the OCI process) and Update (a file with OCI resources).
struct Document {
  Head head;
  uint32_t flags;  // kTty
  uint8_t streams;
  uint8_t unused[3];
  uint16_t rows;
  uint16_t columns;
  uint32_t unused_too;
  uint64_t id;  // Of the exec: chosen by wharfd, told with its end.
};

enum class State : uint32_t { Created = 0, Running = 1, Paused = 2, Ended = 3 };

/// Answers every request. Text of `text_bytes` follows: why it failed; for Launch and Hello
/// the path of the cgroup.
/// Descriptors: Launch and Hello: pidfd of PID 1. Exec: in, out, err as asked, or the pty.
struct Reply {
  Head head;
  int32_t failed;  // 0, or 1: then errno (may be 0), step and text say what.
  int32_t error_number;
  char step[20];       // "create", "start" (both of Launch), "exec".
  int32_t exit_code;   // What Docker makes of that failure: 126, 127, 128.
  int32_t pid;         // Of PID 1 or of the exec.
  int32_t supervisor;  // The supervisor's own.
  State state;
  uint32_t text_bytes;
  int64_t started_at_ns;  // Since 1970, 0 before the start.
  uint64_t exec;
};

/// Exited and ExecExited (with `exec`), Oom, Rotated (descriptors: rotated file, empty file
/// to compress into; `exec` is the number of the rotation).
struct Event {
  Head head;
  uint64_t exec;
  int32_t code;
  int32_t oom_killed;
  int64_t started_at_ns;
  int64_t finished_at_ns;
  uint64_t dropped_lines;
};

}  // namespace wharf::supervise::wire
