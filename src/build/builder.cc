#include "build/builder.h"

#include "base/error.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/strings.h"
#include "build/remote.h"
#include "build/stage.h"
#include "content/blobs.h"
#include "image/images.h"
#include "layer/layers.h"
#include "os/file.h"

namespace wharf::build {
namespace {

using base::fail;
using base::Kind;

dockerfile::File parse_dockerfile(const std::string& text, const Request& request) {
  dockerfile::Text lines;
  try {
    lines = dockerfile::read_text(text);
  } catch (const base::Error& error) {
    if (request.graph) throw;
    fail(Kind::InvalidArgument, "failed to parse {}: {}", request.dockerfile, error.what());
  }
  dockerfile::File file = dockerfile::parse(lines);
  if (file.stages.empty()) fail(Kind::InvalidArgument, "no build stage in current context");
  if (!request.target.empty()) {
    const auto target = dockerfile::find_stage(file.stages, request.target);
    if (!target) {
      fail(Kind::InvalidArgument, "target stage {} could not be found",
           base::quoted(request.target));
    }
    file.stages.resize(*target + 1);
  }
  // Docker: --label is an instruction at the end of the last stage.
  for (const auto& [name, value] : request.labels) {
    file.stages.back().instructions.push_back(
        {fmt::format("LABEL {}={}", name, value), 0, dockerfile::Label{{{name, value}}, true}});
  }
  return file;
}

std::size_t count_steps(const dockerfile::File& file) {
  std::size_t steps = file.arguments.size() + file.stages.size();
  for (const dockerfile::Stage& stage : file.stages) steps += stage.instructions.size();
  return steps;
}

void declare_globals(Work& work) {
  for (const dockerfile::Instruction& one : work.file.arguments) {
    work.say_step(one.code);
    dockerfile::Expander expander;
    expander.escape = work.file.directives.escape;
    expander.variables = [&](std::string_view name) { return work.arguments.get_global(name); };
    for (const auto& [name, value] : std::get<dockerfile::Arg>(one.action).arguments) {
      std::optional<std::string> expanded;
      if (value) expanded = expander.word(*value);
      work.arguments.declare_global(expander.word(name), expanded);
    }
  }
}

void check_names(const dockerfile::File& file) {
  std::set<std::string> names;
  for (const dockerfile::Stage& stage : file.stages) {
    if (stage.name.empty() || names.insert(stage.name).second) continue;
    fail(Kind::InvalidArgument, "{} stage name already used", stage.name);
  }
}

/// The image of a state becomes one of the engine's.
base::Digest publish(const Work& work, const State& state) {
  image::Images& images = work.services.images;
  if (state.id.empty()) {
    fail(Kind::InvalidArgument, "No image was generated. Is your Dockerfile empty?");
  }
  std::vector<oci::Reference> names = work.request.tags;
  if (state.id.text() != state.from) {
    work.services.layers.commit(state.pins);
    content::Blobs& blobs = images.stores().blobs;
    const content::Lease lease = blobs.lease();
    const Documents documents = documents_of(state);
    blobs.put(documents.config);
    blobs.put(documents.manifest);
    image::Record record =
        images.examine(documents.id, std::string(oci::media::kOciManifest), {documents.id});
    record.parent = state.from;
    images.add(record, names);
  } else {
    for (const oci::Reference& name : names) images.tag(state.id.text(), name);
    return state.id;
  }
  for (const oci::Reference& name : names) images.publish("tag", state.id, name.familiar());
  return state.id;
}

/// Whatever comes of the build: what its steps made is kept for the next one.
void keep_made(Work& work) noexcept {
  try {
    work.cache.keep(work.made);
  } catch (const base::Error& error) {
    base::log_error("the build cache could not be kept: {}", error.what());
  }
}

State run_in_order(Work& work) {
  State last;
  for (std::size_t i = 0; i < work.file.stages.size(); ++i) {
    last = StageRun(work, work.file.stages[i], i).run();
    std::promise<State> done;
    done.set_value(last);
    work.stages[i] = done.get_future().share();
  }
  return last;
}

/// The stage that a text of the file names, where it is an earlier one.
std::optional<std::size_t> earlier_stage(const Work& work, std::size_t index,
                                         const std::string& text) {
  const auto& stages = work.file.stages;
  return dockerfile::find_stage(
      {stages.begin(), stages.begin() + static_cast<std::ptrdiff_t>(index)}, text);
}

/// The stages that one needs, by its FROM, COPY --from and RUN --mount=from.
std::vector<std::size_t> needs_of(const Work& work, std::size_t index) {
  const dockerfile::Stage& stage = work.file.stages[index];
  std::vector<std::string> names;
  dockerfile::Expander expander;
  expander.variables = [&](std::string_view name) { return work.arguments.get_global(name); };
  const std::string base = expander.word(stage.base);
  for (const dockerfile::Instruction& one : stage.instructions) {
    if (const auto* copy = std::get_if<dockerfile::Copy>(&one.action)) names.push_back(copy->from);
    const auto* run = std::get_if<dockerfile::Run>(&one.action);
    if (!run) continue;
    for (const std::string& mount : run->mounts) names.push_back(parse_mount(mount).from);
  }
  std::vector<std::size_t> needs;
  if (const auto found = earlier_stage(work, index, base);
      found && work.file.stages[*found].name == base::lower(base)) {
    needs.push_back(*found);
  }
  for (const std::string& name : names) {
    const auto found = name.empty() ? std::nullopt : earlier_stage(work, index, name);
    if (found) needs.push_back(*found);
  }
  return needs;
}

/// Every stage that the last one needs runs at once with the others; who takes from a stage
/// waits for it. The first error ends all of them.
State run_as_graph(Work& work, std::stop_source& ending) {
  /// Each is a thread that mostly waits; a file with more of them runs one after another.
  constexpr std::size_t kStagesAtOnce = 32;
  const std::size_t last = work.file.stages.size() - 1;
  std::set<std::size_t> wanted = {last};
  for (std::size_t i = last + 1; i-- > 0;) {
    if (!wanted.contains(i)) continue;
    for (const std::size_t need : needs_of(work, i)) wanted.insert(need);
  }
  const bool at_once = wanted.size() <= kStagesAtOnce;
  for (const std::size_t i : wanted) {
    const auto policy = at_once ? std::launch::async : std::launch::deferred;
    work.stages[i] = std::async(policy, [&work, &ending, i] {
                       try {
                         return StageRun(work, work.file.stages[i], i).run();
                       } catch (const base::Error& error) {
                         if (error.kind() != Kind::Cancelled) {
                           const std::lock_guard guard(work.lock);
                           if (!work.failure) work.failure = std::current_exception();
                         }
                         ending.request_stop();
                         throw;
                       }
                     }).share();
  }
  for (const std::size_t i : wanted) work.stages[i].wait();
  if (work.failure) std::rethrow_exception(work.failure);
  return work.stages[last].get();
}

}  // namespace

Builder::Builder(Services services)
    : services_(std::move(services)),
      cache_(services_.database, services_.layers),
      mounts_(services_.directory / "mounts") {
  os::make_directories(services_.directory, 0700);
  os::remove_tree(services_.directory / "contexts");
}

base::Digest Builder::build(const Request& request, const ByteSource& body, Report& report,
                            std::stop_token stop) {
  Context context(services_.directory / "contexts", &jobs_);
  if (request.remote.empty())
    context.unpack(services_.layers, body, stop);
  else
    fetch_context(request.remote, request.dockerfile, services_.layers, context, stop);
  const std::string text = read_dockerfile(context, request.dockerfile, request.graph);
  context.ignore(request.dockerfile, request.graph);
  const dockerfile::File file = parse_dockerfile(text, request);

  std::stop_source ending;
  const std::stop_callback gone(stop, [&] { ending.request_stop(); });
  Work work{request,
            services_,
            cache_,
            report,
            ending.get_token(),
            context,
            file,
            mounts_,
            Arguments(request.arguments, request.platform.value_or(oci::host_platform()))};
  work.steps = count_steps(file);
  work.stages.resize(file.stages.size());
  base::Digest id;
  try {
    declare_globals(work);
    if (!request.graph) check_names(file);
    const State state = request.graph ? run_as_graph(work, ending) : run_in_order(work);
    work.used_arguments.merge(work.arguments.take_used());
    if (const auto unused = unused_arguments(request.arguments, work.used_arguments);
        !unused.empty()) {
      work.say("[Warning] One or more build-args [{}] were not consumed\n",
               base::join(unused, " "));
    }
    keep_made(work);
    id = publish(work, state);
  } catch (...) {
    keep_made(work);
    throw;
  }
  cache_.use(work.keys, id);
  return id;
}

}  // namespace wharf::build
