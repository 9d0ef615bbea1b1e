#include "layer/unpacker_process.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <malloc.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

#include "archive/apply.h"
#include "base/json.h"
#include "layer/verdict.h"
#include "os/confine.h"
#include "os/file.h"
#include "os/user_namespace.h"

namespace wharf::layer {
namespace {

constexpr std::array kCapabilities = {
    CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER,   CAP_FSETID,
    CAP_MKNOD, CAP_SETFCAP,      CAP_SYS_ADMIN};  // Only for trusted.overlay.opaque.

/// What laying an archive over the files of a container needs: no trusted.* attributes there.
constexpr std::array kExtractCapabilities = {CAP_CHOWN,  CAP_DAC_OVERRIDE, CAP_FOWNER,
                                             CAP_FSETID, CAP_MKNOD,        CAP_SETFCAP};

constexpr std::array kSystemCalls = {
    SYS_read,        SYS_write,          SYS_close,        SYS_fstat,
    SYS_newfstatat,  SYS_lseek,          SYS_openat,       SYS_openat2,
    SYS_mkdirat,     SYS_linkat,         SYS_symlinkat,    SYS_unlinkat,
    SYS_renameat,    SYS_mknodat,        SYS_readlinkat,   SYS_fchown,
    SYS_fchownat,    SYS_fchmod,         SYS_fchmodat,     SYS_utimensat,
    SYS_fsetxattr,   SYS_fstatfs,        SYS_futex,        SYS_mmap,
    SYS_munmap,      SYS_mremap,         SYS_mprotect,     SYS_madvise,
    SYS_brk,         SYS_clock_gettime,  SYS_gettid,       SYS_getpid,
    SYS_tgkill,      SYS_rt_sigprocmask, SYS_rt_sigaction, SYS_rt_sigreturn,
    SYS_sched_yield, SYS_exit,           SYS_exit_group,   SYS_restart_syscall,
    SYS_getrandom,   SYS_fcntl,          SYS_rseq,         SYS_set_robust_list,
    SYS_getdents64};  // To remove a directory that something else takes the place of.

/// Tells the daemon that bytes still move, about once per kEvery.
class Progress final : public archive::Source {
 public:
  Progress(archive::Source& from, const os::Fd& verdict) : from_(from), verdict_(verdict) {}

  std::size_t read(std::span<char> into) override {
    const std::size_t size = from_.read(into);
    bytes_ += size;
    // At the end too: the size of the whole tar is what a manifest says of it.
    if (bytes_ - told_ >= kEvery || (size == 0 && told_ != bytes_)) {
      told_ = bytes_;
      os::write_all(verdict_, fmt::format("P {}\n", bytes_));
    }
    return size;
  }

 private:
  static constexpr std::uint64_t kEvery = 8 << 20;
  archive::Source& from_;
  const os::Fd& verdict_;
  std::uint64_t bytes_ = 0;
  std::uint64_t told_ = 0;
};

os::Fd make_directory(const os::Fd& root, const char* name) {
  os::check(WHARF_CALL(mkdirat, root.get(), name, 0755), "make directory {}", name);
  return os::open_at(root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

Verdict unpack(const Order& order, const os::Fd& root, const os::Fd& stream,
               const os::Fd& verdict) {
  const os::Fd diff = make_directory(root, "diff");
  const os::Fd aside = make_directory(root, "aside");
  const os::Fd record_file =
      os::open_at(root, "tar-record", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  archive::RecordWriter record(record_file);

  archive::ApplyOptions options;
  options.limits = order.limits;
  options.writers = order.writers;
  options.aside = &aside;
  options.record = &record;
  options.ready = [] { os::allow_only(kSystemCalls); };

  // Nothing of the stream is read before the filter is in place: the sources below are lazy.
  archive::FdSource raw(stream);
  archive::LazyDecompressor plain(raw);
  Progress progress(plain, verdict);
  archive::MeasuredSource measured(progress, order.limits.max_bytes);
  const archive::Applied applied = archive::apply(measured, diff, options);

  Verdict result;
  result.diff_id = measured.digest();
  record.finish(applied.set_aside, result.diff_id);
  result.size = applied.bytes;
  result.entries = applied.entries;
  result.skipped_xattrs = applied.skipped_xattrs;
  write_implied(root, applied.implied);
  if (applied.set_aside.empty()) WHARF_CALL(unlinkat, root.get(), "aside", AT_REMOVEDIR);
  return result;
}

/// Onto the files of a container, whose root this process has as its own by now.
Verdict extract(const Order& order, const os::Fd& root, const os::Fd& stream,
                const os::Fd& verdict) {
  archive::ApplyOptions options;
  options.limits = order.limits;
  options.whiteouts = archive::Whiteouts::Plain;
  options.writers = order.writers;
  options.onto = &*order.onto;
  options.ready = [] { os::allow_only(kSystemCalls); };

  archive::FdSource raw(stream);
  archive::LazyDecompressor plain(raw);
  Progress progress(plain, verdict);
  archive::MeasuredSource measured(progress, order.limits.max_bytes);
  const archive::Applied applied = archive::apply(measured, root, options);

  Verdict result;
  result.diff_id = measured.digest();
  result.size = applied.bytes;
  result.entries = applied.entries;
  result.skipped_xattrs = applied.skipped_xattrs;
  return result;
}

void confine(const os::Fd& root, std::span<const int> capabilities) {
  os::limit_process({});
  ::umask(0);
  // One heap for all threads: arenas of their own would reserve 64 MiB each.
  ::mallopt(M_ARENA_MAX, 1);
  os::change_root(root);
  os::restrict_files_to(root);
  os::keep_capabilities(capabilities);
}

}  // namespace

int unpack_main() {
  const os::Fd stream(kStreamFd), root(kDirectoryFd), verdict(kVerdictFd), order(kOrderFd);
  Verdict result;
  // To the end of the process: what would change it back is not among its system calls.
  std::optional<os::ActingAs> acting;
  try {
    const Order ordered = parse_order(os::read_all(order, kMaxOrder));
    if (ordered.onto) {
      if (!ordered.onto->ids.uids.empty()) acting.emplace(ordered.onto->ids);
      confine(root, kExtractCapabilities);
      result = extract(ordered, root, stream, verdict);
    } else {
      confine(root, kCapabilities);
      result = unpack(ordered, root, stream, verdict);
    }
  } catch (const base::Error& error) {
    result.refusal = error.what();
    result.kind = error.kind();
    result.error_number = error.error_number();
  } catch (const std::exception& error) {
    result.refusal = error.what();
  }
  try {
    os::write_all(verdict, "V " + to_text(result) + "\n");
  } catch (const base::Error&) {
    ::_exit(1);  // The daemon is gone; its next start removes what was written.
  }
  // No destructors of the process: threads may still hold descriptors of a refused layer.
  ::_exit(0);
}

}  // namespace wharf::layer
