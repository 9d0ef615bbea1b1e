#include "container/yaml.h"

#include <yaml.h>

#include <charconv>

#include "base/error.h"

namespace wharf::container {

namespace {

using base::Json;
using base::JsonArray;
using base::JsonObject;

[[noreturn]] void bad(const yaml_mark_t& mark, std::string_view why) {
  base::fail(base::Kind::InvalidArgument, "yaml: line {}: {}", mark.line + 1, why);
}

/// One event of libyaml's parser; its destructor gives it back.
class Event {
 public:
  explicit Event(yaml_parser_t& parser) {
    if (yaml_parser_parse(&parser, &event_) == 0) {
      const char* why = parser.problem != nullptr ? parser.problem : "cannot be read";
      bad(parser.problem_mark, why);
    }
  }
  ~Event() { yaml_event_delete(&event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  const yaml_event_t* operator->() const { return &event_; }
  bool is(yaml_event_type_t type) const { return event_.type == type; }

 private:
  yaml_event_t event_{};
};

class Reader {
 public:
  explicit Reader(std::string_view text) {
    yaml_parser_initialize(&parser_);
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()),
                                 text.size());
  }
  ~Reader() { yaml_parser_delete(&parser_); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  Json document() {
    skip(YAML_STREAM_START_EVENT);
    Json value;
    {
      const Event begin(parser_);
      if (begin.is(YAML_STREAM_END_EVENT)) return value;
    }
    {
      const Event first(parser_);
      value = read(first, 0);
    }
    skip(YAML_DOCUMENT_END_EVENT);
    skip(YAML_STREAM_END_EVENT);
    return value;
  }

 private:
  void skip(yaml_event_type_t type) {
    const Event event(parser_);
    if (!event.is(type)) bad(event->start_mark, "more than one document");
  }

  Json read(const Event& event, int depth) {
    if (depth > kYamlDepth) bad(event->start_mark, "too deep");
    switch (event->type) {
      case YAML_SCALAR_EVENT:
        return scalar(event);
      case YAML_SEQUENCE_START_EVENT:
        return sequence(event, depth);
      case YAML_MAPPING_START_EVENT:
        return mapping(event, depth);
      default:
        bad(event->start_mark, "aliases are not supported");
    }
  }

  Json sequence(const Event& start, int depth) {
    if (start->data.sequence_start.anchor != nullptr) bad(start->start_mark, "anchor");
    JsonArray list;
    while (true) {
      const Event event(parser_);
      if (event.is(YAML_SEQUENCE_END_EVENT)) return list;
      list.push_back(read(event, depth + 1));
    }
  }

  Json mapping(const Event& start, int depth) {
    if (start->data.mapping_start.anchor != nullptr) bad(start->start_mark, "anchor");
    JsonObject object;
    while (true) {
      const Event key(parser_);
      if (key.is(YAML_MAPPING_END_EVENT)) return object;
      if (!key.is(YAML_SCALAR_EVENT)) bad(key->start_mark, "a key that is no text");
      const std::string_view name = text_of(key);
      if (object.contains(name)) bad(key->start_mark, fmt::format("key {} is given twice", name));
      const Event value(parser_);
      object[name] = read(value, depth + 1);
    }
  }

  static std::string_view text_of(const Event& event) {
    const auto& scalar = event->data.scalar;
    return {reinterpret_cast<const char*>(scalar.value), scalar.length};
  }

  static Json scalar(const Event& event) {
    const auto& given = event->data.scalar;
    if (given.anchor != nullptr || given.tag != nullptr) bad(event->start_mark, "anchor or tag");
    const std::string_view text = text_of(event);
    if (given.style != YAML_PLAIN_SCALAR_STYLE) return Json(boost::json::string(text));
    if (text.empty() || text == "~" || text == "null" || text == "Null") return nullptr;
    if (text == "true" || text == "True") return true;
    if (text == "false" || text == "False") return false;
    return number_or_text(text);
  }

  static Json number_or_text(std::string_view text) {
    std::string_view digits = text;
    const bool negative = digits.starts_with('-');
    if (negative || digits.starts_with('+')) digits.remove_prefix(1);
    int base = 10;
    if (digits.starts_with("0x")) base = 16;
    if (digits.starts_with("0o")) base = 8;
    if (base != 10) digits.remove_prefix(2);
    // YAML 1.1, which the tools of containers still read: file modes are written "0660".
    if (base == 10 && digits.size() > 1 && digits[0] == '0') base = 8;
    std::int64_t value = 0;
    const auto [end, failed] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    const bool whole = failed == std::errc() && end == digits.data() + digits.size();
    if (!whole || digits.empty() || digits[0] == '-') return Json(boost::json::string(text));
    return negative ? -value : value;
  }

  yaml_parser_t parser_{};
};

}  // namespace

Json parse_yaml(std::string_view text) {
  return Reader(text).document();
}

}  // namespace wharf::container
