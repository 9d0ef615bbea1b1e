// Compresses rotated log files for supervisors, which have neither the code nor the memory.
//
// The supervisor sends the rotated file and an empty one; when the copy is whole it is told
// and puts it in place. One file after another on one thread of low urgency; work that is
// left when the daemon stops is handed out again to the next one, at its Hello.
// Thread-safe. Room-internal, owned by Supervisors.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#include "os/fd.h"

namespace wharf::supervise {

class Connection;

/// gzip(1) of `from` into `into`. Throws base::Error.
void compress_file(const os::Fd& from, const os::Fd& into);

class Compressor {
 public:
  Compressor();
  ~Compressor();
  Compressor(const Compressor&) = delete;

  struct Work {
    std::weak_ptr<Connection> connection;
    std::uint64_t rotation = 0;
    os::Fd from;
    os::Fd into;
  };
  void submit(Work work);

 private:
  void run(std::stop_token stop);

  std::mutex lock_;
  std::condition_variable_any submitted_;
  std::deque<Work> queue_;
  std::jthread thread_;
};

}  // namespace wharf::supervise
