#include "base/error.h"
#include "base/ids.h"
#include "container/checks.h"
#include "container/health.h"
#include "container/state.h"

namespace wharf::container {

namespace {

using base::Kind;

[[noreturn]] void not_found(std::string_view name) {
  base::fail(Kind::NotFound, "No such container: {}", name);
}

}  // namespace

Containers::State::State(Settings settings_in, Services services_in)
    : settings(std::move(settings_in)),
      services(services_in),
      seccomp(settings.seccomp_profile),
      sampler(settings, [this] { return running(); }) {}

ContainerPointer Containers::State::find(std::string_view name) const {
  if (name.empty()) base::fail(Kind::InvalidArgument, "invalid name or ID supplied: \"\"");
  const std::shared_lock lock(index_mutex);
  if (const auto exact = by_id.find(name); exact != by_id.end()) return exact->second;
  std::string_view bare = name;
  if (bare.starts_with('/')) bare.remove_prefix(1);
  if (const auto named = by_name.find(std::string(bare)); named != by_name.end()) {
    const auto it = by_id.find(named->second);
    // A name is reserved a moment before its container exists.
    if (it != by_id.end()) return it->second;
  }
  const auto first = by_id.lower_bound(name);
  if (first == by_id.end() || !first->first.starts_with(name)) not_found(name);
  const auto second = std::next(first);
  if (second != by_id.end() && second->first.starts_with(name)) {
    base::fail(Kind::InvalidArgument, "multiple IDs found with provided prefix: {}", name);
  }
  return first->second;
}

std::vector<ContainerPointer> Containers::State::all() const {
  const std::shared_lock lock(index_mutex);
  std::vector<ContainerPointer> list;
  list.reserve(by_id.size());
  for (const auto& [id, container] : by_id) list.push_back(container);
  return list;
}

void Containers::State::insert(const ContainerPointer& container) {
  const std::unique_lock lock(index_mutex);
  by_id[container->id] = container;
  by_name[container->name()] = container->id;
}

void Containers::State::erase(const Container& container) {
  const std::unique_lock lock(index_mutex);
  by_id.erase(container.id);
  const auto named = by_name.find(container.name());
  if (named != by_name.end() && named->second == container.id) by_name.erase(named);
}

void Containers::State::reserve_name(const std::string& name, const std::string& id) {
  const std::unique_lock lock(index_mutex);
  const auto [it, added] = by_name.try_emplace(name, id);
  if (added) return;
  base::fail(Kind::Conflict,
             "Conflict. The container name \"/{}\" is already in use by container \"{}\". You have "
             "to remove (or rename) that container to be able to reuse that name.",
             name, it->second);
}

void Containers::State::release_name(const std::string& name, const std::string& id) {
  const std::unique_lock lock(index_mutex);
  const auto named = by_name.find(name);
  if (named != by_name.end() && named->second == id) by_name.erase(named);
}

Containers::Containers(Settings settings, Services services)
    : state_(std::make_unique<State>(std::move(settings), services)) {
  try {
    check_log_config({state_->settings.log_driver, state_->settings.log_options});
  } catch (const base::Error& error) {
    base::fail(error.kind(), "failed to set log opts: {}", error.what());
  }
}

Containers::~Containers() {
  // Health checks and events refer to what is destroyed here: they end first. What runs goes on.
  for (const ContainerPointer& container : state_->all()) end_health(*container);
  for (const ContainerPointer& container : state_->all()) {
    const auto run = container->view().run();
    if (!run) continue;
    run->sandbox.forget();
    run->task = {};
  }
}

std::string Containers::resolve(std::string_view name) const {
  return state_->find(name)->id;
}

std::vector<Containers::User> Containers::users_of_image(std::string_view image_id) const {
  std::vector<User> users;
  for (const ContainerPointer& container : state_->all()) {
    if (container->record().image_id != image_id) continue;
    users.push_back({container->id, container->view().running()});
  }
  std::stable_sort(users.begin(), users.end(),
                   [](const auto& a, const auto& b) { return a.running && !b.running; });
  return users;
}

bool Containers::remaps_ids() const {
  return state_->settings.remap.has_value();
}

Counts Containers::count() const {
  Counts counts;
  for (const ContainerPointer& container : state_->all()) {
    const std::string_view status = container->view().status();
    if (status == "running" || status == "restarting") {
      ++counts.running;
    } else if (status == "paused") {
      ++counts.paused;
    } else {
      ++counts.stopped;
    }
  }
  return counts;
}

}  // namespace wharf::container
