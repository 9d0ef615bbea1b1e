// The filters of GET /containers/json. One request, one thread.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "container/state.h"

namespace wharf::container {

/// What a container is filtered by.
struct Candidate {
  const Container& container;
  const Record& record;
  const View& view;
  const std::vector<api::SummaryPort>& ports;
  const std::vector<std::string>& names;  ///< With '/', as the list shows them.
};

class ListFilter {
 public:
  /// Throws InvalidArgument, NotFound with Docker's texts.
  ListFilter(const Containers::State& state, const ListOptions& options);

  bool includes(const Candidate& candidate) const;

 private:
  struct PortRange {
    int first = 0;
    int last = 0;
    std::string protocol;
    bool contains(int port, const std::string& type) const;
  };

  void read_ports(const char* key, std::vector<PortRange>& ranges) const;
  void read_order(const Containers::State& state);
  bool state_fits(const Candidate& candidate) const;
  bool names_fit(const Candidate& candidate) const;
  bool mounts_fit(const Candidate& candidate) const;
  bool networks_fit(const Candidate& candidate) const;
  bool ports_fit(const Candidate& candidate) const;

  const base::Filters& filters_;
  bool all_ = false;
  std::optional<base::Time> before_;
  std::optional<base::Time> since_;
  std::set<int> exited_;
  std::set<std::string> ancestors_;
  bool ancestor_given_ = false;
  std::vector<PortRange> published_;
  std::vector<PortRange> exposed_;
};

}  // namespace wharf::container
