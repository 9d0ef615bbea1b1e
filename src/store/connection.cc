#include "store/connection.h"

#include "base/error.h"

namespace wharf::store {
namespace {

/// Statements of a text that changes per call would fill the cache without end.
constexpr std::size_t kMaxStatements = 256;

base::Kind kind_of(int result) {
  switch (result & 0xff) {
    case SQLITE_CONSTRAINT:
      return base::Kind::Conflict;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return base::Kind::Unavailable;
    default:
      return base::Kind::Internal;
  }
}

int errno_of(int result) {
  switch (result & 0xff) {
    case SQLITE_FULL:
      return ENOSPC;
    case SQLITE_READONLY:
      return EROFS;
    case SQLITE_IOERR:
      return EIO;
    default:
      return 0;
  }
}

}  // namespace

Connection::Connection(const os::Path& path, Mode mode) {
  const int access =
      mode == Mode::Write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
  if (::sqlite3_open_v2(path.c_str(), &handle_, access | SQLITE_OPEN_NOMUTEX, nullptr) !=
      SQLITE_OK) {
    const std::string reason = handle_ ? ::sqlite3_errmsg(handle_) : "out of memory";
    ::sqlite3_close_v2(handle_);
    base::fail(base::Kind::Internal, "open database {}: {}", path.native(), reason);
  }
  ::sqlite3_extended_result_codes(handle_, 1);
  ::sqlite3_busy_timeout(handle_, 5'000);
  // The schema of a damaged file may hold triggers and views made by nobody we know.
  ::sqlite3_db_config(handle_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  ::sqlite3_db_config(handle_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
}

Connection::~Connection() {
  for (auto& [sql, statement] : statements_) ::sqlite3_finalize(statement);
  ::sqlite3_close_v2(handle_);
}

sqlite3_stmt* Connection::prepare(std::string_view sql) {
  const auto known = statements_.find(std::string(sql));
  if (known != statements_.end() && !::sqlite3_stmt_busy(known->second)) return known->second;
  if (known != statements_.end() || statements_.size() >= kMaxStatements) {
    base::fail(base::Kind::Internal, "database statement used twice at once: {}", sql);
  }
  sqlite3_stmt* statement = nullptr;
  const int size = static_cast<int>(sql.size());
  if (::sqlite3_prepare_v3(handle_, sql.data(), size, SQLITE_PREPARE_PERSISTENT, &statement,
                           nullptr) != SQLITE_OK) {
    fail(sql);
  }
  statements_.emplace(sql, statement);
  return statement;
}

void Connection::script(std::string_view sql) {
  const std::string text(sql);
  if (::sqlite3_exec(handle_, text.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    fail(text.substr(0, 40));
  }
}

std::string Connection::pragma(const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  if (::sqlite3_prepare_v2(handle_, sql.c_str(), -1, &statement, nullptr) != SQLITE_OK) fail(sql);
  std::string value;
  const int result = ::sqlite3_step(statement);
  if (result == SQLITE_ROW) {
    const unsigned char* text = ::sqlite3_column_text(statement, 0);
    if (text) value = reinterpret_cast<const char*>(text);
  }
  ::sqlite3_finalize(statement);
  if (result != SQLITE_ROW && result != SQLITE_DONE) fail(sql);
  return value;
}

void Connection::fail(std::string_view doing) const {
  const int result = ::sqlite3_extended_errcode(handle_);
  throw base::Error(kind_of(result),
                    fmt::format("database: {}: {}", doing, ::sqlite3_errmsg(handle_)),
                    errno_of(result));
}

}  // namespace wharf::store
