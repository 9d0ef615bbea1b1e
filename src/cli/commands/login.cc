// login and logout.
#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"
#include "cli/command.h"
#include "cli/commands/all.h"
#include "cli/credentials.h"
#include "cli/terminal.h"
#include "os/fd.h"

namespace wharf::cli {
namespace {

constexpr std::size_t kPasswordLimit = 64 << 10;

/// A line of standard input, without echo where it is secret.
std::string ask(Invocation& call, const std::string& prompt, bool secret) {
  call.out(prompt);
  termios before{};
  const bool quiet = secret && ::tcgetattr(STDIN_FILENO, &before) == 0;
  if (quiet) {
    termios silent = before;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &silent);
  }
  std::string line;
  char byte = 0;
  while (line.size() < kPasswordLimit && ::read(STDIN_FILENO, &byte, 1) == 1 && byte != '\n')
    line += byte;
  if (quiet) {
    ::tcsetattr(STDIN_FILENO, TCSANOW, &before);
    call.out("\n");
  }
  return std::string(base::trim(line));
}

struct LoginFlags {
  std::string user;
  std::string password;
  bool from_stdin = false;
};

void read_password(Invocation& call, LoginFlags& given) {
  if (!given.password.empty()) {
    call.error("WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n");
    if (given.from_stdin) throw Exit(1, "--password and --password-stdin are mutually exclusive");
  }
  if (!given.from_stdin) return;
  if (given.user.empty()) throw Exit(1, "Must provide --username with --password-stdin");
  const os::Fd input(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
  given.password = os::read_all(input, kPasswordLimit);
  while (given.password.ends_with('\n') || given.password.ends_with('\r'))
    given.password.pop_back();
}

/// Those of an earlier login, where the user gave none.
base::JsonObject known_credentials(Invocation& call, const std::string& server) {
  base::JsonObject known = credentials_for(call.config(), registry_domain(server));
  if (!known.empty()) known["serveraddress"] = server;
  return known;
}

base::JsonObject asked_credentials(Invocation& call, const std::string& server, LoginFlags given) {
  const bool asks = given.user.empty() || given.password.empty();
  if (asks && !is_terminal(STDIN_FILENO))
    throw Exit(1, "Error: Cannot perform an interactive login from a non TTY device");
  if (given.user.empty()) given.user = ask(call, "Username: ", false);
  if (given.user.empty()) throw Exit(1, "Error: Non-null Username Required");
  if (given.password.empty()) given.password = ask(call, "Password: ", true);
  if (given.password.empty()) throw Exit(1, "Error: Password Required");
  return {{"username", given.user}, {"password", given.password}, {"serveraddress", server}};
}

}  // namespace

int login_command(Invocation& call) {
  LoginFlags given;
  FlagSet flags;
  flags.text(given.password,
             {"password", 'p', "string", "Password or Personal Access Token (PAT)"});
  flags.boolean(given.from_stdin, {"password-stdin", 0, "",
                                   "Take the Password or Personal Access Token (PAT) from stdin"});
  flags.text(given.user, {"username", 'u', "string", "Username"});
  call.parse(flags, {.most = 1});
  read_password(call, given);

  const std::string server = server_address(call.arguments().empty() ? "" : call.arguments()[0]);
  base::JsonObject auth;
  if (given.user.empty() && given.password.empty()) {
    auth = known_credentials(call, server);
    if (!auth.empty()) call.out("Authenticating with existing credentials...\n");
  }
  if (auth.empty()) auth = asked_credentials(call, server, given);
  const base::Json answer =
      call.daemon().json({.method = "POST", .path = "/auth", .body = base::Json(auth)});
  // A registry that gives a token for the password: the password is not kept.
  const std::string token(base::text_at(answer.as_object(), "IdentityToken"));
  if (!token.empty()) {
    auth["password"] = "";
    auth["identitytoken"] = token;
  }
  const std::string plain_file = store_credentials(call.config(), auth);
  if (!plain_file.empty()) {
    call.error(
        fmt::format("\nWARNING! Your credentials are stored unencrypted in '{}'.\n"
                    "Configure a credential helper to remove this warning. See\n"
                    "https://docs.docker.com/go/credential-store/\n\n",
                    plain_file));
  }
  call.out(std::string(base::text_at(answer.as_object(), "Status")) + "\n");
  return 0;
}

int logout_command(Invocation& call) {
  FlagSet flags;
  call.parse(flags, {.most = 1});
  const std::string server = server_address(call.arguments().empty() ? "" : call.arguments()[0]);
  call.out(fmt::format("Removing login credentials for {}\n", registry_host(server)));
  if (!erase_credentials(call.config(), server))
    call.out(fmt::format("Not logged in to {}\n", registry_host(server)));
  return 0;
}

}  // namespace wharf::cli
