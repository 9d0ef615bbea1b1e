// load, import, save: archives of images in and out.
#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"
#include "cli/command.h"
#include "cli/commands/all.h"
#include "cli/progress.h"
#include "cli/pulling.h"
#include "cli/terminal.h"
#include "os/file.h"

namespace wharf::cli {
namespace {

os::Fd open_input(const std::string& path) {
  if (path.empty() || path == "-") return os::Fd(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
  os::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) throw Exit(1, base::errno_error(errno, "open " + path).what());
  return file;
}

void send_file(Daemon::Call& request, const os::Fd& file) {
  request.content_type = "application/x-tar";
  request.source = [&file](std::span<char> into) { return os::read_some(file, into); };
  const struct stat found = os::status(file);
  if (S_ISREG(found.st_mode)) request.source_bytes = static_cast<std::uint64_t>(found.st_size);
}

void show_progress(http::client::Response& response, bool quiet) {
  const std::size_t columns = is_terminal(STDOUT_FILENO) ? terminal_columns() : 0;
  ProgressDisplay display(write_out, columns);
  for_each_message(response, [&](const base::JsonObject& message) {
    const base::Json* status = message.if_contains("status");
    if (!quiet || !status) display.show(message);
  });
}

}  // namespace

int load_command(Invocation& call) {
  std::string input;
  std::string platform;
  bool quiet = false;
  FlagSet flags;
  flags.text(input, {"input", 'i', "string", "Read from tar archive file, instead of STDIN"});
  flags.text(platform, {"platform", 0, "string",
                        "Load only the given platform variant. Formatted as "
                        "\"os[/arch[/variant]]\" (e.g., \"linux/amd64\")"});
  flags.boolean(quiet, {"quiet", 'q', "", "Suppress the load output"});
  call.parse(flags, {.most = 0});

  const os::Fd file = open_input(input);
  if (input.empty() && is_terminal(STDIN_FILENO))
    throw Exit(1, "requested load from stdin, but stdin is empty");
  // Docker: bars are of no use without a terminal, so the daemon is not asked for them.
  const bool silent = quiet || !is_terminal(STDOUT_FILENO);
  Daemon::Call request{
      .method = "POST", .path = "/images/load", .query = {{"quiet", silent ? "1" : "0"}}};
  if (!platform.empty()) request.query.emplace_back("platform", platform_json(platform));
  send_file(request, file);
  http::client::Response response = call.daemon().call(request);
  show_progress(response, quiet);
  return 0;
}

int import_command(Invocation& call) {
  std::vector<std::string> changes;
  std::string message;
  std::string platform;
  FlagSet flags;
  flags.list(changes, {"change", 'c', "list", "Apply Dockerfile instruction to the created image"});
  flags.text(message, {"message", 'm', "string", "Set commit message for imported image"});
  flags.text(platform,
             {"platform", 0, "string", "Set platform if server is multi-platform capable"});
  call.parse(flags, {.least = 1});

  const std::string& source = call.arguments()[0];
  const std::string repository = call.arguments().size() > 1 ? call.arguments()[1] : "";
  if (!repository.empty()) {
    oci::Reference::parse(repository);  // The daemon takes the text as it is, once it is valid.
  }
  const bool remote = source.starts_with("http://") || source.starts_with("https://");
  Daemon::Call request{.method = "POST", .path = "/images/create"};
  request.query = {{"fromSrc", remote ? source : "-"}};
  if (!repository.empty()) request.query.emplace_back("repo", repository);
  if (!message.empty()) request.query.emplace_back("message", message);
  const std::string wanted = wanted_platform(platform);
  if (!wanted.empty()) request.query.emplace_back("platform", base::lower(wanted));
  for (const std::string& each : changes) request.query.emplace_back("changes", each);
  os::Fd file;
  if (!remote) {
    file = open_input(source);
    send_file(request, file);
  }
  http::client::Response response = call.daemon().call(request);
  show_progress(response, false);
  return 0;
}

int save_command(Invocation& call) {
  std::string output;
  std::vector<std::string> platforms;
  FlagSet flags;
  flags.text(output, {"output", 'o', "string", "Write to a file, instead of STDOUT"});
  flags.list(platforms, {"platform", 0, "string",
                         "Save only the given platform variant. Formatted as "
                         "\"os[/arch[/variant]]\" (e.g., \"linux/amd64\")"});
  call.parse(flags, {.least = 1});

  if (output.empty() && is_terminal(STDOUT_FILENO)) {
    throw Exit(1, "cowardly refusing to save to a terminal. Use the -o flag or redirect");
  }
  Daemon::Call request{.path = "/images/get"};
  for (const std::string& name : call.arguments()) request.query.emplace_back("names", name);
  for (const std::string& each : platforms)
    request.query.emplace_back("platform", platform_json(each));
  http::client::Response response = call.daemon().call(request);
  os::Fd file(output.empty()
                  ? ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)
                  : ::open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file)
    throw Exit(1, fmt::format("failed to save image: {}",
                              base::errno_error(errno, "open " + output).what()));
  std::array<char, 65536> buffer;
  while (const std::size_t n = response.read_some(buffer))
    os::write_all(file, std::string_view(buffer.data(), n));
  return 0;
}

}  // namespace wharf::cli
