// `RUN --mount=type=...`: what is asked for, and where a cache lies. Inside room build only.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "os/file.h"

namespace wharf::build {

struct RunMount {
  enum class Type { Bind, Cache, Tmpfs, Secret, Ssh };
  enum class Sharing { Shared, Private, Locked };
  Type type = Type::Bind;
  std::string id;
  std::string target;
  std::string source;
  std::string from;
  std::string env;  ///< Of a secret: the variable it becomes.
  Sharing sharing = Sharing::Shared;
  bool read_only = true;
  bool required = false;
  std::optional<mode_t> mode;
  uid_t uid = 0;
  gid_t gid = 0;
  std::int64_t size_bytes = 0;
};

/// `text` is expanded already. Throws InvalidArgument with BuildKit's texts.
RunMount parse_mount(std::string_view text);

/// The directories of `type=cache`, kept between builds: <directory>/<hash of the id>/data.
class CacheMounts {
 public:
  explicit CacheMounts(os::Path directory) : directory_(std::move(directory)) {}

  /// A cache in use; given back by the destructor.
  class Use {
   public:
    Use(CacheMounts& mounts, std::string key, bool alone, os::Path path)
        : mounts_(&mounts), key_(std::move(key)), alone_(alone), path_(std::move(path)) {}
    Use(Use&& other) noexcept
        : mounts_(std::exchange(other.mounts_, nullptr)),
          key_(std::move(other.key_)),
          alone_(other.alone_),
          path_(std::move(other.path_)) {}
    ~Use();
    const os::Path& path() const { return path_; }

   private:
    CacheMounts* mounts_;
    std::string key_;
    bool alone_;
    os::Path path_;
  };

  /// Waits where it is locked by another build. `fresh` tells whether it was made now.
  Use take(const RunMount& mount, std::stop_token stop, bool& fresh);

  struct Kept {
    std::string key;
    std::string id;
    std::int64_t size_bytes = 0;
    bool in_use = false;
    std::int64_t last_used_ns = 0;
  };
  std::vector<Kept> list();
  /// Removes one that nobody uses; false otherwise.
  bool remove(const std::string& key);

 private:
  struct Users {
    int count = 0;
    bool alone = false;
  };
  os::Path directory_;
  std::mutex lock_;
  std::condition_variable_any changed_;
  std::map<std::string, Users> users_;
};

}  // namespace wharf::build
