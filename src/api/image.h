// Images in the API: lists, inspect, history, removal, and the lines of progress.
//
// Plain values, as the newest version has them; to_json() writes what the client's version
// expects (reference/api.md, section 5). from_json() reads what a daemon sends.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/container_config.h"
#include "api/version.h"
#include "base/json.h"

namespace wharf::api {

struct ImageSummary {
  std::string id;
  std::string parent_id;
  std::vector<std::string> repo_tags;
  std::vector<std::string> repo_digests;
  std::int64_t created = 0;  ///< Unix seconds.
  std::int64_t size = 0;
  std::int64_t shared_size = -1;
  std::int64_t containers = -1;
  StringMap labels;
  base::Json descriptor;  ///< Null: absent.
  base::Json manifests;   ///< Null: not asked for.
};

struct ImageRootFs {
  std::string type = "layers";
  std::optional<std::vector<std::string>> layers;
};

struct ImageInspect {
  std::string id;
  std::vector<std::string> repo_tags;
  std::vector<std::string> repo_digests;
  std::string parent;
  std::string comment;
  std::string created;
  std::string author;
  std::string docker_version;
  ContainerConfig config;
  std::string architecture;
  std::string variant;
  std::string os;
  std::string os_version;
  std::int64_t size = 0;
  ImageRootFs rootfs;
  std::string last_tag_time;  ///< RFC 3339, or empty.
  base::Json descriptor;
  base::Json manifests;
};

struct ImageHistoryItem {
  std::string id;
  std::int64_t created = 0;
  std::string created_by;
  std::optional<std::vector<std::string>> tags;
  std::int64_t size = 0;
  std::string comment;
};

/// One of the two is set.
struct ImageDeleteItem {
  std::string untagged;
  std::string deleted;
};

struct ImagesPruneReport {
  std::optional<std::vector<ImageDeleteItem>> images_deleted;
  std::uint64_t space_reclaimed = 0;
};

struct ProgressDetail {
  std::int64_t current = 0;
  std::int64_t total = 0;
  bool hide_counts = false;
};

/// One line of pull, push, load, import. `detail` is written as {} where it has no numbers.
struct ProgressLine {
  std::string stream;
  std::string status;
  std::optional<ProgressDetail> detail;
  std::string id;
  std::string error;
  base::Json aux;
};

base::Json to_json(const ImageSummary& summary, Version version);
base::Json to_json(const ImageInspect& image, Version version);
base::Json to_json(const ImageHistoryItem& item);
base::Json to_json(const ImageDeleteItem& item);
base::Json to_json(const ImagesPruneReport& report);
base::Json to_json(const ProgressLine& line);

void from_json(const base::Json& json, ImageSummary& summary);
void from_json(const base::Json& json, ImageHistoryItem& item);
void from_json(const base::Json& json, ImageDeleteItem& item);
void from_json(const base::Json& json, ImagesPruneReport& report);
void from_json(const base::Json& json, ProgressLine& line);

}  // namespace wharf::api
