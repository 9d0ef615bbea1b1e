// Exec: a second process in a running container (swagger ExecConfig and friends).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/container_config.h"

namespace wharf::api {

struct ExecCreateRequest {
  std::string user;
  bool privileged = false;
  bool tty = false;
  std::optional<std::vector<std::uint64_t>> console_size;  ///< Height, width.
  bool attach_stdin = false;
  bool attach_stderr = false;
  bool attach_stdout = false;
  bool detach = false;
  std::string detach_keys;
  Strings env;
  std::string working_dir;
  Strings cmd;
};

struct ExecStartRequest {
  bool detach = false;
  bool tty = false;
  std::optional<std::vector<std::uint64_t>> console_size;
};

struct ExecProcessConfig {
  bool tty = false;
  std::string entrypoint;
  std::vector<std::string> arguments;
  std::optional<bool> privileged;
  std::string user;
};

struct ExecInspect {
  std::string id;
  bool running = false;
  std::optional<std::int64_t> exit_code;
  ExecProcessConfig process_config;
  bool open_stdin = false;
  bool open_stderr = false;
  bool open_stdout = false;
  bool can_remove = false;
  std::string container_id;
  std::string detach_keys;  ///< Docker: the bytes, base64.
  std::int64_t pid = 0;
};

base::Json to_json(const ExecCreateRequest& request);
void from_json(const base::Json& json, ExecCreateRequest& request);
base::Json to_json(const ExecStartRequest& request);
void from_json(const base::Json& json, ExecStartRequest& request);
base::Json to_json(const ExecInspect& exec);
void from_json(const base::Json& json, ExecInspect& exec);

}  // namespace wharf::api
