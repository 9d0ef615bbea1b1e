// One SQLite connection with its compiled statements. Inside room store only; one thread at
// a time.
#pragma once

#include <sqlite3.h>

#include <string>
#include <string_view>
#include <unordered_map>

#include "os/file.h"

namespace wharf::store {

class Connection {
 public:
  enum class Mode { Write, Read };
  Connection(const os::Path& path, Mode mode);
  ~Connection();
  Connection(const Connection&) = delete;

  /// A compiled statement, reset. The cache keeps it; one use of a text at a time.
  sqlite3_stmt* prepare(std::string_view sql);

  /// Several statements without parameters.
  void script(std::string_view sql);

  /// The first column of the first row, as text ("" where there is none).
  std::string pragma(const std::string& sql);

  std::int64_t changes() const { return ::sqlite3_changes64(handle_); }

  /// Throws the Error for SQLite's last result on this connection.
  [[noreturn]] void fail(std::string_view doing) const;

 private:
  sqlite3* handle_ = nullptr;
  std::unordered_map<std::string, sqlite3_stmt*> statements_;
};

}  // namespace wharf::store
