// Namespaces you can own, and code that runs inside one.
//
// The daemon's threads never change their own namespace: what has to happen in another one
// runs in a thread made for it, which ends there. A namespace lives as long as a descriptor
// of it is open or a process is in it; closing the last one also removes its interfaces, in
// the background (deleting a veth by message instead blocks for 30 ms).
//
// Thread-safe. Every function throws base::Error, and so does what `work` throws.
#pragma once

#include <functional>
#include <string>

#include "os/fd.h"

namespace wharf::os {

/// A descriptor of the network namespace of the calling thread.
Fd current_network_namespace();

/// A fresh namespace. `work` runs inside it first, in a thread of its own: for sysctls and
/// for sockets that shall belong to it.
Fd new_network_namespace(const std::function<void()>& work = {});

/// Runs `work` in a thread that has joined `netns`, and waits for it.
void in_network_namespace(const Fd& netns, const std::function<void()>& work);

/// Runs `work` in a thread with a mount namespace of its own, a private copy of the daemon's, and
/// waits for it. What is mounted there goes with the thread.
void in_own_mount_namespace(const std::function<void()>& work);

/// Runs `work` in a thread that has joined `mntns`, and waits for it. To that thread paths of
/// every kind are the other side's: it must work by descriptors alone.
void in_mount_namespace(const Fd& mntns, const std::function<void()>& work);

/// A descriptor of the mount namespace of the calling thread: it keeps what is mounted there.
Fd current_mount_namespace();

/// Writes /proc/sys/NAME ("net/ipv4/ip_forward") in the calling thread's network namespace.
void write_sysctl(const std::string& name, const std::string& value);
std::string read_sysctl(const std::string& name);

}  // namespace wharf::os
