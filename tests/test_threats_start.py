"""Attacks on the start of a container and of an exec: working directories, mounts, identities, confinement.

The rows (A01 ...) are those of docs/threats.md."""
import os
import pathlib
import subprocess
import time

import pytest

import images
from inventory import rss, settle, supervisors
from test_network import wait_for

ROUNDS = int(os.environ.get("WHARF_ROUNDS", "12"))
UP = "../" * 10


def load(daemon, scratch, tag, extra=(), config=None, without=()):
    entries = [e for e in images.busybox_entries() if e[0].name not in without and e[0].name.split("/")[0] not in without]
    path = images.archive(scratch / "threat.tar", [images.layer(entries + list(extra))], tag, config)
    daemon.docker("load", "-q", "-i", path)
    return tag


@pytest.fixture
def image(clean, scratch):
    """Loads images that are removed again after the test."""
    made = []

    def make(**parts):
        made.append(load(clean, scratch, f"threat:{len(made)}", **parts))
        return made[-1]
    yield make
    clean.remove_containers()
    for tag in made:
        clean.docker("rmi", "-f", tag)


def stays_inside(result, canary):
    """The working directory is one of the container, or there was no start."""
    return result.returncode != 0 or (not result.stdout.startswith("(unreachable)") and "victim" not in result.stdout)


LOOK = "readlink /proc/self/cwd; ls ../../../../../../../..{} . 2>/dev/null; true"


def test_a02_a_working_directory_of_image_or_exec_through_a_descriptor_leads_nowhere(clean, image, canary):
    look = LOOK.format(canary)
    linked = image(extra=[images.link(f"fd{n}", f"/proc/self/fd/{n}") for n in range(3, 12)])
    clean.docker("run", "-d", "--name", "cc", linked, "sleep", "60")
    for n in range(3, 12):
        for directory in (f"/proc/self/fd/{n}", f"/proc/1/fd/{n}", f"/fd{n}"):
            assert stays_inside(clean.docker("exec", "-w", directory, "cc", "sh", "-c", look, check=False), canary), directory
        assert stays_inside(clean.docker("run", "--rm", "-w", f"/fd{n}", linked, "sh", "-c", look, check=False), canary), n
    for n in (5, 8):
        own = image(config={"WorkingDir": f"/proc/self/fd/{n}"})
        assert stays_inside(clean.docker("run", "--rm", own, "sh", "-c", look, check=False), canary), n


def test_a02_an_exec_has_the_standard_descriptors_only(clean):
    clean.docker("run", "-d", "--name", "cc", "busybox", "sleep", "60")
    for flags in ([], ["--privileged"], ["-i"]):
        assert clean.docker("exec", *flags, "cc", "ls", "/proc/self/fd").stdout.split() == ["0", "1", "2", "3"]
    assert clean.docker("exec", "cc", "ls", "/proc/1/fd").stdout.split() == ["0", "1", "2"]


def test_a03_a_mount_destination_swapped_for_a_link_lands_inside(clean, canary, program):
    swap = program("swap")
    clean.docker("run", "-d", "--name", "swapper", "-v", "a03v:/vol", "-v", f"{swap}:/swap", "busybox", "sh", "-c",
                 f"mkdir -p /vol/d; ln -s {UP}{canary[1:]} /vol/l; exec /swap /vol/d /vol/l")
    top = sorted(os.listdir("/"))
    try:
        for number in range(ROUNDS):
            where = ("/vol/d/x", "/vol/d/a/b/c", "/vol/d")[number % 3]
            clean.docker("run", "--rm", "-v", "a03v:/vol", "-v", f"a03w:{where}", "busybox", "ls", "/vol", check=False)
    finally:
        clean.docker("rm", "-f", "swapper")
        clean.docker("volume", "rm", "-f", "a03v", "a03w")
    assert sorted(os.listdir("/")) == top


