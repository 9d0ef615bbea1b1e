// Creating a container for run and create: the request, the pull of a missing image, the
// id file, warnings.
#pragma once

#include <string>

#include "cli/command.h"
#include "cli/container_options.h"

namespace wharf::cli {

/// Returns the new container's id. Throws DaemonError, Exit, base::Error.
std::string create_container(Invocation& call, const ContainerOptions& options,
                             const base::JsonObject& body);

/// Takes what depends on which flags were given, after parsing.
void note_given_flags(ContainerOptions& options, const FlagSet& flags);

/// Docker's frame around an error of run and create: "docker: ...", the hint, status 125.
[[noreturn]] void fail_with_hint(const Invocation& call, int status, const std::string& message);

}  // namespace wharf::cli
