"""Counts of everything that an operation could leave behind. Before and after must be equal."""
import os
import pathlib
import re
import subprocess
import time


def lines(*command):
    return subprocess.run(command, capture_output=True, text=True).stdout.splitlines()


def tree(path):
    return sorted(str(p.relative_to(path)) for p in pathlib.Path(path).rglob("*")) if pathlib.Path(path).exists() else []


def cgroups(daemon):
    """Every container's cgroup directory of this daemon, in each hierarchy: its containers' ids are in its data."""
    parent = pathlib.Path(daemon.cgroup_parent).name
    found = []
    for top in pathlib.Path("/sys/fs/cgroup").iterdir():
        for path, folders, _ in os.walk(top / parent):
            found += [os.path.join(path, folder) for folder in folders]
    return sorted(found)


def supervisors(daemon):
    """Processes of the runtime under this daemon's run directory."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if os.readlink(entry / "exe").startswith(str(daemon.build)) and int(entry.name) != daemon.pid:
                    command = (entry / "cmdline").read_bytes()
                    if str(daemon.run_dir).encode() in command:
                        found.append(entry.name)
            except OSError:
                pass
    return found


def nft_elements():
    text = "\n".join(lines("nft", "list", "ruleset"))
    return len(re.findall(r" : ", text)), text.count("chain ")


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
            "fds": len(list((proc / "fd").iterdir())),
            "threads": len(list((proc / "task").iterdir())),
            "children": len(supervisors(daemon)),
            "data": [p for p in tree(daemon.data) if not re.search(r"-(wal|shm)$|\.db$|^trash/", p)],
            "run": tree(daemon.run_dir),
            "containers": daemon.out("ps", "-aq", "--no-trunc").split(),
            "images": sorted(daemon.out("images", "-q", "--no-trunc").split()),
        }

    def difference(self, other):
        """key -> (before, after). A number may fall (a pool drained, a neighbour's test ended), never rise."""
        def differs(old, new):
            return new > old if isinstance(old, int) else any(n > o for o, n in zip(old, new)) if isinstance(old, tuple) else old != new
        return {key: (self.counts[key], other.counts[key]) for key in self.counts if differs(self.counts[key], other.counts[key])}


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