def test_a05_writes_to_proc_land_in_proc_whatever_the_image_has_there(clean, image):
    fake = [images.directory("fake"), images.directory("fake/sys"), images.directory("fake/self"), images.link("proc", "fake")]
    says = "grep ' /proc proc ' /proc/mounts && grep Seccomp: /proc/self/status && cat /proc/sys/net/ipv4/ip_forward"
    for tag in (image(extra=fake, without=("proc",)), image(config={"Volumes": {"/proc": {}}}),
                image(config={"Volumes": {"/proc/self/attr": {}}}), image(config={"Volumes": {"/sys": {}}})):
        result = clean.docker("run", "--rm", "--sysctl", "net.ipv4.ip_forward=0", tag, "sh", "-c", says, check=False)
        assert result.returncode != 0 or (result.stdout.endswith("Seccomp:\t2\n0\n")), result


def test_a07_a_joining_process_shows_nothing_of_the_host(clean, canary):
    loop = ("while :; do for p in /proc/[0-9]*; do [ $p = /proc/1 ] || { ls -l $p/fd $p/cwd $p/exe; "
            f"ls -d $p/root/../..{canary} $p/cwd/../../../../..{canary}; }}; done; done 2>/dev/null")
    clean.docker("run", "-d", "--name", "watcher", "--cap-add", "SYS_PTRACE", "busybox", "sh", "-c", loop)
    for _ in range(ROUNDS):
        clean.docker("exec", "watcher", "true")
        clean.docker("exec", "--privileged", "-i", "watcher", "true")
    seen = clean.docker("logs", "watcher").stdout
    assert "victim" not in seen
    for mark in ("wharf", str(clean.home), "socket:", "memfd", "anon_inode"):
        lines = [line for line in seen.splitlines() if mark in line]
        assert not lines, lines[:3]


def test_a08_release_agents_are_out_of_reach(clean):
    agents = {path: path.read_text() for path in pathlib.Path("/sys/fs/cgroup").glob("*/release_agent")}
    script = ("for f in $(find /sys/fs/cgroup -name release_agent -o -name notify_on_release); do echo /x > $f && echo WROTE $f; done; "
              "unshare -Urm sh -c 'mount -t cgroup -o memory c /mnt && echo MOUNTED'; mkdir /tmp/c; "
              "mount -t cgroup -o memory c /tmp/c && echo MOUNTED; mount -t cgroup2 c /tmp/c && echo MOUNTED")
    for flags in ([], ["--cgroupns", "host"], ["-u", "1000"]):
        out = clean.docker("run", "--rm", *flags, "busybox", "sh", "-c", script, check=False).stdout
        assert "WROTE" not in out and "MOUNTED" not in out
    assert {path: path.read_text() for path in agents} == agents


@pytest.mark.parametrize("namespace", ["host", "private"])
def test_a09_cgroup_files_are_read_only_in_either_namespace(clean, namespace):
    script = ("for f in pids/cgroup.procs pids/pids.max memory/memory.limit_in_bytes devices/devices.allow; do echo 1 > /sys/fs/cgroup/$f; done; "
              "for d in /sys/fs/cgroup/*/; do mkdir $d/x && echo MADE; done")
    result = clean.docker("run", "--rm", "--cgroupns", namespace, "-m", "64m", "busybox", "sh", "-c", script, check=False)
    assert "MADE" not in result.stdout and result.stderr.count("Read-only file system") >= 4, result


def capabilities(text):
    return {key: int(value, 16) for key, value in (line.split(":\t") for line in text.split("\n") if line.startswith("Cap"))}


