// Lists as Docker prints them: --format with its table, json and template forms.
//
// A list command describes its columns once (ListFormat) and gives rows as JSON objects of
// texts; this file does the rest. Templates were checked before the daemon is asked.
#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "cli/template.h"

namespace wharf::cli {

struct ListFormat {
  std::string_view type_name;  ///< Go's type of a row, in errors: "*formatter.ContainerContext".
  std::string table;           ///< The default: "table {{.ID}}\t{{.Image}}".
  std::string quiet;           ///< With --quiet: "{{.ID}}".
  std::string raw = {};        ///< --format raw.
  std::string raw_quiet = {};
  /// Field to column title: {"ID", "CONTAINER ID"}.
  std::vector<std::pair<std::string_view, std::string_view>> headers;
};

class RowPrinter {
 public:
  /// `format` as given by --format or the configuration, "" for the default. Throws Exit with
  /// "failed to parse template: ...".
  RowPrinter(const ListFormat& list, std::string format, bool quiet);

  bool uses_field(std::string_view name) const;
  void add(TemplateData row);

  /// All rows. Throws Exit with "failed to execute template: ...".
  std::string text() const;

 private:
  const ListFormat& list_;
  bool table_ = false;
  std::string source_;
  std::optional<Template> template_;
  std::vector<TemplateData> rows_;
};

/// The template behind a --format text: "json" is {{json .}}, "\t" and "\n" are expanded.
std::string expanded_format(std::string_view format);

/// A template that failed: `written` is what came out before.
class TemplateFailure : public std::runtime_error {
 public:
  TemplateFailure(int exit_status, std::string so_far, const std::string& message)
      : std::runtime_error(message), status(exit_status), written(std::move(so_far)) {}
  int status;
  std::string written;
};

/// One value by --format (version, info, inspect's element): the text and a line feed.
/// Throws TemplateFailure: status 64 when it cannot be parsed, 1 when it cannot be executed.
std::string formatted_value(const std::string& format, const base::Json& value);

}  // namespace wharf::cli
