#include "supervise/sweep.h"

#include <signal.h>

#include <memory>

#include "base/json.h"
#include "base/log.h"
#include "cgroup/group.h"
#include "supervise/run_directory.h"

namespace wharf::supervise {
namespace {

/// Opens the cgroup and kills all that is in it, also what is frozen.
bool kill_in(const std::string& path, cgroup::Hierarchies& hierarchies, cgroup::Group& group,
             base::Failure& failure) {
  return cgroup::discover(hierarchies, failure) &&
         group.open(hierarchies, path, failure, cgroup::manager_of(path)) &&
         group.signal_all(SIGKILL, failure);
}

bool remove_cgroup(const std::string& path, base::Failure& failure) {
  // Some 20 KB: too much for the stack of a thread.
  const auto hierarchies = std::make_unique<cgroup::Hierarchies>();
  cgroup::Group group;
  return kill_in(path, *hierarchies, group, failure) && group.remove(kSweepMs, failure);
}

}  // namespace

void kill_processes(const std::string& cgroup_path) {
  if (cgroup_path.empty()) return;
  base::Failure failure;
  const auto hierarchies = std::make_unique<cgroup::Hierarchies>();
  cgroup::Group group;
  if (!kill_in(cgroup_path, *hierarchies, group, failure))
    base::log_warn("kill what is in cgroup {}: {}", cgroup_path, failure.text.view());
}

void sweep(const std::string& cgroup_path, const std::filesystem::path& run_directory) {
  base::Failure failure;
  if (!cgroup_path.empty() && !remove_cgroup(cgroup_path, failure))
    base::log_warn("remove cgroup {} of a supervisor that was killed: {}", cgroup_path,
                   failure.text.view());
  try {
    remove_run_directory(run_directory);
  } catch (const base::Error& error) {
    base::log_warn("a supervisor that was killed: {}", error.what());
  }
}

std::string cgroup_path_of(std::string_view config_json) {
  try {
    const base::Json config = base::parse_json(config_json);
    const base::Json* part =
        config.is_object() ? base::find(config.get_object(), "linux") : nullptr;
    if (!part || !part->is_object()) return {};
    return std::string(base::text_at(part->get_object(), "cgroupsPath"));
  } catch (const base::Error&) {
    return {};  // The supervisor refuses such a config before it makes anything.
  }
}

}  // namespace wharf::supervise
