// What Volumes is made of. Inside room volume only.
//
// Locks: Kept::busy is held while a volume's directory is made, filled or removed; State::mutex
// guards the map and what containers have attached, and is taken after it, never for long.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "base/error.h"
#include "volume/volumes.h"

namespace wharf::volume {

/// A directory on its way out: ".removing-<random>-<name>".
inline constexpr std::string_view kRemoving = ".removing-";

/// What is known of one volume.
struct Kept {
  Volume volume;
  std::multiset<std::string> containers;
  std::mutex busy;
  bool removed = false;
};
using KeptPointer = std::shared_ptr<Kept>;

struct Volumes::State {
  os::Path directory;
  store::Database& database;
  base::EventSink& events;
  mutable std::mutex mutex;
  std::map<std::string, KeptPointer, std::less<>> volumes;

  KeptPointer find(std::string_view name) const {
    const std::lock_guard lock(mutex);
    const auto found = volumes.find(name);
    if (found == volumes.end()) base::fail(base::Kind::NotFound, "get {}: no such volume", name);
    return found->second;
  }

  /// The one that has the name already, or nullptr.
  KeptPointer insert(const KeptPointer& fresh);

  os::Path path_of(const std::string& name) const { return directory / name; }

  void publish(const char* action, const Volume& volume);

  void load();
  void finish_removals();
  void adopt_strays();
  void make_directory(const std::string& name);
  void save(const Volume& volume);
  void erase(const std::string& name);
  void remove_kept(const KeptPointer& kept);
};

}  // namespace wharf::volume
