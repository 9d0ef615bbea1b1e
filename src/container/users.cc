#include "container/users.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <charconv>

#include "base/strings.h"
#include "os/file.h"

namespace wharf::container {

namespace {

using base::Kind;

/// Docker (runc, moby/user): ids are 0 to 2^31-1.
constexpr std::int64_t kLargestId = (1LL << 31) - 1;

/// The number, -1 for what is no plain decimal number, -2 for one out of range.
std::int64_t id_number(std::string_view text) {
  if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos) {
    const bool negative = text.size() > 1 && text[0] == '-' &&
                          text.substr(1).find_first_not_of("0123456789") == std::string_view::npos;
    return negative ? -2 : -1;
  }
  std::int64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  return parsed.ec == std::errc() && value <= kLargestId ? value : -2;
}

[[noreturn]] void out_of_range() {
  base::fail(Kind::InvalidArgument, "uids and gids must be in range 0-{}", kLargestId);
}

/// Calls `each(fields)` for every line, until it returns false.
template <class Each>
void for_each_entry(std::string_view file, Each each) {
  while (!file.empty()) {
    const std::size_t end = file.find('\n');
    const std::string_view line = base::trim(file.substr(0, end));
    file.remove_prefix(end == std::string_view::npos ? file.size() : end + 1);
    if (line.empty() || line.front() == '#') continue;
    if (!each(base::split(line, ':'))) return;
  }
}

std::int64_t field_id(const std::vector<std::string>& fields, std::size_t index) {
  return index < fields.size() ? id_number(fields[index]) : -1;
}

bool lists_member(const std::vector<std::string>& fields, std::string_view name) {
  if (fields.size() < 4) return false;
  const auto members = base::split(fields[3], ',');
  return std::find(members.begin(), members.end(), name) != members.end();
}

struct Account {
  std::string name;
  std::int64_t uid = 0;
  std::int64_t gid = 0;
  std::string home = "/";
};

/// By number where `user` is one, by name otherwise; "" is uid 0.
Account find_account(std::string_view passwd, std::string_view user) {
  const std::int64_t wanted = user.empty() ? 0 : id_number(user);
  if (wanted == -2) out_of_range();
  Account account;
  bool found = false;
  for_each_entry(passwd, [&](const std::vector<std::string>& fields) {
    const std::int64_t uid = field_id(fields, 2);
    found = wanted >= 0 ? uid == wanted : fields[0] == user && uid >= 0;
    if (!found) return true;
    account = {fields[0], uid, std::max<std::int64_t>(field_id(fields, 3), 0),
               fields.size() > 5 && !fields[5].empty() ? fields[5] : "/"};
    return false;
  });
  if (found) return account;
  if (wanted < 0) {
    base::fail(Kind::InvalidArgument, "unable to find user {}: no matching entries in passwd file",
               user);
  }
  account.uid = wanted;
  return account;
}

std::uint32_t find_group(std::string_view file, std::string_view group) {
  const std::int64_t number = id_number(group);
  if (number == -2) out_of_range();
  if (number >= 0) return static_cast<std::uint32_t>(number);
  std::int64_t gid = -1;
  for_each_entry(file, [&](const std::vector<std::string>& fields) {
    if (fields[0] == group) gid = field_id(fields, 2);
    return gid < 0;
  });
  if (gid < 0) {
    // Docker: an unknown user is the client's mistake, an unknown group is a 500.
    base::fail(Kind::Internal, "unable to find group {}: no matching entries in group file",
               group);
  }
  return static_cast<std::uint32_t>(gid);
}

void add_group(Identity& identity, std::uint32_t gid) {
  auto& groups = identity.groups;
  if (std::find(groups.begin(), groups.end(), gid) == groups.end()) groups.push_back(gid);
}

std::string read_user_file(const os::Fd& root, const char* path) {
  os::Fd file;
  try {
    file = os::open_in_root(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  } catch (const base::Error& error) {
    const int reason = error.error_number();
    if (reason == ENOENT || reason == ENOTDIR || reason == ELOOP || reason == ENXIO) return {};
    throw;
  }
  if (!S_ISREG(os::status(file).st_mode)) {
    base::fail(Kind::InvalidArgument, "{} of the image is not a regular file", path);
  }
  if (os::status(file).st_size > static_cast<off_t>(kUserFileLimit)) {
    base::fail(Kind::InvalidArgument, "{} of the image is larger than {} bytes", path,
               kUserFileLimit);
  }
  return os::read_all(file, kUserFileLimit);
}

}  // namespace

Identity find_identity(std::string_view passwd, std::string_view group, std::string_view user,
                       const std::vector<std::string>& groups) {
  const std::size_t colon = user.find(':');
  const std::string_view user_part = user.substr(0, colon);
  const std::string_view group_part =
      colon == std::string_view::npos ? std::string_view() : user.substr(colon + 1);
  const Account account = find_account(passwd, user_part);
  if (account.uid > kLargestId || account.gid > kLargestId) out_of_range();

  Identity identity;
  identity.uid = static_cast<std::uint32_t>(account.uid);
  identity.gid = static_cast<std::uint32_t>(account.gid);
  identity.home = account.home;
  if (!group_part.empty()) {
    identity.gid = find_group(group, group_part);
  } else if (!account.name.empty()) {
    for_each_entry(group, [&](const std::vector<std::string>& fields) {
      const std::int64_t gid = field_id(fields, 2);
      if (gid >= 0 && lists_member(fields, account.name)) {
        add_group(identity, static_cast<std::uint32_t>(gid));
      }
      return true;
    });
  }
  // Docker: the primary group is among the supplementary ones (CVE-2022-36109).
  add_group(identity, identity.gid);
  for (const std::string& name : groups) add_group(identity, find_group(group, name));
  return identity;
}

Identity find_identity(const os::Fd& root, std::string_view user,
                       const std::vector<std::string>& groups) {
  const std::size_t colon = user.find(':');
  const bool needs_group_file =
      colon == std::string_view::npos || !groups.empty() || id_number(user.substr(colon + 1)) == -1;
  const std::string passwd = read_user_file(root, "/etc/passwd");
  const std::string group = needs_group_file ? read_user_file(root, "/etc/group") : std::string();
  return find_identity(passwd, group, user, groups);
}

}  // namespace wharf::container
