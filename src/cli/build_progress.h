// Progress of a graph's build, as BuildKit's `--progress=plain` shows it.
//
//   #4 [build 2/3] RUN make
//   #4 0.210 cc -o x x.c
//   #4 DONE 0.4s
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace wharf::cli {

class BuildProgress {
 public:
  explicit BuildProgress(std::function<void(std::string_view)> write) : write_(std::move(write)) {}

  /// One StatusResponse of BuildKit, protobuf in base64. What cannot be read is passed over.
  void show(std::string_view base64);

 private:
  struct Step {
    int number = 0;
    std::int64_t started_ns = 0;
    std::string unfinished;  ///< A line that has no end yet.
    bool done = false;
  };
  void vertex(std::string_view bytes);
  void log(std::string_view bytes);
  void line(const Step& step, std::int64_t at_ns, std::string_view text);

  std::function<void(std::string_view)> write_;
  std::map<std::string, Step> steps_;
  int last_ = 0;  ///< Whose lines were shown last.
};

}  // namespace wharf::cli
