#include "container/log_options.h"

#include <charconv>

#include "base/error.h"
#include "base/strings.h"
#include "container/merge.h"
#include "shipping/destination.h"

namespace wharf::container {

namespace {

using base::Kind;
using Options = std::map<std::string, std::string>;

using shipping::option;

constexpr std::int64_t kDefaultBytes = 100 << 20;
constexpr std::uint32_t kDefaultFiles = 3;
constexpr std::int64_t kLocalBytes = 20 << 20;
constexpr std::uint32_t kLocalFiles = 5;

std::uint32_t file_count(const std::string& text) {
  std::uint32_t files = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), files);
  if (failed != std::errc() || end != text.data() + text.size() || files < 1) {
    base::fail(Kind::InvalidArgument, "max-file cannot be less than 1");
  }
  return files;
}

/// Docker: as Go writes JSON into HTML. Outside of strings none of these occurs.
std::string html_escaped(const std::string& json) {
  static const std::pair<std::string_view, std::string_view> kEscapes[] = {
      {"<", "\\u003c"},
      {">", "\\u003e"},
      {"&", "\\u0026"},
      {"\xe2\x80\xa8", "\\u2028"},
      {"\xe2\x80\xa9", "\\u2029"}};
  std::string out = json;
  for (const auto& [plain, escaped] : kEscapes) {
    for (std::size_t at = 0; (at = out.find(plain, at)) != std::string::npos;) {
      out.replace(at, plain.size(), escaped);
      at += escaped.size();
    }
  }
  return out;
}

/// The attributes of each record in the file, as one JSON object in the order of their names.
std::string attributes_of(const shipping::Subject& subject) {
  Options chosen = shipping::chosen_attributes(subject);
  if (!option(subject.options, "tag").empty()) chosen["tag"] = shipping::tag_of(subject);
  base::JsonObject attributes;
  for (const auto& [name, value] : chosen) attributes[name] = value;
  return attributes.empty() ? std::string() : html_escaped(base::to_text(attributes));
}

void set_rotation(supervise::LogOptions& log, const Options& options, const std::string& prefix) {
  if (const std::string size = option(options, prefix + "max-size"); !size.empty()) {
    log.max_size_bytes = parse_size(size);
    // Docker: one file, where only its size is said.
    if (prefix.empty() && log.max_files == kDefaultFiles) log.max_files = 1;
  }
  if (const std::string count = option(options, prefix + "max-file"); !count.empty()) {
    log.max_files = file_count(count);
  }
  const std::string compress = option(options, prefix + "compress");
  if (!compress.empty()) log.compress = shipping::parse_bool(compress);
}

}  // namespace

std::int64_t parse_size(const std::string& text) {
  constexpr std::int64_t kUnlimited = -1;
  return text == "-1" ? kUnlimited : shipping::parse_bytes(text);
}

shipping::Subject log_subject(const Record& record) {
  const Options none;
  shipping::Subject subject;
  subject.id = record.id;
  subject.name = record.name;
  subject.image_id = record.image_id;
  subject.image_name = record.config.image;
  subject.command = command_of(record.config);
  subject.created = record.created;
  subject.labels = record.config.labels.value_or(none);
  subject.environment = record.config.env.value_or(std::vector<std::string>{});
  subject.driver = record.host.log_config.type;
  subject.options = record.host.log_config.config.value_or(none);
  return subject;
}

bool log_is_readable(const api::LogConfig& config) {
  if (config.type == "none") return false;
  // Docker: without the cache only a driver that keeps the log can be read.
  const std::string disabled = option(config.config.value_or(Options{}), "cache-disabled");
  return disabled.empty() || !shipping::ships(config.type) || !shipping::parse_bool(disabled);
}

supervise::LogOptions log_options(const Record& record) {
  const shipping::Subject subject = log_subject(record);
  supervise::LogOptions log;
  log.name = record.id + "-json.log";
  if (subject.driver == "none") {
    log.type = supervise::LogOptions::Type::None;
    return log;
  }
  const bool ships = shipping::ships(subject.driver);
  if (ships || subject.driver == "local") {
    // Docker: both are bounded by themselves. The cache is a local log there; here it is a
    // json-file, from which drivers are sent what they want of it.
    log.max_size_bytes = kLocalBytes;
    log.max_files = kLocalFiles;
    log.compress = true;
  } else {
    // Not as Docker, whose log grows until the disk is full.
    log.max_size_bytes = kDefaultBytes;
    log.max_files = kDefaultFiles;
  }
  if (subject.driver == "local") {
    log.type = supervise::LogOptions::Type::Local;
    log.name = "container.log";
  }
  set_rotation(log, subject.options, ships ? "cache-" : "");
  log.attrs_json = attributes_of(subject);
  return log;
}

}  // namespace wharf::container
