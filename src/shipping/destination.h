// Where a log is shipped to: one logging driver with the options of one container.
//
// A Destination belongs to one thread at a time. Its connection is made when it is first needed
// and made again after an error.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "shipping/subject.h"

namespace wharf::shipping {

/// What a driver's own options say about failures and about falling behind.
struct Patience {
  std::chrono::nanoseconds first_delay{std::chrono::milliseconds(100)};  ///< Doubled each time.
  std::optional<std::uint64_t> attempts;      ///< Then what could not be sent is dropped.
  std::optional<std::uint64_t> buffer_bytes;  ///< What is further behind is dropped.
};

class Destination {
 public:
  Destination() = default;
  virtual ~Destination() = default;
  Destination(const Destination&) = delete;

  /// What the driver does before a container starts: its errors stop the start.
  virtual void connect(std::stop_token stop) = 0;

  /// Returns when the other end has `entries`, as far as its protocol tells. Throws Unavailable
  /// when it has not: all of them are then sent again.
  virtual void send(std::span<const Entry> entries, std::stop_token stop) = 0;

  virtual Patience patience() const { return {}; }
};

/// The drivers that ship somewhere; json-file, local and none do not.
const std::vector<std::string>& shipping_drivers();
bool ships(const std::string& driver);

/// What Docker checks when a container is created, with its texts: option names and, where the
/// driver does, their values. `options` are without those that all drivers have.
void check_options(const std::string& driver, const Options& options);

/// Throws InvalidArgument for values that are checked only at start.
std::unique_ptr<Destination> make_destination(const Subject& subject);

/// Go's strconv.ParseBool. Throws its error.
bool parse_bool(const std::string& text);

/// "64k", "1m" in powers of 1024 (units.RAMInBytes). Throws "invalid size: 'x'".
std::int64_t parse_bytes(const std::string& text);

}  // namespace wharf::shipping
