// A second process in a running container.
//
//   created ──start──► running ──exit──► ended        (each once)
//
// An Exec is known by its id until some minutes after its end. Any thread; its own mutex.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "api/exec.h"
#include "container/record.h"
#include "container/users.h"
#include "os/fd.h"

namespace wharf::container {

/// What execs of one request have in common while the record is the same: a health check runs its
/// own again and again. Its user is looked up at the first.
struct PreparedExec {
  std::shared_ptr<const Record> record;
  Identity identity;
  std::string process_json;
};

struct Exec {
  enum class Stage { Created, Running, Ended };

  std::string id;
  std::string container_id;
  std::uint64_t run = 0;  ///< The run of the container it was made for.
  api::ExecCreateRequest request;
  std::string detach_keys;
  Identity identity;
  std::shared_ptr<PreparedExec> prepared;  ///< Null but for a health check's.

  mutable std::mutex mutex;
  mutable std::condition_variable_any changed;
  Stage stage = Stage::Created;
  std::uint64_t task_exec = 0;  ///< supervise::Exec::id, chosen before it starts.
  std::int64_t pid = 0;
  std::optional<int> exit_code;
  /// A health check's: an eventfd that is rung at the end, after which the check forgets the Exec.
  std::shared_ptr<const os::Fd> bell;

  /// True for the one caller that may start it. Throws Conflict with Docker's texts.
  void begin();
  void started(std::int64_t process);
  void ended(int code);
  /// True when somebody but its maker must forget it.
  bool has_no_bell() const;
  bool has_ended() const;
  /// True once it has ended; false after `milliseconds` in which it went on.
  bool wait_until_ended(int milliseconds) const;
};

}  // namespace wharf::container
