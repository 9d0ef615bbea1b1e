// What the files of the container routes share.
#pragma once

#include "api/container.h"
#include "api/version.h"
#include "base/json.h"

namespace wharf::engine {
struct Engine;
}

namespace wharf::server {

class Exchange;

/// GET /containers/{id}/json as `version` has it.
base::Json inspect_json(const api::ContainerInspect& inspect, api::Version version);

// container_streams.cc
void container_logs(engine::Engine& engine, Exchange& exchange);
void container_attach(engine::Engine& engine, Exchange& exchange);
void container_attach_websocket(engine::Engine& engine, Exchange& exchange);

// container_stats.cc
void container_stats(engine::Engine& engine, Exchange& exchange);
void stats_of_all(engine::Engine& engine, Exchange& exchange);

// container_files.cc
void stat_archive(engine::Engine& engine, Exchange& exchange);
void get_archive(engine::Engine& engine, Exchange& exchange);
void put_archive(engine::Engine& engine, Exchange& exchange);
void export_container(engine::Engine& engine, Exchange& exchange);
void commit_container(engine::Engine& engine, Exchange& exchange);

/// Docker: since 1.42 the type says whether the stream is framed; before, it was always "raw".
std::string stream_type(bool raw, api::Version version);

}  // namespace wharf::server
