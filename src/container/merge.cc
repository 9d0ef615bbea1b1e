#include "container/merge.h"

#include <filesystem>

#include "base/error.h"

namespace wharf::container {

namespace {

using Lines = std::vector<std::string>;

std::string name_of(const std::string& variable) {
  return variable.substr(0, variable.find('='));
}

bool defines(const Lines& environment, const std::string& name) {
  return std::any_of(environment.begin(), environment.end(),
                     [&](const std::string& each) { return name_of(each) == name; });
}

template <class Map, class Other>
void add_missing(std::optional<Map>& into, const std::optional<Other>& from) {
  if (!from || from->empty()) return;
  if (!into) into.emplace();
  for (const auto& entry : *from) {
    if constexpr (std::is_same_v<typename Map::mapped_type, std::string>) {
      into->try_emplace(entry.first, entry.second);
    } else {
      into->try_emplace(entry.first);
    }
  }
}

void merge_healthcheck(api::ContainerConfig& config, const oci::RunConfig& image) {
  if (!image.healthcheck) return;
  if (!config.healthcheck) config.healthcheck.emplace();
  api::HealthConfig& mine = *config.healthcheck;
  const oci::Healthcheck& theirs = *image.healthcheck;
  if (!mine.test || mine.test->empty()) mine.test = theirs.test;
  if (mine.interval_ns == 0) mine.interval_ns = theirs.interval_ns;
  if (mine.timeout_ns == 0) mine.timeout_ns = theirs.timeout_ns;
  if (mine.start_period_ns == 0) mine.start_period_ns = theirs.start_period_ns;
  if (mine.start_interval_ns == 0) mine.start_interval_ns = theirs.start_interval_ns;
  if (mine.retries == 0) mine.retries = theirs.retries;
}

void merge_command(api::ContainerConfig& config, const oci::RunConfig& image) {
  // Docker: an entrypoint of one's own drops the image's arguments; [""] drops its entrypoint.
  if (!config.entrypoint || config.entrypoint->empty()) {
    if (!config.cmd || config.cmd->empty()) config.cmd = image.cmd;
    if (!config.entrypoint) config.entrypoint = image.entrypoint;
  }
  if (config.entrypoint && config.entrypoint->size() == 1 && config.entrypoint->front().empty()) {
    config.entrypoint.reset();
  }
}

}  // namespace

void merge(api::ContainerConfig& config, const oci::RunConfig& image) {
  if (config.user.empty()) config.user = image.user;
  if (config.working_dir.empty()) config.working_dir = image.working_dir;
  if (config.stop_signal.empty()) config.stop_signal = image.stop_signal;
  Lines environment = config.env.value_or(Lines{});
  const Lines own = environment;
  for (const std::string& variable : image.env.value_or(Lines{})) {
    if (!defines(own, name_of(variable))) environment.push_back(variable);
  }
  if (config.env || !environment.empty()) config.env = std::move(environment);
  add_missing(config.exposed_ports, image.exposed_ports);
  add_missing(config.volumes, image.volumes);
  add_missing(config.labels, image.labels);
  merge_healthcheck(config, image);
  merge_command(config, image);
}

std::vector<std::string> command_of(const api::ContainerConfig& config) {
  Lines command = config.entrypoint.value_or(Lines{});
  const Lines arguments = config.cmd.value_or(Lines{});
  command.insert(command.end(), arguments.begin(), arguments.end());
  if (command.empty()) base::fail(base::Kind::InvalidArgument, "no command specified");
  return command;
}

Lines replaced_environment(Lines base, const Lines& over) {
  for (const std::string& variable : over) {
    const std::string name = name_of(variable);
    const auto same = [&](const std::string& each) { return name_of(each) == name; };
    const auto found = std::find_if(base.begin(), base.end(), same);
    if (variable.find('=') == std::string::npos) {
      if (found != base.end()) base.erase(found);
    } else if (found != base.end()) {
      *found = variable;
    } else {
      base.push_back(variable);
    }
  }
  return base;
}

std::string clean_path(const std::string& path) {
  if (path.empty()) return path;
  std::string clean = std::filesystem::path(path).lexically_normal().string();
  while (clean.size() > 1 && clean.back() == '/') clean.pop_back();
  // "//x" has a root name for std::filesystem on some systems; Go has one slash.
  while (clean.size() > 1 && clean[0] == '/' && clean[1] == '/') clean.erase(0, 1);
  return clean;
}

}  // namespace wharf::container
