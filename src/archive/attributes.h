// Sets what an archive says of a file: owner, mode, extended attributes, time. Inside room
// archive only; every function throws base::Error and is thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "archive/tar_reader.h"
#include "os/fd.h"

namespace wharf::archive {

/// Which extended attributes an archive may set: user.*, file capabilities and ACLs. Never
/// trusted.* (overlayfs reads it as its own instructions) or another LSM's labels.
bool allowed_xattr(std::string_view name);

/// Owner, then mode (chown(2) clears setuid), then attributes; without the time. Returns how
/// many extended attributes were left out.
std::uint64_t set_attributes(const os::Fd& file, const Entry& entry, mode_t mode_now);

/// A file capability belongs to the user namespace of whose root it is (capabilities(7),
/// "Namespaced file capabilities"). An archive has that of the host's root; these change it to that
/// of `uid` and back. What is no capability of the expected kind stays.
void give_capability(Entry& entry, std::uint32_t uid);
void take_capability(Entry& entry, std::uint32_t uid);

void set_time(const os::Fd& file, const Entry& entry);

/// For what cannot be opened: links, devices, FIFOs. `name` is not followed.
void set_attributes_at(const os::Fd& directory, const std::string& name, const Entry& entry);

}  // namespace wharf::archive
