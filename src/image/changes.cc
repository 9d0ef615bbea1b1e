#include "image/changes.h"

#include <charconv>
#include <filesystem>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "base/time.h"

namespace wharf::image {
namespace {

using base::fail;
using base::Kind;
using Words = std::vector<std::string>;

constexpr std::string_view kBlank = " \t";

/// Splits at blanks; quotes group and go away, a backslash keeps the next character.
Words split_words(std::string_view text) {
  Words words;
  std::string word;
  bool open = false;
  char quote = '\0';
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\' && quote != '\'' && i + 1 < text.size()) {
      word += text[++i];
      open = true;
    } else if (quote != '\0') {
      if (c == quote)
        quote = '\0';
      else
        word += c;
    } else if (c == '"' || c == '\'') {
      quote = c;
      open = true;
    } else if (kBlank.find(c) != std::string_view::npos) {
      if (open) words.push_back(std::exchange(word, {}));
      open = false;
    } else {
      word += c;
      open = true;
    }
  }
  if (open) words.push_back(word);
  return words;
}

/// `["a","b"]`, or nothing where it is not a list of strings.
std::optional<Words> json_words(std::string_view text) {
  if (!text.starts_with('[')) return std::nullopt;
  try {
    const base::Json json = base::parse_json(text);
    if (!json.is_array()) return std::nullopt;
    Words words;
    for (const base::Json& one : json.get_array()) {
      if (!one.is_string()) return std::nullopt;
      words.emplace_back(one.get_string());
    }
    return words;
  } catch (const base::Error&) {
    return std::nullopt;  // Docker: then it is the shell form.
  }
}

Words command_form(std::string_view text) {
  if (std::optional<Words> words = json_words(text)) return *words;
  return {"/bin/sh", "-c", std::string(text)};
}

/// "A=b C=d", or the old form "A b c".
std::vector<std::pair<std::string, std::string>> pairs(std::string_view name,
                                                       std::string_view text) {
  const Words words = split_words(text);
  if (words.empty()) fail(Kind::InvalidArgument, "{} requires at least one argument", name);
  std::vector<std::pair<std::string, std::string>> out;
  if (words[0].find('=') == std::string::npos) {
    const std::size_t end = text.find_first_of(kBlank);
    if (end == std::string_view::npos)
      fail(Kind::InvalidArgument, "{} must have two arguments", name);
    out.emplace_back(text.substr(0, end), base::trim(text.substr(end)));
    return out;
  }
  for (const std::string& word : words) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos) {
      fail(Kind::InvalidArgument,
           "Syntax error - can't find = in \"{}\". Must be of the form: name=value", word);
    }
    if (equals == 0) fail(Kind::InvalidArgument, "{} names can not be blank", name);
    out.emplace_back(word.substr(0, equals), word.substr(equals + 1));
  }
  return out;
}

void set_env(oci::RunConfig& config, const std::string& key, const std::string& value) {
  std::vector<std::string>& env = config.env.emplace(config.env.value_or(Words{}));
  for (std::string& entry : env) {
    if (!entry.starts_with(key + "=") && entry != key) continue;
    entry = key + "=" + value;
    return;
  }
  env.push_back(key + "=" + value);
}

int port_number(std::string_view text, std::string_view whole) {
  int port = 0;
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (wrong != std::errc() || end != text.data() + text.size() || port < 0 || port > 65535) {
    fail(Kind::InvalidArgument, "invalid containerPort: {}", whole);
  }
  return port;
}

/// "80", "80/udp", "8000-8010": every port becomes an entry.
void expose(oci::RunConfig& config, const std::string& spec) {
  const std::size_t slash = spec.find('/');
  const std::string protocol =
      slash == std::string::npos ? "tcp" : base::lower(spec.substr(slash + 1));
  if (protocol != "tcp" && protocol != "udp" && protocol != "sctp") {
    fail(Kind::InvalidArgument, "invalid proto: {}", protocol);
  }
  const std::string range = spec.substr(0, slash);
  const std::size_t dash = range.find('-');
  const int first = port_number(range.substr(0, dash), range);
  const int last = dash == std::string::npos ? first : port_number(range.substr(dash + 1), range);
  if (last < first) fail(Kind::InvalidArgument, "invalid containerPort: {}", range);
  auto& ports = config.exposed_ports.emplace(
      config.exposed_ports.value_or(std::map<std::string, oci::EmptyObject>{}));
  for (int port = first; port <= last; ++port) ports[fmt::format("{}/{}", port, protocol)] = {};
}

void set_health_option(oci::Healthcheck& check, std::string_view option) {
  const std::size_t equals = option.find('=');
  const std::string_view key = option.substr(0, equals);
  const std::string_view value = equals == std::string_view::npos ? "" : option.substr(equals + 1);
  if (key == "--interval")
    check.interval_ns = base::parse_duration_ns(value);
  else if (key == "--timeout")
    check.timeout_ns = base::parse_duration_ns(value);
  else if (key == "--start-period")
    check.start_period_ns = base::parse_duration_ns(value);
  else if (key == "--start-interval")
    check.start_interval_ns = base::parse_duration_ns(value);
  else if (key == "--retries")
    check.retries = port_number(value, value);
  else
    fail(Kind::InvalidArgument, "unknown flag: {}", key.substr(2));
}

