#include "container/health.h"

#include <poll.h>
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
      thread_([this](std::stop_token stop) { check(stop); }) {}

api::Health Health::shown() const {
  const std::lock_guard lock(mutex_);
  return {status_, failing_streak_, {log_.begin(), log_.end()}};
}

Health::Probe Health::probe(Container& container, std::stop_token stop) {
  const Record record = container.record();
  api::ExecCreateRequest request;
  request.cmd = command_of(config_, record);
  request.attach_stdout = request.attach_stderr = true;
  const std::string id = state_.make_exec(container, request);
  const auto exec = state_.find_exec(id);
  supervise::Exec process = state_.start_exec(*exec, {}, {false, true, true});
  const Nanoseconds timeout = or_default(config_.timeout_ns, kTimeout);
  const std::int64_t deadline = base::monotonic_ns() + timeout.count();
  Probe result;
  std::array<pollfd, 2> waits{{{process.out.get(), POLLIN, 0}, {process.err.get(), POLLIN, 0}}};
  while (!stop.stop_requested() && !(exec->has_ended() && waits[0].fd < 0 && waits[1].fd < 0)) {
    if (base::monotonic_ns() > deadline) {
      if (const auto run = container.view().run()) run->task.exec_signal(process.id, SIGKILL);
      result.exit_code = kTimedOut;
      result.output = fmt::format("Health check exceeded timeout ({})", go_duration(timeout));
      return result;
    }
    ::poll(waits.data(), waits.size(), 20);
    for (pollfd& wait : waits) {
      if (wait.fd < 0 || wait.revents == 0) continue;
      char buffer[kOutputKept];
      const auto got = ::read(wait.fd, buffer, sizeof buffer);
      if (got <= 0) wait.fd = -1;
      if (got <= 0 || result.output.size() >= kOutputKept) continue;
      result.output.append(buffer, static_cast<std::size_t>(got));
      if (result.output.size() > kOutputKept) result.output.resize(kOutputKept);
    }
    // A child that holds the pipe open does not keep the check from its result.
    if (exec->has_ended() && waits[0].revents == 0 && waits[1].revents == 0) break;
  }
  const std::lock_guard lock(exec->mutex);
  result.exit_code = exec->exit_code.value_or(kTimedOut);
  return result;
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
