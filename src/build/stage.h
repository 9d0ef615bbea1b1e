// One stage of a build: its instructions, one after another. Inside room build only.
//
// Instructions that only say something change the config; files.cc and run.cc make layers. One
// thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "build/copier.h"
#include "build/work.h"

namespace wharf::build {

class StepMounts;

class StageRun {
 public:
  StageRun(Work& work, const dockerfile::Stage& stage, std::size_t index)
      : work_(work), stage_(stage), index_(index), arguments_(work.arguments) {}

  /// All of it. The state is that of its image.
  State run();

 private:
  // stage.cc

  void begin();
  void triggers();
  void told(const dockerfile::Instruction& instruction);

  std::optional<std::string> variable(std::string_view name) const;
  std::string expand(std::string_view text) const;
  std::vector<std::string> expand_words(std::string_view text) const;
  std::vector<std::string> shell() const;
  std::vector<std::string> command_words(const dockerfile::CommandLine& command) const;

  /// How the history tells of it.
  std::string nop(const std::string& comment, bool spaced = true) const;

  // Keeping (stage.cc).

  struct Step {
    std::string key;
    std::string created_by;
    bool shown = true;  ///< In the progress of a graph.
  };
  /// The result of `make`, now or before; the state has it and its history afterwards.
  void keep(const Step& step, const std::function<Result()>& make);
  Result obtain(const Step& step, const std::function<Result()>& make, bool& cached);
  void tell_begin(const std::string& key, const std::string& code);
  void tell_end(bool cached, const std::string& error);
  std::size_t shown_steps() const;
  /// A step that changes the config alone, which has been done.
  void keep_config(const std::string& created_by);
  std::string key_of(std::string_view kind, std::initializer_list<std::string_view> parts) const;

  // One instruction each (config.cc, files.cc, run.cc).

  void act(const dockerfile::Arg& arg);
  void act(const dockerfile::Env& env);
  void act(const dockerfile::Label& label);
  void act(const dockerfile::Maintainer& maintainer);
  void act(const dockerfile::Cmd& cmd);
  void act(const dockerfile::Entrypoint& entrypoint);
  void act(const dockerfile::Expose& expose);
  void act(const dockerfile::Volume& volume);
  void act(const dockerfile::User& user);
  void act(const dockerfile::OnBuild& on_build);
  void act(const dockerfile::StopSignal& signal);
  void act(const dockerfile::Shell& shell);
  void act(const dockerfile::HealthCheck& check);
  void act(const dockerfile::Workdir& workdir);
  void act(const dockerfile::Copy& copy);
  void act(const dockerfile::Add& add);
  void act(const dockerfile::Run& run);

  // files.cc

  struct Sources;
  void transfer(const dockerfile::Transfer& given, Sources& sources);
  CopyOptions copy_options(const dockerfile::Transfer& given, const Sources& sources) const;
  std::string destination_of(const dockerfile::Transfer& given) const;
  void add_inline(const dockerfile::Transfer& given, Sources& sources) const;
  [[noreturn]] void source_failed(std::string_view name, const base::Error& error,
                                  bool of_context) const;
  /// Of a stage, or an image.
  std::vector<base::Digest> layers_from(const std::string& from);

  // run.cc

  class StepContainer;
  void heard(unsigned stream, std::string_view bytes);
  std::string below_run() const;
  std::string network_of(const dockerfile::Run& run) const;
  std::string add_mounts(const dockerfile::Run& run, StepMounts& mounts);
  Result execute(const std::vector<std::string>& command, const dockerfile::Run& run,
                 const StepMounts& mounts);
  [[noreturn]] void command_failed(const std::vector<std::string>& command, std::int64_t code,
                                   StepContainer& step);

  Work& work_;
  const dockerfile::Stage& stage_;
  std::size_t index_;
  Arguments arguments_;
  State state_;
  const dockerfile::Instruction* current_ = nullptr;
  Vertex vertex_;          ///< The step that is told of, in a graph.
  std::size_t shown_ = 1;  ///< Steps of this stage that clients are told of, FROM is the first.
};

}  // namespace wharf::build
