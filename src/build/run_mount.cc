#include "build/run_mount.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>

#include "base/digest.h"
#include "base/error.h"
#include "base/ids.h"
#include "base/strings.h"
#include "base/text.h"
#include "base/time.h"
#include "os/tree.h"

namespace wharf::build {
namespace {

using base::fail;
using base::Kind;
using Type = RunMount::Type;

/// One record of CSV: fields may be quoted, `""` is a quote.
std::vector<std::string> csv_fields(std::string_view text) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '"' && i + 1 < text.size() && text[i + 1] == '"') {
      fields.back() += c;
      ++i;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      fields.emplace_back();
    } else {
      fields.back() += c;
    }
  }
  if (quoted)
    fail(Kind::InvalidArgument,
         "failed to parse csv mounts: extraneous or missing \" in quoted-field");
  return fields;
}

Type type_of(const std::string& name) {
  static const std::map<std::string, Type> kTypes = {{"bind", Type::Bind},
                                                     {"cache", Type::Cache},
                                                     {"tmpfs", Type::Tmpfs},
                                                     {"secret", Type::Secret},
                                                     {"ssh", Type::Ssh}};
  const auto found = kTypes.find(base::lower(name));
  if (found == kTypes.end()) {
    fail(Kind::InvalidArgument, "unsupported mount type {}", base::quoted(name));
  }
  return found->second;
}

bool boolean(const std::string& key, const std::string& value) {
  const std::string lower = base::lower(value);
  if (lower == "true" || lower == "1") return true;
  if (lower == "false" || lower == "0") return false;
  fail(Kind::InvalidArgument, "invalid value for {}: {}", key, value);
}

std::uint64_t number(const std::string& key, const std::string& value, int base) {
  std::uint64_t out = 0;
  const auto [end, wrong] = std::from_chars(value.data(), value.data() + value.size(), out, base);
  if (wrong != std::errc() || end != value.data() + value.size() || out > UINT32_MAX) {
    fail(Kind::InvalidArgument, "invalid value {} for {}", value, key);
  }
  return out;
}

/// "64m", "1g": bytes.
std::int64_t size_of(const std::string& value) {
  static constexpr std::string_view kUnits = "bkmgt";
  std::string digits = base::lower(value);
  while (!digits.empty() && (digits.back() == 'b' || digits.back() == 'i') && digits.size() > 1 &&
         (digits[digits.size() - 2] < '0' || digits[digits.size() - 2] > '9')) {
    digits.pop_back();
  }
  int shift = 0;
  if (!digits.empty()) {
    const std::size_t unit = kUnits.find(digits.back());
    if (unit != std::string_view::npos) {
      shift = static_cast<int>(unit) * 10;
      digits.pop_back();
    }
  }
  std::int64_t bytes = 0;
  if (!base::parse_number(digits, bytes) || bytes < 0 || bytes > (INT64_MAX >> shift)) {
    fail(Kind::InvalidArgument, "invalid value for size: {}", value);
  }
  return bytes << shift;
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  RunMount read() {
    const std::vector<std::string> fields = csv_fields(text_);
    for (const std::string& field : fields) {
      if (field.starts_with("type=")) mount_.type = type_of(field.substr(5));
    }
    mount_.read_only =
        mount_.type == Type::Bind || mount_.type == Type::Secret || mount_.type == Type::Ssh;
    for (const std::string& field : fields) one(field);
    check();
    return mount_;
  }

 private:
  void one(const std::string& field) {
    const std::size_t equals = field.find('=');
    const std::string key = base::lower(field.substr(0, equals));
    if (equals == std::string::npos) return bare(key, field);
    const std::string value = field.substr(equals + 1);
    if (key == "type") return;
    if (key == "target" || key == "dst" || key == "destination") {
      mount_.target = value;
    } else if (key == "source" || key == "src") {
      mount_.source = value;
    } else if (key == "from") {
      mount_.from = value;
    } else if (key == "id") {
      mount_.id = value;
    } else if (key == "readonly" || key == "ro") {
      mount_.read_only = boolean(key, value);
    } else if (key == "readwrite" || key == "rw") {
      mount_.read_only = !boolean(key, value);
    } else if (key == "required") {
      mount_.required = boolean(key, value);
    } else {
      rest(key, value, field);
    }
  }

  void rest(const std::string& key, const std::string& value, const std::string& field) {
    if (key == "size" && mount_.type == Type::Tmpfs) {
      mount_.size_bytes = size_of(value);
    } else if (key == "sharing" && mount_.type == Type::Cache) {
      sharing(value);
    } else if (key == "mode") {
      mount_.mode = static_cast<mode_t>(number(key, value, 8));
    } else if (key == "uid") {
      mount_.uid = static_cast<uid_t>(number(key, value, 10));
    } else if (key == "gid") {
      mount_.gid = static_cast<gid_t>(number(key, value, 10));
    } else if (key == "env" && mount_.type == Type::Secret) {
      mount_.env = value;
    } else {
      fail(Kind::InvalidArgument, "unexpected key '{}' in '{}'", key, field);
    }
  }

  void bare(const std::string& key, const std::string& field) {
    if (key == "readonly" || key == "ro") {
      mount_.read_only = true;
    } else if (key == "readwrite" || key == "rw") {
      mount_.read_only = false;
    } else if (key == "required" && (mount_.type == Type::Secret || mount_.type == Type::Ssh)) {
      mount_.required = true;
    } else {
      fail(Kind::InvalidArgument, "invalid field '{}' must be a key=value pair", field);
    }
  }

  void sharing(const std::string& value) {
    const std::string lower = base::lower(value);
    if (lower == "shared") {
      mount_.sharing = RunMount::Sharing::Shared;
    } else if (lower == "private") {
      mount_.sharing = RunMount::Sharing::Private;
    } else if (lower == "locked") {
      mount_.sharing = RunMount::Sharing::Locked;
    } else {
      fail(Kind::InvalidArgument, "unsupported sharing value {}", base::quoted(value));
    }
  }

  void check() {
    if (mount_.type == Type::Secret) {
      if (mount_.id.empty()) mount_.id = mount_.source;
      if (mount_.id.empty()) mount_.id = mount_.target.substr(mount_.target.rfind('/') + 1);
      if (mount_.id.empty()) {
        fail(Kind::InvalidArgument, "invalid secret mount. one of source, target required");
      }
      if (mount_.target.empty() && mount_.env.empty()) mount_.target = "/run/secrets/" + mount_.id;
      return;
    }
    if (mount_.type == Type::Ssh) return;
    if (mount_.target.empty()) fail(Kind::InvalidArgument, "invalid mount: target required");
    if (!mount_.from.empty() && mount_.type == Type::Tmpfs) {
      fail(Kind::InvalidArgument, "from not allowed for type tmpfs");
    }
    if (mount_.type == Type::Cache && mount_.id.empty()) mount_.id = mount_.target;
  }

  std::string_view text_;
  RunMount mount_;
};

}  // namespace

