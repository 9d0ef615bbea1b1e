#include "container/first_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "os/file.h"

namespace wharf::container {

namespace {

enum class Shape { File, Directory, Link };

struct FirstFile {
  std::string_view path;
  Shape shape;
};

constexpr std::array<FirstFile, 10> kFirstFiles = {{{"/.dockerenv", Shape::File},
                                                    {"/dev/console", Shape::File},
                                                    {"/dev/pts", Shape::Directory},
                                                    {"/dev/shm", Shape::Directory},
                                                    {"/etc/hostname", Shape::File},
                                                    {"/etc/hosts", Shape::File},
                                                    {"/etc/mtab", Shape::Link},
                                                    {"/etc/resolv.conf", Shape::File},
                                                    {"/proc", Shape::Directory},
                                                    {"/sys", Shape::Directory}}};

constexpr const char* kMounts = "/proc/mounts";

/// Docker: files of this kind are 0755 too.
constexpr mode_t kMode = 0755;

int make_one(const os::Fd& parent, const std::string& name, Shape shape) {
  if (shape == Shape::Directory) return WHARF_CALL(mkdirat, parent.get(), name.c_str(), kMode);
  if (shape == Shape::Link) return WHARF_CALL(symlinkat, kMounts, parent.get(), name.c_str());
  const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  const int fd = WHARF_CALL(openat, parent.get(), name.c_str(), flags, kMode);
  if (fd < 0) return -1;
  const os::Fd made(fd);
  return 0;
}

/// The directory at `path`, made where it is missing.
os::Fd directory_at(const os::Fd& root, const std::string& path) {
  if (path.empty()) return os::open_in_root(root, "/", O_RDONLY | O_DIRECTORY);
  try {
    return os::open_in_root(root, path, O_RDONLY | O_DIRECTORY);
  } catch (const base::Error& error) {
    if (error.error_number() != ENOENT) throw;
  }
  const std::size_t slash = path.rfind('/');
  const os::Fd above = directory_at(root, path.substr(0, slash));
  if (make_one(above, path.substr(slash + 1), Shape::Directory) < 0 && errno != EEXIST) {
    throw os::last_error("make {} in the container", path);
  }
  return os::open_in_root(root, path, O_RDONLY | O_DIRECTORY);
}

void make_missing(const os::Fd& root, const std::string& path, Shape shape) {
  const std::size_t slash = path.rfind('/');
  const os::Fd parent = directory_at(root, path.substr(0, slash));
  if (make_one(parent, path.substr(slash + 1), shape) < 0 && errno != EEXIST) {
    throw os::last_error("make {} in the container", path);
  }
}

}  // namespace

void make_first_files(const os::Fd& root) {
  for (const FirstFile& file : kFirstFiles) {
    try {
      make_missing(root, std::string(file.path), file.shape);
    } catch (const base::Error& error) {
      // An image may have a file in the place of a directory: then nothing can be mounted there.
      const int why = error.error_number();
      if (why != ENOTDIR && why != ELOOP && why != ENOENT) throw;
    }
  }
}

void make_mount_point(const os::Fd& root, const std::string& path, bool directory) {
  try {
    os::open_in_root(root, path, O_PATH);
    return;
  } catch (const base::Error& error) {
    if (error.error_number() != ENOENT) throw;
  }
  if (directory) {
    directory_at(root, path);
  } else {
    make_missing(root, path, Shape::File);
  }
}

std::vector<std::string> first_files() {
  std::vector<std::string> paths;
  for (const FirstFile& file : kFirstFiles) paths.emplace_back(file.path);
  return paths;
}

bool is_first_file(std::string_view path, const struct stat& found) {
  const auto same = [&](const FirstFile& file) { return file.path == path; };
  const auto* const file = std::find_if(kFirstFiles.begin(), kFirstFiles.end(), same);
  if (file == kFirstFiles.end()) return false;
  switch (file->shape) {
    case Shape::File:
      return S_ISREG(found.st_mode) && found.st_size == 0;
    case Shape::Directory:
      return S_ISDIR(found.st_mode);
    case Shape::Link:
      return S_ISLNK(found.st_mode) &&
             found.st_size == static_cast<off_t>(std::string_view(kMounts).size());
  }
  return false;
}

}  // namespace wharf::container
