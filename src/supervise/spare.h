// Supervisors started in advance, so that a container need not wait for exec(2) of one.
//
// Each waits for its Launch and ends by itself when this process does. take() never waits: with
// none ready it starts one itself. The program is executed through a read-only mount that is
// attached nowhere, so no container can write to it through /proc/PID/exe (CVE-2019-5736).
// Thread-safe. Room-internal, owned by Supervisors.
#pragma once

#include <filesystem>
#include <string>

#include "base/stock.h"
#include "os/fd.h"
#include "supervise/watcher.h"

namespace wharf::supervise {

struct SpareSupervisor {
  os::Fd command;
  pid_t pid = 0;
};

class Spare {
 public:
  /// Their bodies are `watcher`'s to reap.
  Spare(std::filesystem::path runtime, unsigned count, Watcher& watcher);

  SpareSupervisor take();

 private:
  SpareSupervisor start_one();
  std::string program() const;

  std::filesystem::path runtime_;
  os::Fd sealed_;  // The program through a read-only mount of its own.
  Watcher& watcher_;
  base::Stock<SpareSupervisor> stock_;
};

}  // namespace wharf::supervise
