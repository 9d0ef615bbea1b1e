#include "cli/attached.h"

#include <unistd.h>

#include "base/error.h"
#include "http/url.h"

namespace wharf::cli {

std::string id_path(const std::string& name) {
  return "/containers/" + http::percent_encode(name, "/:@");
}

http::client::Hijacked open_attach(Daemon& daemon, const std::string& id, AttachStreams streams,
                                   const std::string& detach_keys) {
  Query query;
  if (!detach_keys.empty()) query.emplace_back("detachKeys", detach_keys);
  if (streams.error) query.emplace_back("stderr", "1");
  if (streams.in) query.emplace_back("stdin", "1");
  if (streams.out) query.emplace_back("stdout", "1");
  query.emplace_back("stream", "1");
  return daemon.hijack({.method = "POST",
                        .path = id_path(id) + "/attach",
                        .query = query,
                        .content_type = "text/plain"});
}

http::client::Response open_wait(Daemon& daemon, const std::string& id,
                                 const std::string& condition) {
  Query query;
  if (!condition.empty()) query.emplace_back("condition", condition);
  return daemon.call({.method = "POST", .path = id_path(id) + "/wait", .query = query});
}

int wait_status(Invocation& call, http::client::Response& wait) {
  const base::Json answer = base::parse_json(wait.read_all(1 << 20));
  const base::JsonObject* object = answer.if_object();
  const base::Json* error = object ? base::find(*object, "Error") : nullptr;
  if (error && error->is_object()) {
    call.error(fmt::format("Error waiting for container: {}\n",
                           base::text_at(error->get_object(), "Message")));
    return 125;
  }
  const base::Json* code = object ? base::find(*object, "StatusCode") : nullptr;
  return code && code->is_number() ? code->to_number<int>() : 125;
}

void resize_terminal(Daemon& daemon, const std::string& path, WindowSize size) {
  if (size.height == 0 && size.width == 0) return;
  try {
    daemon.text({.method = "POST",
                 .path = path + "/resize",
                 .query = {{"h", std::to_string(size.height)}, {"w", std::to_string(size.width)}}});
  } catch (const std::exception&) {
    // Docker: shown only in debug; the container runs on with the size it has.
  }
}

RelayOptions container_relay(Daemon& daemon, const std::string& id, bool tty, bool take_stdin,
                             bool forward) {
  RelayOptions options;
  options.tty = tty;
  options.take_stdin = take_stdin;
  if (forward) {
    options.forward_signal = [&daemon, id](const std::string& name) {
      try {
        daemon.text({.method = "POST", .path = id_path(id) + "/kill", .query = {{"signal", name}}});
      } catch (const std::exception&) {
        // The container may have ended between the signal and this.
      }
    };
  }
  if (tty && is_terminal(STDOUT_FILENO)) {
    options.resize = [&daemon, id](WindowSize size) { resize_terminal(daemon, id_path(id), size); };
  }
  return options;
}

std::string effective_detach_keys(Invocation& call, const std::string& flag) {
  const std::string keys = flag.empty() ? call.config().text("detachKeys") : flag;
  try {
    return parse_detach_keys(keys.empty() ? kDefaultDetachKeys : keys);
  } catch (const base::Error& wrong) {
    throw Exit(1, fmt::format("invalid detach keys ({}): {}", keys, wrong.what()));
  }
}

void check_terminal(bool attach_stdin, bool tty) {
  if (tty && attach_stdin && !is_terminal(STDIN_FILENO))
    throw Exit(1, "the input device is not a TTY");
}

int status_of_start_failure(std::string_view message) {
  const auto says = [&](std::string_view words) {
    return message.find(words) != std::string_view::npos;
  };
  if (says("executable file not found") || says("no such file or directory")) return 127;
  if (says("permission denied") || says("is a directory")) return 126;
  return 125;
}

}  // namespace wharf::cli
