// A second process in a running container.
//
//   created ──start──► running ──exit──► ended        (each once)
//
// An Exec is known by its id until some minutes after its end. Any thread; its own mutex.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "api/exec.h"
#include "container/users.h"

namespace wharf::container {

struct Exec {
  enum class Stage { Created, Running, Ended };

  std::string id;
  std::string container_id;
  std::uint64_t run = 0;  ///< The run of the container it was made for.
  api::ExecCreateRequest request;
  std::string detach_keys;
  Identity identity;

  mutable std::mutex mutex;
  mutable std::condition_variable_any changed;
  Stage stage = Stage::Created;
  std::uint64_t task_exec = 0;  ///< supervise::Exec::id, chosen before it starts.
  std::int64_t pid = 0;
  std::optional<int> exit_code;

  /// True for the one caller that may start it. Throws Conflict with Docker's texts.
  void begin();
  void started(std::int64_t process);
  void ended(int code);
  bool has_ended() const;
  /// True once it has ended; false after `milliseconds` in which it went on.
  bool wait_until_ended(int milliseconds) const;
};

}  // namespace wharf::container
