#include <sqlite3.h>

#include "base/error.h"
#include "store/connection.h"
#include "store/database.h"

namespace wharf::store {
namespace {

void bind(sqlite3_stmt* statement, std::initializer_list<Value> values) {
  if (::sqlite3_bind_parameter_count(statement) != static_cast<int>(values.size())) {
    base::fail(base::Kind::Internal, "database: {} values for: {}", values.size(),
               ::sqlite3_sql(statement));
  }
  int position = 0;
  for (const Value& value : values) {
    ++position;
    if (const auto* text = std::get_if<std::string_view>(&value)) {
      // A null pointer would bind NULL and not an empty text.
      ::sqlite3_bind_text64(statement, position, text->data() ? text->data() : "", text->size(),
                            SQLITE_TRANSIENT, SQLITE_UTF8);
    } else if (const auto* integer = std::get_if<std::int64_t>(&value)) {
      ::sqlite3_bind_int64(statement, position, *integer);
    } else {
      ::sqlite3_bind_null(statement, position);
    }
  }
}

void reset(sqlite3_stmt* statement) {
  ::sqlite3_reset(statement);
  ::sqlite3_clear_bindings(statement);
}

[[noreturn]] void fail(sqlite3_stmt* statement) {
  sqlite3* handle = ::sqlite3_db_handle(statement);
  const int result = ::sqlite3_extended_errcode(handle);
  const std::string text =
      fmt::format("database: {}: {}", ::sqlite3_sql(statement), ::sqlite3_errmsg(handle));
  reset(statement);
  const bool conflict = (result & 0xff) == SQLITE_CONSTRAINT;
  const bool full = (result & 0xff) == SQLITE_FULL;
  throw base::Error(conflict ? base::Kind::Conflict : base::Kind::Internal, text,
                    full ? ENOSPC : 0);
}

}  // namespace

Rows::Rows(Rows&& other) noexcept : statement_(std::exchange(other.statement_, nullptr)) {}

Rows::~Rows() {
  if (statement_) reset(statement_);
}

bool Rows::next() {
  const int result = ::sqlite3_step(statement_);
  if (result == SQLITE_ROW) return true;
  if (result != SQLITE_DONE) fail(statement_);
  ::sqlite3_reset(statement_);
  return false;
}

std::string Rows::text(int column) const {
  const unsigned char* text = ::sqlite3_column_text(statement_, column);
  if (!text) return {};
  const auto size = static_cast<std::size_t>(::sqlite3_column_bytes(statement_, column));
  return {reinterpret_cast<const char*>(text), size};
}

std::int64_t Rows::integer(int column) const {
  return ::sqlite3_column_int64(statement_, column);
}

bool Rows::is_null(int column) const {
  return ::sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

Rows Reader::query(std::string_view sql, std::initializer_list<Value> values) {
  sqlite3_stmt* statement = connection_.prepare(sql);
  bind(statement, values);
  return Rows(statement);
}

std::int64_t Transaction::run(std::string_view sql, std::initializer_list<Value> values) {
  sqlite3_stmt* statement = connection_.prepare(sql);
  bind(statement, values);
  if (::sqlite3_step(statement) != SQLITE_DONE) fail(statement);
  reset(statement);
  return connection_.changes();
}

}  // namespace wharf::store
