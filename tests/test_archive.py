"""docker cp in both directions, export and diff, by the stock client and by hand."""
import base64
import io
import json
import os
import tarfile
import threading
import time
import urllib.parse

import pytest

from images import directory, entry, layer, link


def running(daemon, *args):
    return daemon.out("run", "-d", *args, "busybox", "sleep", "1000")


def created(daemon, *args):
    return daemon.out("create", *args, "busybox", "sleep", "1000")


def cat(daemon, name, path):
    """What a file of the container says, by cp."""
    tar = daemon.docker("cp", f"{name}:{path}", "-", text=False).stdout
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        return archive.extractfile(archive.getmembers()[0]).read().decode()


def members(daemon, name, path):
    tar = daemon.docker("cp", f"{name}:{path}", "-", text=False).stdout
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        return {member.name: member for member in archive.getmembers()}


def put(daemon, name, path, content, query=""):
    """PUT of archive: (status, body)."""
    file = daemon.home / "put.tar"
    file.write_bytes(content)
    text, _, status = daemon.curl(f"/v1.51/containers/{name}/archive?path={urllib.parse.quote(path)}{query}", "-X", "PUT",
                                  "-H", "Content-Type: application/x-tar", "--data-binary", f"@{file}", "-w", "\n%{http_code}").stdout.rpartition("\n")
    return int(status), text


def stat(daemon, name, path):
    head = daemon.curl(f"/v1.51/containers/{name}/archive?path={urllib.parse.quote(path)}", "-I").stdout
    lines = dict(line.split(": ", 1) for line in head.split("\r\n") if ": " in line)
    return json.loads(base64.b64decode(lines["X-Docker-Container-Path-Stat"]))


@pytest.mark.parametrize("make", [created, running])
def test_files_and_trees_go_in_and_come_out(daemon, tmp_path, make):
    name = make(daemon)
    (tmp_path / "tree" / "sub").mkdir(parents=True)
    (tmp_path / "tree" / "sub" / "f").write_text("deep\n")
    (tmp_path / "tree" / "l").symlink_to("sub/f")
    (tmp_path / "tree" / "empty").mkdir()
    (tmp_path / "one").write_text("one\n")
    daemon.docker("cp", tmp_path / "one", f"{name}:/tmp/two")
    assert cat(daemon, name, "/tmp/two") == "one\n"
    daemon.docker("cp", tmp_path / "tree", f"{name}:/opt")
    daemon.docker("cp", tmp_path / "tree", f"{name}:/tmp")
    daemon.docker("cp", f"{tmp_path}/tree/.", f"{name}:/root")
    assert cat(daemon, name, "/opt/sub/f") == cat(daemon, name, "/tmp/tree/sub/f") == cat(daemon, name, "/root/sub/f") == "deep\n"
    daemon.docker("cp", f"{name}:/opt", tmp_path / "back")
    assert (tmp_path / "back" / "sub" / "f").read_text() == "deep\n"
    assert os.readlink(tmp_path / "back" / "l") == "sub/f" and (tmp_path / "back" / "empty").is_dir()
    daemon.docker("cp", "-L", f"{name}:/opt/l", tmp_path / "followed")
    assert (tmp_path / "followed").read_text() == "deep\n"


def test_a_big_tree_comes_back_the_same(daemon, tmp_path):
    for i in range(40):
        (tmp_path / "in" / str(i)).mkdir(parents=True)
        for j in range(25):
            (tmp_path / "in" / str(i) / str(j)).write_bytes(os.urandom(1 + 37 * j))
    (tmp_path / "in" / "big").write_bytes(os.urandom(9_000_001))
    name = created(daemon)
    daemon.docker("cp", tmp_path / "in", f"{name}:/in")
    daemon.docker("cp", f"{name}:/in", tmp_path / "out")
    for path in (tmp_path / "in").rglob("*"):
        other = tmp_path / "out" / path.relative_to(tmp_path / "in")
        assert other.is_dir() if path.is_dir() else other.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("make", [created, running])
