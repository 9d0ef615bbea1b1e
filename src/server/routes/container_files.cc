// /containers/{id}/archive, /export and /commit: files of containers as tars and as images.
#include "base/strings.h"
#include "engine/engine.h"
#include "server/exchange.h"
#include "server/routes/containers.h"

namespace wharf::server {
namespace {

using base::fail;
using base::Kind;
using engine::Engine;

const std::string& path_parameter(const Exchange& exchange) {
  const std::string& path = exchange.parameter("path");
  if (path.empty()) fail(Kind::InvalidArgument, "bad parameter: path cannot be empty");
  if (path.find('\0') != std::string::npos) {
    fail(Kind::InvalidArgument, "bad parameter: path has a NUL");
  }
  return path;
}

void set_stat_header(Exchange& exchange, const api::PathStat& stat) {
  exchange.set_header("X-Docker-Container-Path-Stat",
                      base::base64_encode(base::to_text(api::to_json(stat))));
}

void send(Exchange& exchange, container::Archive& archive, std::string_view type) {
  // The head goes out with the first bytes: what fails before them is an ordinary answer.
  http::ChunkedWriter* out = nullptr;
  archive.send([&](std::string_view bytes) {
    if (!out) out = &exchange.stream(200, type);
    out->write(bytes);
  });
}

/// Docker: "repo" and "tag" make a name; without "repo" there is none.
std::optional<oci::Reference> image_name(const Exchange& exchange) {
  const std::string& repository = exchange.parameter("repo");
  if (repository.empty()) return std::nullopt;
  const oci::Reference name = oci::Reference::parse(repository);
  if (name.has_digest()) fail(Kind::InvalidArgument, "cannot import digest reference");
  const std::string& tag = exchange.parameter("tag");
  return tag.empty() ? name.with_default_tag() : name.with_tag(tag);
}

}  // namespace

void stat_archive(Engine& engine, Exchange& exchange) {
  const std::string& path = path_parameter(exchange);
  set_stat_header(exchange, engine.containers.archive(exchange.variable("name"), path)->stat());
  exchange.reply(200);
}

void get_archive(Engine& engine, Exchange& exchange) {
  const std::string& path = path_parameter(exchange);
  const auto archive = engine.containers.archive(exchange.variable("name"), path);
  set_stat_header(exchange, archive->stat());
  send(exchange, *archive, "application/x-tar");
}

void put_archive(Engine& engine, Exchange& exchange) {
  container::ExtractOptions options;
  options.path = path_parameter(exchange);
  options.keep_kinds = exchange.flag("noOverwriteDirNonDir");
  options.copy_owner = exchange.flag("copyUIDGID");
  engine.containers.extract(exchange.variable("name"), options,
                            [&](std::span<char> into) { return exchange.body().read(into); });
  exchange.reply(200);
}

void export_container(Engine& engine, Exchange& exchange) {
  const auto archive = engine.containers.export_files(exchange.variable("name"));
  send(exchange, *archive, "application/octet-stream");
}

void commit_container(Engine& engine, Exchange& exchange) {
  container::CommitOptions options;
  exchange.read_json([&](const base::Json& json) {
    if (!json.is_null()) api::from_json(json, options.config.emplace());
  });
  options.image = image_name(exchange);
  options.changes = exchange.query().all("changes");
  options.author = exchange.parameter("author");
  options.comment = exchange.parameter("comment");
  options.pause = exchange.flag("pause", true);
  base::JsonObject answer;
  answer["Id"] = engine.containers.commit(exchange.parameter("container"), options);
  exchange.reply(201, answer);
}

}  // namespace wharf::server
