// An exec with streams: claimed by the route, started once the connection is hijacked.
#pragma once

#include <memory>

#include "container/state.h"
#include "container/streams.h"

namespace wharf::container {

class AttachedExec : public Attached {
 public:
  AttachedExec(Containers::State& state, std::shared_ptr<Exec> exec, api::ExecStartRequest request)
      : state_(state), exec_(std::move(exec)), request_(std::move(request)) {}

  bool raw() const override { return request_.tty; }

  /// What cannot be started is told in the stream, as Docker does.
  void run(ClientStream client, std::stop_token stop) override;

 private:
  void tell(const os::Fd& client, const std::string& text) const;

  Containers::State& state_;
  std::shared_ptr<Exec> exec_;
  api::ExecStartRequest request_;
};

}  // namespace wharf::container