def test_volumes_binds_and_only_running_tmpfs_are_seen(daemon, tmp_path, make):
    (tmp_path / "b").write_text("bind\n")
    name = make(daemon, "-v", "/vol", "-v", f"{tmp_path}:/mnt/bind", "--tmpfs", "/t")
    assert put(daemon, name, "/vol", layer([entry("f", b"volume\n")]))[0] == 200
    assert cat(daemon, name, "/vol/f") == "volume\n"
    assert cat(daemon, name, "/mnt/bind/b") == "bind\n"
    daemon.docker("cp", f"{name}:/vol/f", tmp_path / "copied")
    assert (tmp_path / "copied").read_text() == "volume\n"
    if make is running:
        daemon.docker("exec", name, "sh", "-c", "echo temporary > /t/f")
        assert cat(daemon, name, "/t/f") == "temporary\n"
        assert put(daemon, name, "/t", layer([entry("g", b"put")]))[0] == 200
        assert daemon.out("exec", name, "cat", "/t/g") == "put"
    # Of what the engine mounts there is only the place.
    assert set(members(daemon, name, "/proc")) == {"proc"} and set(members(daemon, name, "/sys")) == {"sys"}
    assert set(members(daemon, name, "/dev")) == {"dev", "dev/console", "dev/pts", "dev/shm"}
    assert daemon.docker("cp", f"{name}:/proc/version", "-", check=False).returncode != 0
    # A container that was only looked into starts, and what was put is there.
    if make is created:
        daemon.docker("start", name)
    assert daemon.out("exec", name, "cat", "/vol/f") == "volume"


def test_hosts_and_hostname_of_a_running_container_are_its_own(daemon):
    name = running(daemon, "--hostname", "box")
    assert cat(daemon, name, "/etc/hostname") == "box\n"
    assert "127.0.0.1" in cat(daemon, name, "/etc/hosts")


def test_read_only_places_are_refused_and_nothing_is_written(daemon, tmp_path):
    one = layer([entry("f", b"x")])
    name = running(daemon, "--read-only", "-v", "/vol", "-v", f"{tmp_path}:/ro:ro", "--tmpfs", "/t")
    assert put(daemon, name, "/tmp", one) == (400, '{"message":"container rootfs is marked read-only"}\n')
    assert put(daemon, name, "/ro", one) == (400, '{"message":"mounted volume is marked read-only"}\n')
    assert put(daemon, name, "/vol", one)[0] == 200
    assert put(daemon, name, "/t", one)[0] == 200
    assert list(tmp_path.iterdir()) == []
    # A link cannot make another place of it.
    other = running(daemon, "-v", f"{tmp_path}:/ro:ro")
    daemon.docker("exec", other, "ln", "-s", "/ro", "/link")
    assert put(daemon, other, "/link", one) == (400, '{"message":"mounted volume is marked read-only"}\n')
    assert put(daemon, other, "/", layer([entry("link/f", b"x")]))[0] == 500
    assert list(tmp_path.iterdir()) == []


def test_what_stat_says(daemon):
    name = created(daemon)
    assert put(daemon, name, "/tmp", layer([entry("suid", b"abc", 0o4755), link("abs", "/etc/passwd"), link("dangling", "nowhere/x"),
                                            directory("d", 0o1777)]))[0] == 200
    suid = stat(daemon, name, "/tmp/suid")
    assert (suid["name"], suid["size"], suid["mode"]) == ("suid", 3, 0o755 | 1 << 23)
    assert stat(daemon, name, "/tmp/abs")["linkTarget"] == "/etc/passwd"
    assert stat(daemon, name, "/tmp/dangling")["linkTarget"] == "/tmp/nowhere/x"
    assert stat(daemon, name, "/tmp/d")["mode"] == 0o777 | 1 << 31 | 1 << 20
    assert stat(daemon, name, "/")["name"] == "/"


@pytest.mark.parametrize("path", ["/../../../../etc/passwd", "/link/passwd", "/up/passwd"])
def test_links_and_dots_end_at_the_containers_root(daemon, path):
    name = created(daemon)
    assert put(daemon, name, "/", layer([link("link", "/etc"), link("up", "../../../../../../etc")]))[0] == 200
    assert "nobody:x:65534" in cat(daemon, name, path) and "u:x:1000:1000::/home" in cat(daemon, name, path)


@pytest.mark.parametrize("content, status", [
    (b"not a tar", 500), (b"x" * 512, 500), (b"x" * 2000, 500), (layer([entry("f", b"x" * 5000)])[:1000], 500),
    (b"\x1f\x8b\x08\x00garbage", 500), (b"\x28\xb5\x2f\xfdgarbage", 500), (b"BZh9garbage", 500), (b"\xfd7zXZ\x00garbage", 500),
    (layer([entry("../../escape", b"x")]), 500), (layer([entry("a/../../../escape", b"x")]), 500), (layer([entry("f", kind=tarfile.LNKTYPE, link="../../etc/passwd")]), 500),
    (layer([entry("f", kind=tarfile.LNKTYPE, link="missing")]), 500), (b"", 200), (layer([]), 200),
])
def test_bad_archives_are_refused_and_the_container_still_works(daemon, content, status):
    name = created(daemon)
    assert put(daemon, name, "/tmp", content)[0] == status
    assert "escape" not in "".join(os.listdir(daemon.home))
    daemon.docker("start", name)


