#include "shipping/subject.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <regex>

#include "base/error.h"
#include "base/ids.h"
#include "base/strings.h"

namespace wharf::shipping {

namespace {

using base::Kind;

std::regex pattern(const std::string& text) {
  try {
    return std::regex(text);
  } catch (const std::regex_error&) {
    base::fail(Kind::InvalidArgument, "error parsing regexp: {}", text);
  }
}

void add_chosen(Options& attributes, const Options& all, const std::string& names,
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

/// What stands between {{ and }}: a field, or a function and its arguments.
class Action {
 public:
  Action(const Subject& subject, std::string_view text) : subject_(subject) { cut(text); }

  /// Nothing where it is no action that is known.
  std::optional<std::string> value() const {
    if (words_.size() == 1) return field(words_[0]);
    if (words_.size() == 2) return changed(words_[0], field(words_[1]));
    if (words_.size() != 3) return std::nullopt;
    if (words_[0] == "truncate") return truncated(field(words_[1]), words_[2]);
    if (words_[0] == "index") return indexed(words_[1], words_[2]);
    return std::nullopt;
  }

 private:
  void cut(std::string_view text) {
    text = base::trim(text);
    while (!text.empty()) {
      const bool quoted = text[0] == '"';
      const std::size_t end = quoted ? text.find('"', 1) : text.find(' ');
      words_.emplace_back(quoted ? text.substr(1, end == text.npos ? end : end - 1)
                                 : text.substr(0, end));
      text = end == text.npos ? std::string_view() : base::trim(text.substr(end + 1));
    }
  }

  std::optional<std::string> field(const std::string& name) const {
    const Options fields = {{".ID", base::short_id(subject_.id)},
                            {".FullID", subject_.id},
                            {".ContainerID", subject_.id},
                            {".Name", subject_.name},
                            {".ContainerName", "/" + subject_.name},
                            {".ImageID", base::short_id(subject_.image_id)},
                            {".ImageFullID", subject_.image_id},
                            {".ContainerImageID", subject_.image_id},
                            {".ImageName", subject_.image_name},
                            {".ContainerImageName", subject_.image_name},
                            {".Command", command_line(subject_)},
                            {".Hostname", host_name()},
                            {".DaemonName", "docker"}};
    const auto found = fields.find(name);
    if (found == fields.end()) return std::nullopt;
    return found->second;
  }

  static std::optional<std::string> changed(const std::string& how,
                                            std::optional<std::string> value) {
    if (!value) return std::nullopt;
    if (how == "lower") return base::lower(*value);
    if (how == "upper" || how == "title") {
      const std::size_t letters =
          how == "title" ? std::min<std::size_t>(1, value->size()) : value->size();
      std::transform(value->begin(), value->begin() + static_cast<std::ptrdiff_t>(letters),
                     value->begin(),
                     [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
      return value;
    }
    return std::nullopt;
  }

  static std::optional<std::string> truncated(std::optional<std::string> value,
                                              const std::string& length) {
    std::size_t bytes = 0;
    const auto [end, failed] = std::from_chars(length.data(), length.data() + length.size(), bytes);
    if (!value || failed != std::errc() || end != length.data() + length.size()) {
      return std::nullopt;
    }
    return value->substr(0, bytes);
  }

  std::optional<std::string> indexed(const std::string& map, const std::string& key) const {
    if (map != ".ContainerLabels") return std::nullopt;
    return option(subject_.labels, key);
  }

  const Subject& subject_;
  std::vector<std::string> words_;
};

}  // namespace

std::string option(const Options& options, const std::string& name) {
  const auto found = options.find(name);
  return found == options.end() ? std::string() : found->second;
}

std::string command_line(const Subject& subject) {
  return base::join(subject.command, " ");
}

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  return name.data();
}

Options chosen_attributes(const Subject& subject) {
  Options attributes;
  add_chosen(attributes, subject.labels, option(subject.options, "labels"),
             option(subject.options, "labels-regex"));
  Options environment;
  for (const std::string& variable : subject.environment) {
    const std::size_t equals = variable.find('=');
    if (equals == std::string::npos) continue;
    environment[variable.substr(0, equals)] = variable.substr(equals + 1);
  }
  add_chosen(attributes, environment, option(subject.options, "env"),
             option(subject.options, "env-regex"));
  return attributes;
}

std::string tag_of(const Subject& subject, const std::string& standard) {
  const std::string given = option(subject.options, "tag");
  const std::string& text = given.empty() ? standard : given;
  std::string out;
  std::size_t at = 0;
  while (true) {
    const std::size_t open = text.find("{{", at);
    out += text.substr(at, open == std::string::npos ? open : open - at);
    if (open == std::string::npos) return out;
    const std::size_t close = text.find("}}", open);
    std::optional<std::string> value;
    if (close != std::string::npos) {
      value = Action(subject, std::string_view(text).substr(open + 2, close - open - 2)).value();
    }
    if (!value) {
      base::fail(Kind::InvalidArgument,
                 "failed to initialize logging driver: template: log-tag: {}", base::quoted(text));
    }
    out += *value;
    at = close + 2;
  }
}

}  // namespace wharf::shipping
