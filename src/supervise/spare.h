// Supervisors started in advance, so that a container need not wait for exec(2) of one.
//
// A thread of its own keeps `count` of them ready; each waits for its Launch and ends by
// itself when this process does. take() never waits for that thread: with none ready it
// starts one itself. The program is executed through a read-only mount that is attached
// nowhere, so no container can write to it through /proc/PID/exe (CVE-2019-5736). Thread-safe.
// Room-internal, owned by Supervisors.
#pragma once

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

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
  ~Spare();
  Spare(const Spare&) = delete;

  SpareSupervisor take();

 private:
  SpareSupervisor start_one();
  std::string program() const;
  void keep_filled(std::stop_token stop);

  std::filesystem::path runtime_;
  os::Fd sealed_;  // The program through a read-only mount of its own.
  unsigned count_;
  Watcher& watcher_;
  std::mutex lock_;
  std::condition_variable_any taken_;
  std::vector<SpareSupervisor> ready_;
  std::jthread thread_;
};

}  // namespace wharf::supervise
