#include "container/names.h"

#include <random>

#include "base/error.h"

namespace wharf::container {

namespace {

constexpr std::array kAdjectives = {
    "able",   "agile",  "amber",  "bold",   "brave",  "brisk",  "calm",   "clear",  "clever",
    "cosy",   "crisp",  "deft",   "eager",  "early",  "easy",   "exact",  "fair",   "fine",
    "firm",   "fleet",  "fond",   "frank",  "fresh",  "gentle", "glad",   "golden", "grand",
    "hardy",  "hearty", "honest", "humble", "jolly",  "keen",   "kind",   "lively", "loyal",
    "lucid",  "mellow", "merry",  "mild",   "modest", "neat",   "nimble", "noble",  "patient",
    "plain",  "polite", "prompt", "proud",  "quick",  "quiet",  "ready",  "robust", "sharp",
    "silent", "simple", "smart",  "snug",   "solid",  "steady", "stout",  "sturdy", "sunny",
    "swift",  "tidy",   "tough",  "true",   "vivid",  "warm",   "wise",   "witty",  "zesty"};

// What is met in a harbour.
constexpr std::array kNouns = {
    "anchor", "barge",   "beacon",  "berth",  "boom",    "bow",      "bridge",  "brig",
    "buoy",   "cabin",   "cable",   "canal",  "capstan", "cargo",    "clipper", "compass",
    "cove",   "crane",   "current", "cutter", "deck",    "derrick",  "dock",    "dory",
    "ferry",  "frigate", "galley",  "gull",   "halyard", "harbor",   "haven",   "helm",
    "hull",   "jetty",   "kayak",   "keel",   "ketch",   "lagoon",   "lantern", "lock",
    "mast",   "mole",    "mooring", "oar",    "packet",  "pelican",  "pier",    "pilot",
    "port",   "quay",    "rigging", "rudder", "sail",    "schooner", "sextant", "shoal",
    "skiff",  "sloop",   "spar",    "stern",  "tender",  "tide",     "tiller",  "trawler",
    "tug",    "wake",    "wave",    "wharf",  "winch",   "yacht",    "yard",    "yawl"};

bool may_begin(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0;
}
bool may_follow(char c) {
  return may_begin(c) || c == '_' || c == '.' || c == '-';
}

}  // namespace

std::string checked_name(std::string_view name) {
  std::string_view bare = name;
  if (bare.starts_with('/')) bare.remove_prefix(1);
  const bool valid = bare.size() >= 2 && may_begin(bare.front()) &&
                     std::all_of(bare.begin() + 1, bare.end(), may_follow);
  if (!valid) {
    base::fail(base::Kind::InvalidArgument,
               "Invalid container name ({}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", name);
  }
  if (bare.size() > kNameLimit) {
    base::fail(base::Kind::InvalidArgument,
               "Invalid container name ({}), it has more than {} characters", name, kNameLimit);
  }
  return std::string(bare);
}

std::string made_up_name(int attempt) {
  thread_local std::mt19937 random{std::random_device{}()};
  std::string name = kAdjectives[random() % kAdjectives.size()];
  name += '_';
  name += kNouns[random() % kNouns.size()];
  if (attempt > 0) name += static_cast<char>('0' + random() % 10);
  return name;
}

}  // namespace wharf::container
