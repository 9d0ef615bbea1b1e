// The test program is its own unpacker, as wharfd is.
#include <gtest/gtest.h>

#include <string_view>

#include "layer/unpacker_process.h"

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "unpack") return wharf::layer::unpack_main();
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
