// Reads fields of a JSON tree into plain values; internal to the spec_*.cc files.
//
// A field that is absent or null leaves the value as it is. One of the wrong type, or out of
// range, is a failure that names the field; reading goes on, and the caller asks once, at
// the end, whether all was well. Paths of nested fields are given by the caller.
#pragma once

#include <concepts>
#include <limits>

#include "base/json_tree.h"
#include "oci/spec.h"

namespace wharf::oci {

class SpecReader {
 public:
  using Node = base::JsonNode;
  SpecReader(base::Arena& arena, base::Failure& failure) : arena_(arena), failure_(failure) {}

  bool ok() const { return !failure_.failed(); }

  /// `node` is an object, or absent; else a failure.
  const Node& object(const Node& parent, const char* name);
  /// `node` is an array, or absent.
  const Node& array(const Node& parent, const char* name);

  void read(const Node& parent, const char* name, std::string_view& into);
  void read(const Node& parent, const char* name, bool& into);
  template <std::integral Number>
  void read(const Node& parent, const char* name, Number& into) {
    const Node& node = parent[name];
    if (node.present()) number(node, name, into);
  }
  template <class Number>
    requires std::integral<Number> && (!std::same_as<Number, bool>)
  void read(const Node& parent, const char* name, std::optional<Number>& into) {
    const Node& node = parent[name];
    if (!node.present()) return;
    Number value{};
    number(node, name, value);
    into = value;
  }

  /// An array of strings as argv takes it: one more element, a null pointer, follows.
  void read(const Node& parent, const char* name, Strings& into);
  void read(const Node& parent, const char* name, std::span<std::string_view>& into);
  void read(const Node& parent, const char* name, std::span<Setting>& into);

  /// An array of objects, each read by `one(node, element)`.
  template <class Element, class One>
  void read(const Node& parent, const char* name, std::span<Element>& into, One one) {
    const Node& list = array(parent, name);
    if (list.count == 0) return;
    into = make<Element>(list.count);
    std::size_t index = 0;
    for (const Node& node : list) {
      if (index >= into.size()) return;
      if (node.kind != Node::Kind::Object) return wrong(name, "objects in an array");
      one(node, into[index++]);
    }
  }

  template <class Element>
  std::span<Element> make(std::size_t count) {
    const std::span<Element> made = arena_.array<Element>(count);
    if (made.size() != count) (void)failure_.because("config.json: too large");
    return made;
  }

  std::string_view string(const Node& node, const char* name);
  void wrong(const char* name, const char* expected);
  void refuse(const char* name, std::string_view value, const char* reason);

  base::Failure& failure() { return failure_; }

 private:
  template <std::integral Number>
  void number(const Node& node, const char* name, Number& into) {
    std::int64_t wide = 0;
    if (!integer(node, name, wide)) return;
    if constexpr (std::unsigned_integral<Number>) {
      // JSON writers give large unsigned values (RLIM_INFINITY) in full; integer() wraps them.
      const bool fits = node.text[0] != '-' &&
                        static_cast<std::uint64_t>(wide) <= std::numeric_limits<Number>::max();
      if (!fits) return refuse(name, node.text, "is out of range");
    } else if (wide < std::numeric_limits<Number>::min() ||
               wide > std::numeric_limits<Number>::max()) {
      return refuse(name, node.text, "is out of range");
    }
    into = static_cast<Number>(wide);
  }
  bool integer(const Node& node, const char* name, std::int64_t& into);

  base::Arena& arena_;
  base::Failure& failure_;
};

void read_process(SpecReader& reader, const base::JsonNode& node, Process& process);
void read_mount(SpecReader& reader, const base::JsonNode& node, Mount& mount);
void read_hooks(SpecReader& reader, const base::JsonNode& node, Hooks& hooks);
void read_linux(SpecReader& reader, const base::JsonNode& node, Spec& spec);
void read_resources(SpecReader& reader, const base::JsonNode& node, Resources& resources);
void read_id_map(SpecReader& reader, const base::JsonNode& node, IdMap& map);

}  // namespace wharf::oci
