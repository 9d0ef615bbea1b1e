#include "oci/spec_reader.h"

namespace wharf::oci {

using base::JsonNode;

namespace {
constexpr JsonNode kNothing;
}  // namespace

void SpecReader::wrong(const char* name, const char* expected) {
  (void)failure_.because("config.json: ", name, " must be ", expected);
}

void SpecReader::refuse(const char* name, std::string_view value, const char* reason) {
  (void)failure_.because("config.json: ", name, " \"", value, "\" ", reason);
}

const JsonNode& SpecReader::object(const JsonNode& parent, const char* name) {
  const JsonNode& node = parent[name];
  if (!node.present() || node.kind == JsonNode::Kind::Object) return node;
  wrong(name, "an object");
  return kNothing;
}

const JsonNode& SpecReader::array(const JsonNode& parent, const char* name) {
  const JsonNode& node = parent[name];
  if (!node.present() || node.kind == JsonNode::Kind::Array) return node;
  wrong(name, "an array");
  return kNothing;
}

std::string_view SpecReader::string(const JsonNode& node, const char* name) {
  if (node.kind == JsonNode::Kind::String) return node.text;
  wrong(name, "a string");
  return "";
}

void SpecReader::read(const JsonNode& parent, const char* name, std::string_view& into) {
  const JsonNode& node = parent[name];
  if (node.present()) into = string(node, name);
}

void SpecReader::read(const JsonNode& parent, const char* name, bool& into) {
  const JsonNode& node = parent[name];
  if (!node.present()) return;
  if (node.kind != JsonNode::Kind::Bool) return wrong(name, "true or false");
  into = node.boolean;
}

void SpecReader::read(const JsonNode& parent, const char* name, Strings& into) {
  const JsonNode& list = array(parent, name);
  if (!list.present()) return;
  const std::span<char*> made = make<char*>(list.count + 1);
  if (made.empty()) return;
  std::size_t index = 0;
  // The tree was parsed in place: its strings end with a NUL byte and are ours to hand out.
  for (const JsonNode& node : list) made[index++] = const_cast<char*>(string(node, name).data());
  into = made.first(list.count);
}

void SpecReader::read(const JsonNode& parent, const char* name, std::span<std::string_view>& into) {
  const JsonNode& list = array(parent, name);
  if (list.count == 0) return;
  into = make<std::string_view>(list.count);
  std::size_t index = 0;
  for (const JsonNode& node : list) {
    if (index < into.size()) into[index++] = string(node, name);
  }
}

void SpecReader::read(const JsonNode& parent, const char* name, std::span<Setting>& into) {
  const JsonNode& members = object(parent, name);
  if (members.count == 0) return;
  into = make<Setting>(members.count);
  std::size_t index = 0;
  for (const JsonNode& node : members) {
    if (index < into.size()) into[index++] = {node.key, string(node, name)};
  }
}

bool SpecReader::integer(const JsonNode& node, const char* name, std::int64_t& into) {
  if (node.kind == JsonNode::Kind::Number) {
    if (base::parse_number(node.text, into)) return true;
    std::uint64_t wide = 0;
    if (base::parse_number(node.text, wide)) {
      into = static_cast<std::int64_t>(wide);
      return true;
    }
  }
  wrong(name, "an integer");
  return false;
}

}  // namespace wharf::oci