def test_a11_nothing_is_inherited_by_an_exec_or_a_health_check(clean):
    show = "grep Cap /proc/self/status"
    clean.docker("run", "-d", "--name", "cc", "--health-cmd", show, "--health-interval", "200ms", "busybox", "sleep", "60")
    for flags, root in (([], True), (["-u", "1000"], False), (["--privileged"], True)):
        found = capabilities(clean.docker("exec", *flags, "cc", "sh", "-c", show).stdout)
        assert found["CapInh"] == found["CapAmb"] == 0 and (found["CapEff"] != 0) == root, flags
    added = capabilities(clean.docker("run", "--rm", "--cap-add", "NET_ADMIN", "-u", "1000", "busybox", "sh", "-c", show).stdout)
    assert added["CapInh"] == added["CapAmb"] == added["CapEff"] == 0
    wait_for(lambda: clean.inspect("cc")["State"]["Health"]["Log"])
    probe = capabilities(clean.inspect("cc")["State"]["Health"]["Log"][0]["Output"])
    assert probe["CapInh"] == probe["CapAmb"] == 0 and probe["CapEff"] == 0xa80425fb


def test_a12_groups_of_an_exec_and_of_the_images_user_bound_negative_permissions(clean, image):
    tag = image(extra=[images.entry("closed", b"closed", 0o604, uid=0, gid=1000)], config={"User": "u"})
    clean.docker("run", "-d", "--name", "cc", tag, "sleep", "60")
    assert clean.docker("exec", "cc", "id", "-G").stdout.split() == ["1000", "2000"]
    assert clean.docker("exec", "cc", "cat", "/closed", check=False).returncode != 0
    for user, groups in (("u", "1000 2000"), ("u:u", "1000"), ("1000:1000", "1000"), ("5:6", "6"), ("0", "0")):
        assert clean.docker("exec", "-u", user, "cc", "id", "-G").stdout.strip() == groups, user
    assert clean.docker("run", "--rm", "--group-add", "extra", "-u", "5:6", tag, "id", "-G").stdout.split() == ["6", "2000"]


NUMBERS = ["2147483647", "2147483648", "4294967295", "4294967296", "-1", "1000", "0x0", "+0", "00", "1e3", "1000:4294967296", " 1000", "18446744073709551616"]


def test_a13_a_number_is_never_a_name_and_never_becomes_root(clean, image):
    passwd = b"".join(b"%s:x:0:0::/:/bin/sh\n" % name.encode() for name in ("1000", "-1", "4294967295", "4294967296", "0x0", "+0", "1e3", " 1000"))
    files = [images.entry("etc/passwd", b"root:x:0:0::/:/bin/sh\n" + passwd)]
    plain = image(extra=files)
    clean.docker("run", "-d", "--name", "cc", plain, "sleep", "60")

    def uid(*args):
        result = clean.docker(*args, "id", "-u", check=False)
        return result.stdout.strip() if result.returncode == 0 else "refused"
    for user in NUMBERS:
        numeric = user.isdecimal() and int(user) < 1 << 31
        expected = {str(int(user))} if numeric else {"refused"}
        if user in ("0x0", "+0", "1e3", " 1000"):  # No numbers: names that this image has.
            expected.add("0")
        assert uid("run", "--rm", f"--user={user}", plain) in expected, user
        assert uid("exec", f"--user={user}", "cc") in expected, user
    for user in ("4294967296", "-1", "1000:4294967296", "2147483648"):
        assert uid("run", "--rm", image(extra=files, config={"User": user})) == "refused"


def test_a14_user_files_that_are_huge_or_no_files_end_an_exec_with_an_error(clean):
    clean.docker("run", "-d", "--name", "cc", "busybox", "sleep", "60")
    before = rss(clean)
    for trick in ("truncate -s 8G /etc/group", "dd if=/dev/zero bs=1M count=12 2>/dev/null | tr '\\0' x > /etc/group",
                  "ln -s /dev/zero /etc/group", "mkfifo /etc/group", "ln -s /proc/kcore /etc/group",
                  "ln -s /etc/group /etc/group"):
        clean.docker("exec", "-u", "0:0", "cc", "sh", "-c", f"rm -f /etc/group; {trick}")
        started = time.monotonic()
        result = clean.docker("exec", "-u", "u", "cc", "id", check=False, timeout=10)
        assert time.monotonic() - started < 3, trick
        assert result.returncode != 0 or result.stdout.startswith("uid=1000"), trick
    assert rss(clean) - before < 16 << 20
