#include "container/log_stream.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/error.h"
#include "container/log_options.h"
#include "logs/files.h"
#include "logs/follower.h"
#include "logs/line.h"
#include "os/file.h"

namespace wharf::container {

namespace {

constexpr std::size_t kGathered = 32 << 10;

class FileLog : public Log {
 public:
  FileLog(Containers::State& state, ContainerPointer container, const LogQuery& query)
      : state_(state), container_(std::move(container)), query_(query) {
    const Record record = container_->record();
    tty_ = record.config.tty;
    options_ = log_options(record);
    if (options_.type == supervise::LogOptions::Type::Local) format_ = logs::Format::Local;
    try {
      directory_ = os::open_directory(state_.directory(container_->id));
      if (const std::string folder = options_.folder(); !folder.empty()) enter(folder);
    } catch (const base::Error& error) {
      if (error.error_number() != ENOENT) throw;
      // It is being removed this moment.
      base::fail(base::Kind::NotFound, "No such container: {}", container_->id);
    }
  }

  bool raw() const override { return tty_; }

  void send(const std::function<void(std::string_view)>& sink, std::stop_token stop) override;

 private:
  using Sink = std::function<void(std::string_view)>;

  /// Makes it where the container has not run yet, so that it can be watched.
  void enter(const std::string& folder);
  /// False once nothing more can be wanted.
  bool give(std::string_view record, const Sink& sink);
  /// What was gathered goes to the client.
  void flush(const Sink& sink);
  void rest(const Sink& sink);
  void follow(std::optional<logs::RecordReader> from, logs::Watch::Interest& changes,
              const Sink& sink, std::stop_token stop);

  Containers::State& state_;
  ContainerPointer container_;
  LogQuery query_;
  supervise::LogOptions options_;
  os::Fd directory_;
  bool tty_ = false;
  logs::Format format_ = logs::Format::Json;
  logs::Line line_;
  std::string gathered_;  ///< A line each would be a system call each.
};

void FileLog::enter(const std::string& folder) {
  if (WHARF_CALL(mkdirat, directory_.get(), folder.c_str(), mode_t{0700}) != 0 && errno != EEXIST)
    throw os::last_error("make {}", folder);
  directory_ = os::Fd(os::check(
      WHARF_CALL(openat, directory_.get(), folder.c_str(), O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW),
      "open the log's directory"));
}

bool FileLog::give(std::string_view record, const Sink& sink) {
  if (!logs::decode(record, format_, line_)) return true;
  if (query_.since && line_.time < *query_.since) return true;
  if (query_.until && line_.time > *query_.until) return false;
  if (line_.stream == "stderr" ? !query_.err : !query_.out) return true;
  logs::Shown how;
  how.timestamps = query_.timestamps;
  how.details = query_.details;
  how.framed = !tty_;
  how.json = query_.json;
  logs::show(line_, how, gathered_);
  if (gathered_.size() >= kGathered) flush(sink);
  return true;
}

void FileLog::flush(const Sink& sink) {
  if (!gathered_.empty()) sink(gathered_);
  gathered_.clear();
}

/// Before a wait that may be long: followers are many.
void FileLog::rest(const Sink& sink) {
  flush(sink);
  std::string().swap(gathered_);  // "=" would keep what it holds.
  std::string().swap(line_.text);
}

void FileLog::follow(std::optional<logs::RecordReader> from, logs::Watch::Interest& changes,
                     const Sink& sink, std::stop_token stop) {
  const os::Fd ended = container_->stopped_signal();
  logs::Follower follower(directory_, options_.name, std::move(from), changes, format_);
  while (auto record = follower.next(ended, stop, [&] { rest(sink); })) {
    if (!give(*record, sink)) break;
  }
  flush(sink);
}

void FileLog::send(const Sink& sink, std::stop_token stop) {
  std::optional<logs::Watch::Interest> changes;
  if (query_.follow)
    changes.emplace(state_.watch.on(state_.directory(container_->id) / options_.folder()));
  logs::LogFiles files(directory_, options_.name, options_.max_files, format_);
  if (query_.tail >= 0) {
    files.keep_last(static_cast<std::uint64_t>(query_.tail));
  } else if (query_.since) {
    files.keep_since(*query_.since);
  }
  while (auto record = files.next()) {
    if (stop.stop_requested()) return;
    if (!give(*record, sink)) return flush(sink);
  }
  flush(sink);
  if (query_.follow) follow(std::move(files).newest(), *changes, sink, stop);
}

}  // namespace

std::unique_ptr<Log> open_log(Containers::State& state, const ContainerPointer& container,
                              const LogQuery& query) {
  if (!log_is_readable(container->record().host.log_config)) {
    base::fail(base::Kind::NotImplemented, "configured logging driver does not support reading");
  }
  return std::make_unique<FileLog>(state, container, query);
}

std::unique_ptr<Log> Containers::logs(std::string_view name, const LogQuery& query) {
  const ContainerPointer container = state_->find(name);
  if (!query.out && !query.err) {
    base::fail(base::Kind::InvalidArgument, "must specify at least one of 'stdout' or 'stderr'");
  }
  return open_log(*state_, container, query);
}

}  // namespace wharf::container
