// Whose log is shipped: the container as logging drivers see it, and the driver's options.
//
// Plain values.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"

namespace wharf::shipping {

using Options = std::map<std::string, std::string>;

struct Subject {
  std::string id;
  std::string name;  ///< Without '/'.
  std::string image_id;
  std::string image_name;
  std::vector<std::string> command;  ///< Entrypoint and arguments.
  base::Time created;
  Options labels;
  std::vector<std::string> environment;  ///< "NAME=value"
  std::string driver;
  Options options;  ///< HostConfig.LogConfig.Config.
};

/// The option called `name`; "" where it is not given.
std::string option(const Options& options, const std::string& name);

/// Entrypoint and arguments with a space between, as Docker's {{.Command}}.
std::string command_line(const Subject& subject);

/// This machine's name.
std::string host_name();

/// What the options labels, labels-regex, env and env-regex choose.
/// Throws InvalidArgument for a regular expression that is none.
Options chosen_attributes(const Subject& subject);

/// The option "tag" filled in: Go's template language over the container's names, as far as
/// fields and the functions lower, upper, title, truncate and index go. `standard` where the
/// option is not given. Throws InvalidArgument with Docker's "failed to initialize logging
/// driver: template: log-tag: ..." for anything else.
std::string tag_of(const Subject& subject, const std::string& standard = "{{.ID}}");

/// One record on its way. A line longer than 16 KiB is several.
struct Entry {
  struct Piece {
    std::string id;  ///< The same for all pieces of one line.
    std::uint32_t ordinal = 1;
    bool last = false;
  };
  std::string text;  ///< Without the line feed.
  bool err = false;
  base::Time time;
  std::optional<Piece> piece;
};

}  // namespace wharf::shipping
