#include "container/health.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <condition_variable>
#include <csignal>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"

namespace wharf::container {

namespace {

using namespace std::chrono_literals;
using Nanoseconds = std::chrono::nanoseconds;

// Docker's defaults.
constexpr Nanoseconds kInterval = 30s;
constexpr Nanoseconds kTimeout = 30s;
constexpr Nanoseconds kStartInterval = 5s;
constexpr std::int64_t kRetries = 3;
constexpr std::size_t kOutputKept = 4096;
constexpr std::size_t kResultsKept = 5;
/// Exit code of a check that did not end in time.
constexpr int kTimedOut = -1;

Nanoseconds or_default(std::int64_t ns, Nanoseconds otherwise) {
  return ns == 0 ? otherwise : Nanoseconds(ns);
}

/// The command of a check, or nothing where there is none.
std::vector<std::string> command_of(const api::HealthConfig& config, const Record& record) {
  std::vector<std::string> test = config.test.value_or(std::vector<std::string>{});
  if (test.empty() || test.front() == "NONE") return {};
  const std::string kind = test.front();
  test.erase(test.begin());
  if (kind == "CMD") return test;
  if (kind != "CMD-SHELL") {
    base::log_warn("container {}: unknown kind of health check {}", record.id, base::quoted(kind));
    return {};
  }
  std::vector<std::string> shell = {"/bin/sh", "-c"};
  if (record.config.shell && !record.config.shell->empty()) shell = *record.config.shell;
  shell.insert(shell.end(), test.begin(), test.end());
  return shell;
}

/// Go's way of writing a duration such as "300ms" or "1.5s".
std::string go_duration(Nanoseconds time) {
  const double seconds = std::chrono::duration<double>(time).count();
  if (seconds >= 60) {
    const auto whole = std::chrono::duration_cast<std::chrono::seconds>(time).count();
    return whole >= 3600 ? fmt::format("{}h{}m{}s", whole / 3600, whole / 60 % 60, whole % 60)
                         : fmt::format("{}m{}s", whole / 60, whole % 60);
  }
  if (seconds >= 1) return fmt::format("{:g}s", seconds);
  return fmt::format("{:g}ms", seconds * 1000);
}

constexpr std::int64_t kMs = 1'000'000;
constexpr int kQuickMs = 20;

void ring(const os::Fd& bell) {
  const std::uint64_t one = 1;
  static_cast<void>(WHARF_CALL(write, bell.get(), &one, sizeof one));
}

void take_output(pollfd& wait, std::string& output) {
  if (wait.fd < 0 || wait.revents == 0) return;
  char buffer[kOutputKept];
  const auto got = ::read(wait.fd, buffer, sizeof buffer);
  if (got <= 0) wait.fd = -1;
  if (got <= 0 || output.size() >= kOutputKept) return;
  output.append(buffer, static_cast<std::size_t>(got));
  if (output.size() > kOutputKept) output.resize(kOutputKept);
}

/// False when asked to stop.
bool sleep_for(Nanoseconds time, std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, time, [] { return false; });
  return !stop.stop_requested();
}

}  // namespace

Health::Health(Containers::State& state, std::weak_ptr<Container> container,
               api::HealthConfig config)
    : state_(state),
      container_(std::move(container)),
      config_(std::move(config)),
      bell_(std::make_shared<os::Fd>(
          os::check(WHARF_CALL(eventfd, 0, EFD_CLOEXEC | EFD_NONBLOCK), "make an eventfd"))),
      thread_([this](std::stop_token stop) { check(stop); }) {}

api::Health Health::shown() const {
  const std::lock_guard lock(mutex_);
  return {status_, failing_streak_, {log_.begin(), log_.end()}};
}

Health::Probe Health::probe(Container& container, std::stop_token stop) {
  api::ExecCreateRequest request;
  request.cmd = command_of(config_, *container.shared_record());
  request.attach_stdout = request.attach_stderr = true;
  const std::string id = state_.make_exec(container, request, prepared_);
  const auto exec = state_.find_exec(id);
  exec->bell = bell_;
  const Nanoseconds timeout = or_default(config_.timeout_ns, kTimeout);
  const std::int64_t deadline = base::monotonic_ns() + timeout.count();
  Probe result;
  try {
    const supervise::Exec process = state_.start_exec(*exec, {}, {false, true, true});
    listen(*exec, process, deadline, stop, result);
    if (!exec->has_ended()) {
      leave(container, *exec, process.id);
      result = {kTimedOut, fmt::format("Health check exceeded timeout ({})", go_duration(timeout))};
      return result;
    }
  } catch (const base::Error&) {
    state_.forget_exec(id);
    throw;
  }
  state_.forget_exec(id);
  const std::lock_guard lock(exec->mutex);
  result.exit_code = exec->exit_code.value_or(kTimedOut);
  return result;
}

