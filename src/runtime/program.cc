// Which file is executed, and with what environment.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/init.h"
#include "runtime/kernel.h"

namespace wharf::runtime {
namespace {

constexpr std::size_t kMaxPasswdBytes = 10 << 20;  // A14: larger files are hostile
constexpr int kExecFailed = 255;                   // Docker: runc's init ends so

std::string_view variable(const oci::Process& process, std::string_view name) {
  std::string_view found;
  for (const char* entry : process.env) {
    std::string_view text(entry);
    if (base::split(text, '=') == name) found = text;
  }
  return found;
}

/// 0, or why the file cannot be executed.
int why_not(const char* path, bool& missing) {
  struct stat status{};
  missing = ::stat(path, &status) < 0;
  if (missing) return errno;
  if (S_ISDIR(status.st_mode)) return EISDIR;
  if (::syscall(SYS_faccessat2, AT_FDCWD, path, X_OK, AT_EACCESS) < 0) return errno;
  return (status.st_mode & 0111) != 0 ? 0 : EACCES;
}

[[noreturn]] void fail_lookup(Report& report, std::string_view name, int error, bool missing) {
  base::Text<600> words("exec: ");
  words.put(base::Quoted{name});
  if (missing) words.put(": stat ", name);
  errno = error;
  report.fail_errno(words.view());
}

/// The home directory of `uid` in a line "name:x:uid:gid:gecos:home:shell"; empty if another's.
std::string_view home_in(std::string_view line, std::uint32_t uid) {
  base::split(line, ':');
  base::split(line, ':');
  std::uint64_t number = 0;
  if (!base::parse_number(base::split(line, ':'), number) || number != uid) return "";
  base::split(line, ':');
  base::split(line, ':');
  return base::split(line, ':');
}

/// Regular files only, without waiting (a FIFO as /etc/passwd), and never more than the cap.
bool find_home(std::uint32_t uid, base::Writer& into) {
  const int fd = ::open("/etc/passwd", O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return false;
  struct stat status{};
  const bool usable = ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
  char buffer[4096];
  std::size_t held = 0;
  std::size_t total = 0;
  ssize_t got = 0;
  while (usable && total < kMaxPasswdBytes && into.empty() &&
         (got = ::read(fd, buffer + held, sizeof buffer - held)) > 0) {
    total += static_cast<std::size_t>(got);
    held += static_cast<std::size_t>(got);
    std::string_view text(buffer, held);
    for (std::size_t end = 0; into.empty() && (end = text.find('\n')) != text.npos;) {
      into.put(home_in(std::string_view(text.data(), end), uid));
      text.remove_prefix(end + 1);
    }
    held = text.size() < sizeof buffer ? text.size() : 0;
    memmove(buffer, text.data(), held);
  }
  if (into.empty() && held > 0) into.put(home_in(std::string_view(buffer, held), uid));
  ::close(fd);
  return !into.empty();
}

}  // namespace

void find_program(Report& report, const oci::Process& process, base::PathText& path) {
  const std::string_view name = process.args[0];
  bool missing = false;
  path.clear();
  if (name.find('/') != name.npos) {
    path.put(name);
    const int error = why_not(path.c_str(), missing);
    if (error != 0) fail_lookup(report, name, error, missing);
    return;
  }
  std::string_view search = variable(process, "PATH");
  while (!search.empty() && !name.empty()) {
    const std::string_view directory = base::split(search, ':');
    path.clear();
    path.put(directory.empty() ? "." : directory, "/", name);
    if (!path.truncated() && why_not(path.c_str(), missing) == 0) return;
  }
  base::Text<600> words("exec: ");
  words.put(base::Quoted{name}, ": executable file not found in $PATH");
  base::Failure failure;
  failure.error = ENOENT;
  (void)failure.because(words.view());
  report.send(failure);
}

char** complete_environment(const oci::Process& process) {
  // Docker: runc adds HOME when the spec has none or an empty one.
  char** given = process.env.data();
  static char* kEmpty[1] = {nullptr};
  if (given == nullptr) given = kEmpty;
  if (!variable(process, "HOME").empty()) return given;
  static char home[1024] = "HOME=";
  base::Text<1000> found;
  if (!find_home(process.uid, found)) found.put("/");
  memcpy(home + 5, found.c_str(), found.size() + 1);
  // One array that outlives this call; the process executes or ends with it.
  auto** complete = static_cast<char**>(::malloc((process.env.size() + 2) * sizeof(char*)));
  if (complete == nullptr) return given;
  std::size_t index = 0;
  for (char* entry : process.env) {
    if (!std::string_view(entry).starts_with("HOME=")) complete[index++] = entry;
  }
  complete[index++] = home;
  complete[index] = nullptr;
  return complete;
}

void execute(const char* path, char** arguments, char** environment) {
  ::execve(path, arguments, environment);
  // Docker: from here on the container counts as started; the words go to its stderr.
  base::Failure failure;
  (void)failure.because_of_errno("exec ", path);
  failure.text.put("\n");
  (void)!::write(2, failure.text.c_str(), failure.text.size());
  ::_exit(kExecFailed);
}

}  // namespace wharf::runtime
