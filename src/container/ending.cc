// What happens when a container ends: its resources come back, it is told, restarted, removed.
#include "base/error.h"
#include "base/log.h"
#include "container/health.h"
#include "container/state.h"

namespace wharf::container {

namespace {

constexpr std::chrono::milliseconds kFirstDelay{100};
constexpr std::chrono::minutes kLongestDelay{1};
/// A run this long makes the next delay the first one again.
constexpr std::int64_t kGoodRunNs = 10'000'000'000;

bool should_restart(const Record& record, const View& view, int exit_code) {
  const api::RestartPolicy& policy = record.host.restart_policy;
  if (view.manually_stopped || view.removing) return false;
  if (policy.name == "always" || policy.name == "unless-stopped") return true;
  if (policy.name != "on-failure" || exit_code == 0) return false;
  return policy.maximum_retry_count == 0 || view.restart_count < policy.maximum_retry_count;
}

std::chrono::nanoseconds delay_of(std::int64_t attempt) {
  std::chrono::nanoseconds delay = kFirstDelay;
  for (std::int64_t i = 0; i < attempt && delay < kLongestDelay; ++i) delay *= 2;
  return std::min<std::chrono::nanoseconds>(delay, kLongestDelay);
}

Ended ended_by(const supervise::Exit& exit) {
  return {exit.code, "", exit.oom_killed, exit.started_at, exit.finished_at};
}

}  // namespace

supervise::Events Containers::State::events_of(const ContainerPointer& container,
                                               std::uint64_t run) {
  // The events' thread must not wait: everything is done as a job.
  const std::weak_ptr<Container> weak = container;
  supervise::Events events;
  events.exited = [this, weak, run](const supervise::Exit& exit) {
    jobs.run([this, weak, run, how = ended_by(exit)] {
      if (const auto alive = weak.lock()) ended(alive, run, how);
    });
  };
  events.lost = [this, weak, run] {
    jobs.run([this, weak, run] {
      const auto alive = weak.lock();
      if (!alive) return;
      Ended how;
      // Docker: what was killed with its supervisor has the code of SIGKILL.
      how.exit_code = 137;
      how.error = "the container's supervisor was killed";
      if (const auto held = alive->view().run()) how.started_at = held->started_at;
      how.finished_at = base::now();
      ended(alive, run, how);
    });
  };
  events.oom = [this, weak] {
    jobs.run([this, weak] {
      if (const auto alive = weak.lock()) publish(alive->record(), "oom");
    });
  };
  // But for this: it only tells, and there are many where health is checked.
  events.exec_exited = [this, weak](const supervise::ExecExit& exit) {
    if (const auto alive = weak.lock()) exec_ended(*alive, exit);
  };
  return events;
}

void Containers::State::ended(const ContainerPointer& container, std::uint64_t run, Ended how) {
  const Container::Turn turn = container->take_turn();
  const View view = container->view();
  const auto held = view.run();
  if (!held || held->number != run) return;
  const Record record = container->record();
  if (how.started_at.is_zero()) how.started_at = held->started_at;

  stop_health(*container);
  shipper.end(container->id);
  publish_network(record, *held, "disconnect");
  held->sandbox = {};
  execs_ended(*container);
  publish_volumes(record, "unmount");
  const std::int64_t duration_s =
      (how.finished_at.unix_ns - how.started_at.unix_ns) / 1'000'000'000;
  publish(record, "die",
          {{"exitCode", std::to_string(how.exit_code)},
           {"execDuration", std::to_string(std::max<std::int64_t>(duration_s, 0))}});

  if (should_restart(record, view, how.exit_code)) {
    container->set_ended(Restarting{how});
    const bool good_run = how.finished_at.unix_ns - how.started_at.unix_ns >= kGoodRunNs;
    save_state(*container, nullptr, how);
    close_roots_later(*container, held);
    restart_later(container, good_run ? 0 : view.restart_count);
    return;
  }
  // What wharfd says of the end is on disk before anybody hears of it: exit.json by the
  // supervisor, and for a supervisor that was killed this file.
  if (!how.error.empty()) save_state(*container, nullptr, how);
  container->set_ended(Exited{how});
  close_roots_later(*container, held);
  if (!record.host.auto_remove || container->view().kept || !container->begin_removing()) return;
  try {
    remove_turned(container, true);
  } catch (const base::Error& error) {
    base::log_error("remove container {}: {}", container->id, error.what());
    container->end_removing();
    container->set_state(Dead{how});
  }
}

void Containers::State::close_roots_later(Container& container, const std::shared_ptr<Run>& run) {
  // The unmount syncs the whole file system of the writable layer: only the next start waits.
  const auto closed = std::make_shared<std::promise<void>>();
  container.set_roots_closed(closed->get_future().share());
  jobs.run([run, closed] {
    run->close_roots();
    closed->set_value();
  });
}

void Containers::State::restart_later(const ContainerPointer& container, std::int64_t attempt) {
  jobs.run_after(delay_of(attempt), [this, weak = std::weak_ptr<Container>(container)] {
    const auto alive = weak.lock();
    if (!alive || alive->removed()) return;
    const Container::Turn turn = alive->take_turn();
    const View view = alive->view();
    if (!std::holds_alternative<Restarting>(view.state) || view.removing) return;
    alive->set_restart_count(view.restart_count + 1);
    try {
      start_turned(*alive);
    } catch (const base::Error& error) {
      // Docker: a start that fails by the policy leaves the container exited.
      base::log_error("restart container {}: {}", alive->id, error.what());
    }
  });
}

}  // namespace wharf::container
