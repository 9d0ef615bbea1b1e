#include "container/list_filter.h"

#include <charconv>

#include "base/error.h"
#include "base/strings.h"
#include "container/health.h"

namespace wharf::container {

namespace {

using base::Kind;

void check_values(const base::Filters& filters, const char* key, const char* what,
                  std::initializer_list<std::string_view> known) {
  for (const std::string& value : filters.get(key)) {
    if (std::find(known.begin(), known.end(), value) != known.end()) continue;
    std::string list;
    for (const std::string_view each : known)
      list += (list.empty() ? "" : ", ") + std::string(each);
    base::fail(Kind::InvalidArgument,
               "invalid filter '{}={}': invalid value for {} ({}): must be one of {}", key, value,
               what, value, list);
  }
}

}  // namespace

ListFilter::ListFilter(const Containers::State& state, const ListOptions& options)
    : filters_(options.filters) {
  filters_.require_known({"ancestor", "before", "exited", "expose", "health", "id", "is-task",
                          "isolation", "label", "name", "network", "publish", "since", "status",
                          "volume"});
  check_values(filters_, "status", "state",
               {"created", "running", "paused", "restarting", "removing", "exited", "dead"});
  check_values(filters_, "health", "health", {"none", "starting", "healthy", "unhealthy"});
  for (const std::string& value : filters_.get("exited")) {
    int code = 0;
    const auto [end, failed] = std::from_chars(value.data(), value.data() + value.size(), code);
    if (failed != std::errc() || end != value.data() + value.size()) {
      base::fail(Kind::InvalidArgument,
                 "invalid filter 'exited={}': strconv.Atoi: parsing {}: invalid syntax", value,
                 base::quoted(value));
    }
    exited_.insert(code);
  }
  // No container of ours is the task of a service.
  filters_.boolean("is-task", false);
  all_ = options.all || options.limit > 0 || filters_.contains("status");
  read_order(state);
  ancestor_given_ = filters_.contains("ancestor");
  for (const std::string& value : filters_.get("ancestor")) {
    try {
      ancestors_.insert(state.services.images.resolve_id(value).text());
    } catch (const base::Error&) {
      // Docker: an image that is not here has no containers.
    }
  }
  read_ports("publish", published_);
  read_ports("expose", exposed_);
}

void ListFilter::read_order(const Containers::State& state) {
  for (const std::string& value : filters_.get("before")) {
    before_ = state.find(value)->record().created;
  }
  for (const std::string& value : filters_.get("since")) {
    since_ = state.find(value)->record().created;
  }
}

void ListFilter::read_ports(const char* key, std::vector<PortRange>& ranges) const {
  for (const std::string& value : filters_.get(key)) {
    const std::size_t slash = value.find('/');
    const std::string numbers = value.substr(0, slash);
    const std::size_t dash = numbers.find('-');
    PortRange range;
    range.protocol = slash == std::string::npos ? "tcp" : value.substr(slash + 1);
    const auto read = [&](const std::string& text, const char* which) {
      std::uint16_t port = 0;
      const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), port);
      const bool digits =
          !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
      if (failed == std::errc() && end == text.data() + text.size()) return int{port};
      base::fail(Kind::Internal, "error while looking up for {} {}: invalid {} port '{}': {}", key,
                 value, which, text, digits ? "value out of range" : "invalid syntax");
    };
    range.first = read(numbers.substr(0, dash), "start");
    range.last = dash == std::string::npos ? range.first : read(numbers.substr(dash + 1), "end");
    ranges.push_back(range);
  }
}

bool ListFilter::PortRange::contains(int port, const std::string& type) const {
  return port >= first && port <= last && type == protocol;
}

bool ListFilter::state_fits(const Candidate& candidate) const {
  const View& view = candidate.view;
  if (!all_ && !view.running()) return false;
  if (!filters_.exact("status", view.status())) return false;
  if (!exited_.empty()) {
    const bool ended = std::holds_alternative<Exited>(view.state);
    if (!ended || !exited_.contains(view.last().exit_code)) return false;
  }
  const auto health = candidate.container.health();
  return filters_.exact("health", health ? shown_health(*health).status : "none");
}

bool ListFilter::names_fit(const Candidate& candidate) const {
  if (!filters_.prefix("id", candidate.record.id)) return false;
  if (!filters_.contains("name")) return true;
  return std::any_of(candidate.names.begin(), candidate.names.end(), [&](const std::string& name) {
    return filters_.matches("name", name) || filters_.matches("name", name.substr(1));
  });
}

bool ListFilter::mounts_fit(const Candidate& candidate) const {
  if (!filters_.contains("volume")) return true;
  const auto& mounts = candidate.record.mounts;
  return std::any_of(mounts.begin(), mounts.end(), [&](const MountSpec& mount) {
    return filters_.exact("volume", mount.destination) ||
           (!mount.name.empty() && filters_.exact("volume", mount.name)) ||
           (!mount.source.empty() && filters_.exact("volume", mount.source));
  });
}

bool ListFilter::networks_fit(const Candidate& candidate) const {
  if (!filters_.contains("network")) return true;
  const auto& endpoints = candidate.record.endpoints;
  return std::any_of(endpoints.begin(), endpoints.end(), [&](const auto& entry) {
    return filters_.exact("network", entry.first) ||
           (!entry.second.network_id.empty() &&
            filters_.prefix("network", entry.second.network_id));
  });
}

bool ListFilter::ports_fit(const Candidate& candidate) const {
  const auto any = [&](const std::vector<PortRange>& ranges, auto port_of) {
    if (ranges.empty()) return true;
    for (const api::SummaryPort& port : candidate.ports) {
      for (const PortRange& range : ranges) {
        if (range.contains(port_of(port), port.type)) return true;
      }
    }
    return false;
  };
  return any(published_, [](const api::SummaryPort& port) { return int{port.public_port}; }) &&
         any(exposed_, [](const api::SummaryPort& port) { return int{port.private_port}; });
}

bool ListFilter::includes(const Candidate& candidate) const {
  const Record& record = candidate.record;
  if (!state_fits(candidate) || !names_fit(candidate)) return false;
  if (before_ && record.created >= *before_) return false;
  if (since_ && record.created <= *since_) return false;
  if (filters_.contains("isolation") && !filters_.exact("isolation", record.host.isolation))
    return false;
  if (filters_.boolean("is-task", false)) return false;
  if (!filters_.labels("label", record.config.labels.value_or(api::StringMap::value_type{})))
    return false;
  if (ancestor_given_ && !ancestors_.contains(record.image_id)) return false;
  return mounts_fit(candidate) && networks_fit(candidate) && ports_fit(candidate);
}

}  // namespace wharf::container