@pytest.mark.parametrize("path, status", [("", 400), ("/etc/passwd", 400), ("/none", 404), ("/etc/passwd/x", 500), ("/loop", 500), ("x" * 300, 500), ("/" + "a/" * 3000, 500)])
def test_bad_paths_have_their_status(daemon, path, status):
    name = created(daemon)
    assert put(daemon, name, "/", layer([link("loop", "loop")]))[0] == 200
    assert put(daemon, name, path, layer([entry("f")]))[0] == status


def test_archives_may_be_compressed(daemon, tmp_path):
    name = created(daemon)
    import bz2
    import gzip
    import lzma
    plain = layer([entry("f", b"squeezed\n")])
    for squeeze in (gzip.compress, bz2.compress, lzma.compress):
        assert put(daemon, name, "/tmp", squeeze(plain))[0] == 200
        assert cat(daemon, name, "/tmp/f") == "squeezed\n"
        assert put(daemon, name, "/tmp", layer([entry("f", b"-")]))[0] == 200


def test_a_container_that_swaps_links_gives_nothing_of_the_host_away(daemon, tmp_path):
    """One process renames a directory and a link to the host's secret to and fro; cp sees the container's or an error."""
    (tmp_path / "secret").write_text("host secret\n")
    name = daemon.out("run", "-d", "busybox", "sh", "-c",
                      f"mkdir -p /w/real {tmp_path}; echo inner > /w/real/secret; ln -s {tmp_path} /w/link; cd /w; "
                      "while true; do mv real tmp; mv link real; mv real link; mv tmp real; done")
    stop = threading.Event()

    def put_again_and_again():
        while not stop.is_set():
            put(daemon, name, "/w/real", layer([entry("planted", b"x")]))

    writer = threading.Thread(target=put_again_and_again)
    writer.start()
    try:
        deadline = time.monotonic() + 4
        while time.monotonic() < deadline:
            done = daemon.docker("cp", f"{name}:/w/real/secret", "-", check=False, text=False)
            assert b"host secret" not in done.stdout
            done = daemon.docker("cp", f"{name}:/w", "-", check=False, text=False)
            assert b"host secret" not in done.stdout
    finally:
        stop.set()
        writer.join()
    assert os.listdir(tmp_path) == ["secret"]


def test_a_slow_reader_does_not_keep_a_container_from_starting(daemon, tmp_path):
    (tmp_path / "big").write_bytes(os.urandom(50_000_000))
    name = created(daemon)
    daemon.docker("cp", tmp_path / "big", f"{name}:/big")
    reader = daemon.spawn("-s", "--unix-socket", daemon.socket, f"http://d/v1.51/containers/{name}/archive?path=/big", program="curl")
    reader.stdout.read(1000)
    try:
        daemon.docker("start", name, timeout=10)
        assert daemon.inspect(name)["State"]["Running"]
    finally:
        reader.kill()
        reader.wait()


def test_export_has_the_files_and_no_volume(daemon, tmp_path):
    name = running(daemon, "-v", "/vol")
    daemon.docker("exec", name, "sh", "-c", "echo v > /vol/f; echo mine > /mine; rm /etc/group")
    daemon.docker("export", "-o", tmp_path / "e.tar", name)
    with tarfile.open(tmp_path / "e.tar") as tar:
        names = tar.getnames()
        assert tar.extractfile("mine").read() == b"mine\n"
        assert tar.extractfile("etc/hostname").read() == b""
    assert "vol" in names and "vol/f" not in names and "etc/group" not in names
    assert "proc" in names and not any(name.startswith("proc/") for name in names)
    daemon.docker("import", tmp_path / "e.tar", "imported")
    assert daemon.out("run", "--rm", "imported", "cat", "/mine") == "mine"
    daemon.docker("rmi", "imported")


def test_looking_changes_nothing(daemon, tmp_path):
    name = created(daemon, "-v", "/vol")
    members(daemon, name, "/etc")
    daemon.docker("export", "-o", tmp_path / "e.tar", name)
    assert daemon.out("diff", name) in ("", "A /vol")
    daemon.docker("start", name)
    daemon.docker("exec", name, "sh", "-c", "rm -r /root; mkdir /root; echo x > /etc/new; rm /etc/group")
    assert daemon.out("diff", name).split("\n")[-4:] == ["C /etc", "D /etc/group", "A /etc/new", "A /vol"]
