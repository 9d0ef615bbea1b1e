// COPY, ADD and WORKDIR: files into the root file system of a stage.
#include <fcntl.h>
#include <sys/stat.h>

#include <memory>

#include "archive/source.h"
#include "archive/tar_reader.h"
#include "base/error.h"
#include "base/ids.h"
#include "base/strings.h"
#include "build/remote.h"
#include "build/stage.h"
#include "build/writable.h"
#include "container/users.h"
#include "os/file.h"

namespace wharf::build {
namespace {

using base::fail;
using base::Kind;

[[noreturn]] void needs_buildkit(std::string_view flag) {
  fail(Kind::InvalidArgument,
       "the --{} option requires BuildKit. Refer to https://docs.docker.com/go/buildkit/ to learn "
       "how to build images with BuildKit enabled",
       flag);
}

/// What a step takes: one file or directory of a tree.
struct Taken {
  const Tree* tree = nullptr;
  std::string path;
  std::string digest;  ///< "file:<hex>" or "dir:<hex>".
  bool unpack = false;
};

bool is_archive(const Tree& tree, const std::string& path) {
  try {
    const os::Fd file = tree.open(path, O_RDONLY | O_NONBLOCK);
    if (!S_ISREG(os::status(file).st_mode)) return false;
    archive::FdSource raw(file);
    const auto plain = archive::decompress(raw);
    archive::TarReader reader(*plain, {});
    archive::Entry entry;
    return reader.next(entry);
  } catch (const base::Error&) {
    return false;
  }
}

}  // namespace

struct StageRun::Sources {
  std::string name;  ///< "COPY", "ADD".
  std::vector<std::unique_ptr<Context>> downloads = {};
  std::optional<os::DetachedMount> mount = {};
  std::vector<std::unique_ptr<Tree>> trees = {};
  std::vector<Taken> taken = {};
  std::vector<std::pair<std::string, std::string>> inline_files = {};
  bool keeps_owner = false;
  bool unpacks = false;
  bool parents = false;

