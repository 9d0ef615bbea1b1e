"""wharf-runtime as the OCI runtime of others: Debian's podman and containerd, with their own clients."""
import json
import os
import shutil
import subprocess
import time

import pytest

from daemon import BUILD
from images import busybox_archive
from test_network import wait_for

RUNTIME = BUILD / "wharf-runtime"
IMAGE = "docker.io/library/busybox:latest"
# podman asks for limits of its own that a machine without CAP_SYS_RESOURCE refuses every runtime.
LIMITS = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"]
MEMORY = "64m"


def missing(*programs):
    return [program for program in programs if shutil.which(program) is None]


class Podman:
    """A podman with its storage, its containers and its runtime below one directory."""

    def __init__(self, home):
        self.home = home
        self.run = ["podman", "--root", home / "root", "--runroot", home / "runroot", "--tmpdir", home / "tmp", "--runtime", RUNTIME,
                    "--cgroup-manager", "cgroupfs", "--storage-driver", "vfs", "--events-backend", "file"]

    def __call__(self, *args, code=0):
        done = subprocess.run([str(a) for a in (*self.run, *args)], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        assert done.returncode == code, f"{args}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout.strip()

    def once(self, *args, code=0):
        return self("run", "--rm", "--network", "none", *LIMITS, *args, code=code)

    def state(self, name):
        state = json.loads(self("inspect", name))[0]["State"]
        return state["Status"], state["ExitCode"]


@pytest.fixture(scope="module")
def podman(tmp_path_factory):
    if lacking := missing("podman", "conmon"):
        pytest.skip(f"not installed: {' '.join(lacking)}")
    home = tmp_path_factory.mktemp("podman")
    podman = Podman(home)
    podman("load", "-q", "-i", busybox_archive(home / "busybox.tar", IMAGE))
    yield podman
    podman("rm", "-f", "-a", "-t", "0")
    subprocess.run(["podman", *map(str, podman.run[1:]), "system", "reset", "-f"], capture_output=True, stdin=subprocess.DEVNULL)
    assert not os.path.isdir("/run/wharf-runtime") or os.listdir("/run/wharf-runtime") == []


def test_podman_runs_containers_with_codes_users_and_namespaces(podman):
    assert podman.once(IMAGE, "echo", "hello") == "hello"
    podman.once(IMAGE, "sh", "-c", "exit 7", code=7)
    podman.once(IMAGE, "nonexistent", code=127)
    podman.once(IMAGE, "/etc/passwd", code=126)
    shown = podman.once("-t", "--user", "1000", "--cap-drop", "all", IMAGE, "sh", "-c", "id -u; grep CapEff /proc/self/status; tty")
    assert shown.split() == ["1000", "CapEff:", "0000000000000000", "/dev/pts/0"]
    assert podman.once("--uidmap", "0:100000:65536", IMAGE, "cat", "/proc/self/uid_map").split() == ["0", "100000", "65536"]
    podman.once("--read-only", IMAGE, "touch", "/x", code=1)
    host = os.uname().nodename
    assert podman("run", "--rm", *LIMITS, "--network", "host", "--pid", "host", "--ipc", "host", "--uts", "host", IMAGE, "hostname") == host
    assert podman.once("--tmpfs", "/t:size=1m", IMAGE, "sh", "-c", "mount | grep -c ' /t '") == "1"


def test_podman_leads_a_container_through_its_life(podman):
    podman("run", "-d", "--name", "life", "--network", "none", *LIMITS, "--memory", MEMORY, IMAGE, "sleep", "100")
    assert podman("exec", "life", "echo", "in") == "in"
    assert podman("exec", "-t", "life", "tty") == "/dev/pts/0"
    podman("exec", "life", "sh", "-c", "exit 9", code=9)
    podman("pause", "life")
    assert podman.state("life")[0] == "paused"
    podman("unpause", "life")
    assert "sleep 100" in podman("top", "life")
    podman("update", "-m", "48m", "life")
    podman("stop", "-t", "0", "life")
    assert podman.state("life") == ("exited", 137)
    podman("start", "life")
    podman("kill", "-s", "KILL", "life")
    wait_for(lambda: podman.state("life") == ("exited", 137))
    podman("rm", "life")


class Containerd:
    """A containerd of its own, by a configuration of its own; containers by ctr."""

    def __init__(self, home):
        self.home = home
        self.address = home / "c.sock"
        (home / "config.toml").write_text(
            f'version = 2\nroot = "{home}/root"\nstate = "{home}/state"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
            f'[grpc]\naddress = "{self.address}"\n[ttrpc]\naddress = "{self.address}.ttrpc"\n')
        with open(home / "log", "wb") as log:
            self.process = subprocess.Popen(["containerd", "-c", str(home / "config.toml")], stdout=log, stderr=log)
        wait_for(lambda: subprocess.run(["ctr", "-a", str(self.address), "version"], capture_output=True).returncode == 0, 15)

    def __call__(self, *args, code=0):
        done = subprocess.run([str(a) for a in ("ctr", "-a", self.address, *args)], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        assert done.returncode == code, f"{args}: {done.returncode}\n{done.stdout}\n{done.stderr}\n{(self.home / 'log').read_text()[-2000:]}"
        return done.stdout.strip()

    def run(self, name, *command, flags=("--rm",), code=0):
        return self("run", "--snapshotter", "native", *flags, "--runc-binary", RUNTIME, IMAGE, name, *command, code=code)

    def status(self, name):
        return next((line.split()[2] for line in self("task", "ls").splitlines() if line.split()[0] == name), None)

    def close(self):
        self.process.terminate()
        self.process.wait(20)


@pytest.fixture(scope="module")
def containerd(tmp_path_factory):
    if lacking := missing("containerd", "ctr", "containerd-shim-runc-v2"):
        pytest.skip(f"not installed: {' '.join(lacking)}")
    # Its shims listen below a path of theirs, and a socket's name is short.
    home = tmp_path_factory.mktemp("ctrd")
    containerd = Containerd(home)
    containerd("images", "import", "--snapshotter", "native", busybox_archive(home / "busybox.tar", IMAGE))
    yield containerd
    containerd.close()


def test_containerd_runs_containers_with_codes(containerd):
    assert containerd.run("hello", "echo", "hello") == "hello"
    containerd.run("seven", "sh", "-c", "exit 7", code=7)
    inside = containerd.run("placed", "sh", "-c", "pwd; echo $WHO; mount | grep -c ' / '", flags=("--rm", "--cwd", "/tmp", "--env", "WHO=me", "--read-only"))
    assert inside.split() == ["/tmp", "me", "1"]


def test_containerd_leads_a_task_through_its_life(containerd):
    containerd.run("life", "sleep", "100", flags=("-d",))
    assert containerd.status("life") == "RUNNING"
    assert containerd("task", "exec", "--exec-id", "e1", "life", "echo", "in") == "in"
    containerd("task", "pause", "life")
    assert containerd.status("life") == "PAUSED"
    containerd("task", "resume", "life")
    assert "memory.usage_in_bytes" in containerd("task", "metrics", "life") or "memory.usage" in containerd("task", "metrics", "life")
    assert len(containerd("task", "ps", "life").splitlines()) == 2
    containerd("task", "kill", "-s", "9", "life")
    wait_for(lambda: containerd.status("life") == "STOPPED")
    containerd("task", "delete", "life")
    containerd("containers", "delete", "life")
    time.sleep(0.2)
    assert containerd("containers", "ls", "-q") == ""
