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


def modules(work, wanted):
    """The .ko files of `wanted` in load order, from the unpacked package."""
    found = {}
    for path in (work / "kernel/lib/modules").rglob("*.ko*"):
        found[path.name.split(".ko")[0].replace("-", "_")] = path
    return [found[name] for name in wanted if name in found]


def initramfs(work, script, files, load=()):
    """A cpio of busybox, `files` (target -> source) and /init, which runs `script`."""
    root = work / "initramfs"
    shutil.rmtree(root, ignore_errors=True)
    for folder in ("bin", "proc", "sys", "dev", "tmp", "run", "etc", "mod"):
        (root / folder).mkdir(parents=True)
    shutil.copy("/bin/busybox", root / "bin/busybox")
    for target, source in files.items():
        (root / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, root / target)
    order = []
    for number, module in enumerate(modules(work, load)):
        shutil.copy(module, root / "mod" / f"{number:02}-{module.name}")
        order.append(f"insmod /mod/{number:02}-{module.name}")
    init = root / "init"
    init.write_text("#!/bin/busybox sh\n/bin/busybox --install -s /bin\nexport PATH=/bin\nmount -t proc proc /proc\nmount -t sysfs sys /sys\n"
                    "mount -t devtmpfs dev /dev\nmount -t tmpfs tmp /tmp\nmount -t tmpfs run /run\nmount -t cgroup2 cgroup2 /sys/fs/cgroup\n"
                    + "\n".join(order) + "\n" + script + "\npoweroff -f\n")
    init.chmod(0o755)
    names = subprocess.run(["find", "."], cwd=root, capture_output=True, check=True).stdout
    packed = subprocess.run(["cpio", "--quiet", "-o", "-H", "newc"], cwd=root, input=names, capture_output=True, check=True).stdout
    path = work / "initramfs.gz"
    path.write_bytes(gzip.compress(packed, 1))
    return path


def boot(image, ramdisk, seconds=120):
    """The console's text of a whole boot."""
    return subprocess.run(["qemu-system-x86_64", "-accel", "tcg", "-m", "512", "-smp", "1", "-nographic", "-no-reboot", "-kernel", str(image),
                           "-initrd", str(ramdisk), "-append", "console=ttyS0 quiet panic=-1"],
                          capture_output=True, text=True, timeout=seconds, stdin=subprocess.DEVNULL, errors="replace").stdout
