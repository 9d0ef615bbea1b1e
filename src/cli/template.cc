#include "cli/template.h"

#include "base/strings.h"
#include "cli/template_nodes.h"

namespace wharf::cli {

using base::Json;
using templates::Call;
using templates::Node;
using templates::Operand;
using templates::Pipeline;

namespace {

/// One execution: the output and the variables of the open blocks.
class Execution {
 public:
  Execution(const TemplateData& data, std::string& out) : data_(data), out_(out) {
    variables_.emplace_back("$", data.value);
  }

  enum class Flow { Next, Break, Continue };

  Flow run(const std::vector<Node>& nodes, const Json& dot) {
    const std::size_t scope = variables_.size();
    Flow flow = Flow::Next;
    for (const Node& node : nodes) {
      flow = run(node, dot);
      if (flow != Flow::Next) break;
    }
    variables_.resize(scope);
    return flow;
  }

 private:
  Flow run(const Node& node, const Json& dot) {
    switch (node.kind) {
      case Node::Kind::Text:
        out_ += node.text;
        return Flow::Next;
      case Node::Kind::Action:
        action(node, dot);
        return Flow::Next;
      case Node::Kind::Break:
        return Flow::Break;
      case Node::Kind::Continue:
        return Flow::Continue;
      case Node::Kind::Range:
        return range(node, dot);
      default:
        break;
    }
    const std::size_t scope = variables_.size();
    const Json value = evaluate(node.pipeline, dot);
    const Flow flow = templates::is_true(value)
                          ? run(node.children, node.kind == Node::Kind::With ? value : dot)
                          : run(node.otherwise, dot);
    variables_.resize(scope);
    return flow;
  }

  void action(const Node& node, const Json& dot) {
    const Json value = evaluate(node.pipeline, dot);
    if (!node.pipeline.variables.empty()) return;
    out_ += value.is_null() ? null_text(node.pipeline) : go_text(value);
  }

  std::string null_text(const Pipeline& pipeline) const {
    const Operand& head = pipeline.calls[0].operands[0];
    const bool field =
        pipeline.calls.size() == 1 && !head.fields.empty() && data_.type_name.empty();
    return field ? go_null(head.fields.back()) : "<no value>";
  }

  Flow range(const Node& node, const Json& dot) {
    Pipeline values = node.pipeline;
    values.variables.clear();
    const Json value = evaluate(values, dot);
    if (!templates::is_true(value) ||
        !(value.is_array() || value.is_object() || value.is_int64())) {
      return run(node.otherwise, dot);
    }
    const std::size_t scope = variables_.size();
    for (const auto& [key, element] : entries(value)) {
      declare(node.pipeline.variables, key, element);
      const Flow flow = run(node.children, element);
      variables_.resize(scope);
      if (flow == Flow::Break) break;
    }
    return Flow::Next;
  }

  static std::vector<std::pair<Json, Json>> entries(const Json& value) {
    std::vector<std::pair<Json, Json>> out;
    if (value.is_array()) {
      for (const Json& each : value.get_array())
        out.emplace_back(static_cast<std::int64_t>(out.size()), each);
    } else if (value.is_object()) {
      std::map<std::string, const Json*> sorted;
      for (const auto& member : value.get_object()) sorted.emplace(member.key(), &member.value());
      for (const auto& [key, each] : sorted) out.emplace_back(boost::json::string(key), *each);
    } else {
      for (std::int64_t i = 0; i < value.get_int64(); ++i) out.emplace_back(i, i);
    }
    return out;
  }

  void declare(const std::vector<std::string>& names, const Json& key, const Json& element) {
    if (names.size() == 1) variables_.emplace_back(names[0], element);
    if (names.size() < 2) return;
    variables_.emplace_back(names[0], key);
    variables_.emplace_back(names[1], element);
  }

  Json evaluate(const Pipeline& pipeline, const Json& dot) {
    Json value;
    bool first = true;
    for (const Call& call : pipeline.calls) {
      value = evaluate(call, dot, first ? nullptr : &value);
      first = false;
    }
    for (const std::string& name : pipeline.variables) {
      if (pipeline.declares) {
        variables_.emplace_back(name, value);
      } else {
        variable(name, {}) = value;
      }
    }
    return value;
  }

  /// `piped` is the last argument where the call follows a '|'.
  Json evaluate(const Call& call, const Json& dot, const Json* piped) {
    const Operand& head = call.operands[0];
    std::vector<Json> arguments;
    for (std::size_t i = 1; i < call.operands.size(); ++i)
      arguments.push_back(value_of(call.operands[i], dot, {}));
    if (piped) arguments.push_back(Json(*piped));
    if (head.kind != Operand::Kind::Function) {
      if (!arguments.empty() && !takes_arguments(head)) {
        fail(head, fmt::format("can't give argument to non-function {}", head.text));
      }
      return value_of(head, dot, arguments);
    }
    return call_function(head, call, dot, std::move(arguments));
  }

