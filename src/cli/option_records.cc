// Option values that are records: comma-separated "key=value" lists, and files of variables.
#include "base/error.h"
#include "base/strings.h"
#include "cli/option_values.h"
#include "os/file.h"

namespace wharf::cli {
namespace {

using base::Json;
using base::JsonArray;
using base::JsonObject;

[[noreturn]] void wrong(const std::string& why) {
  throw UsageError(why);
}

constexpr std::string_view kSpaces = " \t\v\f\r";

void add_file(std::vector<std::string>& out, const std::string& path, bool environment_lookup) {
  std::string text;
  try {
    text = os::read_file(path, 64 << 20);
  } catch (const base::Error& failed) {
    const std::string reason = base::errno_error(failed.error_number(), "open " + path).what();
    throw base::Error(failed.kind(), failed.error_number() ? reason : failed.what());
  }
  if (text.starts_with("\xef\xbb\xbf")) text.erase(0, 3);
  for (std::string line : base::split(text, '\n')) {
    if (line.ends_with('\r')) line.pop_back();
    line.erase(0, std::min(line.find_first_not_of(kSpaces), line.size()));
    if (line.empty() || line[0] == '#') continue;
    const std::size_t equals = line.find('=');
    const std::string name = line.substr(0, equals);
    if (name.empty())
      base::fail(base::Kind::InvalidArgument, "no variable name on line '{}'", line);
    if (name.find_first_of(kSpaces) != std::string::npos) {
      base::fail(base::Kind::InvalidArgument, "variable '{}' contains whitespaces", name);
    }
    if (equals != std::string::npos) {
      out.push_back(line);
    } else if (const char* value = environment_lookup ? std::getenv(name.c_str()) : nullptr) {
      // Docker: a bare name in a file of variables is taken from the environment, and left out
      // where it is unset; in a file of labels it is always left out.
      out.push_back(name + "=" + value);
    }
  }
}

void set_network_field(NetworkAttachment& network, const std::string& key,
                       const std::string& value) {
  if (key == "name") {
    network.target = value;
  } else if (key == "alias") {
    network.aliases.push_back(value);
  } else if (key == "ip") {
    network.ip = value;
  } else if (key == "ip6") {
    network.ip6 = value;
  } else if (key == "mac-address") {
    network.mac_address = value;
  } else if (key == "link-local-ip") {
    network.link_local_ips.push_back(value);
  } else if (key == "gw-priority") {
    network.gateway_priority = parse_integer(value);
  } else if (key == "driver-opt") {
    const std::size_t equals = value.find('=');
    if (equals == std::string::npos) wrong("invalid key value pair format in driver options");
    network.driver_options[value.substr(0, equals)] = value.substr(equals + 1);
  } else {
    wrong("invalid field key " + key);
  }
}

/// Docker: only a word, '=' and a word make it the long form; "name=" is a network's name.
bool is_long_network(const std::string& text) {
  const auto word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; };
  for (std::size_t i = 1; i + 1 < text.size(); ++i) {
    if (text[i] == '=' && word(text[i - 1]) && word(text[i + 1])) return true;
  }
  return false;
}

}  // namespace

std::vector<std::string> csv_fields(const std::string& text) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c != '"') {
        fields.back() += c;
      } else if (i + 1 < text.size() && text[i + 1] == '"') {
        fields.back() += text[++i];
      } else {
        quoted = false;
      }
    } else if (c == '"' && fields.back().empty()) {
      quoted = true;
    } else if (c == '"') {
      wrong(fmt::format("parse error on line 1, column {}: bare \" in non-quoted-field", i + 1));
    } else if (c == ',') {
      fields.emplace_back();
    } else {
      fields.back() += c;
    }
  }
  if (quoted)
    wrong(fmt::format("parse error on line 1, column {}: extraneous or missing \" in quoted-field",
                      text.size() + 1));
  if (text.empty()) wrong("EOF");
  return fields;
}

NetworkAttachment parse_network(const std::string& text) {
  NetworkAttachment network;
  if (!is_long_network(text)) {
    network.target = text;
    return network;
  }
  for (const std::string& field : csv_fields(text)) {
    const std::size_t equals = field.find('=');
    const std::string key(base::trim(base::lower(field.substr(0, equals))));
    if (equals == std::string::npos || key.empty()) wrong("invalid field " + field);
    set_network_field(network, key, std::string(base::trim(field.substr(equals + 1))));
  }
  if (network.target.empty()) wrong("network name/id is not specified");
  return network;
}

Json parse_gpus(const std::string& text) {
  JsonObject request{{"Driver", ""}, {"Count", 0}, {"DeviceIDs", nullptr}};
  JsonArray capabilities;
  JsonObject options;
  bool counted = false;
  const auto set_count = [&](const std::string& value) {
    if (value == "all") {
      request["Count"] = -1;
    } else {
      try {
        request["Count"] = parse_integer(value, "Atoi");
      } catch (const UsageError&) {
        wrong(
            fmt::format("invalid count ({}): value must be either \"all\" or an integer: "
                        "invalid syntax",
                        value));
      }
    }
    counted = true;
  };
  for (const std::string& field : csv_fields(text)) {
    const std::size_t equals = field.find('=');
    const std::string key = field.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : field.substr(equals + 1);
    if (equals == std::string::npos) {
      if (key != "all" && key.find_first_not_of("-0123456789") != std::string::npos && counted)
        wrong("unexpected key '" + key + "' in '" + field + "'");
      set_count(key);
    } else if (key == "driver") {
      request["Driver"] = value;
    } else if (key == "count") {
      set_count(value);
    } else if (key == "device") {
      JsonArray ids;
      for (const std::string& id : base::split(value, ',')) ids.push_back(boost::json::string(id));
      request["DeviceIDs"] = ids;
    } else if (key == "capabilities") {
      for (const std::string& each : base::split(value, ','))
        capabilities.push_back(boost::json::string(each));
    } else if (key == "options") {
      for (const std::string& each : csv_fields(value)) {
        const std::size_t at = each.find('=');
        options[each.substr(0, at)] = at == std::string::npos ? "" : each.substr(at + 1);
      }
    } else {
      wrong(fmt::format("unexpected key '{}' in '{}'", key, field));
    }
  }
  if (capabilities.empty() ||
      std::find(capabilities.begin(), capabilities.end(), "gpu") == capabilities.end()) {
    capabilities.push_back("gpu");
  }
  if (!counted && request["DeviceIDs"].is_null()) request["Count"] = 1;
  request["Capabilities"] = JsonArray{capabilities};
  request["Options"] = options;
  return request;
}

std::vector<std::string> read_variables(const std::vector<std::string>& files,
                                        const std::vector<std::string>& given,
                                        bool environment_lookup) {
  std::vector<std::string> out;
  for (const std::string& path : files) add_file(out, path, environment_lookup);
  out.insert(out.end(), given.begin(), given.end());
  return out;
}

}  // namespace wharf::cli
