/* Makes system calls that no container should get to, through each of the kernel's entries, and
 * prints "ENTRY NAME ERRNO" for each (0: it worked). */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

struct call {
  const char* name;
  long x86_64, x86;
  long first, second, third;
};

/* Numbers of 64 and 32 bits; arguments that fail with something else than EPERM where the filter lets
 * the call through. */
static const struct call calls[] = {
    {"socket-alg", 41, 359, 38, 5, 0},       {"socket-vsock", 41, 359, 40, 1, 0},
    {"io_uring_setup", 425, 425, 1, 0, 0},   {"keyctl", 250, 288, 0, -3, 0},
    {"add_key", 248, 286, 0, 0, 0},          {"request_key", 249, 287, 0, 0, 0},
    {"userfaultfd", 323, 374, 0x800, 0, 0},  {"bpf", 321, 357, 0, 0, 0},
    {"perf_event_open", 298, 336, 0, 0, -1}, {"unshare-user", 272, 310, CLONE_NEWUSER, 0, 0},
    {"mount", 165, 21, 0, 0, 0},             {"open_by_handle_at", 304, 342, -1, 0, 0},
    {"process_madvise", 440, 440, -1, 0, 0}, {"clone3", 435, 435, 0, 0, 0},
    {"quotactl", 179, 131, 0, 0, 0},         {"kexec_load", 246, 283, 0, 0, 0},
    {"init_module", 175, 128, 0, 0, 0},      {"setns", 308, 346, -1, 0, 0},
    {"fsopen", 430, 430, 0, 0, 0},           {"swapon", 167, 87, 0, 0, 0},
    {"getpid", 39, 20, 0, 0, 0},             {"personality-bad", 135, 136, 0x0400000, 0, 0},
};

static long through_int80(const struct call* call) {
  long result;
  __asm__ volatile("int $0x80"
                   : "=a"(result)
                   : "a"(call->x86), "b"(call->first), "c"(call->second), "d"(call->third),
                     "S"(0L), "D"(0L)
                   : "memory", "r8", "r9", "r10", "r11");
  return (int)result;
}

static void tell(const char* entry, const char* name, long error) {
  printf("%s %s %ld\n", entry, name, error);
  fflush(stdout);
}

int main(void) {
  for (unsigned i = 0; i < sizeof calls / sizeof *calls; ++i) {
    const struct call* call = &calls[i];
    errno = 0;
    long result = syscall(call->x86_64, call->first, call->second, call->third, 0, 0);
    tell("x86_64", call->name, result < 0 ? errno : 0);
    errno = 0;
    result = syscall(call->x86_64 | 0x40000000, call->first, call->second, call->third, 0, 0);
    tell("x32", call->name, result < 0 ? errno : 0);
    result = through_int80(call);
    tell("x86", call->name, result < 0 ? -result : 0);
  }
  return 0;
}
