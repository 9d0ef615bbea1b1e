#include "supervise/documents.h"

#include <fcntl.h>
#include <sys/mman.h>

#include "base/fields.h"
#include "os/file.h"
#include "supervise/client.h"
#include "supervise/protocol.h"

namespace wharf::supervise {

namespace {

constexpr std::size_t kExitRecordBytes = 4096;

struct Record {
  int version = 0;
  int exit_code = 0;
  bool oom_killed = false;
  std::string started_at;
  std::string finished_at;
  std::uint64_t dropped_lines = 0;
};

}  // namespace
}  // namespace wharf::supervise

namespace wharf::base {
template <>
struct Fields<supervise::Record> {
  using Record = supervise::Record;
  static constexpr auto table = std::make_tuple(
      field("version", &Record::version), field("exitCode", &Record::exit_code),
      field("oomKilled", &Record::oom_killed), field("startedAt", &Record::started_at),
      field("finishedAt", &Record::finished_at), field("droppedLines", &Record::dropped_lines));
};
}  // namespace wharf::base

namespace wharf::supervise {

os::Fd document_file(std::string_view text) {
  if (text.size() > wire::kMaxConfigBytes)
    base::fail(base::Kind::TooLarge, "document of {} bytes, the limit is {}", text.size(),
               wire::kMaxConfigBytes);
  os::Fd file(os::check(WHARF_CALL(memfd_create, "wharf-document", unsigned{MFD_CLOEXEC}),
                        "make memory file"));
  os::write_all(file, text);
  return file;
}

std::optional<Exit> read_exit_record(const os::Fd& data_directory) {
  const int opened =
      WHARF_CALL(openat, data_directory.get(), "exit.json", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (opened < 0 && errno == ENOENT) return std::nullopt;
  const os::Fd file(os::check(opened, "open exit.json"));
  Record record;
  try {
    base::from_json(base::parse_json(os::read_all(file, kExitRecordBytes)), record);
    if (record.version != 1)
      base::fail(base::Kind::InvalidArgument, "unknown version {}", record.version);
    return Exit{record.exit_code, record.oom_killed, base::parse_rfc3339(record.started_at),
                base::parse_rfc3339(record.finished_at), record.dropped_lines};
  } catch (const base::Error& error) {
    base::fail(base::Kind::Internal, "exit.json is damaged: {}", error.what());
  }
}

}  // namespace wharf::supervise
