// Go templates over JSON values: what --format takes.
//
// The language of text/template that Docker's output is formatted with: fields, variables,
// pipelines, if, range, with, break, trim marks, comparison and the functions json, split,
// join, title, lower, upper, pad, truncate, index, slice, len, print, printf, println and
// the logic words. Errors have Go's texts. A parsed Template is immutable.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace wharf::cli {

/// "template: :1: unclosed action", `template: :1:2: executing "" at <.X>: ...`.
class TemplateError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What a template is executed on.
struct TemplateData {
  using Method = std::function<base::Json(const std::vector<base::Json>& arguments)>;

  base::Json value;
  /// Methods of the value with arguments: {{.Label "x"}}.
  std::map<std::string, Method> methods = {};
  /// Go's type of the value where it is no map: a missing field is then "can't evaluate field
  /// X in type T" and {{json .}} sorts its keys and escapes HTML, as Go's own marshaller.
  std::string type_name = {};
};

namespace templates {
struct Node;
}

class Template {
 public:
  /// Throws TemplateError.
  static Template parse(std::string_view text);

  /// Throws TemplateError; what was written until then is in `out`.
  void execute(const TemplateData& data, std::string& out) const;
  std::string execute(const TemplateData& data) const;

  /// The names of all fields used, such as "Size" in {{.Size}}: for what must be asked of the
  /// daemon.
  bool uses_field(std::string_view name) const;

 private:
  std::shared_ptr<const templates::Node> root_;
};

/// How Go prints the null of a member called `field`: JSON shows a nil pointer, slice and map
/// alike, Go does not ("<nil>", "[]", "map[]").
std::string go_null(std::string_view field);

/// The value as Go prints it with %v: strings bare, lists "[a b]", maps "map[k:v]".
std::string go_text(const base::Json& value);

/// Compact JSON with sorted keys and <, >, & escaped: Go's json.Marshal of a map.
std::string go_marshal(const base::Json& value);

}  // namespace wharf::cli
