#include "build/context.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "archive/pack.h"
#include "base/error.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/strings.h"
#include "build/tree.h"
#include "dockerfile/text.h"
#include "layer/layers.h"
#include "os/file.h"
#include "os/tree.h"

namespace wharf::build {
namespace {

using base::fail;
using base::Kind;

constexpr std::size_t kReadBytes = 128 << 10;
constexpr std::size_t kTarBlock = 512;

/// Takes away what a list leaves out, so that no step sees it.
void remove_ignored(const os::Fd& directory, const std::string& prefix, const Tree& tree) {
  const dockerfile::IgnoreList none;
  for (const std::string& name : archive::names_in(directory)) {
    const std::string path = prefix.empty() ? name : prefix + "/" + name;
    if (!tree.wants(path, none, "")) {
      os::remove_beneath(directory, name);
      continue;
    }
    const os::Fd below(WHARF_CALL(openat, directory.get(), name.c_str(),
                                  O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (below.valid()) remove_ignored(below, path, tree);
  }
}

}  // namespace

Context::Context(const os::Path& parent, base::Jobs* jobs)
    : path_(parent / base::hex(base::random_bytes(12))), jobs_(jobs) {
  os::make_directories(parent, 0700);
  os::make_directories(path_, 0755);
  root_ = os::open_file(path_, O_RDONLY | O_DIRECTORY);
}

Context::~Context() {
  const auto remove = [path = path_] {
    try {
      os::remove_tree(path);
    } catch (const base::Error& error) {
      base::log_warn("remove context {}: {}", path.native(), error.what());
    }
  };
  if (jobs_)
    jobs_->run(remove);
  else
    remove();
}

void Context::unpack(layer::Layers& layers, const ByteSource& body, std::stop_token stop) {
  std::size_t total = 0;
  std::vector<char> buffer(kReadBytes);
  std::size_t n = body(buffer);
  // An empty body is an empty context.
  if (n == 0) return;
  archive::Onto onto;
  onto.shown = "/";
  onto.set_owner = true;
  const auto extraction = layers.extract(root_, onto);
  try {
    for (; n != 0; n = body(buffer)) {
      if (stop.stop_requested()) fail(Kind::Cancelled, "context canceled");
      extraction->write({buffer.data(), n});
      total += n;
    }
    extraction->finish();
  } catch (const base::Error& error) {
    if (error.kind() != Kind::InvalidArgument) throw;
    // Docker: Go's tar reader says so of what is too short to be one.
    if (total < kTarBlock) fail(Kind::Internal, "unexpected EOF");
    fail(Kind::Internal, "{}", error.what());
  }
}

bool Context::has(const std::string& name) const {
  try {
    return S_ISREG(os::status(os::open_in_root(root_, name, O_PATH)).st_mode);
  } catch (const base::Error&) {
    return false;
  }
}

std::string Context::read(const std::string& name) const {
  const os::Fd file = os::open_in_root(root_, name, O_RDONLY | O_NONBLOCK);
  if (!S_ISREG(os::status(file).st_mode)) fail(Kind::InvalidArgument, "{} is no file", name);
  return os::read_all(file, dockerfile::kFileLimit + 1);
}

void Context::ignore(const std::string& dockerfile, bool all) {
  std::string list = ".dockerignore";
  if (all && has(dockerfile + ".dockerignore")) list = dockerfile + ".dockerignore";
  if (!has(list)) return;
  try {
    ignored_ = dockerfile::IgnoreList::parse(read(list));
  } catch (const base::Error& error) {
    fail(Kind::InvalidArgument, "error parsing .dockerignore: {}", error.what());
  }
  if (all) {
    remove_ignored(root_, "", Tree(root_, ignored_));
    ignored_ = {};
    return;
  }
  for (const std::string& name : {dockerfile, list}) {
    if (ignored_.excludes(dockerfile::clean_path(name))) os::remove_tree(path_ / name);
  }
  ignored_ = {};
}

std::string read_dockerfile(const Context& context, const std::string& name, bool graph) {
  std::string text;
  try {
    text = context.read(name);
  } catch (const base::Error& error) {
    if (graph) {
      fail(Kind::InvalidArgument, "failed to read dockerfile: open {}: no such file or directory",
           name);
    }
    fail(Kind::Internal, "Cannot locate specified Dockerfile: {}", name);
  }
  if (text.empty() && !graph) {
    fail(Kind::InvalidArgument, "the Dockerfile ({}) cannot be empty", name);
  }
  return text;
}

}  // namespace wharf::build
