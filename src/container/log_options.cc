#include "container/log_options.h"

#include <charconv>
#include <regex>

#include "base/error.h"
#include "base/ids.h"
#include "base/strings.h"

namespace wharf::container {

namespace {

using base::Kind;
using Options = std::map<std::string, std::string>;

std::string option(const Options& options, const std::string& name) {
  const auto found = options.find(name);
  return found == options.end() ? std::string() : found->second;
}

std::regex pattern(const std::string& text) {
  try {
    return std::regex(text);
  } catch (const std::regex_error&) {
    base::fail(Kind::InvalidArgument, "error parsing regexp: {}", text);
  }
}

void add_chosen(base::JsonObject& attributes, const Options& all, const std::string& names,
                const std::string& expression) {
  if (!names.empty()) {
    for (const std::string& name : base::split(names, ',')) {
      const auto found = all.find(name);
      if (found != all.end()) attributes[name] = found->second;
    }
  }
  if (expression.empty()) return;
  const std::regex wanted = pattern(expression);
  for (const auto& [name, value] : all) {
    if (std::regex_search(name, wanted)) attributes[name] = value;
  }
}

/// Docker: a template over the container's names; what is no known field is refused.
std::string expand_tag(const std::string& text, const Record& record) {
  const Options fields = {{".ID", base::short_id(record.id)},
                          {".FullID", record.id},
                          {".Name", record.name},
                          {".ImageID", base::short_id(record.image_id)},
                          {".ImageFullID", record.image_id},
                          {".ImageName", record.config.image},
                          {".DaemonName", "docker"}};
  std::string out;
  std::size_t at = 0;
  while (true) {
    const std::size_t open = text.find("{{", at);
    out += text.substr(at, open == std::string::npos ? open : open - at);
    if (open == std::string::npos) return out;
    const std::size_t close = text.find("}}", open);
    const std::string field(base::trim(
        close == std::string::npos ? std::string_view()
                                   : std::string_view(text).substr(open + 2, close - open - 2)));
    const auto known = fields.find(field);
    if (known == fields.end()) {
      base::fail(Kind::InvalidArgument,
                 "failed to initialize logging driver: template: log-tag: {}", base::quoted(text));
    }
    out += known->second;
    at = close + 2;
  }
}

std::string attributes_of(const Record& record, const Options& options) {
  base::JsonObject attributes;
  add_chosen(attributes, record.config.labels.value_or(Options{}), option(options, "labels"),
             option(options, "labels-regex"));
  Options environment;
  for (const std::string& variable : record.config.env.value_or(std::vector<std::string>{})) {
    const std::size_t equals = variable.find('=');
    if (equals != std::string::npos)
      environment[variable.substr(0, equals)] = variable.substr(equals + 1);
  }
  add_chosen(attributes, environment, option(options, "env"), option(options, "env-regex"));
  const std::string tag = option(options, "tag");
  if (!tag.empty()) attributes["tag"] = expand_tag(tag, record);
  return attributes.empty() ? std::string() : base::to_text(attributes);
}

}  // namespace

std::int64_t parse_size(const std::string& text) {
  double value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  std::string unit = base::lower(
      base::trim(std::string_view(end, static_cast<std::size_t>(text.data() + text.size() - end))));
  if (unit.ends_with("ib")) unit = unit.substr(0, unit.size() - 2);
  if (unit.ends_with("b")) unit.pop_back();
  static constexpr std::string_view kUnits = "kmgtp";
  const std::size_t power = unit.size() == 1 ? kUnits.find(unit[0]) + 1 : 0;
  const bool known = unit.empty() || (unit.size() == 1 && power > 0);
  const double bytes = value * static_cast<double>(1ULL << (10 * power));
  if (failed != std::errc() || !known || bytes > 9e18 || (value < 0 && value != -1)) {
    base::fail(Kind::InvalidArgument, "invalid size: '{}'", text);
  }
  return static_cast<std::int64_t>(bytes);
}

supervise::LogOptions log_options(const Record& record) {
  const api::LogConfig& config = record.host.log_config;
  const Options options = config.config.value_or(Options{});
  supervise::LogOptions log;
  log.name = record.id + "-json.log";
  if (config.type == "none") {
    log.type = supervise::LogOptions::Type::None;
    return log;
  }
  // Docker: "local" is bounded by itself. Its file format is the engine's own affair: here it is
  // kept in the json-file format as well.
  if (config.type == "local") {
    log.max_size_bytes = 20 << 20;
    log.max_files = 5;
    log.compress = true;
  }
  if (const std::string size = option(options, "max-size"); !size.empty()) {
    log.max_size_bytes = parse_size(size);
  }
  if (const std::string count = option(options, "max-file"); !count.empty()) {
    std::uint32_t files = 0;
    const auto [end, failed] = std::from_chars(count.data(), count.data() + count.size(), files);
    if (failed != std::errc() || end != count.data() + count.size() || files < 1) {
      base::fail(Kind::InvalidArgument, "max-file cannot be less than 1");
    }
    log.max_files = files;
  }
  const std::string compress = option(options, "compress");
  if (!compress.empty()) log.compress = compress == "true" || compress == "1";
  log.attrs_json = attributes_of(record, options);
  return log;
}

}  // namespace wharf::container
