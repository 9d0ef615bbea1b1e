"""A wharfd with an /etc of its own, so that users and their subordinate ids are a test's to choose."""
import io
import pathlib
import re
import shutil
import tarfile

from daemon import Daemon

UIDS, GIDS = 300000, 400000

# What a user namespace cannot be had together with: flags, and Docker's words.
REFUSED = {
    "privileged": (["--privileged"], "privileged mode is incompatible with user namespaces.  You must run the container in "
                                     "the host namespace when running privileged mode"),
    "network": (["--network", "host"], "cannot share the host's network namespace when user namespaces are enabled"),
    "pid": (["--pid", "host"], "cannot share the host PID namespace when user namespaces are enabled"),
}


class Remapped(Daemon):
    def __init__(self, home, bridge, subnet, flags=("--userns-remap", "subject")):
        super().__init__(home, bridge, subnet, flags=flags)
        self.etc = self.home / "etc"
        shutil.copytree("/etc", self.etc, symlinks=True)
        self.add("passwd", "subject:x:2345:2345::/nonexistent:/bin/false", "poor:x:2346:2346::/nonexistent:/bin/false")
        self.add("group", "subject:x:2345:", "poor:x:2346:")
        (self.etc / "subuid").write_text(f"subject:{UIDS}:65536\n")
        (self.etc / "subgid").write_text(f"subject:{GIDS}:65536\n")

    def add(self, name, *lines):
        with open(self.etc / name, "a") as file:
            file.writelines(f"{line}\n" for line in lines)

    def command(self):
        # exec, so that the process is the one that was started here.
        return ["unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc && exec "$@"', self.etc, *super().command()]


def owners_on_host(daemon, name):
    pid = daemon.inspect(name)["State"]["Pid"]
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return [int(re.search(rf"^{key}:\t(\d+)", status, re.M)[1]) for key in ("Uid", "Gid")]


def members(tar):
    with tarfile.open(fileobj=io.BytesIO(tar)) as opened:
        return {each.name.rstrip("/"): each for each in opened}


def get_archive(daemon, name, path):
    return members(daemon.docker("cp", f"{name}:{path}", "-", text=False).stdout)


def put_archive(daemon, name, path, entries):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for member, uid, gid in entries:
            info = tarfile.TarInfo(member)
            info.uid, info.gid, info.size = uid, gid, 1
            tar.addfile(info, io.BytesIO(b"x"))
    file = daemon.home / "put.tar"
    file.write_bytes(packed.getvalue())
    done = daemon.curl(f"/containers/{name}/archive?path={path}", "-X", "PUT", "-T", str(file), "-w", "\n%{http_code}")
    text, _, status = done.stdout.rpartition("\n")
    return int(status), text
