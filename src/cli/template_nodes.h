// The tree of a parsed template. Private to the template files.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace wharf::cli::templates {

/// One operand: a literal, a field chain, a variable, a function name or a nested pipeline.
struct Operand {
  enum class Kind { Literal, Dot, Field, Variable, Function, Nested } kind = Kind::Dot;
  base::Json literal;
  std::string name;                 ///< Of a variable ("$x") or function.
  std::vector<std::string> fields;  ///< ".A.B" after any kind.
  std::shared_ptr<struct Pipeline> nested;
  std::string text;  ///< As written, for errors.
  std::size_t line = 1;
  std::size_t column = 0;
};

/// Operands side by side: a function or method with arguments, or one value.
struct Call {
  std::vector<Operand> operands;
};

struct Pipeline {
  std::vector<std::string> variables;  ///< "$i", "$v" declared or assigned by it.
  bool declares = false;
  std::vector<Call> calls;
};

struct Node {
  enum class Kind { List, Text, Action, If, Range, With, Break, Continue } kind = Kind::List;
  std::string text;
  Pipeline pipeline;
  std::vector<Node> children;
  std::vector<Node> otherwise;
};

/// Throws TemplateError.
Node parse_nodes(std::string_view text);

/// The value of a built-in function. Throws std::runtime_error with Go's reason.
base::Json call_function(const std::string& name, const std::vector<base::Json>& arguments);
bool is_function(std::string_view name);

/// Go's truth: false, 0, "", null and empty lists and maps are not.
bool is_true(const base::Json& value);

}  // namespace wharf::cli::templates
