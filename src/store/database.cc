#include "store/database.h"

#include <condition_variable>
#include <exception>
#include <mutex>
#include <vector>

#include "base/error.h"
#include "store/connection.h"
#include "store/open.h"

namespace wharf::store {
namespace {

/// More readers than this at once wait for one another.
constexpr std::size_t kReaders = 4;

struct Job {
  const std::function<void(Transaction&)>* change;
  os::Durability durability;
  std::exception_ptr failure;
  bool done = false;
};

}  // namespace

struct Database::State {
  os::Path path;
  std::optional<os::Path> aside;
  std::unique_ptr<Connection> writer;

  std::mutex queue_lock;
  std::condition_variable finished;
  std::vector<Job*> waiting;
  bool committing = false;
  /// Of the writer's next commit; touched only by who commits.
  os::Durability durability = os::Durability::Synced;

  std::mutex readers_lock;
  std::condition_variable reader_free;
  std::vector<std::unique_ptr<Connection>> idle_readers;
  std::size_t readers = 0;

  void run(Job& job);
  void commit(std::span<Job* const> batch);
  void set_durability(std::span<Job* const> batch);
  std::unique_ptr<Connection> take_reader();
  void give_back(std::unique_ptr<Connection> reader);
};

void Database::State::run(Job& job) {
  Transaction transaction(*writer);
  writer->script("SAVEPOINT caller");
  try {
    (*job.change)(transaction);
  } catch (...) {
    job.failure = std::current_exception();
    writer->script("ROLLBACK TO caller");
  }
  writer->script("RELEASE caller");
}

void Database::State::set_durability(std::span<Job* const> batch) {
  const auto lazy = [](const Job* job) { return job->durability == os::Durability::Lazy; };
  const auto wanted =
      std::ranges::all_of(batch, lazy) ? os::Durability::Lazy : os::Durability::Synced;
  if (wanted == durability) return;
  // A log is synced as a whole: a commit that is synced brings those before it to the disk.
  const bool synced = wanted == os::Durability::Synced;
  writer->pragma(synced ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
  durability = wanted;
}

/// One transaction, one fsync, for everybody who was waiting. Where it fails, it fails for all.
void Database::State::commit(std::span<Job* const> batch) {
  try {
    set_durability(batch);
    writer->script("BEGIN IMMEDIATE");
    for (Job* job : batch) run(*job);
    writer->script("COMMIT");
  } catch (...) {
    const std::exception_ptr failure = std::current_exception();
    for (Job* job : batch) {
      if (!job->failure) job->failure = failure;
    }
    try {
      writer->script("ROLLBACK");
    } catch (const base::Error&) {
      // SQLite has rolled back by itself (no space, I/O error): "no transaction is active".
    }
  }
}

std::unique_ptr<Connection> Database::State::take_reader() {
  std::unique_lock lock(readers_lock);
  reader_free.wait(lock, [&] { return !idle_readers.empty() || readers < kReaders; });
  if (!idle_readers.empty()) {
    auto reader = std::move(idle_readers.back());
    idle_readers.pop_back();
    return reader;
  }
  ++readers;
  lock.unlock();
  try {
    return std::make_unique<Connection>(path, Connection::Mode::Read);
  } catch (...) {
    lock.lock();
    --readers;
    reader_free.notify_one();
    throw;
  }
}

void Database::State::give_back(std::unique_ptr<Connection> reader) {
  const std::lock_guard lock(readers_lock);
  idle_readers.push_back(std::move(reader));
  reader_free.notify_one();
}

Database::Database(const os::Path& path) : state_(std::make_unique<State>()) {
  Opened opened = open_database(path);
  state_->path = path;
  state_->aside = std::move(opened.set_aside);
  state_->writer = std::move(opened.writer);
}

Database::~Database() = default;

const std::optional<os::Path>& Database::set_aside() const {
  return state_->aside;
}

void Database::write(const std::function<void(Transaction&)>& change, os::Durability durability) {
  State& state = *state_;
  Job job{.change = &change, .durability = durability, .failure = nullptr};
  std::unique_lock lock(state.queue_lock);
  state.waiting.push_back(&job);
  state.finished.wait(lock, [&] { return job.done || !state.committing; });
  // Whoever finds nobody committing does it for all who wait by then, itself among them.
  if (!job.done) {
    state.committing = true;
    const std::vector<Job*> batch = std::exchange(state.waiting, {});
    lock.unlock();
    state.commit(batch);
    lock.lock();
    state.committing = false;
    for (Job* each : batch) each->done = true;
    state.finished.notify_all();
  }
  lock.unlock();
  if (job.failure) std::rethrow_exception(job.failure);
}

void Database::read(const std::function<void(Reader&)>& look) const {
  auto connection = state_->take_reader();
  struct Return {
    State& state;
    std::unique_ptr<Connection>& connection;
    ~Return() { state.give_back(std::move(connection)); }
  } give_back{*state_, connection};
  // One snapshot for all queries of `look`.
  connection->script("BEGIN");
  try {
    Reader reader(*connection);
    look(reader);
  } catch (...) {
    connection->script("ROLLBACK");
    throw;
  }
  connection->script("COMMIT");
}

}  // namespace wharf::store
