// POST /containers/{id}/update: limits and the restart policy of a container, also while it runs,
// and what Amendment adds.
#include "base/error.h"
#include "container/amend.h"
#include "container/checks.h"
#include "container/spec.h"
#include "container/state.h"

namespace wharf::container {

namespace {

using base::Kind;

[[noreturn]] void refuse(const Container& container, const std::string& why) {
  base::fail(Kind::Conflict, "Cannot update container {}: {}", container.id, why);
}

void check_conflicts(const Container& container, const api::HostConfig& now,
                     const api::UpdateRequest& request) {
  if (now.auto_remove && !request.restart_policy.name.empty() &&
      request.restart_policy.name != "no") {
    refuse(container,
           "Restart policy cannot be updated because AutoRemove is enabled for the container");
  }
  if (request.nano_cpus > 0 && (now.cpu_period > 0 || now.cpu_quota > 0)) {
    refuse(
        container,
        fmt::format("Conflicting options: Nano CPUs cannot be updated as {} has already been set",
                    now.cpu_period > 0 ? "CPU Period" : "CPU Quota"));
  }
  if (now.nano_cpus > 0 && request.cpu_period > 0) {
    refuse(container,
           "Conflicting options: CPU Period cannot be updated as NanoCPUs has already been set");
  }
  if (now.nano_cpus > 0 && request.cpu_quota > 0) {
    refuse(container,
           "Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set");
  }
  const bool memory_grows_past_swap = request.memory > 0 && request.memory_swap == 0 &&
                                      now.memory_swap > 0 && request.memory > now.memory_swap;
  if (memory_grows_past_swap) {
    refuse(container,
           "Memory limit should be smaller than already set memoryswap limit, update the "
           "memoryswap at the same time");
  }
}

template <class T>
void take(T& now, const T& asked) {
  if (asked != T{}) now = asked;
}

/// Docker: 0 and "" leave a limit as it is.
void apply(api::HostConfig& now, const api::UpdateRequest& request) {
  take(now.blkio_weight, request.blkio_weight);
  take(now.cpu_shares, request.cpu_shares);
  take(now.nano_cpus, request.nano_cpus);
  take(now.cpu_period, request.cpu_period);
  take(now.cpu_quota, request.cpu_quota);
  take(now.cpu_realtime_period, request.cpu_realtime_period);
  take(now.cpu_realtime_runtime, request.cpu_realtime_runtime);
  take(now.cpuset_cpus, request.cpuset_cpus);
  take(now.cpuset_mems, request.cpuset_mems);
  take(now.memory, request.memory);
  take(now.memory_swap, request.memory_swap);
  take(now.memory_reservation, request.memory_reservation);
  if (request.pids_limit) {
    now.pids_limit = request.pids_limit;
    if (*now.pids_limit <= 0) now.pids_limit.reset();
  }
  if (!request.restart_policy.name.empty()) now.restart_policy = request.restart_policy;
}

}  // namespace

std::vector<std::string> Containers::update(std::string_view name,
                                            const api::UpdateRequest& request) {
  const ContainerPointer container = state_->find(name);
  Warnings warnings;
  api::UpdateRequest asked = request;
  asked.kernel_memory = asked.kernel_memory_tcp = 0;
  if (asked.memory_swappiness == -1) asked.memory_swappiness.reset();
  // Docker: negative shares are the kernel's to refuse or to raise.
  const std::int64_t shares =
      std::exchange(asked.cpu_shares, std::max<std::int64_t>(asked.cpu_shares, 0));
  check_resources(asked, warnings);
  asked.cpu_shares = std::max<std::int64_t>(shares, 0);
  check_restart_policy(asked.restart_policy);

  const Container::Turn turn = container->take_turn();
  Record record = container->record();
  check_conflicts(*container, record.host, asked);
  apply(record.host, asked);
  const auto run = container->view().run();
  Amendment amendment(*state_, record, asked);  // After the run: what it undoes, it undoes there.
  if (run) {
    amendment.apply(*run);
    run->task.update(base::to_text(build_resources(record.host)));
  } else {
    amendment.apply_at_rest();
  }
  const std::string text = base::to_text(to_json(record));
  state_->services.database.write([&](store::Transaction& transaction) {
    transaction.run("UPDATE containers SET record = ? WHERE id = ?", {text, record.id});
  });
  amendment.keep(*container);
  container->change_record([&](Record& changed) {
    changed.host = record.host;
    changed.config = record.config;
    changed.mounts = record.mounts;
  });
  if (run && amendment.changes_network()) state_->keep_run(*container, *run);
  state_->publish(record, "update");
  return warnings;
}

}  // namespace wharf::container
