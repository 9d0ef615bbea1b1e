#include "container/exec_start.h"

#include <sys/socket.h>

#include "base/error.h"
#include "container/relay.h"
#include "logs/frame.h"

namespace wharf::container {

namespace {

/// An exec's output waits for its client: this much of it in memory.
constexpr std::uint64_t kBackPressure = 256 << 10;
constexpr std::uint64_t kLimit = 1 << 20;
constexpr int kCodeWaitMs = 1000;

}  // namespace

void AttachedExec::tell(const os::Fd& client, const std::string& text) const {
  const std::string line = text + "\r\n";
  const std::string bytes = raw() ? line : logs::frame_header(1, line.size()) + line;
  // A client that does not read must not keep this thread.
  [[maybe_unused]] const auto put =
      ::send(client.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  ::shutdown(client.get(), SHUT_WR);
}

void AttachedExec::run(ClientStream client, std::stop_token stop) {
  const api::ExecCreateRequest& asked = exec_->request;
  supervise::Exec process;
  try {
    process = state_.start_exec(*exec_, request_,
                                {asked.attach_stdin, asked.attach_stdout, asked.attach_stderr});
  } catch (const base::Error& error) {
    tell(client.socket, error.what());
    return;
  }
  Relay relay(std::move(client), Spool(state_.settings.data_root, kLimit),
              asked.tty ? exec_->detach_keys : std::string());
  relay.set_back_pressure(kBackPressure);
  relay.set_finished([&] { return exec_->has_ended(); });
  const int out_stream = raw() ? 0 : 1;
  const int err_stream = raw() ? 0 : 2;
  if (asked.tty) {
    // A TTY is one stream; it is shown where either was asked for.
    if (asked.attach_stdout || asked.attach_stderr) relay.add_source(process.pty, out_stream);
    if (asked.attach_stdin) relay.set_input(process.pty, {});
  } else {
    if (asked.attach_stdout) relay.add_source(process.out, out_stream);
    if (asked.attach_stderr) relay.add_source(process.err, err_stream);
    if (asked.attach_stdin) relay.set_input(process.in, [&] { process.in.reset(); });
  }
  const Relay::End end = relay.run(stop);
  if (end == Relay::End::Detached) {
    // Docker: leaving by the detach keys counts as a failure of the exec.
    exec_->ended(126);
    tell(relay.client(), "exec attach failed: error on attach stdin: read escape sequence");
    return;
  }
  // The end of the stream tells the client to ask for the code: it must be there. A process that
  // only closed its streams goes on, and its client is let go.
  if (end != Relay::End::ClientGone) exec_->wait_until_ended(kCodeWaitMs);
  ::shutdown(relay.client().get(), SHUT_WR);
}

std::unique_ptr<Attached> Containers::start_exec(std::string_view id,
                                                 const api::ExecStartRequest& request) {
  return std::make_unique<AttachedExec>(*state_, state_->find_exec(id), request);
}

}  // namespace wharf::container
