#include "container/container.h"

#include <sys/eventfd.h>
#include <unistd.h>

namespace wharf::container {

os::Fd Run::copy_of(const os::Fd& root) {
  const std::lock_guard lock(roots_mutex);
  return root.valid() ? root.duplicate() : os::Fd();
}

void Run::close_roots() {
  const std::lock_guard lock(roots_mutex);
  rootfs.reset();
  shm.reset();
}

const char* View::status() const {
  if (removing) return "removing";
  static constexpr std::array kNames = {"created",    "running", "paused",
                                        "restarting", "exited",  "dead"};
  return kNames[state.index()];
}

bool View::running() const {
  return std::holds_alternative<Running>(state) || std::holds_alternative<Paused>(state) ||
         std::holds_alternative<Restarting>(state);
}

std::shared_ptr<Run> View::run() const {
  if (const auto* running = std::get_if<Running>(&state)) return running->run;
  if (const auto* paused = std::get_if<Paused>(&state)) return paused->run;
  return nullptr;
}

Ended View::last() const {
  if (const auto* created = std::get_if<Created>(&state)) return created->last;
  if (const auto* restarting = std::get_if<Restarting>(&state)) return restarting->last;
  if (const auto* exited = std::get_if<Exited>(&state)) return exited->last;
  if (const auto* dead = std::get_if<Dead>(&state)) return dead->last;
  Ended now;
  now.started_at = run()->started_at;
  return now;
}

Container::Turn::~Turn() {
  if (!container_) return;
  const std::lock_guard lock(container_->mutex_);
  container_->taken_ = false;
  container_->changed_.notify_all();
}

Container::Turn Container::take_turn() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return !taken_ || removed_; });
  if (removed_) base::fail(base::Kind::NotFound, "No such container: {}", id);
  taken_ = true;
  return Turn(*this);
}

View Container::view_locked() const {
  return {state_, removing_, manually_stopped_, kept_, restart_count_, record_->name};
}

View Container::view() const {
  const std::lock_guard lock(mutex_);
  return view_locked();
}

Record Container::record() const {
  return *shared_record();
}

void Container::wait_for_roots_closed() const {
  if (roots_closed_.valid()) roots_closed_.wait();
}

std::shared_ptr<const Record> Container::shared_record() const {
  const std::lock_guard lock(mutex_);
  return record_;
}

std::string Container::name() const {
  const std::lock_guard lock(mutex_);
  return record_->name;
}

void Container::signal_stopped_locked() {
  if (!stopped_.valid()) return;
  std::uint64_t count = 1;
  // Readable while stopped: written to once, and read empty when it runs again.
  const bool stopped = !view_locked().running();
  if (stopped) {
    [[maybe_unused]] const auto done = ::write(stopped_.get(), &count, sizeof count);
  } else {
    [[maybe_unused]] const auto done = ::read(stopped_.get(), &count, sizeof count);
  }
}

void Container::set_state(State state) {
  State old;
  {
    const std::lock_guard lock(mutex_);
    old = std::exchange(state_, std::move(state));
    signal_stopped_locked();
    changed_.notify_all();
  }
  // `old` gives back what it owned here, without the lock.
}

void Container::set_ended(State state) {
  {
    const std::lock_guard lock(mutex_);
    ++exits_;
  }
  set_state(std::move(state));
}

void Container::change_record(const std::function<void(Record&)>& change) {
  const std::lock_guard lock(mutex_);
  auto changed = std::make_shared<Record>(*record_);
  change(*changed);
  record_ = std::move(changed);
}

bool Container::begin_removing() {
  const std::lock_guard lock(mutex_);
  return !removed_ && !std::exchange(removing_, true);
}

void Container::end_removing() {
  const std::lock_guard lock(mutex_);
  removing_ = false;
  changed_.notify_all();
}

void Container::set_removed() {
  const std::lock_guard lock(mutex_);
  removed_ = true;
  changed_.notify_all();
}

bool Container::removed() const {
  const std::lock_guard lock(mutex_);
  return removed_;
}

void Container::set_manually_stopped(bool stopped) {
  const std::lock_guard lock(mutex_);
  manually_stopped_ = stopped;
}

void Container::set_kept(bool kept) {
  const std::lock_guard lock(mutex_);
  kept_ = kept;
}

void Container::set_restart_count(std::int64_t count) {
  const std::lock_guard lock(mutex_);
  restart_count_ = count;
}

std::uint64_t Container::exits() const {
  const std::lock_guard lock(mutex_);
  return exits_;
}

bool Container::wait(const Condition& done,
                     std::optional<std::chrono::steady_clock::time_point> deadline,
                     std::stop_token stop) const {
  std::unique_lock lock(mutex_);
  const auto holds = [&] { return done(view_locked(), exits_, removed_); };
  if (!deadline) return changed_.wait(lock, stop, holds);
  return changed_.wait_until(lock, stop, *deadline, holds);
}

os::Fd Container::stopped_signal() {
  const std::lock_guard lock(mutex_);
  if (!stopped_.valid()) {
    stopped_ =
        os::Fd(os::check(WHARF_CALL(eventfd, 0, EFD_CLOEXEC | EFD_NONBLOCK), "make an eventfd"));
    signal_stopped_locked();
  }
  return stopped_.duplicate();
}

bool Container::queue_attachment(supervise::Attachment attachment, std::size_t most) {
  const std::lock_guard lock(mutex_);
  if (attachments_.size() >= most) return false;
  attachments_.push_back(std::move(attachment));
  return true;
}

std::vector<supervise::Attachment> Container::take_attachments() {
  const std::lock_guard lock(mutex_);
  return std::exchange(attachments_, {});
}

std::shared_ptr<Health> Container::health() const {
  const std::lock_guard lock(mutex_);
  return health_;
}

void Container::set_health(std::shared_ptr<Health> health) {
  {
    const std::lock_guard lock(mutex_);
    health_.swap(health);
  }
  // The old one waits for its thread here, without the lock.
}

}  // namespace wharf::container
