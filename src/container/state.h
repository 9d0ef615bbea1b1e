// What all of room container's verbs share: the index, and the services.
//
// The verbs are in files of their own (create.cc, start.cc, stop.cc ...), each a few functions
// of Containers::State. Any thread; the index has a lock of its own, held for look-ups only.
#pragma once

#include <deque>
#include <map>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/jobs.h"
#include "container/container.h"
#include "container/containers.h"
#include "container/exec.h"
#include "container/sampler.h"
#include "container/seccomp.h"
#include "image/images.h"
#include "layer/layers.h"
#include "logs/watch.h"
#include "network/networks.h"
#include "shipping/shipper.h"
#include "store/database.h"
#include "supervise/client.h"
#include "volume/volumes.h"

namespace wharf::container {

struct Containers::State {
  State(Settings settings_in, Services services_in);

  // The index (index.cc).

  /// By full id, name or unique prefix. Throws NotFound, InvalidArgument.
  ContainerPointer find(std::string_view name) const;
  std::vector<ContainerPointer> all() const;
  std::vector<ContainerPointer> running() const;
  void insert(const ContainerPointer& container);
  void erase(const Container& container);
  /// Throws Conflict with the name's owner.
  void reserve_name(const std::string& name, const std::string& id);
  void release_name(const std::string& name, const std::string& id);

  // Paths (files.cc).

  os::Path directory(const std::string& id) const { return settings.data_root / "containers" / id; }
  os::Path run_directory(const std::string& id) const { return settings.exec_root / "c" / id; }
  void save_state(const Container& container, const base::Json& sandbox, const Ended& last) const;
  /// What changed for a running container: what inspect shows, /etc/hosts, and what a daemon
  /// after this one must know (connect.cc).
  void keep_run(Container& container, Run& run) const;
  /// hostname, hosts and resolv.conf, to be mounted at /etc.
  void write_etc_files(const std::string& id, const std::string& hostname, const std::string& hosts,
                       const std::string& resolv_conf) const;

  // Verbs that other verbs use. All need the container's Turn.

  void start_turned(Container& container);
  void remove_turned(const ContainerPointer& container, bool volumes);

  /// Ends what still runs and waits for it. Without the Turn.
  void stop_running(Container& container, int signal, std::int64_t timeout_s);
  void signal(Container& container, Run& run, int number);

  /// From the supervisor, as a job.
  void ended(const ContainerPointer& container, std::uint64_t run, Ended how);
  void close_roots_later(Container& container, const std::shared_ptr<Run>& run);
  void restart_later(const ContainerPointer& container, std::int64_t attempt);

  /// Sends its log where its driver says, if it does (telling.cc). `ended`: only what is left.
  enum class Shipping { Starting, Running, Ended };
  void ship_log(const Record& record, Shipping when);

  // Telling (telling.cc).

  void publish(const Record& record, const std::string& action,
               std::map<std::string, std::string> attributes = {}) const;
  void publish_network(const Record& record, const Run& run, const char* action) const;
  void publish_volumes(const Record& record, const char* action) const;

  supervise::Events events_of(const ContainerPointer& container, std::uint64_t run);

  /// Records of a broken container's row, made up to be shown and removed.
  void restore_one(const std::string& id, const std::string& name, const std::string& text);
  void adopt(const ContainerPointer& container, const StateFile& file);

  // Execs (exec.cc).

  std::shared_ptr<Exec> find_exec(std::string_view id) const;
  std::string make_exec(Container& container, const api::ExecCreateRequest& request,
                        const std::shared_ptr<PreparedExec>& prepared = nullptr);
  /// Those that have not ended.
  std::vector<std::string> execs_of(const std::string& container_id) const;
  void forget_exec(const std::string& id);
  void remember_exec_locked(const std::string& id);
  /// Throws what the API answers; the exec has then ended with 126 or 127.
  supervise::Exec start_exec(Exec& exec, const api::ExecStartRequest& request,
                             const supervise::Streams& streams);
  void exec_ended(Container& container, const supervise::ExecExit& exit);
  /// The container has ended, and all its execs with it.
  void execs_ended(Container& container);

  Settings settings;
  Services services;
  logs::Watch watch;
  shipping::Shipper shipper{watch};
  SeccompFilters seccomp;

  mutable std::shared_mutex index_mutex;
  std::map<std::string, ContainerPointer, std::less<>> by_id;
  std::unordered_map<std::string, std::string> by_name;

  Sampler sampler;

  mutable std::mutex execs_mutex;
  std::map<std::string, std::shared_ptr<Exec>, std::less<>> execs;
  std::deque<std::pair<std::int64_t, std::string>> ended_execs;  ///< When, and which.

  /// Last: its threads use everything above, and end first.
  base::Jobs jobs;
};

}  // namespace wharf::container
