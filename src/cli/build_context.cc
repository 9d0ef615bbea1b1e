#include "cli/build_context.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "archive/pack.h"
#include "base/error.h"
#include "os/file.h"

namespace wharf::cli {
namespace {

constexpr std::size_t kListLimit = 1 << 20;
constexpr std::size_t kPieceBytes = 64 << 10;

}  // namespace

struct BuildContext::Packing {
  explicit Packing(const os::Fd& to)
      : tar([this, &to](std::string_view bytes) {
          held += bytes;
          if (held.size() < kPieceBytes) return;
          os::write_all(to, held);
          held.clear();
        }),
        packer(tar) {}

  std::string held;
  archive::TarWriter tar;
  archive::Packer packer;
};

BuildContext::BuildContext(const std::string& directory, std::string dockerfile, std::string extra)
    : root_(os::open_file(directory, O_RDONLY | O_DIRECTORY)),
      dockerfile_(std::move(dockerfile)),
      extra_(std::move(extra)) {
  const os::Path home = directory;
  std::optional<std::string> list;
  if (!dockerfile_.empty()) {
    list = os::read_file_if_exists(home / (dockerfile_ + ".dockerignore"), kListLimit);
  }
  if (!list) list = os::read_file_if_exists(home / ".dockerignore", kListLimit);
  list_ = list.value_or("");
  ignore_ = dockerfile::IgnoreList::parse(list_);
  pipe_ = os::make_pipe();
  thread_ = std::jthread([this] { pack(); });
}

BuildContext::~BuildContext() {
  // Whoever packs gets an error, not a signal: SIGPIPE is ignored by the program.
  pipe_.read.reset();
}

std::size_t BuildContext::read(std::span<char> into) {
  const std::size_t n = os::read_some(pipe_.read, into);
  if (n != 0) return n;
  if (thread_.joinable()) thread_.join();
  if (failure_) std::rethrow_exception(failure_);
  return 0;
}

bool BuildContext::wanted(const std::string& path, bool directory) const {
  const bool needed = path == dockerfile_ || path == ".dockerignore" ||
                      path == dockerfile_ + ".dockerignore" ||
                      (directory && dockerfile_.starts_with(path + "/"));
  if (needed || !ignore_.excludes(path)) return true;
  return directory && ignore_.may_include_below(path);
}

void BuildContext::members(const os::Fd& directory, const std::string& prefix) {
  for (const std::string& name : archive::names_in(directory)) {
    const std::string path = prefix + name;
    struct stat found{};
    if (::fstatat(directory.get(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW) < 0) continue;
    const bool is_directory = S_ISDIR(found.st_mode);
    if (!wanted(path, is_directory)) continue;
    packing_->packer.member(directory, name, path);
    if (!is_directory) continue;
    members(os::open_at(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), path + "/");
  }
}

void BuildContext::pack() {
  const os::Fd to = std::move(pipe_.write);
  try {
    Packing packing(to);
    packing_ = &packing;
    if (!extra_.empty()) {
      archive::Entry entry;
      entry.name = kOutsideDockerfile;
      entry.mode = 0644;
      packing.tar.entry(entry, extra_);
      // It is no file of the context's: a list of its own leaves it out again.
      const std::string name = entry.name + ".dockerignore";
      const std::string list = fmt::format("{}\n{}\n{}\n", list_, entry.name, name);
      entry.name = name;
      packing.tar.entry(entry, list);
    }
    members(root_, "");
    packing.tar.finish();
    os::write_all(to, packing.held);
  } catch (const base::Error&) {
    failure_ = std::current_exception();
  }
}

}  // namespace wharf::cli
