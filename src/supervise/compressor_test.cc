#include "supervise/compressor.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "os/file.h"
#include "os/process.h"

namespace wharf::supervise {
namespace {

/// What gzip(1) makes of the compressed file.
std::string unpacked(const os::Path& packed) {
  const os::Fd input = os::open_file(packed, O_RDONLY);
  os::Pipe pipe = os::make_pipe();
  os::SpawnRequest request;
  request.program = "/usr/bin/gzip";
  request.arguments = {"-dc"};
  request.descriptors = {{&input, 0}, {&pipe.write, 1}};
  const os::Process gzip = os::Process::spawn(request);
  pipe.write.reset();
  std::string out = os::read_all(pipe.read, 64 << 20);
  EXPECT_EQ(gzip.wait().code, 0);
  return out;
}

TEST(Compressor, MakesAFileThatGzipReads) {
  const os::TempDirectory temp;
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += "line " + std::to_string(i) + "\n";
  for (const std::string& content : {std::string(), std::string("x\n"), text}) {
    os::replace_file(temp.path() / "plain", content, 0600);
    compress_file(os::open_file(temp.path() / "plain", O_RDONLY),
                  os::open_file(temp.path() / "packed", O_WRONLY | O_CREAT | O_TRUNC, 0600));
    EXPECT_EQ(unpacked(temp.path() / "packed"), content);
  }
}

}  // namespace
}  // namespace wharf::supervise
