// One container's log on its way: its files, its cursor, its destination. Inside room shipping
// only.
//
// send_some() is called by one job at a time; the flags are for any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <stop_token>
#include <vector>

#include "logs/line.h"
#include "logs/watch.h"
#include "shipping/cursor.h"
#include "shipping/destination.h"
#include "shipping/shipper.h"
#include "shipping/source.h"

namespace wharf::shipping {

class Shipment {
 public:
  Shipment(const Request& request, logs::Watch& watch, std::uint64_t key);

  const std::string& id() const { return subject_.id; }

  void connect() { destination_->connect(stop_.get_token()); }

  enum class Outcome { Sent, Nothing, Failed };
  /// Sends what there is, in batches, until there is nothing more or it was a while.
  Outcome send_some();

  /// True from a failure until something was sent again.
  bool failing() const { return failures_ > 0; }

  /// How long to wait after a failure.
  std::chrono::nanoseconds delay() const;

  /// Says in the daemon's log what was left out.
  void tell_end() const;

  logs::Watch::Interest changes;
  const std::uint64_t key;
  std::atomic<bool> ended;
  bool busy = false;   ///< A job runs or waits for it. Guarded by the Shipper's mutex.
  bool again = false;  ///< Something came meanwhile. Guarded by the Shipper's mutex.
  std::stop_source stop_;

 private:
  void fill_batch();
  void send_batch();
  void drop_behind();
  void give_up_batch();
  void count_dropped(std::uint64_t records);
  void failed(const base::Error& error);
  Entry entry_of(const logs::Line& line);

  Subject subject_;
  os::Fd directory_;
  Cursor cursor_;
  Source source_;
  std::unique_ptr<Destination> destination_;
  Patience patience_;
  std::optional<std::uint64_t> buffer_bytes_;
  std::vector<Entry> batch_;
  std::uint64_t batch_bytes_ = 0;
  Position after_;  ///< The batch; what is saved once it is sent.
  std::atomic<std::uint64_t> failures_ = 0;
  std::atomic<std::uint64_t> dropped_ = 0;  ///< In this daemon's life; after_ has all.
};

}  // namespace wharf::shipping
