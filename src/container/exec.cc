// Execs: created, started with or without streams, inspected, resized.
#include "container/exec.h"

#include <charconv>

#include "base/error.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/strings.h"
#include "base/time.h"
#include "container/detach_keys.h"
#include "container/exec_start.h"
#include "container/spec.h"
#include "container/state.h"

namespace wharf::container {

namespace {

using base::Kind;

/// How long the end of a container takes whose pid namespace takes no more processes.
constexpr std::chrono::milliseconds kEndPatience{500};

/// As many of the digits of its id are the number that an exec has in its task.
constexpr int kTaskDigits = 15;

/// An exec that has ended is forgotten when another ends after this, or after so many others.
constexpr std::int64_t kRememberedNs = 5 * 60 * 1'000'000'000LL;
constexpr std::size_t kMostRemembered = 500;

std::string command_text(const api::ExecCreateRequest& request) {
  return base::join(request.cmd.value_or(std::vector<std::string>{}), " ");
}

std::shared_ptr<Run> run_for_exec(const Container& container) {
  const View view = container.view();
  if (std::holds_alternative<Paused>(view.state)) {
    base::fail(Kind::Conflict, "Container {} is paused, unpause the container before exec",
               container.id);
  }
  if (std::holds_alternative<Restarting>(view.state)) {
    base::fail(Kind::Conflict, "Container {} is restarting, wait until the container is running",
               container.id);
  }
  auto run = view.run();
  if (!run) base::fail(Kind::Conflict, "container {} is not running", container.id);
  return run;
}

Identity identity_for_exec(Run& run, const Record& record, const api::ExecCreateRequest& request) {
  const os::Fd rootfs = run.copy_of(run.rootfs);
  if (!rootfs.valid()) base::fail(Kind::Conflict, "container {} is not running", record.id);
  if (!request.user.empty()) return find_identity(rootfs, request.user, {});
  return find_identity(rootfs, record.config.user,
                       record.host.group_add.value_or(std::vector<std::string>{}));
}

std::string process_for_exec(const std::shared_ptr<const Record>& record, const Settings& settings,
                             const Exec& exec) {
  const bool prepared = exec.prepared && exec.prepared->record == record;
  if (prepared && !exec.prepared->process_json.empty()) return exec.prepared->process_json;
  const std::string& working_dir =
      exec.request.working_dir.empty() ? record->config.working_dir : exec.request.working_dir;
  std::string text = base::to_text(
      build_exec_process(*record, settings, exec.request, exec.identity, working_dir));
  if (prepared) exec.prepared->process_json = text;
  return text;
}

/// The container ended while the exec was about to join it: its namespaces are gone (ESRCH), its
/// pid namespace takes nobody (ENOMEM, pid_namespaces(7)), or who joined was killed with it (0).
bool ended_meanwhile(const Run& run, const base::Error& error) {
  if (error.error_number() == ESRCH) return true;
  const bool perhaps = error.error_number() == ENOMEM || error.error_number() == 0;
  return run.task.init_ends_within(perhaps ? kEndPatience : std::chrono::milliseconds(0));
}

}  // namespace

void Exec::begin() {
  const std::lock_guard lock(mutex);
  if (stage == Stage::Running) base::fail(Kind::Conflict, "exec command {} is already running", id);
  if (stage == Stage::Ended) base::fail(Kind::Conflict, "exec command {} has already run", id);
  stage = Stage::Running;
}

void Exec::started(std::int64_t process) {
  const std::lock_guard lock(mutex);
  pid = process;
  changed.notify_all();
}

void Exec::ended(int code) {
  const std::lock_guard lock(mutex);
  if (stage == Stage::Ended) return;
  stage = Stage::Ended;
  exit_code = code;
  changed.notify_all();
  const std::uint64_t one = 1;
  if (bell) static_cast<void>(WHARF_CALL(write, bell->get(), &one, sizeof one));
}

bool Exec::has_no_bell() const {
  const std::lock_guard lock(mutex);
  return bell == nullptr;
}

bool Exec::has_ended() const {
  const std::lock_guard lock(mutex);
  return stage == Stage::Ended;
}

bool Exec::wait_until_ended(int milliseconds) const {
  std::unique_lock lock(mutex);
  return changed.wait_for(lock, std::chrono::milliseconds(milliseconds),
                          [this] { return stage == Stage::Ended; });
}

std::shared_ptr<Exec> Containers::State::find_exec(std::string_view id) const {
  const std::lock_guard lock(execs_mutex);
  const auto found = execs.find(id);
  if (found == execs.end()) base::fail(Kind::NotFound, "No such exec instance: {}", id);
  return found->second;
}

void Containers::State::forget_exec(const std::string& id) {
  const std::lock_guard lock(execs_mutex);
  execs.erase(id);
}

std::string Containers::create_exec(std::string_view name, const api::ExecCreateRequest& request) {
  return state_->make_exec(*state_->find(name), request);
}

std::vector<std::string> Containers::State::execs_of(const std::string& container_id) const {
  std::vector<std::string> ids;
  const std::lock_guard lock(execs_mutex);
  for (const auto& [id, exec] : execs) {
    if (exec->container_id == container_id && !exec->has_ended()) ids.push_back(id);
  }
  return ids;
}

std::string Containers::State::make_exec(Container& container,
                                         const api::ExecCreateRequest& request,
                                         const std::shared_ptr<PreparedExec>& prepared) {
  const auto run = run_for_exec(container);
  const auto held = container.shared_record();
  auto exec = std::make_shared<Exec>();
  exec->detach_keys = parse_detach_keys(request.detach_keys);
  exec->id = base::random_id();
  std::from_chars(exec->id.data(), exec->id.data() + kTaskDigits, exec->task_exec, 16);
  exec->container_id = container.id;
  exec->run = run->number;
  exec->request = request;
  exec->prepared = prepared;
  if (prepared && prepared->record == held) {
    exec->identity = prepared->identity;
  } else {
    exec->identity = identity_for_exec(*run, *held, request);
    if (prepared) *prepared = {held, exec->identity, ""};
  }
  {
    const std::lock_guard lock(execs_mutex);
    execs[exec->id] = exec;
  }
  publish(*held, "exec_create: " + command_text(request), {{"execID", exec->id}});
  return exec->id;
}

supervise::Exec Containers::State::start_exec(Exec& exec, const api::ExecStartRequest& request,
                                              const supervise::Streams& streams) {
  const ContainerPointer container = find(exec.container_id);
  const auto run = run_for_exec(*container);
  if (run->number != exec.run) base::fail(Kind::NotFound, "No such exec instance: {}", exec.id);
  exec.begin();
  const auto held = container->shared_record();
  supervise::ExecRequest asked;
  asked.id = exec.task_exec;
  asked.tty = exec.request.tty;
  asked.streams = streams;
  const auto& size = request.console_size ? request.console_size : exec.request.console_size;
  if (size && size->size() == 2) {
    asked.window = {static_cast<std::uint16_t>((*size)[0]), static_cast<std::uint16_t>((*size)[1])};
  }
  publish(*held, "exec_start: " + command_text(exec.request), {{"execID", exec.id}});
  try {
    asked.process_json = process_for_exec(held, settings, exec);
    supervise::Exec started = run->task.exec(asked);
    exec.started(started.pid);
    return started;
  } catch (const supervise::StepError& error) {
    exec.ended(error.exit_code() == 127 ? 127 : 126);
    if (ended_meanwhile(*run, error)) {
      base::fail(Kind::Conflict, "container {} is not running", container->id);
    }
    throw base::Error(Kind::InvalidArgument,
                      fmt::format("OCI runtime exec failed: exec failed: unable to start "
                                  "container process: {}",
                                  error.what()));
  } catch (const base::Error&) {
    exec.ended(126);
    throw;
  }
}

void Containers::start_exec_detached(std::string_view id) {
  const auto exec = state_->find_exec(id);
  state_->start_exec(*exec, {}, {});
}

void Containers::State::exec_ended(Container& container, const supervise::ExecExit& exit) {
  std::shared_ptr<Exec> ended;
  {
    const std::lock_guard lock(execs_mutex);
    const auto found = execs.lower_bound(fmt::format("{:0{}x}", exit.exec, kTaskDigits));
    const bool ours = found != execs.end() && found->second->task_exec == exit.exec &&
                      found->second->container_id == container.id;
    if (ours) ended = found->second;
  }
  if (!ended) return;  // A daemon before this one started it.
  publish(*container.shared_record(), "exec_die",
          {{"execID", ended->id}, {"exitCode", std::to_string(exit.code)}});
  const bool to_forget = ended->has_no_bell();
  ended->ended(exit.code);
  if (!to_forget) return;
  const std::lock_guard lock(execs_mutex);
  remember_exec_locked(ended->id);
}

/// For its client to ask about: for some minutes, and no more than so many.
void Containers::State::remember_exec_locked(const std::string& id) {
  const std::int64_t now = base::monotonic_ns();
  ended_execs.emplace_back(now, id);
  while (ended_execs.size() > kMostRemembered || now - ended_execs.front().first > kRememberedNs) {
    execs.erase(ended_execs.front().second);
    ended_execs.pop_front();
  }
}

void Containers::State::execs_ended(Container& container) {
  const std::lock_guard lock(execs_mutex);
  std::erase_if(execs, [&](const auto& entry) {
    const auto& exec = entry.second;
    if (exec->container_id != container.id) return false;
    const std::lock_guard exec_lock(exec->mutex);
    return exec->stage == Exec::Stage::Created;
  });
  std::vector<std::string> gone;
  for (const auto& [id, exec] : execs) {
    if (exec->container_id != container.id || exec->has_ended()) continue;
    exec->ended(137);
    gone.push_back(id);
  }
  for (const std::string& id : gone) remember_exec_locked(id);
}

api::ExecInspect Containers::inspect_exec(std::string_view id) {
  const auto exec = state_->find_exec(id);
  const std::lock_guard lock(exec->mutex);
  api::ExecInspect shown;
  shown.id = exec->id;
  shown.running = exec->stage == Exec::Stage::Running;
  if (exec->exit_code) shown.exit_code = *exec->exit_code;
  const auto command = exec->request.cmd.value_or(std::vector<std::string>{});
  shown.process_config.tty = exec->request.tty;
  if (!command.empty()) shown.process_config.entrypoint = command.front();
  if (command.size() > 1) shown.process_config.arguments.assign(command.begin() + 1, command.end());
  shown.process_config.privileged = exec->request.privileged;
  shown.process_config.user = exec->request.user;
  shown.open_stdin = exec->request.attach_stdin;
  shown.open_stdout = exec->request.attach_stdout;
  shown.open_stderr = exec->request.attach_stderr;
  shown.container_id = exec->container_id;
  // Docker: empty unless asked for, and then the bytes.
  if (!exec->request.detach_keys.empty()) {
    shown.detach_keys = base::base64_encode(exec->detach_keys);
  }
  shown.pid = exec->pid;
  return shown;
}

void Containers::resize_exec(std::string_view id, std::uint32_t rows, std::uint32_t columns) {
  const auto exec = state_->find_exec(id);
  std::uint64_t task_exec = 0;
  {
    const std::lock_guard lock(exec->mutex);
    if (exec->stage != Exec::Stage::Running || exec->pid == 0) {
      base::fail(Kind::Conflict, "exec command {} is not running", id);
    }
    task_exec = exec->task_exec;
  }
  const ContainerPointer container = state_->find(exec->container_id);
  run_for_exec(*container)
      ->task.exec_resize(task_exec,
                         {static_cast<std::uint16_t>(rows), static_cast<std::uint16_t>(columns)});
}

}  // namespace wharf::container
