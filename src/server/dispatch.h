// From a request to its route and back: version, headers on every answer, errors as JSON.
//
// One Dispatch serves all connections; it holds only constants and references, so any
// number of threads may answer at once.
#pragma once

#include <string>
#include <vector>

#include "http/connection.h"
#include "server/route.h"

namespace wharf::server {

class Dispatch {
 public:
  /// `names` are the host names by which TCP clients may call this daemon.
  Dispatch(engine::Engine& engine, std::vector<std::string> names);

  /// Reads what it needs, and answers. Throws only what must close the connection.
  void answer(http::Connection& connection, const http::RequestHead& head) const;

 private:
  engine::Engine& engine_;
  std::vector<std::string> names_;
  std::vector<std::span<const Route>> tables_;
};

}  // namespace wharf::server
