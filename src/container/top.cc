// GET /containers/{id}/top: ps(1) of the host, of the container's processes only.
#include <poll.h>

#include <charconv>
#include <csignal>
#include <fstream>
#include <memory>
#include <set>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "cgroup/group.h"
#include "container/spec.h"
#include "container/state.h"
#include "os/process.h"

namespace wharf::container {

namespace {

using base::Kind;
using Lines = std::vector<std::string>;

constexpr std::size_t kOutputLimit = 16 << 20;
constexpr int kPatienceMs = 10'000;

/// Where the container's processes are counted; empty where there is no such cgroup.
std::string directory_of(const std::string& cgroup) {
  // Too large for a thread's stack by far more than it needs.
  const auto hierarchies = std::make_unique<cgroup::Hierarchies>();
  cgroup::Group group;
  base::Failure failure;
  base::PathText path;
  if (!cgroup::discover(*hierarchies, failure) ||
      !group.open(*hierarchies, cgroup, failure, cgroup::manager_of(cgroup))) {
    base::log_warn("top: {}", failure.text.view());
    return {};
  }
  return std::string(group.directory_path("pids", path));
}

/// The processes of the container's pids cgroup (v1) or its one cgroup (v2).
std::set<std::int64_t> processes_of(const std::string& cgroup) {
  std::set<std::int64_t> pids;
  std::error_code failed;
  std::vector<os::Path> groups = {os::Path(directory_of(cgroup))};
  for (std::filesystem::recursive_directory_iterator it(groups.front(), failed), end; it != end;
       it.increment(failed)) {
    if (failed) break;
    if (it->is_directory(failed)) groups.push_back(it->path());
  }
  for (const os::Path& group : groups) {
    std::ifstream list(group / "cgroup.procs");
    std::int64_t pid = 0;
    while (list >> pid) pids.insert(pid);
  }
  return pids;
}

void check_arguments(std::string_view text) {
  // Docker: options that would let ps show something else than processes are refused.
  for (const std::string& word : base::split(std::string(text), ' ')) {
    const std::size_t equals = word.find("pid=");
    const bool renames_pid = equals != std::string::npos && equals + 4 < word.size() &&
                             (equals == 0 || word[equals - 1] == ',' || word[equals - 1] == 'o');
    if (renames_pid) {
      base::fail(Kind::InvalidArgument, "specifying \"{}\" is not allowed", word.substr(equals));
    }
  }
}

Lines words_of(std::string_view line, std::size_t columns) {
  Lines words;
  std::size_t at = 0;
  while (at < line.size()) {
    at = line.find_first_not_of(" \t", at);
    if (at == std::string_view::npos) break;
    // The last column has whatever is left.
    const bool last = columns != 0 && words.size() + 1 == columns;
    const std::size_t end =
        last ? line.size() : std::min(line.find_first_of(" \t", at), line.size());
    words.emplace_back(line.substr(at, end - at));
    at = end;
  }
  return words;
}

std::string run_ps(const Lines& arguments) {
  os::Pipe out = os::make_pipe();
  os::SpawnRequest request;
  request.program = "/bin/ps";
  request.name = "ps";
  request.arguments = arguments;
  request.descriptors = {{&out.write, 1}, {&out.write, 2}};
  const os::Process process = os::Process::spawn(request);
  out.write.reset();
  std::string text;
  char buffer[16 << 10];
  pollfd wait{out.read.get(), POLLIN, 0};
  const std::int64_t deadline = base::monotonic_ns() + std::int64_t{kPatienceMs} * 1'000'000;
  while (true) {
    const std::int64_t left_ms = (deadline - base::monotonic_ns()) / 1'000'000;
    if (left_ms <= 0 || ::poll(&wait, 1, static_cast<int>(left_ms)) == 0) {
      process.signal(SIGKILL);
      process.wait();
      base::fail(Kind::Internal, "error running ps: it did not end in time");
    }
    const std::size_t got = os::read_some(out.read, buffer);
    if (got == 0) break;
    text.append(buffer, got);
    if (text.size() > kOutputLimit) {
      process.signal(SIGKILL);
      process.wait();
      base::fail(Kind::Internal, "error running ps: too much output");
    }
  }
  if (process.wait().shell_code() != 0) {
    base::fail(Kind::Internal, "error running ps: {}", base::trim(text));
  }
  return text;
}

api::TopResponse parse_ps(const std::string& text, const std::set<std::int64_t>& pids) {
  api::TopResponse response;
  Lines lines = base::split(text, '\n');
  if (lines.empty()) base::fail(Kind::Internal, "Couldn't find PID field in ps output");
  response.titles = words_of(lines.front(), 0);
  const auto pid_title = std::find(response.titles.begin(), response.titles.end(), "PID");
  if (pid_title == response.titles.end()) {
    base::fail(Kind::Internal, "Couldn't find PID field in ps output");
  }
  const auto column = static_cast<std::size_t>(pid_title - response.titles.begin());
  lines.erase(lines.begin());
  for (const std::string& line : lines) {
    Lines words = words_of(line, response.titles.size());
    if (words.size() <= column) continue;
    std::int64_t pid = 0;
    const std::string& number = words[column];
    std::from_chars(number.data(), number.data() + number.size(), pid);
    if (pids.contains(pid)) response.processes.push_back(std::move(words));
  }
  return response;
}

}  // namespace

api::TopResponse Containers::top(std::string_view name, std::string_view ps_arguments) {
  const std::string_view arguments = ps_arguments.empty() ? "-ef" : ps_arguments;
  check_arguments(arguments);
  const ContainerPointer container = state_->find(name);
  const View view = container->view();
  if (std::holds_alternative<Restarting>(view.state)) {
    base::fail(Kind::Conflict, "container {} is restarting, wait until the container is running",
               container->id);
  }
  if (!view.run()) base::fail(Kind::Conflict, "container {} is not running", container->id);
  const Record record = container->record();
  const auto pids = processes_of(cgroup_path(record, state_->settings));
  api::TopResponse response = parse_ps(run_ps(words_of(arguments, 0)), pids);
  state_->publish(record, "top");
  return response;
}

}  // namespace wharf::container
