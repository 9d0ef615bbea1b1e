// POST /containers/create: from a request to a container that exists.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/ids.h"
#include "base/log.h"
#include "container/merge.h"
#include "container/mount_plan.h"
#include "container/names.h"
#include "container/state.h"
#include "os/file.h"

namespace wharf::container {

namespace {

using base::Kind;

constexpr int kNameAttempts = 6;

/// A name that is taken until the container owns it, or given back.
class ReservedName {
 public:
  ReservedName(Containers::State& state, std::string id) : state_(state), id_(std::move(id)) {}
  ~ReservedName() {
    if (!kept_ && !name_.empty()) state_.release_name(name_, id_);
  }

  void take(const std::string& asked) {
    if (!asked.empty()) {
      const std::string name = checked_name(asked);
      state_.reserve_name(name, id_);
      name_ = name;
      return;
    }
    for (int attempt = 0; attempt < kNameAttempts; ++attempt) {
      if (try_name(made_up_name(attempt))) return;
    }
    take(base::short_id(id_));
  }

  const std::string& name() const { return name_; }
  void keep() { kept_ = true; }

 private:
  bool try_name(const std::string& name) {
    try {
      state_.reserve_name(name, id_);
    } catch (const base::Error&) {
      return false;
    }
    name_ = name;
    return true;
  }

  Containers::State& state_;
  std::string id_;
  std::string name_;
  bool kept_ = false;
};

/// The directories of a container that does not exist yet.
class NewDirectories {
 public:
  NewDirectories(Containers::State& state, const Record& record) : state_(state), id_(record.id) {
    os::make_directories(state.directory(id_), 0710);
    state.services.layers.create_writable(id_, layers_of(record));
    // Docker: programs look for this file to know that they are in a container.
    const os::Path mark = state.services.layers.upper_directory(id_) / ".dockerenv";
    os::open_file(mark, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0755);
  }
  ~NewDirectories() {
    if (kept_) return;
    try {
      state_.services.layers.remove_writable(id_);
      os::remove_tree(state_.directory(id_));
    } catch (const base::Error& error) {
      base::log_error("undo creation of container {}: {}", id_, error.what());
    }
  }
  void keep() { kept_ = true; }