/// Reads what it prints until it has ended, whoever still holds its pipes, or to the deadline.
void Health::listen(const Exec& exec, const supervise::Exec& process, std::int64_t deadline,
                    std::stop_token stop, Probe& result) const {
  const std::stop_callback wake(stop, [this] { ring(*bell_); });
  std::array<pollfd, 3> waits{
      {{process.out.get(), POLLIN, 0}, {process.err.get(), POLLIN, 0}, {bell_->get(), POLLIN, 0}}};
  // Most are over at once: one wake-up is cheaper than one for each pipe that closes, too.
  ::poll(&waits[2], 1, kQuickMs);
  while (!stop.stop_requested()) {
    const bool ended = exec.has_ended();
    const std::int64_t left = ended ? 0 : deadline - base::monotonic_ns();
    if (left < 0) return;
    const int ready = ::poll(waits.data(), waits.size(), static_cast<int>((left + 999'999) / kMs));
    if (ended && (ready <= 0 || (waits[0].revents == 0 && waits[1].revents == 0))) return;
    std::uint64_t rung = 0;
    if (waits[2].revents != 0) static_cast<void>(::read(bell_->get(), &rung, sizeof rung));
    for (pollfd& wait : std::span(waits).first(2)) take_output(wait, result.output);
  }
}

/// It goes on, to be killed: whoever hears of its end forgets it.
void Health::leave(Container& container, Exec& exec, std::uint64_t process) {
  {
    const std::lock_guard lock(exec.mutex);
    exec.bell = nullptr;
  }
  const auto run = container.view().run();
  if (!run) return;
  try {
    run->task.exec_signal(process, SIGKILL);
  } catch (const base::Error& gone) {
    base::log_debug("end a health check: {}", gone.what());
  }
}

void Health::note(Container& container, const Probe& probe, base::Time begin,
                  bool in_start_period) {
  std::string told;
  {
    const std::lock_guard lock(mutex_);
    log_.push_back({base::rfc3339_nano(begin), base::rfc3339_nano(base::now()), probe.exit_code,
                    probe.output});
    if (log_.size() > kResultsKept) log_.pop_front();
    const std::string before = status_;
    const std::int64_t retries = config_.retries == 0 ? kRetries : config_.retries;
    if (probe.exit_code == 0) {
      failing_streak_ = 0;
      status_ = "healthy";
    } else if (!(in_start_period && status_ == "starting")) {
      // Docker: failures of the start period do not count until the first success.
      ++failing_streak_;
      if (failing_streak_ >= retries) status_ = "unhealthy";
    }
    if (status_ != before) told = status_;
  }
  if (!told.empty()) state_.publish(container.record(), "health_status: " + told);
}

void Health::check(std::stop_token stop) {
  const std::int64_t started = base::monotonic_ns();
  const std::int64_t start_period = config_.start_period_ns;
  const auto in_start_period = [&] { return base::monotonic_ns() - started < start_period; };
  while (true) {
    const bool starting = in_start_period() && shown().status == "starting";
    const Nanoseconds pause = starting ? or_default(config_.start_interval_ns, kStartInterval)
                                       : or_default(config_.interval_ns, kInterval);
    if (!sleep_for(pause, stop)) return;
    const auto container = container_.lock();
    if (!container) return;
    // Docker: a paused container is not checked.
    if (!std::holds_alternative<Running>(container->view().state)) continue;
    const base::Time begin = base::now();
    Probe result;
    try {
      result = probe(*container, stop);
    } catch (const base::Error& error) {
      result = {kTimedOut, error.what()};
    }
    if (stop.stop_requested()) return;
    note(*container, result, begin, in_start_period());
  }
}

void start_health(Containers::State& state, const ContainerPointer& container) {
  const Record record = container->record();
  const auto& config = record.config.healthcheck;
  if (!config || command_of(*config, record).empty()) {
    container->set_health(nullptr);
    return;
  }
  container->set_health(std::make_shared<Health>(state, container, *config));
}

void stop_health(Container& container) {
  if (const auto health = container.health()) health->stop();
}

void end_health(Container& container) {
  // Its thread may hold the container for a moment, and must not be the last to do so.
  stop_health(container);
  container.set_health(nullptr);
}

api::Health shown_health(const Health& health) {
  return health.shown();
}

}  // namespace wharf::container
