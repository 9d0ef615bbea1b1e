// Any bytes as a layer, unpacked for real beside a canary: nothing outside the target changes, and
// the tar made again is the one that came.
//
// The first bytes choose entries (names with links, whiteouts, dots), as random bytes would never
// get past a header's checksum.
#include <fcntl.h>
#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "archive/apply.h"
#include "archive/test_archives.h"
#include "base/error.h"
#include "os/file.h"

// Inside, as libarchive, with which the test archives are checked, has a ::archive of its own.
namespace wharf {
namespace {

constexpr const char* kNames[] = {
    "a",      "a/b",   "a/b/c",   "b",       "b/x",     "../b",         "/b",
    "a/../b", ".wh.a", "a/.wh.b", ".wh...",  "a/.wh..", ".wh..wh..opq", "a/.wh..wh..opq",
    "./",     "l",     "l/x",     "l/.wh.y", "m",       "m/a"};
constexpr const char* kTargets[] = {"a", "/a", "../../canary", "../canary/victim", "b/x", "l",
                                    "m", "."};

std::string archive_of(const std::uint8_t* data, std::size_t size) {
  std::vector<archive::testing::Item> items;
  for (std::size_t i = 0; i + 3 <= size && items.size() < 40; i += 3) {
    archive::testing::Item item =
        archive::testing::file(kNames[data[i] % std::size(kNames)], std::string(data[i + 2], 'x'));
    item.entry.type = static_cast<archive::Type>(data[i + 1] % 7);
    item.entry.link = kTargets[data[i + 2] % std::size(kTargets)];
    item.entry.minor = data[i + 2];
    if (item.entry.type != archive::Type::File) item.content.clear();
    items.push_back(std::move(item));
  }
  return archive::testing::tar(items);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ::umask(0);
  const os::TempDirectory root;
  for (const char* name : {"diff", "aside", "canary"}) {
    os::make_directories(root.path() / name, 0755);
  }
  os::replace_file(root.path() / "canary/victim", "untouched", 0600);
  const std::string bytes = archive_of(data, size);
  const os::Fd diff = os::open_directory(root.path() / "diff");
  const os::Fd aside = os::open_directory(root.path() / "aside");
  const os::Fd file = os::open_file(root.path() / "record", O_RDWR | O_CREAT, 0600);
  try {
    archive::RecordWriter record(file);
    archive::MemorySource memory(bytes);
    archive::MeasuredSource measured(memory, 1 << 30);
    archive::ApplyOptions options;
    options.writers = size % 2;
    options.aside = &aside;
    options.record = &record;
    const archive::Applied applied = archive::apply(measured, diff, options);
    record.finish(applied.set_aside, measured.digest());
    std::string made;
    archive::write_tar(file, diff, aside, [&](std::string_view some) { made += some; });
    if (made != bytes) std::abort();
  } catch (const base::Error& error) {
    // A refusal is fine; a record that does not give the tar back is not.
    if (error.kind() == base::Kind::Internal && error.error_number() == 0) std::abort();
  }
  if (os::read_file(root.path() / "canary/victim") != "untouched") std::abort();
  return 0;
}

}  // namespace wharf
