// Progress of pull, push, load, import: JSON messages shown as Docker shows them.
//
// On a terminal every layer keeps its line, rewritten in place by cursor moves; elsewhere
// each change of status is a line and bars are left out.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "http/client.h"

namespace wharf::cli {

class ProgressDisplay {
 public:
  using Writer = std::function<void(std::string_view)>;

  /// `columns` is the terminal's width, 0 for no terminal.
  ProgressDisplay(Writer write, std::size_t columns)
      : write_(std::move(write)), columns_(columns) {}

  /// One message. Throws Exit with the daemon's words when it carries an error.
  void show(const base::JsonObject& message);

  /// All messages of a response, each passed to `seen` too where given.
  void show_all(http::client::Response& response,
                const std::function<void(const base::JsonObject&)>& seen = {});

 private:
  void show_on_terminal(const base::JsonObject& message, const std::string& id);
  std::string line_of(const base::JsonObject& message) const;

  Writer write_;
  std::size_t columns_;
  std::vector<std::string> ids_;  ///< One terminal line each, in order of appearance.
};

/// "[=====>    ]  1.2MB/3.4MB" for `columns` of terminal; now is for the time left.
std::string progress_bar(const base::JsonObject& detail, std::size_t columns);

/// Splits a response into its JSON values and calls `each` as they arrive.
void for_each_message(http::client::Response& response,
                      const std::function<void(const base::JsonObject&)>& each);

}  // namespace wharf::cli
