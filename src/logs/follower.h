// Goes on reading a log while its container writes it.
//
// Rotation renames NAME to NAME.1 and makes a new NAME: the follower reads the renamed file to
// its end (nothing is written to it after that) and then the one that came after it.
// One thread.
#pragma once

#include <optional>
#include <stop_token>
#include <string>

#include "logs/files.h"
#include "logs/watch.h"

namespace wharf::logs {

class Follower {
 public:
  /// `from` is where the reading of `name` in `directory` ended, or nothing if there was no
  /// file. `changes` is the interest in that directory, got before the reading began.
  Follower(const os::Fd& directory, std::string name, std::optional<RecordReader> from,
           Watch::Interest& changes, Format format = Format::Json);

  /// The next record, until the next call. Waits for it; nothing once `ended` is readable (the
  /// container has stopped) and everything is read, or when `stop` is requested. Before it waits it
  /// calls `before_wait`.
  std::optional<std::string_view> next(
      const os::Fd& ended, std::stop_token stop, const std::function<void()>& before_wait = [] {});

 private:
  std::optional<std::string_view> next_now();
  bool advance();

  const os::Fd& directory_;
  std::string name_;
  std::optional<RecordReader> reader_;
  Watch::Interest& changes_;
  Format format_;
  bool last_look_ = false;
};

}  // namespace wharf::logs