  const Tree& add_tree(const os::Fd& root, const dockerfile::IgnoreList& ignore) {
    trees.push_back(std::make_unique<Tree>(root, ignore));
    return *trees.back();
  }
  void take(const Tree& tree, const std::string& pattern, const dockerfile::IgnoreList& exclude) {
    for (const std::string& path : tree.find(pattern)) {
      const bool directory = S_ISDIR(os::status(tree.open(path, O_PATH)).st_mode);
      const bool unpack = unpacks && !directory && is_archive(tree, path);
      const std::string digest(tree.digest(path, exclude).hex());
      taken.push_back({&tree, path, (directory ? "dir:" : "file:") + digest, unpack});
    }
  }
  /// As the first builder's history shows it.
  std::string digest() const {
    std::string all;
    for (const Taken& one : taken) all += (all.empty() ? "" : ",") + one.digest;
    for (const auto& [name_of_file, content] : inline_files) {
      all += "," + name_of_file + ":" + std::string(base::Sha256::of(content).hex());
    }
    if (taken.size() == 1 && inline_files.empty()) return all;
    return "multi:" + std::string(base::Sha256::of(all).hex());
  }
};

std::string StageRun::destination_of(const dockerfile::Transfer& given) const {
  const std::string destination = expand(given.destination);
  if (destination.starts_with('/')) return destination;
  const std::string& directory = state_.config.config.working_dir;
  return (directory.empty() ? "" : directory) + "/" + destination;
}

CopyOptions StageRun::copy_options(const dockerfile::Transfer& given,
                                   const Sources& sources) const {
  CopyOptions options;
  std::vector<std::string> patterns;
  for (const std::string& pattern : given.exclude) patterns.push_back(expand(pattern));
  options.exclude = dockerfile::IgnoreList(patterns);
  if (!given.chmod.empty()) options.mode = ModeChange::parse(expand(given.chmod));
  if (!sources.keeps_owner) options.owner = Owner{};
  const std::string chown = expand(given.chown);
  if (chown.empty()) return options;
  const os::DetachedMount root = work_.services.layers.mount_image(state_.diff_ids);
  const container::Identity who = container::find_identity(root.fd(), chown, {});
  // Docker: a user alone is a group of the same number too.
  const bool group_given = chown.find(':') != std::string::npos;
  const bool number = chown.find_first_not_of("0123456789") == std::string::npos;
  options.owner = Owner{who.uid, group_given || !number ? who.gid : who.uid};
  return options;
}

void StageRun::transfer(const dockerfile::Transfer& given, Sources& sources) {
  const std::string destination = destination_of(given);
  const bool many = sources.taken.size() + sources.inline_files.size() > 1;
  if (many && !destination.ends_with('/')) {
    fail(Kind::InvalidArgument,
         "When using {} with more than one source file, the destination must be a directory and "
         "end with a /",
         sources.name);
  }
  const std::string digest = sources.digest();
  const std::string chown = expand(given.chown);
  const std::string created_by =
      work_.request.graph ? current_->code + " # buildkit"
                          : nop(fmt::format("{} {}{} in {} ", sources.name,
                                            chown.empty() ? "" : "--chown=" + chown + " ", digest,
                                            expand(given.destination)),
                                false);
  std::string below = state_.id.text();
  if (work_.request.graph) {
    below.clear();
    for (const base::Digest& id : state_.diff_ids) below += id.text();
  }
  const std::string flags = base::join(given.exclude, "\n") + "\n" + expand(given.chmod) + "\n" +
                            (sources.parents ? "parents" : "");
  const std::string key = key_of("files", {below, created_by, digest, destination, flags});
  keep({key, created_by}, [&] {
    const CopyOptions options = copy_options(given, sources);
    Writable writable(work_.services.layers, state_.diff_ids);
    Copier copier(writable.root(), options);
    for (const Taken& one : sources.taken) {
      work_.check_stop();
      if (one.unpack) {
        copier.make_directories(dockerfile::clean_path(destination));
        unpack_file(work_.services.layers, writable.root(), destination,
                    one.tree->open(one.path, O_RDONLY));
        continue;
      }
      std::string target = destination;
      if (sources.parents) {
        const std::size_t slash = one.path.rfind('/');
        const bool directory = one.digest.starts_with("dir:");
        const std::string kept = directory                    ? one.path
                                 : slash == std::string::npos ? ""
                                                              : one.path.substr(0, slash);
        target = destination + (destination.ends_with('/') ? "" : "/") + kept + "/";
      }
      copier.copy(*one.tree, one.path, target, many);
    }
    for (const auto& [name, content] : sources.inline_files) {
      const bool into = destination.ends_with('/') || copier.is_directory(destination);
      const mode_t mode = 0644;
      copier.write(into ? destination + "/" + name : destination, content, mode, {});
    }
    return writable.finish();
  });
}

void StageRun::act(const dockerfile::Copy& copy) {
  if (!work_.request.graph && !copy.chmod.empty()) needs_buildkit("chmod");
  Sources sources{.name = "COPY"};
  try {
    static const dockerfile::IgnoreList kNone;
    sources.parents = copy.parents && work_.request.graph;
    std::vector<std::string> patterns;
    for (const std::string& pattern : copy.exclude) patterns.push_back(expand(pattern));
    const dockerfile::IgnoreList exclude(patterns);
    const Tree* tree = nullptr;
    if (copy.from.empty()) {
      tree = &sources.add_tree(work_.context.root(), work_.context.ignored());
    } else {
      sources.mount = work_.services.layers.mount_image(layers_from(expand(copy.from)));
      tree = &sources.add_tree(sources.mount->fd(), kNone);
      sources.keeps_owner = true;
    }
    for (const std::string& path : copy.paths) {
      const std::string expanded = expand(path);
      if (expanded.starts_with("http://") || expanded.starts_with("https://")) {
        fail(Kind::InvalidArgument, "source can't be a URL for COPY");
      }
      sources.take(*tree, expanded, exclude);
    }
    add_inline(copy, sources);
    if (sources.taken.empty() && sources.inline_files.empty()) {
      fail(Kind::InvalidArgument, "no source files were specified");
    }
  } catch (const base::Error& error) {
    source_failed("COPY", error, copy.from.empty());
  }
  transfer(copy, sources);
}

void StageRun::add_inline(const dockerfile::Transfer& given, Sources& sources) const {
  // Docker: its first builder takes no heredocs: the words are names of files.
  for (const dockerfile::InlineFile& file : given.files) {
    if (!work_.request.graph) {
      fail(Kind::NotFound, "stat <<{}: file does not exist", file.name);
    }
    dockerfile::Expander expander;
    expander.escape = work_.file.directives.escape;
    expander.variables = [this](std::string_view name) { return variable(name); };
    expander.keep_quotes = expander.keep_escapes = true;
    sources.inline_files.emplace_back(file.name,
                                      file.expand ? expander.word(file.content) : file.content);
  }
}

void StageRun::source_failed(std::string_view name, const base::Error& error,
                             bool of_context) const {
  if (error.kind() == Kind::Cancelled) throw error;
  const bool missing = error.kind() == Kind::NotFound && of_context;
  if (missing) {
    fail(Kind::NotFound,
         "{} failed: file not found in build context or excluded by .dockerignore: {}", name,
         error.what());
  }
  fail(error.kind(), "{} failed: {}", name, error.what());
}

std::vector<base::Digest> StageRun::layers_from(const std::string& from) {
  const auto& stages = work_.file.stages;
  const auto earlier = dockerfile::find_stage(
      {stages.begin(), stages.begin() + static_cast<std::ptrdiff_t>(index_)}, from);
  if (earlier) {
    return work_.stages[*earlier].get().diff_ids;
  }
  const bool number = !from.empty() && from.find_first_not_of("0123456789") == std::string::npos;
  if (number) {
    fail(Kind::InvalidArgument, "invalid from flag value {}: refers to current build block", from);
  }
  try {
    return work_.image(from, work_.request.platform).diff_ids;
  } catch (const base::Error& error) {
    if (error.kind() == Kind::Cancelled) throw;
    fail(error.kind(), "invalid from flag value {}: {}", from, error.what());
  }
}

void StageRun::act(const dockerfile::Add& add) {
  if (!work_.request.graph && !add.chmod.empty()) needs_buildkit("chmod");
  Sources sources{.name = "ADD"};
  static const dockerfile::IgnoreList kNone;
  try {
    std::vector<std::string> patterns;
    for (const std::string& pattern : add.exclude) patterns.push_back(expand(pattern));
    const dockerfile::IgnoreList exclude(patterns);
    const Tree& context = sources.add_tree(work_.context.root(), work_.context.ignored());
    for (const std::string& path : add.paths) {
      const std::string expanded = expand(path);
      if (!is_remote(expanded)) {
        sources.unpacks = add.unpack.value_or(true);
        sources.take(context, expanded, exclude);
        continue;
      }
      Download download{expanded, expand(add.destination), expand(add.checksum), add.keep_git_dir};
      sources.downloads.push_back(std::make_unique<Context>(work_.services.directory / "contexts"));
      const std::string name = fetch(download, *sources.downloads.back(), work_.stop);
      const Tree& fetched = sources.add_tree(sources.downloads.back()->root(), kNone);
      sources.unpacks = add.unpack.value_or(false);
      sources.take(fetched, name, exclude);
    }
    add_inline(add, sources);
    if (sources.taken.empty() && sources.inline_files.empty()) {
      fail(Kind::InvalidArgument, "no source files were specified");
    }
  } catch (const base::Error& error) {
    source_failed("ADD", error, true);
  }
  transfer(add, sources);
}

void StageRun::act(const dockerfile::Workdir& workdir) {
  const std::string path = expand(workdir.path);
  if (path.empty()) fail(Kind::InvalidArgument, "cannot normalize nothing");
  std::string& current = state_.config.config.working_dir;
  current = dockerfile::clean_path(path.starts_with('/') ? path : "/" + current + "/" + path);
  const std::string created_by = nop("WORKDIR " + current, false);
  const std::string config = base::to_text(oci::to_json(state_.config.config));
  keep({key_of("workdir", {state_.id.text(), created_by, config}), created_by}, [&] {
    const std::string id = base::random_id().substr(0, 12);
    work_.say(" ---> Running in {}\n", id);
    Result result;
    bool there = false;
    {
      const os::DetachedMount root = work_.services.layers.mount_image(state_.diff_ids);
      there = Copier(root.fd(), {}).is_directory(current);
    }
    if (!there) {
      Writable writable(work_.services.layers, state_.diff_ids);
      Copier(writable.root(), {}).make_directories(current);
      result = writable.finish();
    }
    if (work_.request.remove) work_.say(" ---> Removed intermediate container {}\n", id);
    return result;
  });
}

}  // namespace wharf::build