  Json call_function(const Operand& head, const Call& call, const Json& dot,
                     std::vector<Json> arguments) {
    // Docker: the row of a list marshals itself, with sorted keys and HTML escaped.
    if (head.name == "json" && !data_.type_name.empty() && call.operands.size() == 2 &&
        call.operands[1].kind == Operand::Kind::Dot && &dot == &data_.value) {
      return boost::json::string(go_marshal(data_.value));
    }
    try {
      return follow(head, templates::call_function(head.name, arguments));
    } catch (const TemplateError&) {
      throw;
    } catch (const std::exception& wrong) {
      fail(head, wrong.what());
    }
  }

  bool takes_arguments(const Operand& operand) const {
    return operand.kind == Operand::Kind::Field && data_.methods.contains(operand.fields[0]);
  }

  Json value_of(const Operand& operand, const Json& dot, const std::vector<Json>& arguments) {
    switch (operand.kind) {
      case Operand::Kind::Literal:
        return operand.literal;
      case Operand::Kind::Dot:
        return Json(dot);
      case Operand::Kind::Variable:
        return follow(operand, variable(operand.name, operand));
      case Operand::Kind::Nested:
        return follow(operand, evaluate(*operand.nested, dot));
      case Operand::Kind::Function: {
        Call call;
        call.operands.push_back(operand);
        return evaluate(call, dot, nullptr);
      }
      case Operand::Kind::Field:
        break;
    }
    const auto method = data_.methods.find(operand.fields[0]);
    if (method == data_.methods.end() || &dot != &data_.value) return follow(operand, dot);
    try {
      return method->second(arguments);
    } catch (const std::exception& wrong) {
      fail(operand, wrong.what());
    }
  }

  Json follow(const Operand& operand, const Json& start) {
    const Json* value = &start;
    for (const std::string& field : operand.fields) {
      if (value->is_null())
        fail(operand, fmt::format("nil pointer evaluating interface {{}}.{}", field));
      if (!value->is_object()) {
        const char* type = value->is_string()  ? "string"
                           : value->is_array() ? "[]interface {}"
                                               : "int";
        fail(operand, fmt::format("can't evaluate field {} in type {}", field, type));
      }
      const Json* next = value->get_object().if_contains(field);
      if (!next && value == &data_.value && !data_.type_name.empty()) {
        fail(operand, fmt::format("can't evaluate field {} in type {}", field, data_.type_name));
      }
      if (!next) fail(operand, fmt::format("map has no entry for key {}", base::quoted(field)));
      value = next;
    }
    return Json(*value);
  }

  Json& variable(const std::string& name, const Operand& where) {
    for (auto each = variables_.rbegin(); each != variables_.rend(); ++each) {
      if (each->first == name) return each->second;
    }
    fail(where, fmt::format("undefined variable {}", base::quoted(name)));
  }

  [[noreturn]] static void fail(const Operand& operand, const std::string& why) {
    throw TemplateError(fmt::format("template: :{}:{}: executing \"\" at <{}>: {}", operand.line,
                                    operand.column, operand.text, why));
  }

  const TemplateData& data_;
  std::string& out_;
  std::vector<std::pair<std::string, Json>> variables_;
};

bool uses(const std::vector<Node>& nodes, std::string_view name);

bool uses(const Pipeline& pipeline, std::string_view name) {
  for (const Call& call : pipeline.calls) {
    for (const Operand& operand : call.operands) {
      if (operand.nested && uses(*operand.nested, name)) return true;
      if (!operand.fields.empty() && operand.fields[0] == name) return true;
    }
  }
  return false;
}

bool uses(const std::vector<Node>& nodes, std::string_view name) {
  return std::any_of(nodes.begin(), nodes.end(), [&](const Node& node) {
    return uses(node.pipeline, name) || uses(node.children, name) || uses(node.otherwise, name);
  });
}

}  // namespace

Template Template::parse(std::string_view text) {
  Template out;
  out.root_ = std::make_shared<const Node>(templates::parse_nodes(text));
  return out;
}

void Template::execute(const TemplateData& data, std::string& out) const {
  Execution(data, out).run(root_->children, data.value);
}

std::string Template::execute(const TemplateData& data) const {
  std::string out;
  execute(data, out);
  return out;
}

bool Template::uses_field(std::string_view name) const {
  return uses(root_->children, name);
}

}  // namespace wharf::cli
