// POST /containers/{id}/wait.
#include "base/error.h"
#include "container/state.h"

namespace wharf::container {

namespace {

class ContainerWait : public Wait {
 public:
  ContainerWait(ContainerPointer container, WaitCondition condition)
      : container_(std::move(container)), condition_(condition), exits_(container_->exits()) {}

  api::WaitResponse get(std::stop_token stop) override {
    const auto done = [this](const View& view, std::uint64_t exits, bool removed) {
      if (condition_ == WaitCondition::Removed) return removed;
      if (removed) return true;
      return condition_ == WaitCondition::NextExit ? exits > exits_ : !view.running();
    };
    if (!container_->wait(done, std::nullopt, stop)) {
      base::fail(base::Kind::Cancelled, "context canceled");
    }
    const Ended last = container_->view().last();
    api::WaitResponse response;
    response.status_code = last.exit_code;
    // Docker: one that waits for the removal hears of errors of the removal, not of the start.
    const bool tells = condition_ != WaitCondition::Removed;
    if (tells && !last.error.empty()) response.error = api::WaitError{last.error};
    return response;
  }

 private:
  ContainerPointer container_;
  WaitCondition condition_;
  std::uint64_t exits_;
};

}  // namespace

std::unique_ptr<Wait> Containers::wait(std::string_view name, WaitCondition condition) {
  return std::make_unique<ContainerWait>(state_->find(name), condition);
}

}  // namespace wharf::container
