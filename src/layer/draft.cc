#include "layer/draft.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "archive/seal.h"
#include "base/ids.h"
#include "base/log.h"
#include "layer/layers_state.h"

namespace wharf::layer {

Draft::Draft(std::shared_ptr<LayersState> layers) : layers_(std::move(layers)) {
  // As an ingest: what a crash leaves is removed at the next start.
  path_ = layers_->layers / (".ingest-" + base::hex(base::random_bytes(8)));
  os::check(WHARF_CALL(mkdir, path_.c_str(), 0700), "make directory {}", path_.native());
  os::make_directories(directory(), 0755);
}

Draft::~Draft() {
  try {
    layers_->trash.take(path_);
  } catch (const base::Error& error) {
    base::log_warn("{}: {}", path_.native(), error.what());
  }
}

void Draft::take(const os::Path& upper) {
  os::remove_tree(directory());
  os::check(WHARF_CALL(rename, upper.c_str(), directory().c_str()), "keep {}", upper.native());
}

Pin Draft::finish() {
  archive::Sealed sealed;
  {
    const os::Fd home = os::open_directory(path_);
    const os::Fd record =
        os::open_at(home, "tar-record", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    sealed = archive::seal(os::open_at(home, "diff", O_PATH | O_DIRECTORY), record);
  }
  tar_bytes_ = sealed.tar_bytes;
  return layers_->settle(path_, {sealed.diff_id, sealed.bytes, sealed.entries}, sealed.diff_id);
}

}  // namespace wharf::layer
