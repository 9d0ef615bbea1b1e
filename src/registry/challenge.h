// WWW-Authenticate: what a registry asks for (RFC 7235, section 4.1). Plain values.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace wharf::registry {

inline constexpr std::size_t kChallengeLimit = 16;

struct Challenge {
  std::string scheme;                             ///< Lower case: "bearer", "basic".
  std::map<std::string, std::string> parameters;  ///< Names in lower case.

  const std::string& get(const std::string& name) const;
};

/// One header's value, which may hold several challenges. What is malformed ends the list: a
/// hostile registry must not make us send credentials where we did not understand it.
std::vector<Challenge> parse_challenges(std::string_view header);

}  // namespace wharf::registry
