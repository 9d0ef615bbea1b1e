#include "os/pty.h"

#include <fcntl.h>
#include <sys/ioctl.h>

namespace wharf::os {

Pty Pty::open() {
  Fd master(check(WHARF_CALL(open, "/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC), "open /dev/ptmx"));
  int unlocked = 0;
  check(WHARF_CALL(ioctl, master.get(), TIOCSPTLCK, &unlocked), "unlock terminal");
  return Pty(std::move(master));
}

Fd Pty::open_slave() const {
  // By descriptor: the name /dev/pts/N could be another terminal in another mount namespace.
  return Fd(check(WHARF_CALL(ioctl, master_.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC),
                  "open terminal"));
}

void Pty::resize(unsigned short rows, unsigned short columns) const {
  winsize wanted{};
  wanted.ws_row = rows;
  wanted.ws_col = columns;
  check(WHARF_CALL(ioctl, master_.get(), TIOCSWINSZ, &wanted), "resize terminal");
}

Pty::Size Pty::size() const {
  winsize now{};
  check(WHARF_CALL(ioctl, master_.get(), TIOCGWINSZ, &now), "size of terminal");
  return {now.ws_row, now.ws_col};
}

}  // namespace wharf::os
