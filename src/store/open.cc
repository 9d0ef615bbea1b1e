#include "store/open.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"
#include "base/time.h"
#include "store/schema.h"

namespace wharf::store {
namespace {

constexpr const char* kCompanions[] = {"", "-wal", "-shm"};

/// Why a file that is there cannot be used. Newer and foreign ones are not damaged.
struct Damaged {
  std::string reason;
};

int newest() {
  return static_cast<int>(migrations().size());
}

int version_of(Connection& connection) {
  return std::atoi(connection.pragma("PRAGMA user_version").c_str());
}

void configure(Connection& connection) {
  connection.pragma("PRAGMA journal_mode=WAL");
  // An acknowledged change survives a power loss: each commit waits for the log's fsync.
  connection.pragma("PRAGMA synchronous=FULL");
  connection.pragma("PRAGMA foreign_keys=ON");
  // The log is written from its start again after so many pages: a small one stays in memory.
  connection.pragma("PRAGMA wal_autocheckpoint=128");
}

void migrate(Connection& connection) {
  for (int version = version_of(connection); version < newest(); ++version) {
    connection.script("BEGIN IMMEDIATE");
    connection.script(migrations()[static_cast<std::size_t>(version)]);
    connection.script(fmt::format("PRAGMA user_version={}", version + 1));
    connection.script("COMMIT");
  }
}

/// Before an older schema is changed, the file is copied beside it.
void keep_backup(Connection& connection, const os::Path& path, int version) {
  const os::Path backup = path.native() + ".v" + std::to_string(version);
  ::unlink(backup.c_str());
  connection.script(fmt::format("VACUUM INTO '{}'", backup.native()));
  base::log_info("database of version {} kept as {}", version, backup.native());
}

void sync_directory(const os::Path& directory) {
  const os::Fd fd = os::open_file(directory, O_RDONLY | O_DIRECTORY);
  os::check(WHARF_CALL(fsync, fd.get()), "sync {}", directory.native());
}

/// Made under another name and renamed when whole: a file called `path` that is empty or has no
/// schema was damaged, not half-made.
void create(const os::Path& path) {
  const os::Path fresh = path.native() + ".new";
  for (const char* companion : kCompanions) ::unlink((fresh.native() + companion).c_str());
  {
    Connection connection(fresh, Connection::Mode::Write);
    connection.pragma("PRAGMA synchronous=FULL");
    connection.script(fmt::format("PRAGMA application_id={}", kApplicationId));
    migrate(connection);
  }
  os::check(WHARF_CALL(chmod, fresh.c_str(), 0600), "chmod {}", fresh.native());
  os::check(WHARF_CALL(rename, fresh.c_str(), path.c_str()), "rename {}", path.native());
  sync_directory(path.parent_path());
}

std::unique_ptr<Connection> open_sound(const os::Path& path) {
  auto connection = std::make_unique<Connection>(path, Connection::Mode::Write);
  try {
    if (connection->pragma("PRAGMA application_id") != std::to_string(kApplicationId)) {
      throw Damaged{"it has no schema of ours"};
    }
    if (const int version = version_of(*connection); version > newest()) {
      base::fail(base::Kind::Conflict,
                 "database {} has schema version {}, this program knows {}: it was written by a "
                 "newer one and is left untouched",
                 path.native(), version, newest());
    }
    const std::string check = connection->pragma("PRAGMA integrity_check(1)");
    if (check != "ok") throw Damaged{check};
    configure(*connection);
  } catch (const base::Error& error) {
    // No space, no permission, a failing disk: the file may be sound, so it stays.
    if (error.kind() == base::Kind::Conflict || error.error_number() != 0) throw;
    throw Damaged{error.what()};
  }
  return connection;
}

os::Path put_aside(const os::Path& path, const std::string& reason) {
  const os::Path aside = fmt::format("{}.damaged-{}", path.native(), base::now().unix_ns);
  for (const char* companion : kCompanions) {
    const std::string from = path.native() + companion;
    if (WHARF_CALL(rename, from.c_str(), (aside.native() + companion).c_str()) < 0 &&
        errno != ENOENT) {
      throw os::last_error("set {} aside", from);
    }
  }
  sync_directory(path.parent_path());
  base::log_error("database {} is damaged ({}); it is kept as {} and a new one is used",
                  path.native(), reason, aside.native());
  return aside;
}

}  // namespace

Opened open_database(const os::Path& path) {
  Opened opened;
  // A write-ahead log without its database belongs to one that was lost.
  for (const char* companion : {"-wal", "-shm"}) {
    if (::access(path.c_str(), F_OK) != 0) ::unlink((path.native() + companion).c_str());
  }
  if (::access(path.c_str(), F_OK) != 0) create(path);
  try {
    opened.writer = open_sound(path);
  } catch (const Damaged& damaged) {
    opened.set_aside = put_aside(path, damaged.reason);
    create(path);
    opened.writer = open_sound(path);
  }
  if (const int version = version_of(*opened.writer); version < newest()) {
    keep_backup(*opened.writer, path, version);
    migrate(*opened.writer);
  }
  return opened;
}

}  // namespace wharf::store
