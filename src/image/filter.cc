#include "image/filter.h"

#include <fnmatch.h>

#include "base/error.h"
#include "base/strings.h"
#include "oci/reference.h"

namespace wharf::image {
namespace {

using base::fail;
using base::Kind;

/// Docker's FamiliarMatch: path.Match against "busybox:latest" or "busybox".
bool fits(const std::string& pattern, const oci::Reference& reference) {
  return ::fnmatch(pattern.c_str(), reference.familiar().c_str(), FNM_PATHNAME) == 0 ||
         ::fnmatch(pattern.c_str(), reference.familiar_name().c_str(), FNM_PATHNAME) == 0;
}

}  // namespace

Filter::Filter(const base::Filters& filters, base::Time now) : filters_(filters) {
  if (const auto until = filters.until(now)) until_ = *until;
}

bool Filter::labels(const oci::Labels& labels) const {
  if (!filters_.labels("label", labels)) return false;
  return !filters_.contains("label!") || !filters_.labels("label!", labels);
}

bool Filter::age(base::Time created) const {
  return until_.is_zero() || created < until_;
}

std::vector<std::string> Filter::names(const std::vector<std::string>& names) const {
  if (!filters_.contains("reference")) return names;
  std::vector<std::string> out;
  for (const std::string& name : names) {
    const oci::Reference reference = oci::Reference::parse(name);
    for (const std::string& pattern : filters_.get("reference")) {
      if (!fits(pattern, reference)) continue;
      out.push_back(name);
      break;
    }
  }
  return out;
}

}  // namespace wharf::image
