// Bytes between a hijacked connection and a container's streams, both ways, on one thread.
//
//   client ──typed──► detach keys ──► input (a pipe, a pty, or the supervisor's socket)
//   client ◄─────────── spool ◄────── sources
//
// Nothing here blocks but poll(2). One thread.
#pragma once

#include <chrono>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "container/detach_keys.h"
#include "container/spool.h"
#include "container/streams.h"
#include "logs/frame.h"
#include "os/fd.h"

namespace wharf::container {

class Relay {
 public:
  enum class End {
    SourcesEnded,  ///< The container's side is done and the client has all of it.
    ClientGone,
    Detached,  ///< The detach keys were typed.
    Stopped,
    ClientTooSlow,
  };

  Relay(ClientStream client, Spool spool, std::string detach_keys);

  /// Bytes read from `fd` go to the client as they are (stream 0), or in stdcopy frames of
  /// stream 1 or 2.
  void add_source(const os::Fd& fd, int stream);

  /// `fd` gives stdcopy frames, and the client what is in them.
  void add_framed_source(const os::Fd& fd);

  /// Where typed bytes go. `close` is called once at the client's end of input.
  void set_input(const os::Fd& fd, std::function<void()> close);

  /// Bytes for the client before anything else.
  void say(std::string_view bytes) { spool_.put(bytes); }

  /// While true the sources are not read (an exec may wait for a slow client).
  void set_back_pressure(std::uint64_t bytes) { back_pressure_ = bytes; }

  /// Asked before every wait: once true, silence of `quiet_ms` ends the relay although somebody
  /// holds the other end of a source open.
  void set_finished(std::function<bool()> finished) { finished_ = std::move(finished); }

  End run(std::stop_token stop);

  const os::Fd& client() const { return client_.socket; }

 private:
  struct Source {
    int fd;
    int stream;
    bool unframe = false;
    bool open = true;
  };

  bool sources_open() const;
  bool client_has_head();
  bool read_client();
  bool write_client();
  void read_source(Source& source);
  void write_input();
  void end_input();
  bool typed(std::string_view bytes);

  ClientStream client_;
  Spool spool_;
  DetachKeys keys_;
  std::vector<Source> sources_;
  logs::FrameStripper stripper_;
  int input_ = -1;
  std::function<void()> close_input_;
  std::string pending_;  ///< Typed, not yet taken by the container.
  bool client_reading_ended_ = false;
  bool client_has_head_ = false;
  std::chrono::steady_clock::time_point head_until_;
  std::uint64_t back_pressure_ = ~0ULL;
  std::function<bool()> finished_;
};

}  // namespace wharf::container
