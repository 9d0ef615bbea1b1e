#include "server/pid_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/strings.h"
#include "os/file.h"

namespace wharf::server {

PidFile::PidFile(std::string path) : path_(std::move(path)) {
  if (path_.empty()) return;
  os::make_directories(os::Path(path_).parent_path(), 0755);
  fd_ = os::open_file(path_, O_RDWR | O_CREAT, 0644);
  if (WHARF_CALL(flock, fd_.get(), LOCK_EX | LOCK_NB) < 0) {
    const std::string number(base::trim(os::read_all(fd_, 64)));
    base::fail(base::Kind::Conflict,
               "failed to start daemon, ensure docker is not running or delete {}: process with "
               "PID {} is still running",
               path_, number);
  }
  os::check(WHARF_CALL(ftruncate, fd_.get(), 0), "empty {}", path_);
  os::write_all(fd_, std::to_string(::getpid()));
}

PidFile::~PidFile() {
  if (fd_) ::unlink(path_.c_str());
}

}  // namespace wharf::server