void healthcheck(oci::RunConfig& config, std::string_view text) {
  oci::Healthcheck check;
  while (text.starts_with("--")) {
    const std::size_t end = std::min(text.find_first_of(kBlank), text.size());
    set_health_option(check, text.substr(0, end));
    text = base::trim(text.substr(end));
  }
  const std::size_t end = std::min(text.find_first_of(kBlank), text.size());
  const std::string type = base::lower(text.substr(0, end));
  const std::string_view rest = base::trim(text.substr(end));
  if (type == "none") {
    if (!rest.empty()) fail(Kind::InvalidArgument, "HEALTHCHECK NONE takes no arguments");
    check.test = Words{"NONE"};
  } else if (type == "cmd") {
    if (rest.empty()) fail(Kind::InvalidArgument, "missing command after HEALTHCHECK CMD");
    if (std::optional<Words> words = json_words(rest)) {
      words->insert(words->begin(), "CMD");
      check.test = std::move(*words);
    } else {
      check.test = Words{"CMD-SHELL", std::string(rest)};
    }
  } else {
    fail(Kind::InvalidArgument, "unknown type {} in HEALTHCHECK (try CMD)",
         base::quoted(text.substr(0, end)));
  }
  config.healthcheck = std::move(check);
}

void on_build(oci::RunConfig& config, std::string_view text) {
  const std::string trigger =
      base::lower(text.substr(0, std::min(text.find_first_of(kBlank), text.size())));
  if (trigger == "onbuild")
    fail(Kind::InvalidArgument, "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
  if (trigger == "maintainer" || trigger == "from") {
    std::string upper = trigger;
    for (char& c : upper) c = static_cast<char>(c - 'a' + 'A');
    fail(Kind::InvalidArgument, "{} isn't allowed as an ONBUILD trigger", upper);
  }
  config.on_build.emplace(config.on_build.value_or(Words{})).emplace_back(text);
}

void work_dir(oci::RunConfig& config, std::string_view text) {
  const Words words = split_words(text);
  if (words.size() != 1) fail(Kind::InvalidArgument, "WORKDIR requires exactly one argument");
  std::filesystem::path path = words[0];
  if (path.is_relative()) path = std::filesystem::path("/") / config.working_dir / path;
  std::string clean = path.lexically_normal();
  while (clean.size() > 1 && clean.back() == '/') clean.pop_back();
  config.working_dir = clean;
}

void volume(oci::RunConfig& config, std::string_view text) {
  const Words words = json_words(text).value_or(split_words(text));
  auto& volumes =
      config.volumes.emplace(config.volumes.value_or(std::map<std::string, oci::EmptyObject>{}));
  for (const std::string& word : words) {
    if (word.empty()) fail(Kind::InvalidArgument, "VOLUME specified can not be an empty string");
    volumes[word] = {};
  }
}

class Changes {
 public:
  explicit Changes(oci::RunConfig& config) : config_(config) {}

  void apply(std::string_view line) {
    const std::size_t end = std::min(line.find_first_of(kBlank), line.size());
    const std::string_view typed = line.substr(0, end);
    const std::string name = base::lower(typed);
    const std::string_view text = base::trim(line.substr(end));
    for (const auto& [known, action] : kActions) {
      if (known != name) continue;
      if (text.empty()) fail(Kind::InvalidArgument, "{} requires at least one argument", typed);
      (this->*action)(text);
      return;
    }
    fail(Kind::InvalidArgument, "{} is not a valid change command", typed);
  }

 private:
  using Action = void (Changes::*)(std::string_view);

  void cmd(std::string_view text) {
    config_.cmd = command_form(text);
    has_cmd_ = true;
  }
  void entrypoint(std::string_view text) {
    config_.entrypoint = command_form(text);
    // An inherited Cmd was made for the inherited entrypoint.
    if (!has_cmd_) config_.cmd.reset();
  }
  void env(std::string_view text) {
    for (const auto& [key, value] : pairs("ENV", text)) set_env(config_, key, value);
  }
  void label(std::string_view text) {
    auto& labels = config_.labels.emplace(config_.labels.value_or(oci::Labels{}));
    for (const auto& [key, value] : pairs("LABEL", text)) labels[key] = value;
  }
  void expose_all(std::string_view text) {
    for (const std::string& word : split_words(text)) expose(config_, word);
  }
  void health(std::string_view text) { healthcheck(config_, text); }
  void trigger(std::string_view text) { on_build(config_, text); }
  void stop_signal(std::string_view text) { config_.stop_signal = one("STOPSIGNAL", text); }
  void user(std::string_view text) { config_.user = one("USER", text); }
  void volumes(std::string_view text) { volume(config_, text); }
  void directory(std::string_view text) { work_dir(config_, text); }

  static std::string one(std::string_view name, std::string_view text) {
    const Words words = split_words(text);
    if (words.size() != 1) fail(Kind::InvalidArgument, "{} requires exactly one argument", name);
    return words[0];
  }

  static constexpr std::array<std::pair<std::string_view, Action>, 11> kActions = {{
      {"cmd", &Changes::cmd},
      {"entrypoint", &Changes::entrypoint},
      {"env", &Changes::env},
      {"expose", &Changes::expose_all},
      {"healthcheck", &Changes::health},
      {"label", &Changes::label},
      {"onbuild", &Changes::trigger},
      {"stopsignal", &Changes::stop_signal},
      {"user", &Changes::user},
      {"volume", &Changes::volumes},
      {"workdir", &Changes::directory},
  }};

  oci::RunConfig& config_;
  bool has_cmd_ = false;
};

}  // namespace

void apply_changes(oci::RunConfig& config, const std::vector<std::string>& changes) {
  if (changes.size() > kChangesLimit)
    fail(Kind::InvalidArgument, "more than {} changes", kChangesLimit);
  Changes list(config);
  for (const std::string& change : changes) {
    for (const std::string& line : base::split(change, '\n')) {
      const std::string_view text = base::trim(line);
      if (!text.empty() && !text.starts_with('#')) list.apply(text);
    }
  }
}

}  // namespace wharf::image
