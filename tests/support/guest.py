"""A small machine with cgroup v2: Debian's stock cloud kernel under qemu, an initramfs of busybox and the static runtime."""
import gzip
import os
import pathlib
import shutil
import subprocess


def kernel(work):
    """The kernel image of linux-image-cloud-amd64, unpacked from its package and not installed."""
    listing = subprocess.run(["apt-cache", "depends", "linux-image-cloud-amd64"], capture_output=True, text=True).stdout
    names = [line.split()[1] for line in listing.splitlines() if "Depends: linux-image-" in line]
    if not names:
        return None
    got = subprocess.run(["apt-get", "download", "-q", names[0]], cwd=work, capture_output=True, text=True)
    packages = list(pathlib.Path(work).glob("linux-image-*.deb"))
    if got.returncode != 0 or not packages:
        return None
    subprocess.run(["dpkg-deb", "-x", str(packages[0]), str(work / "kernel")], check=True)
    return next((work / "kernel/boot").glob("vmlinuz-*"))


def add_modules(work, root, wanted):
    """The modules of `wanted` (folders as "net/netfilter", or files), where the guest's own modprobe finds them: the kernel asks for them by itself."""
    (source,) = (work / "kernel/lib/modules").iterdir()
    target = root / "lib/modules" / source.name
    for one in wanted:
        (target / "kernel" / one).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (source / "kernel" / one).is_dir() else shutil.copy
        copy(source / "kernel" / one, target / "kernel" / one)
    for path in source.glob("modules.*"):
        shutil.copy(path, target)
    subprocess.run(["depmod", "-b", str(root), source.name], check=True)
    (root / "sbin").mkdir(exist_ok=True)
    (root / "sbin/modprobe").symlink_to("/bin/busybox")


def libraries(program):
    """What a dynamic program needs beside it: the path in the guest -> the file here."""
    lines = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=True).stdout.splitlines()
    paths = [word for line in lines for word in line.split() if word.startswith("/")]
    return {path.lstrip("/"): path for path in paths}


def initramfs(work, script, files, wanted_modules=()):
    """A cpio of busybox, `files` (target -> source), kernel modules and /init, which runs `script`."""
    root = work / "initramfs"
    shutil.rmtree(root, ignore_errors=True)
    for folder in ("bin", "proc", "sys", "dev", "tmp", "run", "etc"):
        (root / folder).mkdir(parents=True)
    shutil.copy("/bin/busybox", root / "bin/busybox")
    for target, source in files.items():
        (root / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, root / target)
    if wanted_modules:
        add_modules(work, root, wanted_modules)
    init = root / "init"
    init.write_text("#!/bin/busybox sh\n/bin/busybox --install -s /bin\nexport PATH=/bin\nmount -t proc proc /proc\nmount -t sysfs sys /sys\n"
                    "mount -t devtmpfs dev /dev\nmount -t tmpfs tmp /tmp\nmount -t tmpfs run /run\nmount -t cgroup2 cgroup2 /sys/fs/cgroup\n"
                    + script + "\npoweroff -f\n")
    init.chmod(0o755)
    names = subprocess.run(["find", "."], cwd=root, capture_output=True, check=True).stdout
    packed = subprocess.run(["cpio", "--quiet", "-o", "-H", "newc"], cwd=root, input=names, capture_output=True, check=True).stdout
    path = work / "initramfs.gz"
    path.write_bytes(gzip.compress(packed, 1))
    return path


def boot(image, ramdisk, seconds=120, megabytes=512):
    """The console's text of a whole boot."""
    return subprocess.run(["qemu-system-x86_64", "-accel", "tcg", "-m", str(megabytes), "-smp", "1", "-nographic", "-no-reboot", "-kernel", str(image),
                           "-initrd", str(ramdisk), "-append", "console=ttyS0 quiet panic=-1 no_timer_check"],
                          capture_output=True, text=True, timeout=seconds, stdin=subprocess.DEVNULL, errors="replace").stdout
