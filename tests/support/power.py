"""Power loss on a loop ext4: what was synced stays, the rest vanishes."""
import fcntl
import os
import pathlib
import subprocess

EXT4_IOC_SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = 2


class LoopDisk:
    def __init__(self, home, megabytes):
        self.home = pathlib.Path(home)
        self.home.mkdir(parents=True)
        self.image = self.home / "image"
        self.mountpoint = self.home / "mnt"
        self.mountpoint.mkdir()
        with open(self.image, "wb") as image:
            image.truncate(megabytes << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", str(self.image)], check=True)
        self.remount(first=True)

    def remount(self, first=False):
        if not first:
            subprocess.run(["umount", "-l", str(self.mountpoint)], check=True)
        subprocess.run(["mount", "-o", "loop,commit=3600", str(self.image), str(self.mountpoint)], check=True)

    def cut(self):
        fd = os.open(self.mountpoint, os.O_RDONLY)
        fcntl.ioctl(fd, EXT4_IOC_SHUTDOWN, NO_LOG_FLUSH.to_bytes(4, "little"))
        os.close(fd)

    def close(self):
        subprocess.run(["umount", "-l", str(self.mountpoint)])
