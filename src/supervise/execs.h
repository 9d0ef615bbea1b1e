// The processes that joined a container beside its PID 1.
//
// Each passes through: joining (its channel tells when it runs or why not), running (a pidfd
// in the poll set), ended (its code is to be told to wharfd). Its standard streams are pipes
// or a terminal whose outer ends go to wharfd with the answer; none stays here. An exec ends
// when its process does, whoever still holds its pipes (threats F34).
//
// Static runtime: no heap, no exceptions, one thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>

#include "runtime/launch.h"
#include "supervise/supervisor_wire.h"

namespace wharf::supervise {

inline constexpr std::size_t kMaxExecs = 1024;

struct ExecStart {
  std::span<char> process_json;  ///< Changed while it is read; needed until begin() returns.
  bool tty = false;
  std::uint8_t streams = 0;
  std::uint16_t rows = 0;
  std::uint16_t columns = 0;
  std::uint32_t request = 0;  ///< Number of the request to answer.
  std::uint64_t id = 0;
};

class Execs {
 public:
  explicit Execs(Poller& poller) : poller_(poller) {}

  /// Starts joining. The answer follows once channel_ready() has it. False: at once an error.
  bool begin(const ExecStart& start, const runtime::Target& target, runtime::Failure& failure);

  /// What became of a joining one. The outer ends of its streams are in `ends`, to be sent
  /// and closed: in, out, err as asked for, or the terminal.
  struct Started {
    bool running = false;
    std::uint64_t id = 0;
    std::uint32_t request = 0;
    pid_t pid = 0;
    int ends[3] = {-1, -1, -1};
    std::uint32_t end_count = 0;
  };
  Started channel_ready(std::uint32_t index, runtime::Failure& failure);

  /// The process has ended: reaps it.
  void ended(std::uint32_t index);

  /// One whose end was not told yet; false when there is none. told() forgets it.
  bool untold(std::uint32_t& index, std::uint64_t& id, int& code) const;
  void told(std::uint32_t index);

  /// One that has joined, or failed to, and that channel_ready() is to be told of; those that are
  /// on the way are waited for. False when there is none.
  bool joined(std::uint32_t& index, int patience_ms) const;

  /// Kills one that is joining; its request is to be refused. False when there is none.
  bool give_up_one(std::uint32_t& request);

  /// Waits for those that are about to end, since everything was killed.
  void reap_all(int patience_ms);

  /// False with ESRCH.
  bool signal(std::uint64_t id, int number);

 private:
  enum class Stage : std::uint8_t { Free, Joining, Running, Ended };
  struct Slot {
    Stage stage = Stage::Free;
    bool tty = false;
    std::uint16_t rows = 0;
    std::uint16_t columns = 0;
    std::uint32_t request = 0;
    std::uint64_t id = 0;
    int code = 0;
    int ends[3] = {-1, -1, -1};
    runtime::Task task;
  };
  Slot& slot_at(std::uint32_t index) { return reinterpret_cast<Slot*>(slots_)[index]; }
  const Slot& slot_at(std::uint32_t index) const {
    return reinterpret_cast<const Slot*>(slots_)[index];
  }
  Slot* free_slot(std::uint32_t& index);
  bool prepare(Slot& slot, const ExecStart& start, const runtime::Target& where,
               runtime::Failure& failure);
  bool open_streams(Slot& slot, std::uint8_t streams, int (&child)[3]);
  void release(Slot& slot);

  Poller& poller_;
  std::uint32_t high_ = 0;  // Slots from here on were never made: their pages stay untouched.
  alignas(Slot) char slots_[kMaxExecs * sizeof(Slot)];
};

}  // namespace wharf::supervise
