// One end of a TLS connection by OpenSSL: TLS 1.2 and later. What both ends do alike; how they
// are set up, and what their errors say, is in tls.cc and tls_server.cc. Inside room http only.
//
// As every Stream: one thread may read while another writes.
#pragma once

#include <mutex>
#include <stop_token>
#include <string>

#include "http/stream.h"

struct ssl_ctx_st;
struct ssl_method_st;
struct ssl_st;

namespace wharf::http {

/// What OpenSSL says went wrong last on this thread, and forgets it.
std::string openssl_reason();

/// A context with the settings that both ends share. The caller frees it.
ssl_ctx_st* make_tls_context(const ssl_method_st* method);

/// Loads a certificate chain and its key. The file that cannot be used, or null when both are
/// loaded; openssl_reason() then says why.
const std::string* load_key_pair(ssl_ctx_st* context, const std::string& certificate_file,
                                 const std::string& key_file);

class TlsStream : public Stream {
 public:
  ~TlsStream() override;

  /// Throws; at the deadline (monotonic) Unavailable, after a stop (seen within 100 ms) Cancelled.
  void handshake(std::int64_t deadline_ns, const std::stop_token& stop);

  Attempt try_read(std::span<char> into) override;
  Attempt try_write(std::string_view bytes) override;
  void shutdown_write() override;
  bool buffered() const override;

 protected:
  /// Makes the socket non-blocking.
  TlsStream(os::Fd socket, ssl_ctx_st* context);

  /// Throws what the other end did wrong.
  [[noreturn]] virtual void handshake_failed() = 0;

  ssl_st* ssl() { return ssl_; }

 private:
  short wanted(int result) const;
  short wanted_or_fail(int result, const char* verb) const;

  ssl_st* ssl_;
  mutable std::mutex mutex_;  ///< An SSL object allows one call at a time; waits are outside.
};

}  // namespace wharf::http
