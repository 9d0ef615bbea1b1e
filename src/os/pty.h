// Pseudo-terminals: the master side, and the size of the window.
//
// pty(7), ioctl_tty(2). A Pty owns the master. Its functions throw base::Error.
#pragma once

#include <string>

#include "os/fd.h"

namespace wharf::os {

class Pty {
 public:
  Pty() = default;
  /// Opens a new one in the devpts of our own mount namespace.
  static Pty open();
  explicit Pty(Fd master) : master_(std::move(master)) {}

  const Fd& master() const { return master_; }
  Fd release() && { return std::move(master_); }

  /// The other side, for a process that takes it as its terminal.
  Fd open_slave() const;

  void resize(unsigned short rows, unsigned short columns) const;
  struct Size {
    unsigned short rows = 0;
    unsigned short columns = 0;
  };
  Size size() const;

 private:
  Fd master_;
};

}  // namespace wharf::os
