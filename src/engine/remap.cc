#include "engine/remap.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "os/file.h"
#include "os/process.h"

namespace wharf::engine {
namespace {

using base::Kind;
using container::IdBlock;

constexpr const char* kDefault = "default";
constexpr const char* kDefaultUser = "dockremap";
constexpr const char* kPoolUser = "wharf";
constexpr std::uint32_t kFirstSubordinate = 100'000;
constexpr std::size_t kMaxFile = 16 << 20;

/// Nothing below is anybody's by convention; the last ids of all have meanings of their own.
constexpr IdBlock kUpperHalf = {0x8000'0000, 0x7fff'0000};

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number = 0;
  const auto [stopped, error] = std::from_chars(text.begin(), text.end(), number);
  if (error != std::errc() || stopped != text.end()) return std::nullopt;
  return number;
}

/// A user or group by name or number. The whole of its entry is never needed.
struct Named {
  std::string name;
  std::uint32_t id = 0;
};

template <class Entry, class Id, class Call, class Key>
std::optional<Named> look_up(Call call, Key key, Id Entry::* id, char* Entry::* name) {
  std::vector<char> buffer(64 << 10);
  Entry entry{};
  Entry* found = nullptr;
  if (call(key, &entry, buffer.data(), buffer.size(), &found) != 0 || !found) return std::nullopt;
  return Named{entry.*name, entry.*id};
}

std::optional<Named> user_named(const std::string& name) {
  return look_up(::getpwnam_r, name.c_str(), &passwd::pw_uid, &passwd::pw_name);
}
std::optional<Named> user_of(uid_t uid) {
  return look_up(::getpwuid_r, uid, &passwd::pw_uid, &passwd::pw_name);
}
std::optional<Named> group_named(const std::string& name) {
  return look_up(::getgrnam_r, name.c_str(), &group::gr_gid, &group::gr_name);
}
std::optional<Named> group_of(gid_t gid) {
  return look_up(::getgrgid_r, gid, &group::gr_gid, &group::gr_name);
}

std::string find_program(const char* name) {
  for (const char* directory :
       {"/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/bin", "/bin"}) {
    const os::Path path = os::Path(directory) / name;
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return {};
}

/// What it says goes into the error.
void run(const std::string& program, std::vector<std::string> arguments) {
  os::Pipe said = os::make_pipe();
  os::SpawnRequest request;
  request.program = program;
  request.arguments = arguments;
  request.environment = {"PATH=/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"};
  request.descriptors = {{&said.write, 1}, {&said.write, 2}};
  os::Process process = os::Process::spawn(request);
  said.write.reset();
  const std::string text = os::read_all(said.read, 64 << 10);
  const os::Ended ended = process.wait();
  if (ended.shell_code() == 0) return;
  base::fail(Kind::Internal, "{} {}: exit status {}: {}", program, base::join(arguments, " "),
             ended.shell_code(), text);
}

/// Docker: adduser where there is one, else useradd.
void add_user(const std::string& name) {
  if (const std::string adduser = find_program("adduser"); !adduser.empty()) {
    return run(adduser, {"--system", "--shell", "/bin/false", "--no-create-home",
                         "--disabled-login", "--disabled-password", "--group", name});
  }
  const std::string useradd = find_program("useradd");
  if (useradd.empty())
    base::fail(Kind::Internal, "cannot add user; no useradd/adduser binary found");
  run(useradd, {"-r", "-s", "/bin/false", name});
}

/// Users of the system get no ranges by themselves.
void add_subordinates(const std::string& name) {
  const auto add = [&](const char* path, const char* flag) {
    const std::vector<Subordinate> entries = read_subordinates(path);
    if (!map_of(entries, name, name).empty()) return;
    const std::uint64_t first = next_subordinate(entries);
    run(find_program("usermod"),
        {flag, fmt::format("{}-{}", first, first + container::kIdBlockSize - 1), name});
  };
  add("/etc/subuid", "-v");
  add("/etc/subgid", "-w");
}

Named make_default_user() {
  try {
    add_user(kDefaultUser);
    add_subordinates(kDefaultUser);
    const auto made = user_named(kDefaultUser);
    if (!made) base::fail(Kind::Internal, "the new user is not known");
    return *made;
  } catch (const base::Error& error) {
    base::fail(Kind::Internal, "Error during {} user creation: {}", base::quoted(kDefaultUser),
               error.what());
  }
}

[[noreturn]] void unknown(const char* what, const std::string& name) {
  base::fail(Kind::InvalidArgument, "Error during {} lookup for {}: no such entry", what,
             base::quoted(name));
}

void check_group(const std::string& name) {
  const auto gid = parse_number<std::int32_t>(name);
  if (gid && !group_of(static_cast<gid_t>(*gid))) {
    base::fail(Kind::InvalidArgument, "Gid {} has no entry in /etc/passwd", *gid);
  }
  if (!gid && !group_named(name)) unknown("groupname", name);
}

Named user_by_number(std::int32_t number, bool has_group) {
  const auto user = user_of(static_cast<uid_t>(number));
  if (!user) base::fail(Kind::InvalidArgument, "Uid {} has no entry in /etc/passwd", number);
  if (!has_group && !group_of(static_cast<gid_t>(number))) {
    base::fail(Kind::InvalidArgument, "Gid {} has no entry in /etc/group", number);
  }
  return *user;
}

/// Docker: the group is checked and has no other use; its ranges are those of the user's name.
Named parse_user(const std::string& value) {
  const std::vector<std::string> parts = base::split(value, ':');
  if (parts.size() > 2) {
    base::fail(Kind::InvalidArgument, "Invalid user/group specification in --userns-remap: {}",
               base::quoted(value));
  }
  const bool has_group = parts.size() == 2;
  Named user;
  if (const auto number = parse_number<std::int32_t>(parts[0])) {
    user = user_by_number(*number, has_group);
  } else {
    const bool is_default = parts[0] == kDefault;
    const std::string name = is_default ? kDefaultUser : parts[0];
    const auto found = user_named(name);
    if (!found && is_default) return make_default_user();
    if (!found) unknown("uid", name);
    if (!has_group && !group_named(name)) unknown("gid", name);
    user = *found;
  }
  if (has_group) check_group(parts[1]);
  return user;
}

std::vector<os::IdRange> map_from(const char* path, const char* kind, const Named& user) {
  std::vector<os::IdRange> map =
      map_of(read_subordinates(path), user.name, std::to_string(user.id));
  if (!map.empty()) return map;
  base::fail(Kind::InvalidArgument, "Can't create ID mappings: no {} ranges found for user {}",
             kind, base::quoted(user.name));
}

std::vector<IdBlock> blocks_of(const std::vector<Subordinate>& entries, std::string_view name) {
  std::vector<IdBlock> blocks;
  for (const Subordinate& each : entries) {
    if (each.name == name) blocks.push_back(each.ids);
  }
  return blocks;
}

/// What both have: all that is left when what is in neither is taken away.
std::vector<IdBlock> common(const std::vector<IdBlock>& one, const std::vector<IdBlock>& other) {
  std::vector<IdBlock> outside = {{0, 0xffff'ffff}};
  for (const IdBlock& block : other) outside = container::without(outside, block);
  std::vector<IdBlock> both = one;
  for (const IdBlock& block : outside) both = container::without(both, block);
  return both;
}

}  // namespace

std::vector<Subordinate> parse_subordinates(std::string_view text) {
  std::vector<Subordinate> entries;
  for (const std::string& line : base::split(text, '\n')) {
    const std::vector<std::string> parts = base::split(base::trim(line), ':');
    if (parts.size() != 3 || parts[0].empty() || parts[0].starts_with('#')) continue;
    const auto first = parse_number<std::uint32_t>(parts[1]);
    const auto count = parse_number<std::uint32_t>(parts[2]);
    // The last id of all means "none" to the kernel.
    if (!first || !count || *count == 0 || *count > 0xffff'ffff - *first) continue;
    entries.push_back({parts[0], {*first, *count}});
  }
  return entries;
}

std::vector<Subordinate> read_subordinates(const std::string& path) {
  return parse_subordinates(os::read_file_if_exists(path, kMaxFile).value_or(""));
}

std::vector<os::IdRange> map_of(const std::vector<Subordinate>& entries, std::string_view name,
                                std::string_view uid) {
  // Docker: entries by number come first, those by name are looked at where there are none.
  std::vector<IdBlock> blocks = blocks_of(entries, uid);
  if (blocks.empty()) blocks = blocks_of(entries, name);
  std::vector<os::IdRange> map;
  std::uint32_t inside = 0;
  for (const IdBlock& block : blocks) {
    const std::uint32_t count = std::min(block.count, 0xffff'ffff - inside);
    if (count == 0) break;
    map.push_back({inside, block.first, count});
    inside += count;
  }
  return map;
}

std::uint32_t next_subordinate(const std::vector<Subordinate>& entries) {
  std::vector<IdBlock> taken;
  for (const Subordinate& each : entries) taken.push_back(each.ids);
  const auto free = container::find_free({{kFirstSubordinate, 0x7fff'ffff - kFirstSubordinate}},
                                         std::move(taken), container::kIdBlockSize);
  if (!free) base::fail(Kind::Internal, "unable to find a free range of subordinate ids");
  return free->first;
}

std::vector<IdBlock> automatic_pool(const std::vector<Subordinate>& uids,
                                    const std::vector<Subordinate>& gids) {
  const std::vector<IdBlock> given = blocks_of(uids, kPoolUser);
  if (!given.empty()) return common(given, blocks_of(gids, kPoolUser));
  std::vector<IdBlock> pool = {kUpperHalf};
  for (const auto* entries : {&uids, &gids}) {
    for (const Subordinate& each : *entries) pool = container::without(pool, each.ids);
  }
  return pool;
}

std::optional<os::IdMaps> remapped_ids(const std::string& value) {
  if (value.empty()) return std::nullopt;
  const Named user = parse_user(value);
  if (user.name == "root") {
    base::log_warn("user namespaces: root cannot be remapped with itself; user namespaces are OFF");
    return std::nullopt;
  }
  base::log_info("user namespaces: ids are mapped to the subordinate ids of {}", user.name);
  os::IdMaps maps;
  maps.uids = map_from("/etc/subuid", "subuid", user);
  maps.gids = map_from("/etc/subgid", "subgid", user);
  return maps;
}

}  // namespace wharf::engine
