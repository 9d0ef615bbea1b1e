#include "content/partial.h"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "base/time.h"
#include "os/namespace.h"

namespace wharf::content {
namespace {

constexpr std::string_view kSuffix = ".ranges";
constexpr std::string_view kSynced = "synced";
constexpr std::size_t kJournalLimit = 8 << 20;

/// The disk is waited for so often: what comes faster is soon whole, and never waits.
constexpr std::int64_t kSyncEveryNs = 5'000'000'000;

std::string this_boot() {
  return "boot " + os::read_sysctl("kernel/random/boot_id");
}

/// "BEGIN END"; false where the line is anything else.
bool parse_range(std::string_view line, std::int64_t size, Ranges& into) {
  std::int64_t begin = -1, end = -1;
  const char* last = line.data() + line.size();
  const auto first = std::from_chars(line.data(), last, begin);
  if (first.ec != std::errc() || first.ptr == last || *first.ptr != ' ') return false;
  const auto second = std::from_chars(first.ptr + 1, last, end);
  if (second.ec != std::errc() || second.ptr != last) return false;
  if (begin < 0 || end <= begin || end > size) return false;
  add_range(into, begin, end);
  return true;
}

/// What a journal says is there. A line cut short by a crash ends it.
Ranges parse_journal(const std::string& text, std::int64_t size) {
  Ranges all, synced;
  const std::string boot = this_boot();
  bool same_boot = false;
  std::size_t at = 0;
  for (std::size_t end; (end = text.find('\n', at)) != std::string::npos; at = end + 1) {
    const std::string_view line = std::string_view(text).substr(at, end - at);
    if (line.starts_with("boot ")) {
      // What an earlier boot wrote and did not sync may be zeros.
      if (line != boot) all = synced;
      same_boot = line == boot;
    } else if (line == kSynced) {
      synced = all;
    } else if (!parse_range(line, size, all)) {
      break;
    }
  }
  return same_boot ? all : synced;
}

std::string journal_of(const Ranges& ranges) {
  std::string text;
  for (const auto& [begin, end] : ranges) text += fmt::format("{} {}\n", begin, end);
  return text;
}

}  // namespace

void add_range(Ranges& ranges, std::int64_t begin, std::int64_t end) {
  auto next = ranges.upper_bound(begin);
  if (next != ranges.begin()) {
    const auto before = std::prev(next);
    if (before->second >= begin) {
      begin = before->first;
      end = std::max(end, before->second);
      next = ranges.erase(before);
    }
  }
  while (next != ranges.end() && next->first <= end) {
    end = std::max(end, next->second);
    next = ranges.erase(next);
  }
  ranges[begin] = end;
}

Partial::Partial(Partials& owner, const base::Digest& digest, std::int64_t size)
    : owner_(owner), name_(digest.hex()), size_(size), path_(owner.directory_ / name_) {
  load();
}

Partial::~Partial() {
  const std::lock_guard lock(owner_.mutex_);
  owner_.open_.erase(owner_.open_.find(name_));
}

void Partial::load() {
  os::Path journal = path_;
  journal += kSuffix;
  bytes_ = os::open_file(path_, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
  try {
    const auto text = os::read_file_if_exists(journal, kJournalLimit);
    if (text) ranges_ = parse_journal(*text, std::min(size_, os::status(bytes_).st_size));
  } catch (const base::Error& error) {
    base::log_warn("{} is not used: {}", journal.native(), error.what());
  }
  resumed_ = !ranges_.empty();
  if (!resumed_) os::check(WHARF_CALL(ftruncate, bytes_.get(), 0), "empty {}", path_.native());
  // Written anew and short: the earlier boots' lines are told apart no more, so they are as good
  // as their bytes, which are synced now.
  if (resumed_) os::check(WHARF_CALL(fdatasync, bytes_.get()), "sync {}", path_.native());
  os::replace_file(journal, fmt::format("{}{}\n{}\n", journal_of(ranges_), kSynced, this_boot()),
                   0600);
  journal_ = os::open_file(journal, O_WRONLY | O_APPEND | O_NOFOLLOW);
  synced_ns_ = base::monotonic_ns();
}

std::int64_t Partial::known_until(std::int64_t at) const {
  const std::lock_guard lock(mutex_);
  auto after = ranges_.upper_bound(at);
  if (after == ranges_.begin()) return at;
  return std::max(at, std::prev(after)->second);
}

std::int64_t Partial::next_known(std::int64_t at) const {
  const std::lock_guard lock(mutex_);
  const auto found = ranges_.lower_bound(at);
  return found == ranges_.end() ? size_ : found->first;
}

void Partial::write(std::int64_t at, std::string_view bytes) {
  const std::int64_t begin = at;
  while (!bytes.empty()) {
    const ssize_t done = WHARF_CALL(pwrite, bytes_.get(), bytes.data(), bytes.size(), at);
    if (done < 0 && errno == EINTR) continue;
    os::check(done, "write {}", path_.native());
    at += done;
    bytes.remove_prefix(static_cast<std::size_t>(done));
  }
  const std::lock_guard lock(mutex_);
  if (discarded_) return;
  os::write_all(journal_, fmt::format("{} {}\n", begin, at));
  add_range(ranges_, begin, at);
  if (base::monotonic_ns() - synced_ns_ > kSyncEveryNs) sync();
}

/// With the mutex held: whoever writes meanwhile waits, as the disk is what is slow.
void Partial::sync() {
  os::check(WHARF_CALL(fdatasync, bytes_.get()), "sync {}", path_.native());
  os::write_all(journal_, fmt::format("{}\n", kSynced));
  os::check(WHARF_CALL(fdatasync, journal_.get()), "sync journal of {}", path_.native());
  synced_ns_ = base::monotonic_ns();
}

std::size_t Partial::read(std::int64_t at, std::span<char> into) const {
  const std::int64_t until = known_until(at);
  const std::size_t most = std::min(into.size(), static_cast<std::size_t>(until - at));
  const ssize_t size = WHARF_CALL(pread, bytes_.get(), into.data(), most, at);
  if (os::check(size, "read {}", path_.native()) == 0) {
    base::fail(base::Kind::Internal, "{} is shorter than its journal says", path_.native());
  }
  return static_cast<std::size_t>(size);
}

void Partial::discard() noexcept {
  const std::lock_guard lock(mutex_);
  ranges_.clear();
  discarded_ = true;
  os::Path journal = path_;
  journal += kSuffix;
  ::unlink(journal.c_str());
  ::unlink(path_.c_str());
}

Partials::Partials(os::Path directory) : directory_(std::move(directory)) {
  os::make_directories(directory_, 0700);
  sweep(kPartialKeptSeconds, true);
}

std::unique_ptr<Partial> Partials::open(const base::Digest& digest, std::int64_t size) {
  {
    const std::lock_guard lock(mutex_);
    open_.emplace(digest.hex());
  }
  try {
    return std::unique_ptr<Partial>(new Partial(*this, digest, size));
  } catch (...) {
    const std::lock_guard lock(mutex_);
    open_.erase(open_.find(std::string(digest.hex())));
    throw;
  }
}

std::uint64_t Partials::sweep(std::int64_t older_than_seconds, bool remove) const {
  const std::lock_guard lock(mutex_);
  std::uint64_t bytes = 0;
  const std::int64_t now = base::now().unix_ns / 1'000'000'000;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(directory_, failed)) {
    std::string name = entry.path().filename();
    if (name.ends_with(kSuffix)) name.resize(name.size() - kSuffix.size());
    struct stat found{};
    if (open_.contains(name) || ::lstat(entry.path().c_str(), &found) != 0) continue;
    if (now - found.st_mtim.tv_sec < older_than_seconds) continue;
    if (remove) ::unlink(entry.path().c_str());
    bytes += static_cast<std::uint64_t>(found.st_blocks) * 512;
  }
  return bytes;
}

std::uint64_t Partials::collect() {
  return sweep(0, true);
}

std::uint64_t Partials::disk_bytes() const {
  return sweep(0, false);
}

}  // namespace wharf::content
