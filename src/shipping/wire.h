// A connection to where logs go: a stream (tcp, tls, unix) or datagrams (udp, unixgram).
//
// Made when it is first written to, and again after an error. One thread at a time; a stop that
// is requested ends what waits.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "http/dial.h"

namespace wharf::shipping {

/// How long the other end may take to connect, or to take bytes.
inline constexpr int kPatienceMs = 30'000;

struct Place {
  enum class Kind { Stream, Udp, UnixDatagram };
  Kind kind = Kind::Stream;
  http::Endpoint endpoint;
  int patience_ms = kPatienceMs;
};

class Wire {
 public:
  explicit Wire(Place place) : place_(std::move(place)) {}

  /// Connects unless it is connected. Throws Unavailable with Go's words.
  void open(std::stop_token stop);
  void close();

  bool is_stream() const { return place_.kind == Place::Kind::Stream; }

  /// All of `bytes`, or one datagram. Throws, and is then closed.
  void write(std::string_view bytes, std::stop_token stop);

  /// A descriptor beside the datagram (journald takes large messages so).
  void write_descriptor(const os::Fd& file);

  /// Waits until the other end's kernel has what was written. Throws when the connection has
  /// ended before.
  void settle(std::stop_token stop);

  /// At least one byte, at most `patience_ms` later. Throws.
  std::size_t read_some(std::span<char> into, int patience_ms, std::stop_token stop);

 private:
  bool peer_left() const;
  bool is_broken() const;
  void write_datagram(std::string_view bytes, std::stop_token stop);

  Place place_;
  std::unique_ptr<http::Stream> stream_;
  os::Fd datagrams_;
};

}  // namespace wharf::shipping
