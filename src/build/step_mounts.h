// What a RUN has mounted beside its root: --mount, and the file of a script. Inside room build
// only.
//
// Whatever is taken for it (directories, caches) is given back by the destructor.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "build/run_mount.h"
#include "build/work.h"
#include "container/mounts.h"

namespace wharf::build {

class StepMounts {
 public:
  /// The layers of a stage or an image.
  using Layers = std::function<std::vector<base::Digest>(const std::string& from)>;

  StepMounts(Work& work, std::string working_directory, Layers layers)
      : work_(work), directory_(std::move(working_directory)), layers_(std::move(layers)) {}

  void add(const RunMount& mount);
  /// A file that can be executed.
  void add_script(const std::string& target, const std::string& content);

  const std::vector<container::MountSpec>& specs() const { return specs_; }
  /// Where the engine makes a place to mount over.
  const std::vector<std::string>& stubs() const { return stubs_; }

 private:
  std::string target_of(const RunMount& mount) const;
  void bind_directory(const os::Path& source, const std::string& target, bool read_only);
  void bind(const RunMount& mount);
  void cache(const RunMount& mount);
  Context& scratch();

  Work& work_;
  std::string directory_;
  Layers layers_;
  std::vector<container::MountSpec> specs_;
  std::vector<std::string> stubs_;
  std::vector<std::unique_ptr<Context>> scratches_;
  std::vector<CacheMounts::Use> caches_;
};

}  // namespace wharf::build
