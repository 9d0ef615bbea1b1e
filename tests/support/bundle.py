"""An OCI bundle of busybox and an OCI runtime run on it, as the tests of the runtime specification need it."""
import copy
import json
import os
import pathlib
import shutil
import subprocess
import uuid

from daemon import BUILD

# Another runtime may be named here to see what it makes of a test.
RUNTIME = os.environ.get("WHARF_SPEC_RUNTIME", str(BUILD / "wharf-runtime"))

CAPABILITIES = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_SYS_CHROOT", "CAP_MKNOD", "CAP_NET_ADMIN"]
PROGRAMS = ["[", "cat", "chmod", "cut", "echo", "grep", "hostname", "id", "ionice", "ls", "mkdir", "mkfifo", "mknod", "mount", "pwd", "readlink",
            "rmdir", "sh", "sleep", "sort", "stat", "touch", "tr", "true", "tty", "uname"]
CONFIG = {
    "ociVersion": "1.2.0",
    "process": {
        "user": {"uid": 0, "gid": 0}, "args": ["true"], "env": ["PATH=/bin"], "cwd": "/",
        "capabilities": {"bounding": CAPABILITIES, "effective": CAPABILITIES, "permitted": CAPABILITIES}},
    "root": {"path": "rootfs"},
    "mounts": [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
        {"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]},
        {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]}],
    "linux": {"namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount")]}}


class Bundle:
    """One container at most at a time; remove() takes away what is left of it."""

    def __init__(self, path, busybox):
        self.path = pathlib.Path(path)
        self.root = self.path / "rootfs"
        self.states = self.path / "states"
        self.id = f"spec-{uuid.uuid4().hex[:12]}"
        for folder in ("bin", "etc", "tmp"):
            (self.root / folder).mkdir(parents=True)
        os.link(busybox, self.root / "bin/busybox")
        for name in PROGRAMS:
            (self.root / "bin" / name).symlink_to("busybox")
        (self.root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nu:x:1000:1000::/home/u:/bin/sh\n")
        self.config = copy.deepcopy(CONFIG)
        self.process = self.config["process"]
        self.linux = self.config["linux"]
        self.mounts = self.config["mounts"]
        self.output = self.path / "output"

    def namespace(self, kind, path=None):
        """Has the container get a namespace of this kind: a new one, or that of a path."""
        self.drop_namespace(kind)
        self.linux["namespaces"].append({"type": kind, "path": str(path)} if path else {"type": kind})

    def drop_namespace(self, kind):
        self.linux["namespaces"] = [one for one in self.linux["namespaces"] if one["type"] != kind]

    def mount(self, destination, kind, source="none", options=(), **more):
        self.mounts.append({"destination": destination, "type": kind, "source": str(source), "options": list(options), **more})

    def save(self):
        (self.path / "config.json").write_text(json.dumps(self.config))

    def command(self, *words):
        return [RUNTIME, "--root", str(self.states), *map(str, words)]

    def call(self, *words, **more):
        """The runtime with these words; its exit status, output and errors."""
        return subprocess.run(self.command(*words), capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL, **more)

    def run(self, *args, code=0):
        """The whole life of a container; what its program printed."""
        if args:
            self.process["args"] = list(args)
        self.save()
        done = self.call("run", "--bundle", self.path, self.id)
        assert done.returncode == code, f"{done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout

    def sh(self, script, code=0):
        return self.run("sh", "-c", script, code=code)

    def refuse(self, *words):
        """Whether create fails and leaves nothing; its words, which must hold these."""
        self.save()
        done = self.try_create()
        assert done.returncode != 0, "it was created"
        assert not list(self.states.glob("*")), "a state is left"
        assert self.cgroups() == []
        for word in words:
            assert word in done.stderr, done.stderr
        return done.stderr

    def try_create(self, *options):
        self.save()
        # A container that was created keeps its streams open: they are files.
        with open(self.output, "w") as out, open(self.path / "errors", "w+") as err:
            done = subprocess.run(self.command("create", "--bundle", self.path, *options, self.id), stdout=out, stderr=err, stdin=subprocess.DEVNULL, timeout=30)
            err.seek(0)
            done.stderr = err.read()
        return done

    def create(self, *args, options=()):
        if args:
            self.process["args"] = list(args)
        done = self.try_create(*options)
        assert done.returncode == 0, done.stderr

    def start(self):
        done = self.call("start", self.id)
        assert done.returncode == 0, done.stderr

    def state(self):
        done = self.call("state", self.id)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def status(self):
        return self.state()["status"]

    def pid(self):
        return self.state()["pid"]

    def started(self, *args):
        """A running container; its pid."""
        self.create(*(args or ("sleep", "1000")))
        self.start()
        return self.pid()

    def cgroups(self):
        return [str(p) for p in pathlib.Path("/sys/fs/cgroup").glob(f"*/{self.linux.get('cgroupsPath', self.id).lstrip('/')}")]

    def remove(self):
        if self.states.exists():
            self.call("delete", "--force", self.id)
        shutil.rmtree(self.path, ignore_errors=True)
