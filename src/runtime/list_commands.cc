// list, ps, features, spec: what prints.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/seccomp.h"
#include "runtime/container.h"
#include "runtime/kernel.h"

namespace wharf::runtime {
namespace {

bool print(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(1, text.data(), text.size());
    if (written <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

void pad(base::Writer& line, std::size_t column) {
  do line.put(' ');
  while (line.size() < column);
}

void put_row(const Container& container, base::Writer& line) {
  const Status status = container.status();
  line.put(container.state.id);
  pad(line, 12);
  line.put(status == Status::Stopped ? 0 : container.state.pid);
  pad(line, 24);
  line.put(name_of(status));
  pad(line, 36);
  line.put(container.state.bundle);
  pad(line, 60);
  line.put(container.state.created);
  pad(line, 92);
  line.put("root\n");
}

void put_object(const Container& container, base::Writer& line) {
  const Status status = container.status();
  line.put("{\"ociVersion\":", base::Quoted{container.spec.version},
           ",\"id\":", base::Quoted{container.state.id},
           ",\"pid\":", status == Status::Stopped ? 0 : container.state.pid,
           ",\"status\":", base::Quoted{name_of(status)},
           ",\"bundle\":", base::Quoted{container.state.bundle},
           ",\"rootfs\":", base::Quoted{container.state.rootfs},
           ",\"created\":", base::Quoted{container.state.created}, ",\"owner\":\"\"}");
}

enum class Format { Table, Json, Quiet };

/// One container; nothing when it went away while we looked.
bool list_one(Call& call, const char* id, Format format, bool& first) {
  Container container;
  if (!container.load(call, id)) {
    call.failure.text.clear();
    return true;
  }
  base::Text<16383> line;
  if (format == Format::Quiet) {
    line.put(id, "\n");
  } else if (format == Format::Json) {
    line.put(first ? "" : ",");
    put_object(container, line);
  } else {
    put_row(container, line);
  }
  first = false;
  return print(line.view());
}

/// The processes of a container as a span in `into`.
std::span<const pid_t> processes(const Container& container, std::span<pid_t> into) {
  const std::size_t count = container.group.pids(into);
  return into.first(count < into.size() ? count : into.size());
}

/// Runs ps(1) of the host and keeps its head and the lines of these processes.
int filter_ps(Call& call, std::span<const pid_t> wanted) {
  int output[2];
  if (::pipe2(output, O_CLOEXEC) < 0) {
    (void)call.failure.because_of_errno("make a pipe");
    return 1;
  }
  char* standard[] = {const_cast<char*>("ps"), const_cast<char*>("-ef"), nullptr};
  if (!call.arguments.empty()) call.arguments.data()[-1] = standard[0];
  char** arguments = call.arguments.empty() ? standard : call.arguments.data() - 1;
  const pid_t child = ::vfork();
  if (child == 0) {
    ::dup2(output[1], 1);
    ::execvpe("ps", arguments, call.global.environment);
    ::_exit(127);
  }
  ::close(output[1]);
  const std::span<char> text = call.arena.array<char>(1 << 20);
  std::size_t held = 0;
  ssize_t got = 0;
  while (held < text.size() &&
         (got = ::read(output[0], text.data() + held, text.size() - held)) > 0) {
    held += static_cast<std::size_t>(got);
  }
  ::close(output[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (status != 0) {
    (void)call.failure.because("ps failed");
    return 1;
  }
  std::string_view rest(text.data(), held);
  const std::string_view head = base::split(rest, '\n');
  // Which word is the pid: it is in the same place in every line up to there.
  std::size_t column = 0;
  std::size_t found = ~std::size_t{0};
  for (std::string_view words = head; !words.empty();) {
    const std::string_view word = base::split(words, ' ');
    if (word == "PID") found = column;
    column += word.empty() ? 0 : 1;
  }
  if (!print(head) || !print("\n")) return 1;
  while (!rest.empty()) {
    const std::string_view line = base::split(rest, '\n');
    std::string_view words = line;
    std::string_view word;
    for (std::size_t at = 0; at <= found && !words.empty();) {
      word = base::split(words, ' ');
      if (!word.empty()) ++at;
    }
    std::int64_t number = 0;
    if (!base::parse_number(word, number)) continue;
    for (const pid_t pid : wanted) {
      if (pid == number && (!print(line) || !print("\n"))) return 1;
    }
  }
  return 0;
}

}  // namespace

int list_command(Call& call) {
  std::string_view format = "table";
  bool quiet = false;
  const Option options[] = {{"format", "f", &format}, {"quiet", "q", nullptr, &quiet}};
  if (!take_options(call.arena, call.arguments, options, call.failure)) return 1;
  const Format wanted = quiet ? Format::Quiet : format == "json" ? Format::Json : Format::Table;
  if (wanted == Format::Table) {
    print(
        "ID          PID         STATUS      BUNDLE                  CREATED                     "
        "    OWNER\n");
  }
  if (wanted == Format::Json) print("[");
  DIR* root = ::opendir(call.global.root.data());
  bool first = true;
  while (root != nullptr) {
    const dirent* entry = ::readdir(root);
    if (entry == nullptr) break;
    if (entry->d_name[0] != '.' && !list_one(call, entry->d_name, wanted, first)) break;
  }
  if (root != nullptr) ::closedir(root);
  if (wanted == Format::Json) print("]\n");
  return 0;
}

int ps_command(Call& call) {
  std::string_view format = "table";
  std::string_view id;
  const Option options[] = {{"format", "f", &format}};
  Container container;
  if (!take_options(call.arena, call.arguments, options, call.failure) || !take_id(call, id) ||
      !container.load(call, id)) {
    return 1;
  }
  constexpr std::size_t kMaxProcesses = 32768;
  const std::span<const pid_t> pids = processes(container, call.arena.array<pid_t>(kMaxProcesses));
  if (format != "json") return filter_ps(call, pids);
  base::Text<31> number("[");
  for (std::size_t i = 0; i < pids.size(); ++i) {
    number.put(i == 0 ? "" : ",", pids[i]);
    print(number.view());
    number.clear();
  }
  number.put("]\n");
  return print(number.view()) ? 0 : 1;
}

}  // namespace wharf::runtime
