#include "cli/creating.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/pulling.h"
#include "cli/terminal.h"
#include "os/file.h"

namespace wharf::cli {
namespace {

/// The id file, reserved before anything is created and removed again if nothing was.
class IdFile {
 public:
  explicit IdFile(std::string path) : path_(std::move(path)) {
    if (path_.empty()) return;
    if (::access(path_.c_str(), F_OK) == 0) {
      base::fail(
          base::Kind::Conflict,
          "container ID file found, make sure the other container isn't running or delete {}",
          path_);
    }
    file_ = os::Fd(::open(path_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    if (!file_) {
      base::fail(base::Kind::Internal, "failed to create the container ID file: {}",
                 base::errno_error(errno, "open " + path_).what());
    }
  }
  ~IdFile() {
    if (file_ && !written_) ::unlink(path_.c_str());
  }
  IdFile(const IdFile&) = delete;

  void write(const std::string& id) {
    if (!file_) return;
    os::write_all(file_, id);
    written_ = true;
  }

 private:
  std::string path_;
  os::Fd file_;
  bool written_ = false;
};

void check_pull_option(const std::string& pull) {
  if (pull != "always" && pull != "missing" && pull != "never" && !pull.empty()) {
    base::fail(base::Kind::InvalidArgument,
               "invalid pull option: '{}': must be one of \"always\", \"missing\" or \"never\"",
               pull);
  }
}

}  // namespace

void note_given_flags(ContainerOptions& options, const FlagSet& flags) {
  std::string windows_only;
  for (const char* name : {"cpu-count", "cpu-percent", "io-maxbandwidth", "io-maxiops"}) {
    if (!flags.given(name)) continue;
    windows_only += fmt::format(
        "{}\"--{}\" is only supported on a Docker daemon running on windows, but the "
        "Docker daemon is running on linux",
        windows_only.empty() ? "" : "\n", name);
  }
  if (!windows_only.empty()) throw Exit(1, windows_only);
  options.entrypoint_given = flags.given("entrypoint");
  options.init_given = flags.given("init");
  options.stop_timeout_given = flags.given("stop-timeout");
}

void fail_with_hint(const Invocation& call, int status, const std::string& message) {
  throw Exit(status, fmt::format("docker: {}\n\nRun 'docker {} --help' for more information",
                                 message, call.called_as()));
}

std::string create_container(Invocation& call, const ContainerOptions& options,
                             const base::JsonObject& body) {
  check_pull_option(options.pull);
  if (options.auto_remove && options.restart != "no" && !options.restart.empty()) {
    base::fail(base::Kind::InvalidArgument,
               "conflicting options: cannot specify both --restart and --rm");
  }
  const oci::AnyReference image =
      oci::parse_any_reference(std::string(body.at("Image").get_string()));
  IdFile id_file(options.cidfile);
  PullRequest pull{.platform = options.platform, .quiet = options.quiet, .to_stderr = true};
  if (image.name) pull.reference = image.name->with_default_tag();
  if (options.pull == "always" && image.name) pull_image(call, pull);

  Daemon::Call create{.method = "POST", .path = "/containers/create", .body = body};
  if (!options.name.empty()) create.query.emplace_back("name", options.name);
  const std::string platform = wanted_platform(options.platform);
  if (!platform.empty()) create.query.emplace_back("platform", platform);
  base::Json answer;
  try {
    answer = call.daemon().json(create);
  } catch (const DaemonError& failed) {
    if (failed.status() != 404 || !image.name || options.pull != "missing") throw;
    if (!options.quiet) {
      call.error(fmt::format("Unable to find image '{}' locally\n", pull.reference.familiar()));
    }
    pull_image(call, pull);
    answer = call.daemon().json(create);
  }
  const base::JsonObject& object = answer.as_object();
  if (const base::Json* warnings = object.if_contains("Warnings");
      warnings && warnings->is_array()) {
    for (const base::Json& each : warnings->get_array()) {
      if (each.is_string())
        call.error(fmt::format("WARNING: {}\n", std::string_view(each.get_string())));
    }
  }
  const std::string id(base::text_at(object, "Id"));
  id_file.write(id);
  return id;
}

}  // namespace wharf::cli
