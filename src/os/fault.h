// The hook that makes any system call of this room fail, or be the last before a kill.
//
// In builds with WHARF_FAULTS every call written as WHARF_CALL(openat, ...) first asks
// fault::before("openat"). The environment arms it: WHARF_FAULT="N:ERRNO" fails the
// N-th call (and "N+:ERRNO" all from the N-th on) with that errno name; "N:KILL" raises
// SIGKILL instead. WHARF_FAULT_CALLS limits counting to some names ("openat,renameat2").
// Release builds contain none of it. Any thread.
#pragma once

#include <cerrno>

namespace wharf::os::fault {

#ifdef WHARF_FAULTS
/// 0, or the errno with which the call named must fail instead of being made.
int before(const char* call);
#else
inline int before(const char*) {
  return 0;
}
#endif

}  // namespace wharf::os::fault

/// The system call, or -1 with errno set where the hook says so.
#define WHARF_CALL(name, ...)                                                      \
  ([&]() -> decltype(::name(__VA_ARGS__)) {                                        \
    if (const int injected_ = ::wharf::os::fault::before(#name); injected_ != 0) { \
      errno = injected_;                                                           \
      return static_cast<decltype(::name(__VA_ARGS__))>(-1);                       \
    }                                                                              \
    return ::name(__VA_ARGS__);                                                    \
  }())
