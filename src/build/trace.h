// BuildKit's StatusResponse (moby.buildkit.v1, control.proto) as bytes of protobuf: how clients of
// a graph hear of its steps, and how the command line reads it.
//
//   StatusResponse { 1: Vertex*, 3: VertexLog* }
//   Vertex    { 1: digest, 3: name, 4: cached, 5: started, 6: completed, 7: error }
//   VertexLog { 1: vertex, 2: timestamp, 3: stream, 4: msg }
#pragma once

#include <string>
#include <string_view>

#include "build/report.h"

namespace wharf::build {

std::string status_of(const Vertex& vertex);
std::string status_of_log(const std::string& vertex, unsigned stream, std::string_view bytes,
                          base::Time time);

}  // namespace wharf::build
