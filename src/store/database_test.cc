#include "store/database.h"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <thread>
#include <vector>

#include "base/error.h"

namespace wharf::store {
namespace {

using base::Kind;

void add_volume(Database& database, const std::string& name) {
  database.write([&](Transaction& transaction) {
    transaction.run("INSERT INTO volumes(name, created, record) VALUES(?, ?, ?)",
                    {std::string_view(name), std::int64_t{7}, std::string_view("{}")});
  });
}

std::vector<std::string> volumes(const Database& database) {
  std::vector<std::string> names;
  database.read([&](Reader& reader) {
    auto rows = reader.query("SELECT name, created FROM volumes ORDER BY name");
    while (rows.next()) {
      EXPECT_EQ(rows.integer(1), 7);
      names.push_back(rows.text(0));
    }
  });
  return names;
}

class DatabaseTest : public ::testing::Test {
 protected:
  os::TempDirectory root;
  os::Path path = root.path() / "wharf.db";
};

TEST_F(DatabaseTest, WhatWasWrittenIsThereWhenOpenedAgain) {
  {
    Database database(path);
    add_volume(database, "a");
  }
  Database database(path);
  EXPECT_FALSE(database.set_aside());
  EXPECT_EQ(volumes(database), std::vector<std::string>{"a"});
}

TEST_F(DatabaseTest, FunctionThatThrowsIsUndoneAndItsErrorReachesTheCaller) {
  Database database(path);
  EXPECT_THROW(database.write([](Transaction& transaction) {
    transaction.run("INSERT INTO volumes(name, created, record) VALUES('x', 1, '')");
    throw std::runtime_error("changed my mind");
  }),
               std::runtime_error);
  EXPECT_TRUE(volumes(database).empty());
}

TEST_F(DatabaseTest, SecondOfOneNameIsAConflict) {
  Database database(path);
  add_volume(database, "a");
  try {
    add_volume(database, "a");
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), Kind::Conflict);
  }
  EXPECT_EQ(volumes(database).size(), 1U);
}

TEST_F(DatabaseTest, ManyThreadsWriteAndReadAndOneConflictSpoilsNobodyElse) {
  Database database(path);
  std::atomic<int> conflicts = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      for (int n = 0; n < 20; ++n) {
        add_volume(database, std::to_string(i) + "-" + std::to_string(n));
        try {
          add_volume(database, "same");
        } catch (const base::Error&) {
          ++conflicts;
        }
        (void)volumes(database);
      }
    });
  }
  threads.clear();
  EXPECT_EQ(volumes(database).size(), 161U);
  EXPECT_EQ(conflicts, 159);
}

TEST_F(DatabaseTest, DamagedFileIsKeptAsideAndANewOneIsUsed) {
  {
    Database database(path);
    for (int i = 0; i < 500; ++i) add_volume(database, std::string(100, 'v') + std::to_string(i));
  }
  const auto size = std::filesystem::file_size(path);
  const auto halve = [&] { std::filesystem::resize_file(path, size / 2 / 4096 * 4096); };
  const auto empty = [&] { std::filesystem::resize_file(path, 0); };
  const auto scribble = [&] {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096);
    file << std::string(9000, '\xff');
  };
  const std::string sound = os::read_file(path);
  for (const std::function<void()>& damage :
       std::vector<std::function<void()>>{halve, empty, scribble}) {
    os::replace_file(path, sound, 0600);
    damage();
    Database database(path);
    ASSERT_TRUE(database.set_aside());
    EXPECT_TRUE(std::filesystem::exists(*database.set_aside()));
    add_volume(database, "after");
    EXPECT_EQ(volumes(database), std::vector<std::string>{"after"});
  }
}

TEST_F(DatabaseTest, DatabaseOfANewerProgramIsRefusedAndUntouched) {
  {
    Database database(path);
  }
  sqlite3* handle = nullptr;
  ASSERT_EQ(::sqlite3_open(path.c_str(), &handle), SQLITE_OK);
  ::sqlite3_exec(handle, "PRAGMA user_version=9999", nullptr, nullptr, nullptr);
  ::sqlite3_close(handle);
  const std::string before = os::read_file(path);
  try {
    Database database(path);
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_NE(std::string(error.what()).find("version 9999"), std::string::npos) << error.what();
  }
  EXPECT_EQ(os::read_file(path), before);
}

TEST_F(DatabaseTest, LogOfALostDatabaseIsNotReplayedIntoANewOne) {
  {
    Database database(path);
  }
  ::unlink(path.c_str());
  os::replace_file(path.native() + "-wal", std::string(8192, 'w'), 0600);
  Database database(path);
  EXPECT_FALSE(database.set_aside());
  EXPECT_TRUE(volumes(database).empty());
}

}  // namespace
}  // namespace wharf::store
