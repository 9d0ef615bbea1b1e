#include "cli/rows.h"

#include <ctime>

#include "base/ids.h"
#include "base/strings.h"
#include "cli/flags.h"
#include "cli/table.h"
#include "cli/units.h"
#include "oci/reference.h"

namespace wharf::cli {
namespace {

using base::Json;
using base::JsonArray;
using base::JsonObject;

std::int64_t number_at(const JsonObject& object, std::string_view key) {
  const Json* value = base::find(object, key);
  return value && value->is_number() ? value->to_number<std::int64_t>() : 0;
}

const JsonArray& array_at(const JsonObject& object, std::string_view key) {
  static const JsonArray kEmpty;
  const Json* value = base::find(object, key);
  return value && value->is_array() ? value->get_array() : kEmpty;
}

const JsonObject& object_at(const JsonObject& object, std::string_view key) {
  static const JsonObject kEmpty;
  const Json* value = base::find(object, key);
  return value && value->is_object() ? value->get_object() : kEmpty;
}

std::string names_column(const JsonObject& container, bool truncate) {
  std::vector<std::string> names;
  for (const Json& each : array_at(container, "Names")) {
    std::string name(each.is_string() ? std::string_view(each.get_string()) : std::string_view());
    if (name.starts_with('/')) name.erase(0, 1);
    // A name with a slash is a link from another container.
    if (!truncate || name.find('/') == std::string::npos) names.push_back(name);
  }
  return base::join(names, ",");
}

std::string image_column(const JsonObject& container, bool truncate) {
  const std::string image(base::text_at(container, "Image"));
  if (image.empty()) return "<no image>";
  if (!truncate) return image;
  const std::string id = base::short_id(base::text_at(container, "ImageID"));
  if (id == base::short_id(image)) return id;
  if (image.find('@') == std::string::npos) return image;
  try {
    const oci::Reference reference = oci::Reference::parse(image);
    return reference.has_tag() ? reference.trimmed().with_tag(reference.tag()).familiar()
                               : reference.familiar_name();
  } catch (const std::exception&) {
    return image;
  }
}

std::map<std::string, std::string> labels_of(const JsonObject& container) {
  std::map<std::string, std::string> out;
  for (const auto& each : object_at(container, "Labels")) {
    out.emplace(each.key(), each.value().is_string() ? std::string(each.value().get_string()) : "");
  }
  return out;
}

std::string labels_column(const std::map<std::string, std::string>& labels) {
  std::vector<std::string> parts;
  for (const auto& [key, value] : labels) parts.push_back(key + "=" + value);
  return base::join(parts, ",");
}

std::string size_column(const JsonObject& container) {
  const std::string written = human_size(static_cast<double>(number_at(container, "SizeRw")));
  const std::int64_t all = number_at(container, "SizeRootFs");
  return all > 0 ? fmt::format("{} (virtual {})", written, human_size(static_cast<double>(all)))
                 : written;
}

struct Mounts {
  std::vector<std::string> names;
  int local = 0;
};

Mounts mounts_of(const JsonObject& container, bool truncate) {
  Mounts out;
  for (const Json& each : array_at(container, "Mounts")) {
    if (!each.is_object()) continue;
    std::string name(base::text_at(each.get_object(), "Name"));
    if (name.empty()) name = base::text_at(each.get_object(), "Source");
    out.names.push_back(truncate ? ellipsis(name, 15) : name);
    out.local += base::text_at(each.get_object(), "Driver") == "local";
  }
  return out;
}

std::string networks_column(const JsonObject& container) {
  std::vector<std::string> names;
  for (const auto& each : object_at(object_at(container, "NetworkSettings"), "Networks"))
    names.emplace_back(each.key());
  std::sort(names.begin(), names.end());
  return base::join(names, ",");
}

/// "linux/arm64/v8".
std::string platform_text(const JsonObject& platform) {
  std::string out(base::text_at(platform, "os"));
  for (const char* part : {"architecture", "variant"}) {
    const std::string_view value = base::text_at(platform, part);
    if (!value.empty()) out += "/" + std::string(value);
  }
  return out;
}

struct Port {
  std::string ip;
  std::int64_t inside = 0;
  std::int64_t outside = 0;
  std::string type;
  auto key() const { return std::tie(inside, ip, outside, type); }
};

std::string host_port(const std::string& ip, const std::string& port) {
  return (ip.find(':') == std::string::npos ? ip : "[" + ip + "]") + ":" + port;
}

struct Group {
  std::string ip;
  std::string type;
  std::int64_t first;
  std::int64_t last;

