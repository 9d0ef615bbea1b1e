// tmpcopyup: a new tmpfs that begins with what the image has in that directory.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "runtime/init.h"
#include "runtime/kernel.h"

namespace wharf::runtime {
namespace {

constexpr int kMaxDepth = 64;

/// As getdents64(2) gives them.
struct Entry {
  std::uint64_t inode;
  std::int64_t offset;
  unsigned short length;
  unsigned char type;
  char name[1];
};

class Copy {
 public:
  explicit Copy(Report& report) : report_(report) {}

  void directory(int from, int into, int depth) {
    if (depth > kMaxDepth) report_.fail("tmpcopyup: too deep");
    const int reader =
        report_.check(::openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "tmpcopyup: open");
    alignas(Entry) char buffer[4096];
    long got = 0;
    while ((got = ::syscall(SYS_getdents64, reader, buffer, sizeof buffer)) > 0) {
      for (long at = 0; at < got;) {
        const auto* entry = reinterpret_cast<const Entry*>(buffer + at);
        at += entry->length;
        const std::string_view name(entry->name);
        if (name != "." && name != "..") one(from, into, entry->name, depth);
      }
    }
    ::close(reader);
  }

 private:
  void one(int from, int into, const char* name, int depth) {
    struct stat status{};
    report_.check(::fstatat(from, name, &status, AT_SYMLINK_NOFOLLOW), "tmpcopyup: look at ", name);
    switch (status.st_mode & S_IFMT) {
      case S_IFDIR:
        subdirectory(from, into, name, depth);
        break;
      case S_IFREG:
        file(from, into, name);
        break;
      case S_IFLNK:
        link(from, into, name);
        break;
      // Devices, sockets and FIFOs are not an image's to bring along.
      default:
        return;
    }
    report_.check(::fchownat(into, name, status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW),
                  "tmpcopyup: own ", name);
    if (!S_ISLNK(status.st_mode)) {
      report_.check(::fchmodat(into, name, status.st_mode & 07777, 0), "tmpcopyup: mode ", name);
    }
    const timespec times[2] = {status.st_atim, status.st_mtim};
    (void)::utimensat(into, name, times, AT_SYMLINK_NOFOLLOW);
  }

  void subdirectory(int from, int into, const char* name, int depth) {
    report_.check(::mkdirat(into, name, 0700), "tmpcopyup: make ", name);
    constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    const int child = report_.check(::openat(from, name, kFlags), "tmpcopyup: open ", name);
    const int copy = report_.check(::openat(into, name, kFlags), "tmpcopyup: open ", name);
    directory(child, copy, depth + 1);
    ::close(child);
    ::close(copy);
  }

  void file(int from, int into, const char* name) {
    const int source = report_.check(::openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC),
                                     "tmpcopyup: open ", name);
    const int copy =
        report_.check(::openat(into, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600),
                      "tmpcopyup: make ", name);
    constexpr std::size_t kPiece = 1 << 20;
    ssize_t sent = 0;
    while ((sent = ::sendfile(copy, source, nullptr, kPiece)) > 0) {
    }
    report_.check(sent, "tmpcopyup: copy ", name);
    ::close(source);
    ::close(copy);
  }

  void link(int from, int into, const char* name) {
    char target[4096];
    const ssize_t length = report_.check(::readlinkat(from, name, target, sizeof target - 1),
                                         "tmpcopyup: read ", name);
    target[length] = '\0';
    report_.check(::symlinkat(target, into, name), "tmpcopyup: link ", name);
  }

  Report& report_;
};

}  // namespace

void copy_up(Report& report, int from, int into) {
  struct stat status{};
  report.check(::fstat(from, &status), "tmpcopyup: look");
  report.check(::fchown(into, status.st_uid, status.st_gid), "tmpcopyup: own");
  report.check(::fchmod(into, status.st_mode & 07777), "tmpcopyup: mode");
  Copy(report).directory(from, into, 0);
}

}  // namespace wharf::runtime
