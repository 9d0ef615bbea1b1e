"""cgroup v2, in a guest with Debian's stock cloud kernel: the static runtime runs a container with limits."""
import json

import pytest

import guest
from daemon import BUILD

LIMITS = {"memory": {"limit": 64 << 20, "swap": 64 << 20, "reservation": 32 << 20}, "cpu": {"quota": 50000, "period": 100000, "shares": 512},
          "pids": {"limit": 33}}


def bundle():
    spec = {
        "ociVersion": "1.2.0", "hostname": "guest", "root": {"path": "rootfs"},
        "process": {"args": ["/bin/sh", "-c", "echo in-container $$; cat /proc/self/cgroup; ls /sys/fs/cgroup | head -n 3; touch /sys/fs/cgroup/x || echo read-only; cat /dev/sda || true; exit 7"],
                    "env": ["PATH=/bin"], "cwd": "/", "user": {"uid": 0, "gid": 0}},
        "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}, {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["mode=755"]},
                   {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["ro"]},
                   {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["ro", "nosuid", "noexec", "nodev"]}],
        "linux": {"cgroupsPath": "/wharf/box", "resources": {**LIMITS, "devices": [{"allow": False, "access": "rwm"}]},
                  "namespaces": [{"type": t} for t in ("pid", "mount", "ipc", "uts", "network", "cgroup")]},
    }
    return spec


SCRIPT = """
mkdir -p /b/rootfs/bin /b/rootfs/proc /b/rootfs/dev /b/rootfs/sys
cp /bin/busybox /b/rootfs/bin/busybox; ln -s busybox /b/rootfs/bin/sh; for a in cat ls touch head sleep; do ln -s busybox /b/rootfs/bin/$a; done
cp /config.json /b/config.json
cd /b
wharf-runtime --root /run/w run box; echo "exit $?"
sed -i 's/"args": \\[[^]]*\\]/"args": ["sleep", "100"]/' config.json
wharf-runtime --root /run/w run --detach box2 </dev/null >/dev/null 2>&1; echo "detached $?"
g=/sys/fs/cgroup/wharf/box
for f in memory.max memory.swap.max memory.low cpu.max cpu.weight pids.max; do echo "$f=$(cat $g/$f)"; done
echo "procs=$(wc -l < $g/cgroup.procs)"
wharf-runtime --root /run/w state box2 | head -n 5
wharf-runtime --root /run/w exec box2 sh -c 'echo exec in $(cat /proc/self/cgroup)'
wharf-runtime --root /run/w kill box2 KILL; sleep 0.3
wharf-runtime --root /run/w delete box2; echo "deleted $?"
[ -d $g ] && echo "cgroup left" || echo "cgroup gone"
"""


@pytest.fixture(scope="module")
def console(scratch):
    work = scratch / "guest"
    work.mkdir()
    image = guest.kernel(work)
    if image is None:
        pytest.skip("Debian's linux-image-cloud-amd64 cannot be downloaded here")
    (work / "config.json").write_text(json.dumps(bundle()))
    ramdisk = guest.initramfs(work, SCRIPT, {"bin/wharf-runtime": BUILD / "wharf-runtime", "config.json": work / "config.json"})
    return guest.boot(image, ramdisk)


def test_a_container_runs_under_version_two_and_gives_its_code(console):
    assert "in-container 1" in console and "exit 7" in console, console[-3000:]


def test_limits_are_in_the_files_of_version_two(console):
    for line in (f"memory.max={64 << 20}", "memory.swap.max=0", f"memory.low={32 << 20}", "cpu.max=50000 100000", "pids.max=33", "procs=1"):
        assert line in console, (line, console[-3000:])


def test_the_container_sees_its_own_group_read_only(console):
    assert "0::/" in console and "read-only" in console


def test_exec_joins_and_delete_leaves_no_group(console):
    assert "exec in" in console and "deleted 0" in console and "cgroup gone" in console, console[-3000:]