  std::string text() const {
    std::string range = std::to_string(first);
    if (first != last) range += "-" + std::to_string(last);
    return (ip.empty() ? range : host_port(ip, range) + "->" + range) + "/" + type;
  }
};

std::vector<Port> sorted_ports(const JsonArray& ports) {
  std::vector<Port> out;
  for (const Json& each : ports) {
    if (!each.is_object()) continue;
    const JsonObject& port = each.get_object();
    out.push_back({std::string(base::text_at(port, "IP")), number_at(port, "PrivatePort"),
                   number_at(port, "PublicPort"), std::string(base::text_at(port, "Type"))});
  }
  std::sort(out.begin(), out.end(), [](const Port& a, const Port& b) { return a.key() < b.key(); });
  return out;
}

TemplateData image_row(const JsonObject& image, const std::string& repository,
                       const std::string& tag, const std::string& digest, bool truncate,
                       std::int64_t now_ns) {
  const std::string id(base::text_at(image, "Id"));
  const std::int64_t created = number_at(image, "Created");
  const auto size_or_unknown = [&](const char* key) {
    const Json* value = base::find(image, key);
    const std::int64_t number = number_at(image, key);
    return !value || number == -1 ? std::string("N/A") : human_size(static_cast<double>(number));
  };
  const std::int64_t containers =
      base::find(image, "Containers") ? number_at(image, "Containers") : -1;
  const std::int64_t size = number_at(image, "Size");
  JsonObject row;
  row["Containers"] = containers == -1 ? "N/A" : std::to_string(containers);
  row["CreatedAt"] = go_time(created);
  row["CreatedSince"] =
      created == 0 ? "N/A" : human_duration(now_ns - created * 1'000'000'000) + " ago";
  row["Digest"] = digest;
  row["ID"] = truncate ? base::short_id(id) : id;
  row["Repository"] = repository;
  row["SharedSize"] = size_or_unknown("SharedSize");
  row["Size"] = human_size(static_cast<double>(size));
  row["Tag"] = tag;
  row["UniqueSize"] = "N/A";
  const Json* shared = base::find(image, "SharedSize");
  if (shared && number_at(image, "SharedSize") != -1) {
    row["UniqueSize"] = human_size(static_cast<double>(size - number_at(image, "SharedSize")));
  }
  row["VirtualSize"] = human_size4(static_cast<double>(size));
  return {std::move(row)};
}

/// "repo:tag" or "repo@digest" split at its last mark.
std::pair<std::string, std::string> split_name(std::string_view name, char mark) {
  const std::size_t at = name.rfind(mark);
  return {std::string(name.substr(0, at)),
          at == std::string_view::npos ? "" : std::string(name.substr(at + 1))};
}

}  // namespace

std::string ellipsis(std::string_view text, std::size_t width) {
  if (display_width(text) <= width) return std::string(text);
  std::size_t bytes = 0;
  std::size_t columns = 0;
  while (bytes < text.size()) {
    const auto first = static_cast<unsigned char>(text[bytes]);
    const std::size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    const std::size_t next = columns + display_width(text.substr(bytes, length));
    if (next > width - 1) break;
    columns = next;
    bytes += length;
  }
  return std::string(text.substr(0, bytes)) + "…";
}

std::string go_time(std::int64_t unix_seconds) {
  const time_t when = unix_seconds;
  tm local{};
  ::localtime_r(&when, &local);
  std::array<char, 64> text{};
  const std::size_t n = std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S %z %Z", &local);
  std::string out(text.data(), n);
  if (out.ends_with(" GMT")) out.replace(out.size() - 3, 3, "UTC");
  return out;
}

std::string checked_filter(const std::string& text) {
  if (text.empty()) return text;
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos)
    throw UsageError(fmt::format("bad format of filter (expected name=value)"));
  const std::string key = base::lower(base::trim(text.substr(0, equals)));
  return key + "=" + std::string(base::trim(text.substr(equals + 1)));
}

std::string filters_json(const std::vector<std::string>& filters) {
  std::map<std::string, std::set<std::string>> sorted;
  for (const std::string& each : filters) {
    const std::size_t equals = each.find('=');
    sorted[each.substr(0, equals)].insert(each.substr(equals + 1));
  }
  JsonObject out;
  for (const auto& [key, values] : sorted) {
    JsonObject set;
    for (const std::string& each : values) set.emplace(each, true);
    out.emplace(key, std::move(set));
  }
  return base::to_text(out);
}

std::string port_column(const JsonArray& ports) {
  std::vector<std::string> out;
  std::vector<std::string> mapped;
  std::vector<Group> open;
  for (const Port& port : sorted_ports(ports)) {
    if (!port.ip.empty() && port.outside != port.inside) {
      mapped.push_back(fmt::format("{}->{}/{}", host_port(port.ip, std::to_string(port.outside)),
                                   port.inside, port.type));
      continue;
    }
    const auto group = std::find_if(open.begin(), open.end(), [&](const Group& each) {
      return each.ip == port.ip && each.type == port.type;
    });
    if (group == open.end()) {
      open.push_back({port.ip, port.type, port.inside, port.inside});
    } else if (port.inside == group->last + 1) {
      group->last = port.inside;
    } else {
      out.push_back(group->text());
      group->first = group->last = port.inside;
    }
  }
  for (const Group& each : open) out.push_back(each.text());
  out.insert(out.end(), mapped.begin(), mapped.end());
  return base::join(out, ", ");
}

TemplateData container_row(const JsonObject& container, bool truncate, std::int64_t now_ns) {
  const std::string id(base::text_at(container, "Id"));
  const std::string command(base::text_at(container, "Command"));
  const std::int64_t created = number_at(container, "Created");
  const std::map<std::string, std::string> labels = labels_of(container);
  const Mounts mounts = mounts_of(container, truncate);
  JsonObject row;
  row["Command"] = base::quoted(truncate ? ellipsis(command, 20) : command);
  row["CreatedAt"] = go_time(created);
  row["ID"] = truncate ? base::short_id(id) : id;
  row["Image"] = image_column(container, truncate);
  row["Labels"] = labels_column(labels);
  row["LocalVolumes"] = std::to_string(mounts.local);
  row["Mounts"] = base::join(mounts.names, ",");
  row["Names"] = names_column(container, truncate);
  row["Networks"] = networks_column(container);
  const JsonObject& platform =
      object_at(object_at(container, "ImageManifestDescriptor"), "platform");
  row["Platform"] = platform.empty() ? Json(nullptr) : Json(platform);
  row["Ports"] = port_column(array_at(container, "Ports"));
  row["RunningFor"] = human_duration(now_ns - created * 1'000'000'000) + " ago";
  row["Size"] = size_column(container);
  row["State"] = base::text_at(container, "State");
  row["Status"] = base::text_at(container, "Status");
  TemplateData out{std::move(row)};
  // Docker: the platform marshals as an object and prints as one word.
  out.methods["Platform"] = [text = platform_text(platform)](const std::vector<Json>&) {
    return text.empty() ? Json() : Json(boost::json::string(text));
  };
  out.methods["Label"] = [labels](const std::vector<Json>& arguments) {
    const std::string name(arguments.empty() || !arguments[0].is_string()
                               ? std::string_view()
                               : std::string_view(arguments[0].get_string()));
    const auto found = labels.find(name);
    return Json(boost::json::string(found == labels.end() ? "" : found->second));
  };
  return out;
}

std::vector<TemplateData> image_rows(const JsonObject& image, bool truncate, bool digests,
                                     std::int64_t now_ns) {
  const std::string none = "<none>";
  std::map<std::string, std::vector<std::string>> digests_of;
  std::vector<std::string> order;
  for (const Json& each : array_at(image, "RepoDigests")) {
    const auto [name, digest] = split_name(std::string_view(each.as_string()), '@');
    if (name == none) continue;
    digests_of[name].push_back(digest);
    order.push_back(name);
  }
  std::vector<TemplateData> rows;
  for (const Json& each : array_at(image, "RepoTags")) {
    const auto [name, tag] = split_name(std::string_view(each.as_string()), ':');
    if (name == none) continue;
    std::erase(order, name);
    const auto found = digests_of.find(name);
    if (!digests || found == digests_of.end()) {
      rows.push_back(image_row(image, name, tag, none, truncate, now_ns));
      continue;
    }
    for (const std::string& digest : found->second)
      rows.push_back(image_row(image, name, tag, digest, truncate, now_ns));
  }
  for (const std::string& name : order) {
    if (!digests) {
      rows.push_back(image_row(image, name, none, none, truncate, now_ns));
      continue;
    }
    for (const std::string& digest : digests_of[name])
      rows.push_back(image_row(image, name, none, digest, truncate, now_ns));
  }
  if (rows.empty()) rows.push_back(image_row(image, none, none, none, truncate, now_ns));
  return rows;
}

}  // namespace wharf::cli
