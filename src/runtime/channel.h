// Messages between the caller and init (or the joiner of an exec): one socket pair.
//
// SOCK_SEQPACKET keeps message borders and carries descriptors. The end of the file means
// that the other side executed the program (the socket is close-on-exec) or died.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string_view>

#include "base/failure.h"

namespace wharf::runtime {

enum class News : std::uint32_t {
  End,         // end of file
  Go,          // caller: go on
  Hooks,       // init: namespaces and mounts are there, run the hooks
  Terminal,    // init: the master of its terminal comes with this
  Created,     // init: ready, waits for start
  Joined,      // joiner: number is the pid of the new process
  Start,       // caller: execute the program
  Failed,      // number is errno, text says what
  Listener,    // init: the page on which it will say its seccomp listener comes with this
  HookFailed,  // the same, of a hook: the container's life goes on at its end
};

struct Message {
  News news = News::End;
  std::int32_t number = 0;
  char text[1000] = {};
};

/// -1 and errno on failure.
int make_channel(int ends[2]);
bool send_news(int channel, News news, std::int32_t number = 0, std::string_view text = "");
/// Text and a descriptor over a connected stream socket.
bool send_text(int socket, std::string_view text, int descriptor);
/// The descriptor goes with the message; the sender keeps its own.
bool send_descriptor(int channel, News news, int descriptor);
/// False with errno on an error; News::End at the end. `descriptor` becomes one, or -1.
bool receive(int channel, Message& message, int* descriptor = nullptr);

}  // namespace wharf::runtime
