#include "api/exec.h"

#include "base/fields.h"

namespace wharf::base {

template <>
struct Fields<api::ExecCreateRequest> {
  using T = api::ExecCreateRequest;
  static constexpr auto table = std::make_tuple(
      field("User", &T::user), field("Privileged", &T::privileged), field("Tty", &T::tty),
      field("ConsoleSize", &T::console_size, Omit::Empty), field("AttachStdin", &T::attach_stdin),
      field("AttachStderr", &T::attach_stderr), field("AttachStdout", &T::attach_stdout),
      field("Detach", &T::detach), field("DetachKeys", &T::detach_keys), field("Env", &T::env),
      field("WorkingDir", &T::working_dir), field("Cmd", &T::cmd));
};

template <>
struct Fields<api::ExecStartRequest> {
  using T = api::ExecStartRequest;
  static constexpr auto table =
      std::make_tuple(field("Detach", &T::detach), field("Tty", &T::tty),
                      field("ConsoleSize", &T::console_size, Omit::Empty));
};

template <>
struct Fields<api::ExecProcessConfig> {
  using T = api::ExecProcessConfig;
  static constexpr auto table = std::make_tuple(
      field("tty", &T::tty), field("entrypoint", &T::entrypoint), field("arguments", &T::arguments),
      field("privileged", &T::privileged, Omit::Empty), field("user", &T::user, Omit::Empty));
};

template <>
struct Fields<api::ExecInspect> {
  using T = api::ExecInspect;
  static constexpr auto table = std::make_tuple(
      field("ID", &T::id), field("Running", &T::running), field("ExitCode", &T::exit_code),
      field("ProcessConfig", &T::process_config), field("OpenStdin", &T::open_stdin),
      field("OpenStderr", &T::open_stderr), field("OpenStdout", &T::open_stdout),
      field("CanRemove", &T::can_remove), field("ContainerID", &T::container_id),
      field("DetachKeys", &T::detach_keys), field("Pid", &T::pid));
};

}  // namespace wharf::base

namespace wharf::api {

base::Json to_json(const ExecCreateRequest& request) {
  return base::to_json(request);
}

void from_json(const base::Json& json, ExecCreateRequest& request) {
  base::from_json(json, request);
  if (request.console_size) request.console_size->resize(2);
}

base::Json to_json(const ExecStartRequest& request) {
  return base::to_json(request);
}

void from_json(const base::Json& json, ExecStartRequest& request) {
  base::from_json(json, request);
  if (request.console_size) request.console_size->resize(2);
}

base::Json to_json(const ExecInspect& exec) {
  return base::to_json(exec);
}
void from_json(const base::Json& json, ExecInspect& exec) {
  base::from_json(json, exec);
}

}  // namespace wharf::api
