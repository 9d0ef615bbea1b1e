// The forms of single option values of run and create: each function checks one text as
// Docker's parser does and returns it in its normal form, or throws with Docker's words.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "cli/container_options.h"

namespace wharf::cli {

std::string checked_env(const std::string& text);
std::string checked_label(const std::string& text);
std::string checked_attach(const std::string& text);
std::string checked_extra_host(const std::string& text);
std::string checked_ip_address(const std::string& text);
std::string checked_dns_search(const std::string& text);
std::string checked_link(const std::string& text);
std::string checked_device(const std::string& text);
std::string checked_device_rule(const std::string& text);
std::string checked_sysctl(const std::string& text);
std::string checked_weight_device(const std::string& text);
std::string checked_throttle_bytes(const std::string& text);
std::string checked_throttle_count(const std::string& text);
std::string checked_ulimit(const std::string& text);

/// "1.5" CPUs as 1500000000.
std::int64_t parse_cpus(const std::string& text);

NetworkAttachment parse_network(const std::string& text);

/// "all", "2", "device=0,1": a DeviceRequest.
base::Json parse_gpus(const std::string& text);

/// {"Name","Soft","Hard"} of "nofile=1:2" that checked_ulimit has passed.
base::Json ulimit_json(const std::string& text);

/// {"Path","Rate" or "Weight"} of "/dev/sda:1mb".
base::Json throttle_json(const std::string& text, const char* number_name);

/// {"PathOnHost","PathInContainer","CgroupPermissions"} of "/dev/a:/dev/b:rwm".
base::Json device_json(const std::string& text);

/// Six or eight bytes in hex, joined by ':' or '-'.
bool is_mac_address(const std::string& text);

/// True for a CDI name, "vendor.com/class=name".
bool is_cdi_device(const std::string& text);

/// One record of CSV as Go's reader takes it: fields may be quoted. Throws.
std::vector<std::string> csv_fields(const std::string& text);

/// The variables of the files, then those given: "NAME=value", or "NAME" to unset.
std::vector<std::string> read_variables(const std::vector<std::string>& files,
                                        const std::vector<std::string>& given,
                                        bool environment_lookup);

}  // namespace wharf::cli
