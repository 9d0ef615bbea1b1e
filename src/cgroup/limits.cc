#include "cgroup/limits.h"

namespace wharf::cgroup {

std::int64_t weight_of_shares(std::int64_t shares) {
  constexpr std::int64_t kMin = 2;
  constexpr std::int64_t kMax = 262'144;
  const std::int64_t clamped = shares < kMin ? kMin : shares > kMax ? kMax : shares;
  return 1 + (clamped - kMin) * 9999 / (kMax - kMin);
}

std::int64_t io_weight_of(std::int64_t weight) {
  return 1 + (weight - 10) * 9999 / 990;
}

int needed(const Group& group, std::string_view controller, Failure& failure) {
  const int directory = group.directory(controller);
  if (directory < 0) {
    (void)failure.because("cgroup: a limit needs the controller ", controller,
                          ", which this machine does not have");
  }
  return directory;
}

std::span<const oci::DeviceRule> default_devices() {
  static constexpr oci::DeviceRule kRules[] = {
      {true, 'c', -1, -1, false, false, true}, {true, 'b', -1, -1, false, false, true},
      {true, 'c', 1, 3, true, true, true},     {true, 'c', 1, 5, true, true, true},
      {true, 'c', 1, 7, true, true, true},     {true, 'c', 1, 8, true, true, true},
      {true, 'c', 1, 9, true, true, true},     {true, 'c', 5, 0, true, true, true},
      {true, 'c', 5, 1, true, true, true},     {true, 'c', 5, 2, true, true, true},
      {true, 'c', 136, -1, true, true, true}};
  return kRules;
}

bool Group::apply(const oci::Resources& resources, Failure& failure) {
  return hierarchies_->unified ? apply_v2(*this, resources, Phase::Create, failure)
                               : apply_v1(*this, resources, Phase::Create, failure);
}

bool Group::update(const oci::Resources& resources, Failure& failure) {
  // First, for the files are exact where systemd rounds.
  Scope scope;
  if (manager_ == Manager::Systemd && !(scope.parse(path_.view(), failure) &&
                                        scope.update(resources, hierarchies_->unified, failure))) {
    return false;
  }
  return hierarchies_->unified ? apply_v2(*this, resources, Phase::Update, failure)
                               : apply_v1(*this, resources, Phase::Update, failure);
}

}  // namespace wharf::cgroup
