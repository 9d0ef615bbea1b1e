// Something that happened to an object: what `docker events` shows.
//
// Rooms publish through EventSink and do not know who listens (engine::Events does).
// publish() never blocks on a listener and may be called by any thread, also with the
// caller's own locks held.
#pragma once

#include <map>
#include <string>

#include "base/time.h"

namespace wharf::base {

struct Event {
  std::string type;    ///< "container", "image", "network", "volume", "daemon" ...
  std::string action;  ///< "create", "die", "exec_start: sh -c true" ...
  std::string id;      ///< Actor.ID: container id, image reference, volume name ...
  std::map<std::string, std::string> attributes;
  Time time;  ///< Zero: publish() takes the time.
};

class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void publish(Event event) = 0;
};

}  // namespace wharf::base
