#include "oci/image_config.h"

#include "base/error.h"
#include "base/fields.h"

namespace wharf::base {

template <>
struct Fields<oci::EmptyObject> {
  static constexpr auto table = std::make_tuple();
};

template <>
struct Fields<oci::Healthcheck> {
  using H = oci::Healthcheck;
  static constexpr auto table = std::make_tuple(
      field("Test", &H::test, Omit::Empty), field("Interval", &H::interval_ns, Omit::Empty),
      field("Timeout", &H::timeout_ns, Omit::Empty),
      field("StartPeriod", &H::start_period_ns, Omit::Empty),
      field("StartInterval", &H::start_interval_ns, Omit::Empty),
      field("Retries", &H::retries, Omit::Empty));
};

template <>
struct Fields<oci::RunConfig> {
  using R = oci::RunConfig;
  static constexpr auto table = std::make_tuple(
      field("User", &R::user, Omit::Empty), field("ExposedPorts", &R::exposed_ports, Omit::Empty),
      field("Env", &R::env, Omit::Empty), field("Entrypoint", &R::entrypoint, Omit::Empty),
      field("Cmd", &R::cmd, Omit::Empty), field("Volumes", &R::volumes, Omit::Empty),
      field("WorkingDir", &R::working_dir, Omit::Empty), field("Labels", &R::labels, Omit::Empty),
      field("StopSignal", &R::stop_signal, Omit::Empty),
      field("ArgsEscaped", &R::args_escaped, Omit::Empty),
      field("Healthcheck", &R::healthcheck, Omit::Empty),
      field("OnBuild", &R::on_build, Omit::Empty), field("Shell", &R::shell, Omit::Empty));
};

template <>
struct Fields<oci::History> {
  using H = oci::History;
  static constexpr auto table = std::make_tuple(
      field("created", &H::created, Omit::Empty), field("created_by", &H::created_by, Omit::Empty),
      field("author", &H::author, Omit::Empty), field("comment", &H::comment, Omit::Empty),
      field("empty_layer", &H::empty_layer, Omit::Empty));
};

template <>
struct Fields<oci::RootFs> {
  static constexpr auto table =
      std::make_tuple(field("type", &oci::RootFs::type), field("diff_ids", &oci::RootFs::diff_ids));
};

template <>
struct Fields<oci::ImageConfig> {
  using I = oci::ImageConfig;
  static constexpr auto table = std::make_tuple(
      field("created", &I::created, Omit::Empty), field("author", &I::author, Omit::Empty),
      field("architecture", &I::architecture), field("variant", &I::variant, Omit::Empty),
      field("os", &I::os), field("os.version", &I::os_version, Omit::Empty),
      field("os.features", &I::os_features, Omit::Empty), field("config", &I::config),
      field("rootfs", &I::rootfs), field("history", &I::history, Omit::Empty),
      field("comment", &I::comment, Omit::Empty),
      field("docker_version", &I::docker_version, Omit::Empty));
};

}  // namespace wharf::base

namespace wharf::oci {
namespace {

using base::fail;
using base::Kind;

void refuse_nul(std::string_view text, const char* member) {
  if (text.find('\0') != std::string_view::npos)
    fail(Kind::InvalidArgument, "image config: NUL byte in {}", member);
}

void refuse_nul(const Strings& list, const char* member) {
  if (!list) return;
  for (const std::string& text : *list) refuse_nul(text, member);
}

template <class Map>
void refuse_nul_keys(const Map& map, const char* member) {
  if (!map) return;
  for (const auto& [key, value] : *map) refuse_nul(key, member);
}

void check_run_config(const RunConfig& config) {
  refuse_nul(config.user, "User");
  refuse_nul(config.working_dir, "WorkingDir");
  refuse_nul(config.stop_signal, "StopSignal");
  refuse_nul(config.env, "Env");
  refuse_nul(config.entrypoint, "Entrypoint");
  refuse_nul(config.cmd, "Cmd");
  refuse_nul(config.shell, "Shell");
  refuse_nul_keys(config.volumes, "Volumes");
  refuse_nul_keys(config.exposed_ports, "ExposedPorts");
  refuse_nul_keys(config.labels, "Labels");
}

}  // namespace

Platform ImageConfig::platform() const {
  return {.architecture = architecture,
          .os = os,
          .os_version = os_version,
          .os_features = os_features,
          .variant = variant};
}

std::vector<base::Digest> ImageConfig::diff_ids() const {
  std::vector<base::Digest> out;
  for (const std::string& text : rootfs.diff_ids) out.push_back(base::Digest::parse(text));
  return out;
}

base::Time ImageConfig::created_time() const {
  if (created.empty()) return {};
  return base::parse_rfc3339(created);
}

ImageConfig parse_image_config(std::string_view bytes) {
  if (bytes.size() > kImageConfigLimit) {
    fail(Kind::InvalidArgument, "image config has {} bytes, more than the limit of {}",
         bytes.size(), kImageConfigLimit);
  }
  const base::Json json = base::parse_json(bytes, "image config");
  if (!json.is_object()) fail(Kind::InvalidArgument, "image config is not an object");
  if (const base::Json* rootfs = base::find(json.get_object(), "rootfs");
      !rootfs || !rootfs->is_object()) {
    fail(Kind::InvalidArgument, "image config: rootfs missing");
  }
  ImageConfig config;
  try {
    base::from_json(json, config);
  } catch (const base::Error& error) {
    fail(Kind::InvalidArgument, "image config: {}", error.what());
  }
  if (config.rootfs.type != "layers")
    fail(Kind::InvalidArgument, "image config: rootfs type {:.40}", config.rootfs.type);
  if (config.history.size() > kHistoryLimit) {
    fail(Kind::InvalidArgument, "image config: history has more than {} entries", kHistoryLimit);
  }
  for (const std::string& diff_id : config.rootfs.diff_ids) {
    if (!base::Digest::valid(diff_id))
      fail(Kind::InvalidArgument, "image config: invalid diff id {:.100}", diff_id);
  }
  config.created_time();  // Throws where it is no time.
  for (const History& step : config.history) {
    if (!step.created.empty()) base::parse_rfc3339(step.created);
  }
  check_run_config(config.config);
  return config;
}

std::string image_config_text(const ImageConfig& config) {
  return base::to_text(base::to_json(config));
}

base::Json to_json(const RunConfig& config) {
  return base::to_json<RunConfig>(config);
}

}  // namespace wharf::oci
