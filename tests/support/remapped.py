"""A wharfd with an /etc of its own, so that users and their subordinate ids are a test's to choose."""
import shutil

from daemon import Daemon

UIDS, GIDS = 300000, 400000


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
