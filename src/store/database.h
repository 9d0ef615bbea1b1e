// What exists, kept in SQLite: one file, one schema, transactions.
//
// Database owns one writing connection and a few reading ones. write() runs a function inside a
// transaction and returns when it is on disk (WAL, synchronous=FULL), or, where the caller asks
// for no more, when it outlives this process: callers that come while another commit is under way
// are committed together with one fsync at most. Each caller's
// function is a savepoint of its own: when it throws, its changes alone are undone and the
// exception is rethrown to that caller. read() sees the last committed state and never waits
// for a writer.
//
// A function given to write() may run on another caller's thread: it must not use thread-local
// state, and must not call write() or wait for somebody who does. All functions are thread-safe
// and throw base::Error: Conflict where a UNIQUE constraint is hit.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "os/file.h"

struct sqlite3;
struct sqlite3_stmt;

namespace wharf::store {

/// What can be bound to a `?` of a statement. Text is copied.
using Value = std::variant<std::nullptr_t, std::int64_t, std::string_view>;

class Connection;

/// The rows of one query, in order. Lives no longer than the function it was made in.
class Rows {
 public:
  ~Rows();
  Rows(Rows&& other) noexcept;
  Rows(const Rows&) = delete;

  /// Steps to the next row (the first call: to the first). False at the end.
  bool next();
  std::string text(int column) const;
  std::int64_t integer(int column) const;
  bool is_null(int column) const;

 private:
  friend class Reader;
  explicit Rows(sqlite3_stmt* statement) : statement_(statement) {}
  sqlite3_stmt* statement_;
};

/// A consistent view of the committed state.
class Reader {
 public:
  explicit Reader(Connection& connection) : connection_(connection) {}

  /// `sql` is compiled once per connection and kept: pass literals, bind what varies.
  Rows query(std::string_view sql, std::initializer_list<Value> values = {});

 protected:
  Connection& connection_;
};

class Transaction : public Reader {
 public:
  using Reader::Reader;

  /// Runs a statement that returns no rows; the number of rows changed.
  std::int64_t run(std::string_view sql, std::initializer_list<Value> values = {});
};

class Database {
 public:
  /// Opens `path`, creating or migrating it to the newest schema. A damaged file is renamed
  /// beside it and a new one is made: see set_aside(). One written by a newer version is
  /// refused and left untouched.
  explicit Database(const os::Path& path);
  ~Database();

  /// `Lazy`: a power loss may undo it, together with all that came after it.
  void write(const std::function<void(Transaction&)>& change,
             os::Durability durability = os::Durability::Synced);
  void read(const std::function<void(Reader&)>& look) const;

  /// Where the damaged database that was found at start now lies, if there was one: the
  /// daemon runs degraded, and nothing on disk may be taken for garbage.
  const std::optional<os::Path>& set_aside() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace wharf::store
