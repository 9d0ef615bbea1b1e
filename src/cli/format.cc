#include "cli/format.h"

#include "base/strings.h"
#include "cli/command.h"
#include "cli/table.h"

namespace wharf::cli {
namespace {

Template parsed(const std::string& source) {
  try {
    return Template::parse(source);
  } catch (const TemplateError& wrong) {
    throw Exit(1, fmt::format("failed to parse template: {}", wrong.what()));
  }
}

}  // namespace

std::string expanded_format(std::string_view format) {
  if (format == "json") return "{{json .}}";
  std::string out;
  for (std::size_t i = 0; i < format.size(); ++i) {
    const char after = i + 1 < format.size() ? format[i + 1] : '\0';
    if (format[i] == '\\' && (after == 't' || after == 'n')) {
      out += after == 't' ? '\t' : '\n';
      ++i;
    } else {
      out += format[i];
    }
  }
  return out;
}

RowPrinter::RowPrinter(const ListFormat& list, std::string format, bool quiet) : list_(list) {
  const bool default_table = format.empty() || format == "table";
  if (default_table) format = quiet ? list.quiet : list.table;
  if (format == "raw") format = quiet ? list.raw_quiet : list.raw;
  table_ = format.starts_with("table");
  // Docker: --quiet beside a template keeps the template; beside a table it is the ids alone.
  if (table_) format = base::trim(std::string_view(format).substr(5));
  source_ = expanded_format(format);
  template_ = parsed(source_);
}

bool RowPrinter::uses_field(std::string_view name) const {
  return template_->uses_field(name);
}

void RowPrinter::add(TemplateData row) {
  row.type_name = list_.type_name;
  rows_.push_back(std::move(row));
}

std::string RowPrinter::text() const {
  std::string out;
  try {
    if (table_) {
      base::JsonObject titles;
      for (const auto& [field, title] : list_.headers) titles.emplace(field, title);
      TemplateData head{std::move(titles)};
      head.type_name = list_.type_name;
      head.methods["Label"] = [](const std::vector<base::Json>& arguments) {
        if (arguments.empty() || !arguments[0].is_string()) return base::Json();
        // Docker: the title of a label's column is the last part of its name, spaced.
        std::string name(arguments[0].get_string());
        name = name.substr(name.rfind('.') + 1);
        for (char& c : name) c = c == '-' || c == '_' ? ' ' : c;
        return base::Json(boost::json::string(name));
      };
      template_->execute(head, out);
      out += '\n';
    }
    for (const TemplateData& row : rows_) {
      template_->execute(row, out);
      out += '\n';
    }
  } catch (const TemplateError& wrong) {
    throw Exit(1, fmt::format("failed to execute template: {}", wrong.what()));
  }
  return table_ ? aligned(out) : out;
}

std::string formatted_value(const std::string& format, const base::Json& value) {
  const Template made = [&] {
    try {
      return Template::parse(expanded_format(format));
    } catch (const TemplateError& wrong) {
      throw TemplateFailure(64, {}, fmt::format("template parsing error: {}", wrong.what()));
    }
  }();
  std::string out;
  try {
    made.execute({value}, out);
  } catch (const TemplateError& wrong) {
    throw TemplateFailure(1, out, fmt::format("template parsing error: {}", wrong.what()));
  }
  return out + "\n";
}

}  // namespace wharf::cli
