"""Counts of everything that an operation could leave behind. Before and after must be equal."""
import os
import pathlib
import re
import subprocess
import time


def lines(*command):
    return subprocess.run(command, capture_output=True, text=True).stdout.splitlines()


def tree(path):
    """Names below a directory, some of which may vanish while it is read."""
    found = []
    for top, folders, files in os.walk(path):
        found += [os.path.relpath(os.path.join(top, name), path) for name in folders + files]
    return sorted(found)


def cgroups(daemon):
    """Every container's cgroup directory of this daemon, in each hierarchy: its containers' ids are in its data."""
    parent = pathlib.Path(daemon.cgroup_parent).name
    found = []
    for top in pathlib.Path("/sys/fs/cgroup").iterdir():
        for path, folders, _ in os.walk(top / parent):
            found += [os.path.join(path, folder) for folder in folders]
    return sorted(found)


def supervisors(daemon):
    """Supervisors of this daemon's containers: they hold a directory below its home open."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if b"supervise" not in (entry / "cmdline").read_bytes():
                continue
            held = [os.readlink(fd) for fd in (entry / "fd").iterdir()]
        except OSError:
            continue
        if any(path.startswith(f"{daemon.home}/") for path in held):
            found.append(entry.name)
    return found


def nft_elements():
    text = "\n".join(lines("nft", "list", "ruleset"))
    return len(re.findall(r" : ", text)), text.count("chain ")


def descriptors(proc):
    """What the daemon holds open, but for compiled seccomp filters and connections to the database: a bounded number is kept."""
    found = []
    for entry in (proc / "fd").iterdir():
        try:
            found.append(os.readlink(entry))
        except OSError:
            pass
    return [path for path in found if "wharf-seccomp" not in path and not re.search(r"/wharf\.db(-wal|-shm)?$", path)]


class Inventory:
    """What exists now. Volatile parts (pools that fill in the background) settle before they are compared."""

    def __init__(self, daemon):
        proc = pathlib.Path(f"/proc/{daemon.pid}")
        self.counts = {
            "mounts": len(pathlib.Path("/proc/self/mountinfo").read_text().splitlines()),
            "cgroups": cgroups(daemon),
            "links": len(lines("ip", "-o", "link")),
            "namespaces": len(tree("/run/netns")),
            "nft": nft_elements(),
            "fds": len(descriptors(proc)),
            "threads": len(list((proc / "task").iterdir())),
            "children": len(supervisors(daemon)),
            "data": [p for p in tree(daemon.data) if not re.search(r"-(wal|shm)$|\.db$|^trash/|^content/partial/", p)],
            "run": tree(daemon.run_dir),
            "containers": daemon.out("ps", "-aq", "--no-trunc").split(),
            "images": sorted(daemon.out("images", "-q", "--no-trunc").split()),
        }

    def difference(self, other):
        """key -> (before, after). A number may fall (a pool drained, a neighbour's test ended), never rise."""
        def differs(old, new):
            return new > old if isinstance(old, int) else any(n > o for o, n in zip(old, new)) if isinstance(old, tuple) else old != new
        return {key: (self.counts[key], other.counts[key]) for key in self.counts if differs(self.counts[key], other.counts[key])}


def at_rest(daemon, seconds=6):
    """What exists once nothing has come or gone for a while: pools are full again."""
    deadline = time.monotonic() + seconds
    last = Inventory(daemon)
    while True:
        time.sleep(0.3)
        now = Inventory(daemon)
        if now.counts == last.counts or time.monotonic() > deadline:
            return now
        last = now


def settle(daemon, before, seconds=6):
    """The differences that remain after background work had `seconds` to end."""
    deadline = time.monotonic() + seconds
    while True:
        difference = before.difference(Inventory(daemon))
        if not difference or time.monotonic() > deadline:
            return short(difference)
        time.sleep(0.1)


def short(difference):
    """Long lists as what was added and what is gone."""
    out = {}
    for key, (old, new) in difference.items():
        if isinstance(old, list):
            out[key] = {"added": [x for x in new if x not in old][:10], "gone": [x for x in old if x not in new][:10]}
        else:
            out[key] = (old, new)
    return out


def rss(daemon):
    """The daemon's resident memory in bytes."""
    return int(pathlib.Path(f"/proc/{daemon.pid}/statm").read_text().split()[1]) * 4096