RunMount parse_mount(std::string_view text) {
  return Reader(text).read();
}

CacheMounts::Use::~Use() {
  if (!mounts_) return;
  {
    const std::lock_guard guard(mounts_->lock_);
    Users& users = mounts_->users_[key_];
    if (alone_) users.alone = false;
    if (--users.count == 0) mounts_->users_.erase(key_);
  }
  mounts_->changed_.notify_all();
}

CacheMounts::Use CacheMounts::take(const RunMount& mount, std::stop_token stop, bool& fresh) {
  std::string key(base::Sha256::of(mount.id).hex());
  const bool alone = mount.sharing == RunMount::Sharing::Locked;
  {
    std::unique_lock guard(lock_);
    const auto busy = [&] {
      const auto found = users_.find(key);
      return found != users_.end() && (found->second.alone || alone);
    };
    if (mount.sharing == RunMount::Sharing::Private && users_.contains(key)) {
      // A private one is not waited for: this build gets another.
      for (int copy = 2; users_.contains(key); ++copy) {
        key = base::Sha256::of(fmt::format("{}\n{}", mount.id, copy)).hex();
      }
    } else if (!changed_.wait(guard, stop, [&] { return !busy(); })) {
      fail(Kind::Cancelled, "Build cancelled");
    }
    Users& users = users_[key];
    ++users.count;
    users.alone = users.alone || alone;
  }
  Use use(*this, key, alone, directory_ / key / "data");
  fresh = ::access(use.path().c_str(), F_OK) != 0;
  os::make_directories(directory_, 0700);
  os::make_directories(directory_ / key, 0700);
  if (fresh) {
    os::replace_file(directory_ / key / "id", mount.id, 0600);
    os::make_directories(use.path(), 0755);
    os::check(WHARF_CALL(chown, use.path().c_str(), mount.uid, mount.gid), "chown cache");
    os::check(WHARF_CALL(chmod, use.path().c_str(), mount.mode.value_or(0755)), "chmod cache");
  }
  os::check(WHARF_CALL(utimensat, AT_FDCWD, (directory_ / key / "id").c_str(), nullptr, 0),
            "touch cache");
  return use;
}

std::vector<CacheMounts::Kept> CacheMounts::list() {
  std::vector<Kept> kept;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(directory_, failed)) {
    const auto id = os::read_file_if_exists(entry.path() / "id");
    struct stat found{};
    if (!id || ::stat((entry.path() / "id").c_str(), &found) < 0) continue;
    Kept one;
    one.key = entry.path().filename();
    one.id = *id;
    one.size_bytes = static_cast<std::int64_t>(
        os::tree_size(os::open_file(entry.path(), O_RDONLY | O_DIRECTORY)).bytes);
    one.last_used_ns = found.st_mtim.tv_sec * 1'000'000'000 + found.st_mtim.tv_nsec;
    const std::lock_guard guard(lock_);
    one.in_use = users_.contains(one.key);
    kept.push_back(std::move(one));
  }
  return kept;
}

bool CacheMounts::remove(const std::string& key) {
  {
    const std::lock_guard guard(lock_);
    if (users_.contains(key)) return false;
    users_[key] = {1, true};
  }
  const Use alone(*this, key, true, {});
  os::remove_tree(directory_ / key);
  return true;
}

}  // namespace wharf::build
