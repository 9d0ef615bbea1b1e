// Fetches ranges of a large blob ahead of the one that reads it in order.
//
//   reader    ████████▶───────┐ stops where somebody is or was before it
//   worker 1          · ████▶ │      each range goes into the Partial at its place,
//   worker 2          ·      ████▶   from where the reader takes it
//
// Workers only help: one that fails, or meets a registry without ranges, ends quietly, and the
// reader fetches what is missing with its own retries. Owned by the thread that reads.
#pragma once

#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "content/partial.h"
#include "registry/session.h"

namespace wharf::registry {

class Ahead {
 public:
  Ahead(Session& session, const oci::Descriptor& blob, content::Partial& kept);

  /// Ends the workers and waits for them.
  ~Ahead();

  /// The reader is at `at`.
  void reader_at(std::int64_t at);

  /// The network is what is slow: starts the workers, once.
  void begin();

  /// The first byte at or after `at` that a worker is bringing, or that is here already.
  std::int64_t next_taken(std::int64_t at) const;

  /// Where a worker is bringing the byte at `at`, waits until it is here or given up.
  void wait_for(std::int64_t at);

 private:
  struct Segment {
    std::int64_t begin;
    std::int64_t end;
  };

  void work();
  std::optional<Segment> take();
  void fetch(const Segment& segment);
  bool is_taken(std::int64_t at) const;

  Session& session_;
  const oci::Descriptor& blob_;
  content::Partial& kept_;
  std::stop_source stop_;
  std::stop_callback<std::function<void()>> on_session_stop_;

  mutable std::mutex mutex_;  ///< Guards what follows; never held while a registry is waited for.
  std::condition_variable_any changed_;
  std::int64_t reader_ = 0;
  content::Ranges taken_;
  bool useless_ = false;  ///< The registry knows no ranges.
  std::vector<std::jthread> workers_;
};

}  // namespace wharf::registry
