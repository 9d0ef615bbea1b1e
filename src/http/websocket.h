// WebSocket (RFC 6455), the server's side: a byte stream inside frames.
//
// Written bytes leave as binary frames, as Docker's do. What the peer sends, in frames of any
// kind and size, is read as one stream; pings are answered, its close frame is the end. Frames
// are never held in memory: a long one streams through. A peer that breaks the protocol (no
// mask, reserved bits, a fragmented control frame) ends with an Error.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "http/headers.h"
#include "http/stream.h"

namespace wharf::http {

/// Whether the request asks for a WebSocket of version 13.
bool wants_websocket(const Headers& headers);

/// The head of the answer to `key` (Sec-WebSocket-Key), with the empty line.
std::string websocket_answer(std::string_view key);

/// Takes over `socket` after that answer; `already_read` is what came behind the request.
std::unique_ptr<Stream> websocket_stream(os::Fd socket, std::string already_read);

}  // namespace wharf::http
