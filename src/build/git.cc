#include "build/git.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "base/error.h"
#include "base/ids.h"
#include "base/strings.h"
#include "os/process.h"

namespace wharf::build {
namespace {

using base::fail;
using base::Kind;

constexpr std::array<const char*, 3> kPrograms = {"/usr/bin/git", "/usr/local/bin/git", "/bin/git"};
constexpr std::size_t kMessageLimit = 4096;

struct Parts {
  std::string remote;
  std::string reference = "HEAD";
  std::string directory;
};

Parts split(const std::string& url) {
  Parts parts;
  parts.remote = url.substr(0, url.find('#'));
  if (parts.remote.starts_with("github.com/")) parts.remote = "https://" + parts.remote;
  if (url.find('#') == std::string::npos) return parts;
  const std::string fragment = url.substr(url.find('#') + 1);
  const std::string reference = fragment.substr(0, fragment.find(':'));
  if (!reference.empty()) parts.reference = reference;
  if (fragment.find(':') != std::string::npos) {
    parts.directory = fragment.substr(fragment.find(':') + 1);
  }
  // git takes what begins with a dash for an option of its own.
  if (parts.reference.starts_with('-') || parts.remote.starts_with('-')) {
    fail(Kind::InvalidArgument, "invalid git reference: {}", fragment);
  }
  return parts;
}

class Git {
 public:
  Git(os::Path directory, std::stop_token stop)
      : directory_(std::move(directory)), stop_(std::move(stop)) {
    for (const char* path : kPrograms) {
      if (::access(path, X_OK) == 0 && program_.empty()) program_ = path;
    }
    if (program_.empty()) {
      fail(Kind::Unavailable,
           "git is not installed on this machine: a repository cannot be fetched");
    }
  }

  /// What it says. Throws its words where it fails.
  std::string run(std::vector<std::string> arguments) const {
    arguments.insert(
        arguments.begin(),
        {"-C", directory_.native(), "-c", "core.hooksPath=/dev/null", "-c", "protocol.allow=never",
         "-c", "protocol.https.allow=always", "-c", "protocol.http.allow=always", "-c",
         "protocol.git.allow=always", "-c", "protocol.ssh.allow=always"});
    os::Pipe out = os::make_pipe();
    os::SpawnRequest request{.program = program_, .arguments = std::move(arguments)};
    request.environment = {"PATH=/usr/local/bin:/usr/bin:/bin",
                           "HOME=/nonexistent",
                           "GIT_CONFIG_NOSYSTEM=1",
                           "GIT_TERMINAL_PROMPT=0",
                           "GIT_ASKPASS=/bin/false",
                           "SSH_ASKPASS=/bin/false",
                           "LC_ALL=C",
                           "GIT_SSH_COMMAND=ssh -F none -oBatchMode=yes"};
    request.descriptors = {{&out.write, 1}, {&out.write, 2}};
    request.new_session = true;
    const os::Process process = os::Process::spawn(request);
    out.write.reset();
    const std::stop_callback ending(stop_, [&] { process.signal(SIGKILL); });
    std::string said;
    std::array<char, 4096> buffer;
    while (const std::size_t n = os::read_some(out.read, buffer)) {
      if (said.size() < kMessageLimit) said.append(buffer.data(), n);
    }
    const os::Ended ended = process.wait();
    if (stop_.stop_requested()) fail(Kind::Cancelled, "Build cancelled");
    if (ended.shell_code() != 0) {
      fail(Kind::Internal, "git {}: {}", request.arguments.back(), base::trim(said));
    }
    return std::string(base::trim(said));
  }

 private:
  os::Path directory_;
  std::stop_token stop_;
  std::string program_;
};

/// Only a directory of the commit is wanted: it takes the place of the whole.
void keep_only(const os::Path& directory, const std::string& wanted) {
  const os::Fd root = os::open_directory(directory);
  const os::Fd inside = os::open_beneath(root, wanted, O_PATH | O_DIRECTORY);
  std::array<char, 4096> path{};
  const std::string link = fmt::format("/proc/self/fd/{}", inside.get());
  os::check(WHARF_CALL(readlink, link.c_str(), path.data(), path.size() - 1), "read {}", link);
  const os::Path aside = directory.parent_path() / base::hex(base::random_bytes(12));
  os::check(WHARF_CALL(rename, path.data(), aside.c_str()), "keep {}", wanted);
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    os::remove_tree(entry.path());
  }
  for (const auto& entry : std::filesystem::directory_iterator(aside)) {
    const os::Path to = directory / entry.path().filename();
    os::check(WHARF_CALL(rename, entry.path().c_str(), to.c_str()), "keep {}", to.native());
  }
  os::remove_tree(aside);
}

}  // namespace

bool is_git(std::string_view url) {
  if (url.starts_with("git://") || url.starts_with("git@") || url.starts_with("ssh://"))
    return true;
  if (url.starts_with("github.com/")) return true;
  if (!url.starts_with("http://") && !url.starts_with("https://")) return false;
  return url.substr(0, url.find('#')).ends_with(".git");
}

void fetch_git(const GitSource& source, const os::Path& directory, std::stop_token stop) {
  const Parts parts = split(source.url);
  const Git git(directory, stop);
  git.run({"init", "--quiet"});
  git.run({"fetch", "--quiet", "--depth", "1", "--", parts.remote, parts.reference});
  git.run({"checkout", "--quiet", "FETCH_HEAD"});
  const std::string commit = git.run({"rev-parse", "HEAD"});
  if (!source.checksum.empty() && !commit.starts_with(source.checksum)) {
    fail(Kind::InvalidArgument, "expected checksum to match {}, got {}", source.checksum, commit);
  }
  if (!source.keep_git_dir) os::remove_tree(directory / ".git");
  const std::string wanted = base::trim(parts.directory).empty() ? "" : parts.directory;
  if (!wanted.empty() && wanted != "/" && wanted != ".") keep_only(directory, wanted);
}

}  // namespace wharf::build
