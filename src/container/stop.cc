// Stop, kill, restart, pause, unpause: everything that is done to a running container.
#include <csignal>

#include "base/error.h"
#include "base/log.h"
#include "container/health.h"
#include "container/signals.h"
#include "container/state.h"

namespace wharf::container {

namespace {

using base::Kind;
using std::chrono::steady_clock;

/// After SIGKILL: how long the end may take before every process is killed one by one.
constexpr std::chrono::seconds kKillPatience{10};

std::optional<steady_clock::time_point> deadline_in(std::int64_t seconds) {
  if (seconds < 0) return std::nullopt;
  return steady_clock::now() + std::chrono::seconds(seconds);
}

/// True when the run with that number has ended.
bool wait_for_end(const Container& container, std::uint64_t run,
                  std::optional<steady_clock::time_point> deadline) {
  const auto ended = [run](const View& view, std::uint64_t, bool removed) {
    const auto held = view.run();
    return removed || !held || held->number != run;
  };
  return container.wait(ended, deadline, {});
}

[[noreturn]] void not_running(const Container& container) {
  base::fail(Kind::Conflict, "container {} is not running", container.id);
}

int stop_signal(const Record& record, const std::string& asked) {
  if (!asked.empty()) return parse_signal(asked);
  return record.config.stop_signal.empty() ? SIGTERM : parse_signal(record.config.stop_signal);
}

}  // namespace

void Containers::State::signal(Container& container, Run& run, int number) {
  try {
    run.task.signal(number);
  } catch (const base::Error& error) {
    // It has just ended by itself: its exit is on the way.
    if (error.error_number() != ESRCH) throw;
  }
  publish(container.record(), "kill", {{"signal", std::to_string(number)}});
  if (number != SIGKILL) return;
  // A frozen process takes its SIGKILL when it thaws.
  if (std::holds_alternative<Paused>(container.view().state)) {
    try {
      run.task.thaw();
    } catch (const base::Error& error) {
      if (error.error_number() != ESRCH) throw;
    }
  }
}

void Containers::State::stop_running(Container& container, int number, std::int64_t timeout_s) {
  const auto run = container.view().run();
  if (!run) return;
  if (timeout_s != 0 || number == SIGKILL) {
    signal(container, *run, number);
    if (wait_for_end(container, run->number, deadline_in(timeout_s))) return;
  } else {
    // Docker: -t 0 sends the stop signal and does not wait for it.
    signal(container, *run, number);
  }
  signal(container, *run, SIGKILL);
  if (wait_for_end(container, run->number, steady_clock::now() + kKillPatience)) return;
  base::log_warn("container {} did not end by SIGKILL in time", container.id);
  run->task.kill_all();
  if (wait_for_end(container, run->number, steady_clock::now() + kKillPatience)) return;
  base::fail(Kind::Internal, "tried to kill container, but did not receive an exit event");
}

void Containers::stop(std::string_view name, const StopOptions& options) {
  const ContainerPointer container = state_->find(name);
  const View view = container->view();
  if (!view.running()) base::fail(Kind::NotModified, "container is already stopped");
  const Record record = container->record();
  int signal = SIGTERM;
  try {
    signal = stop_signal(record, options.signal);
  } catch (const base::Error& error) {
    base::fail(Kind::Internal, "cannot stop container: {}: {}", name, error.what());
  }
  const std::int64_t timeout_s = options.timeout_s.value_or(
      record.config.stop_timeout.value_or(state_->settings.stop_timeout_s));
  container->set_manually_stopped(true);
  {
    // Between two runs there is nothing to signal: the next one does not come.
    const Container::Turn turn = container->take_turn();
    const View now = container->view();
    if (std::holds_alternative<Restarting>(now.state)) {
      container->set_state(Exited{now.last()});
      state_->save_state(*container, nullptr, now.last());
    }
  }
  state_->stop_running(*container, signal, timeout_s);
  state_->publish(record, "stop");
}

void Containers::kill(std::string_view name, std::string_view signal_name) {
  const ContainerPointer container = state_->find(name);
  const int number = signal_name.empty() ? SIGKILL : parse_signal(signal_name);
  const View view = container->view();
  const auto run = view.run();
  if (!run && !std::holds_alternative<Restarting>(view.state)) not_running(*container);
  if (number == SIGKILL || number == SIGTERM) container->set_manually_stopped(true);
  if (!run) {
    const Container::Turn turn = container->take_turn();
    const View now = container->view();
    if (std::holds_alternative<Restarting>(now.state)) container->set_state(Exited{now.last()});
    return;
  }
  if (number != SIGKILL) {
    state_->signal(*container, *run, number);
    return;
  }
  state_->stop_running(*container, SIGKILL, kKillPatience.count());
}

void Containers::restart(std::string_view name, const StopOptions& options) {
  const ContainerPointer container = state_->find(name);
  const Record record = container->record();
  if (container->view().removing) {
    base::fail(Kind::Conflict, "container is marked for removal and cannot be started");
  }
  const int signal = stop_signal(record, options.signal);
  const std::int64_t timeout_s = options.timeout_s.value_or(
      record.config.stop_timeout.value_or(state_->settings.stop_timeout_s));
  if (container->view().running()) {
    // So that neither the policy nor --rm takes it for an end.
    container->set_manually_stopped(true);
    container->set_kept(true);
    try {
      state_->stop_running(*container, signal, timeout_s);
    } catch (...) {
      container->set_kept(false);
      throw;
    }
    state_->publish(record, "stop");
  }
  const Container::Turn turn = container->take_turn();
  const View now = container->view();
  container->set_kept(false);
  if (now.removing) {
    base::fail(Kind::Conflict, "container is marked for removal and cannot be started");
  }
  if (std::holds_alternative<Restarting>(now.state)) container->set_state(Exited{now.last()});
  container->set_manually_stopped(false);
  if (!container->view().run()) state_->start_turned(*container);
  state_->publish(record, "restart");
}

void Containers::pause(std::string_view name) {
  const ContainerPointer container = state_->find(name);
  const Container::Turn turn = container->take_turn();
  const View view = container->view();
  if (std::holds_alternative<Restarting>(view.state)) {
    base::fail(Kind::Conflict, "container {} is restarting, wait until the container is running",
               container->id);
  }
  const auto run = view.run();
  if (!run) not_running(*container);
  if (std::holds_alternative<Paused>(view.state)) {
    base::fail(Kind::Conflict, "container {} is already paused", container->id);
  }
  try {
    run->task.freeze();
  } catch (const base::Error& error) {
    if (error.error_number() == ESRCH || run->task.init_ends_within({})) not_running(*container);
    throw;
  }
  container->set_state(Paused{run});
  state_->publish(container->record(), "pause");
}

void Containers::unpause(std::string_view name) {
  const ContainerPointer container = state_->find(name);
  const Container::Turn turn = container->take_turn();
  const View view = container->view();
  if (!std::holds_alternative<Paused>(view.state)) {
    base::fail(Kind::Internal, "Container {} is not paused", container->id);
  }
  try {
    view.run()->task.thaw();
  } catch (const base::Error& error) {
    if (error.error_number() == ESRCH) not_running(*container);
    throw;
  }
  container->set_state(Running{view.run()});
  state_->publish(container->record(), "unpause");
}

void Containers::resize(std::string_view name, std::uint32_t rows, std::uint32_t columns) {
  const ContainerPointer container = state_->find(name);
  const auto run = container->view().run();
  if (!run) not_running(*container);
  run->task.resize({static_cast<std::uint16_t>(rows), static_cast<std::uint16_t>(columns)});
  state_->publish(container->record(), "resize",
                  {{"height", std::to_string(rows)}, {"width", std::to_string(columns)}});
}

}  // namespace wharf::container
