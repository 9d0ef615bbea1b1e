// Which images a list or a prune means: labels, age and name patterns. Inside room image only.
#pragma once

#include <string>
#include <vector>

#include "base/filters.h"
#include "base/time.h"
#include "oci/image_config.h"

namespace wharf::image {

class Filter {
 public:
  /// `now` is what durations in "until" count back from. Throws InvalidArgument.
  Filter(const base::Filters& filters, base::Time now);

  /// label and label!.
  bool labels(const oci::Labels& labels) const;

  /// until: made before it.
  bool age(base::Time created) const;

  /// The full names whose familiar form fits a "reference" pattern; all without that filter.
  std::vector<std::string> names(const std::vector<std::string>& names) const;

 private:
  const base::Filters& filters_;
  base::Time until_;
};

}  // namespace wharf::image