 private:
  Containers::State& state_;
  const std::string id_;
  bool kept_ = false;
};

/// "container:name" becomes "container:<full id>". Docker: a network donor may be missing.
void resolve_mode(const Containers::State& state, std::string& mode, bool may_miss) {
  constexpr std::string_view kPrefix = "container:";
  if (!mode.starts_with(kPrefix) || mode.size() == kPrefix.size()) return;
  const std::string name = mode.substr(kPrefix.size());
  try {
    mode = std::string(kPrefix) + state.find(name)->id;
  } catch (const base::Error& error) {
    if (may_miss && error.kind() == Kind::NotFound) return;
    base::fail(Kind::InvalidArgument, "{}", error.what());
  }
}

void add_endpoints(Record& record, const api::CreateRequest& request) {
  const std::string& mode = record.host.network_mode;
  if (record.config.network_disabled || mode.starts_with("container:")) return;
  std::size_t asked = 0;
  if (request.networking_config && request.networking_config->endpoints_config) {
    for (const auto& [network, settings] : *request.networking_config->endpoints_config) {
      if (!settings) {
        base::fail(Kind::InvalidArgument, "no EndpointSettings for {}", network);
      }
      record.endpoints[network] = *settings;
      ++asked;
    }
  }
  // The network of the mode is always among them.
  if (asked == 0 || mode == "host" || mode == "none") record.endpoints.try_emplace(mode);
}

/// `name[:alias]` of HostConfig.Links, kept as inspect shows it.
void add_links(const Containers::State& state, Record& record, Warnings& warnings) {
  if (!record.host.links || record.host.links->empty()) {
    record.host.links.reset();
    return;
  }
  for (std::string& link : *record.host.links) {
    if (link.empty()) base::fail(Kind::Internal, "empty string specified for links");
    const std::size_t colon = link.find(':');
    if (colon != std::string::npos && link.find(':', colon + 1) != std::string::npos) {
      base::fail(Kind::Internal, "bad format for links: {}", link);
    }
    const std::string name = link.substr(0, colon);
    std::string alias = colon == std::string::npos ? name : link.substr(colon + 1);
    while (alias.starts_with('/')) alias.erase(0, 1);
    try {
      const ContainerPointer donor = state.find(name);
      record.links[alias] = donor->id;
      link = fmt::format("/{}:/{}/{}", donor->name(), record.name, alias);
    } catch (const base::Error& error) {
      base::fail(Kind::InvalidArgument, "could not get container for {}: {}", name, error.what());
    }
  }
  if (record.host.network_mode == "bridge") {
    warnings.push_back(
        "Links on the default bridge network are deprecated and will be removed in a future "
        "release. Use a custom network instead.");
  }
}

base::Json descriptor_of(const image::Image& image) {
  oci::Descriptor descriptor;
  descriptor.media_type = image.media_type;
  descriptor.digest = image.manifest;
  descriptor.size_bytes = image.id_bytes;
  descriptor.platform = image.platform;
  return oci::to_json(descriptor);
}

Record new_record(const image::Image& image, api::CreateRequest& request) {
  Record record;
  record.id = base::random_id();
  record.created = base::now();
  record.image_id = image.id.text();
  record.platform = "linux";
  for (const base::Digest& diff_id : image.diff_ids) record.diff_ids.push_back(diff_id.text());
  record.image_descriptor = descriptor_of(image);
  record.host = std::move(*request.host_config);
  record.config = static_cast<api::ContainerConfig&>(request);
  merge(record.config, image.config.config);
  if (record.config.hostname.empty()) {
    record.config.hostname = base::short_id(record.id);
    if (record.host.network_mode == "host" || record.host.uts_mode == "host") {
      char own[256] = {};
      if (::gethostname(own, sizeof own - 1) == 0) record.config.hostname = own;
    }
  }
  record.config.working_dir = clean_path(record.config.working_dir);
  return record;
}

void write_row(Containers::State& state, Record& record) {
  const std::vector<base::Digest> layers = layers_of(record);
  const auto own_ids = automatic_size(record.host.userns_mode);
  state.services.database.write(
      [&](store::Transaction& transaction) {
        if (own_ids) record.ids = choose_block(transaction, state.settings.id_pool, *own_ids);
        const std::string text = base::to_text(to_json(record));
        transaction.run("INSERT INTO containers(id, name, created, record) VALUES(?, ?, ?, ?)",
                        {record.id, record.name, record.created.unix_ns, text});
        if (record.ids) keep_block(transaction, record.id, *record.ids);
        if (record.build_step) return;
        state.services.layers.hold(transaction, "container:" + record.id, layers);
      },
      row_durability(record));
}

}  // namespace

api::CreateResponse Containers::create(api::CreateRequest request, const CreateOptions& options) {
  State& state = *state_;
  api::CreateResponse response;
  adjust(request, options.version, state.settings, response.warnings);
  check_config(request);
  check_host(*request.host_config, state.settings, response.warnings);
  check_user_namespace(*request.host_config, state.settings);
  resolve_mode(state, request.host_config->pid_mode, false);
  resolve_mode(state, request.host_config->ipc_mode, false);
  resolve_mode(state, request.host_config->network_mode, true);
  check_log_config(request.host_config->log_config);
  std::optional<oci::Platform> platform;
  if (!options.platform.empty()) platform = oci::parse_platform(options.platform);
  if (!options.name.empty()) checked_name(options.name);
  const image::Image image = options.build_image
                                 ? *options.build_image
                                 : state.services.images.resolve(request.image, platform);

  Record record = new_record(image, request);
  record.build_step = options.build_image != nullptr;
  command_of(record.config);
  parse_security_options(record.host, state.settings);
  ReservedName name(state, record.id);
  name.take(options.name);
  record.name = name.name();
  add_links(state, record, response.warnings);
  add_endpoints(record, request);

  NewDirectories directories(state, record);
  MountPlan mounts(state, record);
  mounts.make_volumes();
  mounts.prepare_rootfs();
  record.mounts.insert(record.mounts.end(), options.build_mounts.begin(),
                       options.build_mounts.end());
  write_row(state, record);

  const auto container = std::make_shared<Container>(record, Created{});
  container->volume_claims = mounts.keep();
  directories.keep();
  name.keep();
  state.insert(container);
  state.publish(record, "create");
  response.id = record.id;
  return response;
}

}  // namespace wharf::container
