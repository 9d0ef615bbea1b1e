// The volumes on disk and in the store, and what a crash left of them.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fields.h"
#include "base/ids.h"
#include "base/log.h"
#include "store/database.h"
#include "volume/copy.h"
#include "volume/options.h"
#include "volume/state.h"

namespace wharf::base {

/// The columns `name` and `created` are not repeated in the record.
template <>
struct Fields<volume::Volume> {
  using T = volume::Volume;
  static constexpr auto table = std::make_tuple(
      field("Driver", &T::driver), field("Labels", &T::labels), field("Options", &T::options));
};

}  // namespace wharf::base

namespace wharf::volume {

void Volumes::State::load() {
  database.read([&](store::Reader& reader) {
    store::Rows rows = reader.query("SELECT name, created, record FROM volumes");
    while (rows.next()) {
      auto kept = std::make_shared<Kept>();
      base::from_json(base::parse_json(rows.text(2)), kept->volume);
      kept->volume.name = rows.text(0);
      kept->volume.created.unix_ns = rows.integer(1);
      kept->volume.mountpoint = path_of(kept->volume.name) / "_data";
      volumes.emplace(kept->volume.name, kept);
    }
  });
}

namespace {

std::vector<std::string> names_in(const os::Path& directory) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    names.push_back(entry.path().filename());
  }
  return names;
}

void sync_directory(const os::Path& path) {
  const os::Fd directory = os::open_file(path, O_RDONLY | O_DIRECTORY);
  os::check(WHARF_CALL(fsync, directory.get()), "write directory {} to disk", path.native());
}

}  // namespace

/// A removal that was under way: ".removing-<random>-<name>".
void Volumes::State::finish_removals() {
  for (const std::string& entry : names_in(directory)) {
    if (!entry.starts_with(kRemoving)) continue;
    const std::size_t dash = entry.find('-', kRemoving.size());
    if (dash != std::string::npos) {
      const std::string name = entry.substr(dash + 1);
      std::error_code ignored;
      const bool made_again = std::filesystem::exists(path_of(name), ignored);
      if (volumes.contains(name) && !made_again) {
        erase(name);
        volumes.erase(name);
      }
    }
    os::remove_tree(directory / entry);
  }
}

/// Directories that no row knows: empty ones are creations that were cut short. Those with
/// content are somebody's data (another engine's, or of a database that was lost): they become
/// volumes, as dockerd does with what it finds.
void Volumes::State::adopt_strays() {
  for (const std::string& name : names_in(directory)) {
    if (volumes.contains(name)) continue;
    try {
      check_name(name);
      const os::Fd data =
          os::open_file(path_of(name) / "_data", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      if (is_empty_directory(data) && !database.set_aside()) {
        os::remove_tree(path_of(name));
        continue;
      }
      auto kept = std::make_shared<Kept>();
      kept->volume.name = name;
      kept->volume.mountpoint = path_of(name) / "_data";
      kept->volume.created = base::now();
      save(kept->volume);
      volumes.emplace(name, kept);
      base::log_info("volume {} was found on disk and is listed again", name);
    } catch (const base::Error& error) {
      base::log_warn("{} is no volume and stays as it is: {}", path_of(name).native(),
                     error.what());
    }
  }
}

void Volumes::State::make_directory(const std::string& name) {
  const os::Path path = path_of(name);
  for (const os::Path& each : {path, path / "_data"}) {
    if (WHARF_CALL(mkdir, each.c_str(), each == path ? 0701 : 0755) < 0 && errno != EEXIST) {
      throw os::last_error("create {}: make directory {}", name, each.native());
    }
  }
  sync_directory(path);
  sync_directory(directory);
}

void Volumes::State::save(const Volume& volume) {
  const std::string record = base::to_text(base::to_json(volume));
  database.write([&](store::Transaction& transaction) {
    transaction.run("INSERT INTO volumes(name, created, record) VALUES(?, ?, ?)",
                    {volume.name, volume.created.unix_ns, record});
  });
}

void Volumes::State::erase(const std::string& name) {
  database.write([&](store::Transaction& transaction) {
    transaction.run("DELETE FROM volumes WHERE name = ?", {name});
  });
}

}  // namespace wharf::volume
