// Containers onto networks and off them, after they were made.
#include <fcntl.h>

#include "base/error.h"
#include "container/sharing.h"
#include "container/state.h"

namespace wharf::container {

namespace {

using base::fail;
using base::Kind;

void require_own_network(const Record& record) {
  const std::string& mode = record.host.network_mode;
  if (mode != "host" && !mode.starts_with("container:")) return;
  fail(Kind::InvalidArgument,
       "container sharing network namespace with another container or host cannot be connected to "
       "any other network");
}

/// Docker's rules between "host", "none" and all other networks.
void require_mixable(const Record& record, const network::Network& network) {
  if (network.driver == "host") {
    fail(Kind::InvalidArgument,
         "cannot connect container to host network - container must be created in host network "
         "mode");
  }
  if (network.driver == "null" || record.host.network_mode == "none") {
    fail(Kind::InvalidArgument,
         "container cannot be connected to multiple networks with one of the networks in private "
         "(none) mode");
  }
}

/// The row is durable before the call is answered; the copy in memory follows it.
void keep_record(Containers::State& state, Container& container, const Record& record) {
  const std::string text = base::to_text(to_json(record));
  state.services.database.write([&](store::Transaction& transaction) {
    transaction.run("UPDATE containers SET record = ? WHERE id = ?", {text, container.id});
  });
  container.change_record([&](Record& kept) { kept.endpoints = record.endpoints; });
}

/// Written in place: the container has this very file mounted.
void rewrite(const os::Path& path, const std::string& text) {
  os::write_all(os::open_file(path, O_WRONLY | O_TRUNC | O_NOFOLLOW), text);
}

}  // namespace

void Containers::State::keep_run(Container& container, Run& run) const {
  {
    const std::lock_guard lock(run.endpoints_mutex);
    run.endpoints = run.sandbox.endpoints();
    run.ports = run.sandbox.ports();
  }
  save_state(container, run.sandbox.record(), {});
  rewrite(directory(container.id) / "hosts", run.sandbox.hosts_file());
}

void Containers::connect(std::string_view name, std::string_view network_name,
                         const std::optional<api::EndpointSettings>& settings) {
  const network::Network network = state_->services.networks.inspect(network_name);
  const ContainerPointer container = state_->find(name);
  const Container::Turn turn = container->take_turn();
  Record record = container->record();
  require_own_network(record);
  require_mixable(record, network);
  if (record.endpoints.contains(network.name)) {
    fail(Kind::Forbidden, "endpoint with name {} already exists in network {}", record.name,
         network.name);
  }
  api::EndpointSettings& endpoint = record.endpoints[network.name];
  if (settings) endpoint = *settings;
  const std::shared_ptr<Run> run = container->view().run();
  if (run) {
    const std::string before = run->sandbox.resolv_conf();
    state_->services.networks.connect(run->sandbox, endpoint_request(network.name, endpoint));
    endpoint.network_id = network.id;
    const std::string after = run->sandbox.resolv_conf();
    const os::Path file = state_->directory(container->id) / "resolv.conf";
    // Docker: a file that the container has edited is left as it is.
    if (after != before && os::read_file_if_exists(file) == before) rewrite(file, after);
  }
  keep_record(*state_, *container, record);
  if (run) state_->keep_run(*container, *run);
}

void Containers::disconnect(std::string_view name, std::string_view network_name, bool force) {
  const network::Network network = state_->services.networks.inspect(network_name);
  ContainerPointer container;
  try {
    container = state_->find(name);
  } catch (const base::Error& error) {
    // Docker: with force the endpoint alone is looked for.
    if (force && error.kind() == Kind::NotFound) {
      fail(Kind::NotFound, "endpoint {} not found", name);
    }
    throw;
  }
  const Container::Turn turn = container->take_turn();
  Record record = container->record();
  if (!record.endpoints.contains(network.name)) {
    fail(Kind::Internal, "container {} is not connected to network {}", container->id,
         network.name);
  }
  if (network.driver == "host") {
    fail(Kind::InvalidArgument,
         "container cannot be disconnected from host network - container was created in host "
         "network mode");
  }
  const std::shared_ptr<Run> run = container->view().run();
  if (run) state_->services.networks.disconnect(run->sandbox, network.id);
  record.endpoints.erase(network.name);
  keep_record(*state_, *container, record);
  if (run) state_->keep_run(*container, *run);
}

}  // namespace wharf::container
