#include "base/error.h"
#include "base/time.h"
#include "cli/attached.h"
#include "cli/commands/all.h"
#include "cli/stdcopy.h"
#include "cli/times.h"

namespace wharf::cli {

int logs_command(Invocation& call) {
  bool details = false;
  bool follow = false;
  bool timestamps = false;
  std::string since;
  std::string until;
  std::string tail = "all";
  FlagSet flags;
  flags.boolean(details, {"details", 0, "", "Show extra details provided to logs"});
  flags.boolean(follow, {"follow", 'f', "", "Follow log output"});
  flags.text(since, {"since", 0, "string",
                     "Show logs since timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. "
                     "\"42m\" for 42 minutes)"});
  flags.text(
      tail, {"tail", 'n', "string", "Number of lines to show from the end of the logs", "\"all\""});
  flags.boolean(timestamps, {"timestamps", 't', "", "Show timestamps"});
  flags.text(until, {"until", 0, "string",
                     "Show logs before a timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative "
                     "(e.g. \"42m\" for 42 minutes)"});
  call.parse(flags, {.least = 1, .most = 1});

  const std::string& name = call.arguments()[0];
  const base::Json container = call.daemon().json({.path = id_path(name) + "/json"});
  const base::Json* tty = container.as_object().at("Config").as_object().if_contains("Tty");
  Query query{{"stderr", "1"}, {"stdout", "1"}, {"tail", tail}};
  if (details) query.emplace_back("details", "1");
  if (follow) query.emplace_back("follow", "1");
  if (!since.empty()) query.emplace_back("since", time_parameter(since, "since"));
  if (timestamps) query.emplace_back("timestamps", "1");
  if (!until.empty()) query.emplace_back("until", time_parameter(until, "until"));
  const std::string id(base::text_at(container.as_object(), "Id"));
  http::client::Response response =
      call.daemon().call({.path = id_path(id) + "/logs", .query = query});
  const bool raw = tty && tty->is_bool() && tty->get_bool();
  StdcopyReader frames;
  std::array<char, 32768> buffer;
  while (const std::size_t n = response.read_some(buffer)) {
    const std::string_view bytes(buffer.data(), n);
    if (raw) {
      call.out(bytes);
      continue;
    }
    frames.feed(bytes, [&](StdcopyReader::Stream which, std::string_view payload) {
      which == StdcopyReader::Stream::Error ? call.error(payload) : call.out(payload);
    });
  }
  return 0;
}

}  // namespace wharf::cli
