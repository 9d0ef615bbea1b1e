// Attach: a client on a container's streams; what was logged before may come first.
#include <sys/socket.h>

#include "base/error.h"
#include "container/detach_keys.h"
#include "container/log_stream.h"
#include "container/relay.h"
#include "container/state.h"

namespace wharf::container {

namespace {

using base::Kind;

/// How far a client may fall behind the container before it is dropped.
constexpr std::uint64_t kSlowestClient = 1ULL << 30;

class AttachedContainer : public Attached {
 public:
  AttachedContainer(Containers::State& state, ContainerPointer container, AttachOptions options)
      : state_(state), container_(std::move(container)), options_(std::move(options)) {
    const api::ContainerConfig config = container_->record().config;
    tty_ = config.tty;
    open_stdin_ = config.open_stdin;
    detach_keys_ = parse_detach_keys(options_.detach_keys);
  }

  bool raw() const override { return tty_; }

  /// The container's end of the stream, opened before the client is told that it is attached:
  /// what the container writes after that is not missed.
  void open();

  void run(ClientStream client, std::stop_token stop) override;

 private:
  void replay(Relay& relay, std::stop_token stop) const;

  Containers::State& state_;
  ContainerPointer container_;
  AttachOptions options_;
  std::string detach_keys_;
  bool tty_ = false;
  bool open_stdin_ = false;
  os::Fd ours_;
};

void AttachedContainer::open() {
  // In turn with start, so that it is either before it or after it.
  const Container::Turn turn = container_->take_turn();
  const View view = container_->view();
  if (std::holds_alternative<Paused>(view.state)) {
    base::fail(Kind::Conflict, "container {} is paused, unpause the container before attach",
               container_->id);
  }
  if (std::holds_alternative<Restarting>(view.state)) {
    base::fail(Kind::Conflict, "container {} is restarting, wait until the container is running",
               container_->id);
  }
  state_.publish(container_->record(), "attach");
  const bool any = options_.in || options_.out || options_.err;
  if (!options_.stream || !any) return;
  supervise::AttachPair pair = supervise::attach_pair();
  supervise::Attachment theirs{std::move(pair.theirs),
                               {options_.in && open_stdin_, options_.out, options_.err}};
  if (const auto run = view.run()) {
    try {
      run->task.attach(std::move(theirs));
    } catch (const base::Error& error) {
      // It has ended this moment: the stream is at its end as well.
      if (error.error_number() != ESRCH) throw;
    }
  } else {
    if (!container_->queue_attachment(std::move(theirs), supervise::kMaxAttachments)) {
      base::fail(Kind::Conflict, "container {} has too many clients that wait for its start",
                 container_->id);
    }
  }
  ours_ = std::move(pair.ours);
}

void AttachedContainer::replay(Relay& relay, std::stop_token stop) const {
  LogQuery query;
  query.out = options_.out;
  query.err = options_.err;
  const auto log = open_log(state_, container_, query);
  const bool unframe = options_.unframed && !tty_;
  logs::FrameStripper stripper;
  const auto say = [&](std::string_view bytes) { relay.say(bytes); };
  log->send([&](std::string_view frame) { unframe ? stripper.feed(frame, say) : say(frame); },
            stop);
}

void AttachedContainer::run(ClientStream client, std::stop_token stop) {
  // Docker: detach keys are looked for with a TTY only.
  const bool keys = tty_ && options_.in;
  Relay relay(std::move(client), Spool(state_.settings.data_root, kSlowestClient),
              keys ? detach_keys_ : std::string());
  if (options_.logs) replay(relay, stop);
  if (ours_.valid()) {
    const bool unframe = options_.unframed && !tty_;
    if (options_.out || options_.err)
      unframe ? relay.add_framed_source(ours_) : relay.add_source(ours_, 0);
    if (options_.in && open_stdin_) {
      relay.set_input(ours_, [&] { ::shutdown(ours_.get(), SHUT_WR); });
    }
    // With stdin alone the end of the container is still to be seen.
    if (!options_.out && !options_.err) relay.add_source(ours_, 0);
  }
  const Relay::End end = relay.run(stop);
  if (end == Relay::End::Detached) state_.publish(container_->record(), "detach");
  ::shutdown(relay.client().get(), SHUT_WR);
}

}  // namespace

std::unique_ptr<Attached> Containers::attach(std::string_view name, const AttachOptions& options) {
  const ContainerPointer container = state_->find(name);
  auto attached = std::make_unique<AttachedContainer>(*state_, container, options);
  attached->open();
  return attached;
}

}  // namespace wharf::container
