// What a create request may say, checked with Docker's texts and in Docker's order.
//
// check_config() and check_host() throw base::Error; what is accepted but not done is a
// warning, never silence. adjust() first brings the request of an older API to today's form.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/container.h"
#include "api/version.h"
#include "container/settings.h"

namespace wharf::container {

using Warnings = std::vector<std::string>;

/// Defaults and shapes that depend on the version of the API.
void adjust(api::CreateRequest& request, const api::Version& version, const Settings& settings,
            Warnings& warnings);

void check_config(const api::ContainerConfig& config);

/// Changes what Docker changes: what this kernel cannot do is dropped with a warning.
void check_host(api::HostConfig& host, const Settings& settings, Warnings& warnings);

/// Docker: what is in the slice's name beside its ending is looked at by systemd.
inline constexpr const char* kNoSlice =
    R"(cgroup-parent for systemd cgroup should be a valid slice named as "xxx.slice")";
bool names_slice(std::string_view cgroup_parent);

/// What cannot be had together with a user namespace; `settings` say whether it would have one.
void check_user_namespace(const api::HostConfig& host, const Settings& settings);

/// The part of check_host() that update shares.
void check_resources(api::Resources& resources, Warnings& warnings);

/// HostConfig.PortBindings.
void check_ports(const api::HostConfig& host);

void check_restart_policy(const api::RestartPolicy& policy);

/// "no-new-privileges", "seccomp=..." of HostConfig.SecurityOpt.
struct SecurityOptions {
  bool no_new_privileges = false;
  bool writable_cgroups = false;
  std::string seccomp;   ///< "": the daemon's default.
  std::string apparmor;  ///< A profile that the host has, "unconfined" or "".
};
/// Throws Internal `invalid --security-opt 1: "x"`, and InvalidArgument for a profile of AppArmor
/// on a host without it.
SecurityOptions parse_security_options(const api::HostConfig& host, const Settings& settings);

/// Throws InvalidArgument for an unknown driver or option; Docker's texts.
void check_log_config(const api::LogConfig& config);

/// "0-2,4" as single numbers. Throws InvalidArgument "invalid format: x".
std::vector<int> parse_cpu_list(const std::string& text);

}  // namespace wharf::container
