"""User namespaces: --userns-remap for every container, UsernsMode "auto" for one; docs/user-namespaces.md."""
import io
import json
import os
import pathlib
import re
import shutil
import struct
import tarfile
import time
import urllib.request

import pytest

from remapped import GIDS, REFUSED, UIDS, Remapped, get_archive, members, owners_on_host, put_archive

HOLD = ("busybox", "sleep", "1000")


def owner(path):
    status = os.lstat(path)
    return status.st_uid, status.st_gid


def shell(daemon, script, *flags):
    return daemon.out("run", "--rm", *flags, "busybox", "sh", "-c", script)


def test_containers_are_in_a_user_namespace_and_info_says_so(remapped):
    assert "name=userns" in json.loads(remapped.curl("/info").stdout)["SecurityOptions"]
    assert shell(remapped, "id -u; cat /proc/self/uid_map /proc/self/gid_map").split() == [
        "0", "0", str(UIDS), "65536", "0", str(GIDS), "65536"]
    remapped.out("run", "-d", "--name", "box", *HOLD)
    assert owners_on_host(remapped, "box") == [UIDS, GIDS]
    remapped.out("run", "-d", "--name", "user", "-u", "7:8", *HOLD)
    assert owners_on_host(remapped, "user") == [UIDS + 7, GIDS + 8]


def test_one_that_asks_for_it_is_in_the_hosts_namespace(remapped):
    assert shell(remapped, "cat /proc/self/uid_map", "--userns", "host").split() == ["0", "0", "4294967295"]
    remapped.out("run", "-d", "--userns", "host", "--name", "box", *HOLD)
    assert owners_on_host(remapped, "box") == [0, 0]
    assert shell(remapped, "mkdir /mnt; mount -t tmpfs none /mnt && echo did", "--userns", "host", "--privileged") == "did"


def test_layers_are_shared_and_files_have_the_containers_ids_on_the_disk(remapped):
    remapped.out("run", "--name", "box", "busybox", "sh", "-c",
                 "stat -c %u:%g /bin/busybox /etc/passwd; touch /new; touch /other; chown 7:8 /other; stat -c %u:%g /new /other")
    assert remapped.out("logs", "box").split() == ["0:0", "0:0", "0:0", "7:8"]
    upper = remapped.data / "writable" / remapped.inspect("box")["Id"] / "upper"
    assert owner(upper / "new") == (0, 0)
    assert owner(upper / "other") == (7, 8)
    # The same container, and the same layers, for somebody in the host's namespace.
    remapped.out("commit", "box", "made")
    assert shell_of(remapped, "made", "stat -c %u:%g /new /other", "--userns", "host").split() == ["0:0", "7:8"]
    assert shell_of(remapped, "made", "stat -c %u:%g /new /other").split() == ["0:0", "7:8"]


def shell_of(daemon, image, script, *flags):
    return daemon.out("run", "--rm", *flags, image, "sh", "-c", script)


def test_lower_files_are_changed_removed_and_renamed(remapped):
    script = "chown 3:3 /etc/passwd; rm /etc/group; mv /bin/sh /bin/ash2; stat -c %u /etc/passwd /bin/ash2"
    remapped.out("run", "--name", "box", "busybox", "sh", "-c", script)
    assert remapped.out("logs", "box").split() == ["3", "0"]
    assert set(remapped.out("diff", "box").splitlines()) == {
        "C /etc", "C /etc/passwd", "D /etc/group", "C /bin", "D /bin/sh", "A /bin/ash2"}


def test_bind_mounts_are_the_hosts(remapped, tmp_path):
    tmp_path.chmod(0o755)
    (tmp_path / "hosts").write_text("x")
    (tmp_path / "own").mkdir()
    os.chown(tmp_path / "own", UIDS + 5, GIDS + 6)
    said = shell(remapped, "stat -c %u:%g /m/hosts /m/own; touch /m/mine || echo no; touch /m/own/new", "-v", f"{tmp_path}:/m")
    assert said.split() == ["65534:65534", "5:6", "no"]
    assert owner(tmp_path / "own" / "new") == (UIDS, GIDS)


def test_volumes_have_the_containers_ids_whoever_mounts_them(remapped):
    assert shell(remapped, "touch /v/a; chown 7:8 /v/a; stat -c %u:%g /v /v/a", "-v", "vol:/v").split() == ["0:0", "7:8"]
    assert owner(remapped.data / "volumes/vol/_data/a") == (7, 8)
    assert shell(remapped, "stat -c %u:%g /v/a; touch /v/b", "-v", "vol:/v", "--userns", "host") == "7:8"
    assert shell(remapped, "stat -c %u:%g /v/a /v/b; rm /v/a /v/b", "-v", "vol:/v").split() == ["7:8", "0:0"]
    remapped.docker("volume", "rm", "vol")


def test_an_empty_volume_is_filled_with_the_images_owners(remapped):
    remapped.out("run", "--name", "box", "busybox", "sh", "-c", "mkdir /data; touch /data/f; chown -R 9:10 /data")
    remapped.out("commit", "box", "filled")
    assert shell_of(remapped, "filled", "stat -c %u:%g /data /data/f", "-v", "/data").split() == ["9:10", "9:10"]


def test_what_the_engine_mounts_belongs_to_the_containers_root(remapped):
    script = ("stat -c %u /etc/hosts /etc/hostname /etc/resolv.conf /dev/shm /dev /t; echo '1.2.3.4 x' >> /etc/hosts;"
              "grep -c 1.2.3.4 /etc/hosts; echo y > /t/f && echo x > /dev/null && echo fine")
    assert shell(remapped, script, "--tmpfs", "/t").split() == ["0"] * 6 + ["1", "fine"]
    assert shell(remapped, "stat -c %u:%a /dev/shm; echo x > /dev/shm/f; cat /dev/shm/f", "--ipc", "shareable").split() == ["0:1777", "x"]
    assert shell(remapped, "touch /x || echo no", "--read-only") == "no"


def test_exec_is_in_the_namespace_too(remapped):
    remapped.out("run", "-d", "--name", "box", *HOLD)
    assert remapped.out("exec", "box", "sh", "-c", "id -u; awk '{print $2}' /proc/self/uid_map").split() == ["0", str(UIDS)]
    assert remapped.out("exec", "-u", "12:13", "box", "id").startswith("uid=12 gid=13")
    assert remapped.out("exec", "-u", "1000", "box", "sh", "-c", "echo again > /dev/stdout") == "again"
    remapped.docker("exec", "box", "sh", "-c", "touch /made; chown 5 /made")
    assert remapped.out("exec", "box", "stat", "-c", "%u", "/made") == "5"


def test_capabilities_of_files_hold_inside(remapped):
    """A program with cap_chown=ep, run by somebody else than root."""
    capability = struct.pack("<IIIII", 0x02000001, 1, 0, 0, 0)  # VFS_CAP_REVISION_2, effective; CAP_CHOWN
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar:
        info = tarfile.TarInfo("bin/capable")
        info.mode, info.size = 0o755, os.path.getsize("/usr/bin/busybox")
        info.pax_headers = {"SCHILY.xattr.security.capability": capability.decode("utf-8", "surrogateescape")}
        with open("/usr/bin/busybox", "rb") as program:
            tar.addfile(info, program)
    (remapped.home / "put.tar").write_bytes(packed.getvalue())
    remapped.out("create", "--name", "box", "busybox")
    assert remapped.curl("/containers/box/archive?path=/", "-X", "PUT", "-T", str(remapped.home / "put.tar")).stdout == ""
    remapped.out("commit", "box", "capable")
    script = "ln -s /bin/capable /tmp/chown; touch /tmp/f; /tmp/chown 5:5 /tmp/f && stat -c %u:%g /tmp/f; chown 6 /tmp/f || echo no"
    for flags in ([], ["--userns", "host"]):
        assert shell_of(remapped, "capable", script, "-u", "1000", "--tmpfs", "/tmp", *flags).split() == ["5:5", "no"]


def test_limits_and_probes_hold_inside(remapped):
    assert shell(remapped, "ulimit -n; cat /proc/self/oom_score_adj", "--ulimit", "nofile=77:88", "--oom-score-adj", "10").split() == ["77", "10"]
    remapped.out("run", "-d", "--name", "box", "--health-cmd", "test $(id -u) = 0 && awk '{exit $2 != %d}' /proc/self/uid_map" % UIDS,
                 "--health-interval", "100ms", *HOLD)
    wait_for(lambda: remapped.inspect("box")["State"]["Health"]["Status"] == "healthy")
    assert "sleep 1000" in remapped.out("top", "box")
    remapped.docker("pause", "box")
    remapped.docker("unpause", "box")
    assert remapped.out("stats", "--no-stream", "--format", "{{.Name}}", "box") == "box"


def test_a_network_is_joined_while_it_runs(remapped):
    remapped.out("network", "create", "later")
    remapped.out("run", "-d", "--name", "box", *HOLD)
    remapped.docker("network", "connect", "later", "box")
    assert "eth1" in remapped.out("exec", "box", "ip", "link")
    remapped.docker("rm", "-f", "box")
    remapped.docker("network", "rm", "later")


def test_images_are_mounted_with_their_owners(remapped):
    remapped.out("run", "--name", "box", "busybox", "chown", "7:8", "/etc/passwd")
    remapped.out("commit", "box", "mounted")
    assert shell(remapped, "stat -c %u:%g /m/etc/passwd /m/bin", "--mount", "type=image,src=mounted,dst=/m").split() == ["7:8", "0:0"]


def test_streams_can_be_opened_again_and_a_terminal_works(remapped):
    assert shell(remapped, "echo one > /dev/stdout; echo two > /dev/stderr", "-u", "1000") == "one"
    remapped.out("run", "-t", "--name", "box", "busybox", "sh", "-c", "tty; stat -c %u $(tty)")
    assert remapped.out("logs", "box").split() == ["/dev/pts/0", "0"]


@pytest.mark.parametrize("running", [True, False])
def test_archives_have_the_owners_that_the_container_sees(remapped, running, tmp_path):
    tmp_path.chmod(0o755)
    (tmp_path / "f").write_text("x")
    (tmp_path / "own").mkdir()
    os.chown(tmp_path / "own", UIDS + 5, GIDS + 6)
    remapped.out("run", "-d", "--name", "box", "-v", "arc:/v", "-v", f"{tmp_path}:/b", "busybox", "sh", "-c",
                 "touch /f /v/f; chown 7:8 /f /v/f; exec sleep 1000")
    wait_for(lambda: remapped.docker("exec", "box", "stat", "/v/f", check=False).returncode == 0)
    if not running:
        remapped.docker("kill", "box")
        remapped.docker("wait", "box")
    found = {path: get_archive(remapped, "box", path) for path in ("/f", "/v/f", "/b", "/etc/hosts")}
    seen = {name: (each.uid, each.gid) for archive in found.values() for name, each in archive.items()}
    # Both are called "f", and were given the same owner.
    assert seen == {"f": (7, 8), "b": (65534, 65534) if owner(tmp_path) == (0, 0) else seen["b"], "b/f": (65534, 65534),
                    "b/own": (5, 6), "hosts": (0, 0)}
    assert put_archive(remapped, "box", "/", [("put", 3, 4), ("v/put", 0, 0), ("b/own/put", 1, 2)]) == (200, "")
    assert owner(tmp_path / "own" / "put") == (UIDS + 1, GIDS + 2)
    assert owner(remapped.data / "volumes/arc/_data/put") == (0, 0)
    status, text = put_archive(remapped, "box", "/", [("far", 70000, 0)])
    assert (status, "Container ID 70000 cannot be mapped to a host ID" in text) == (500, True), text
    if not running:
        remapped.docker("start", "box")
    assert remapped.out("exec", "box", "stat", "-c", "%u:%g", "/put", "/v/put", "/b/own/put").split() == ["3:4", "0:0", "1:2"]
    exported = members(remapped.docker("export", "box", text=False).stdout)
    assert [(exported[name].uid, exported[name].gid) for name in ("f", "put", "bin/busybox")] == [(7, 8), (3, 4), (0, 0)]
    remapped.docker("rm", "-f", "box")
    remapped.docker("volume", "rm", "arc")


def test_a_container_that_never_ran_takes_files(remapped):
    remapped.out("create", "--name", "box", "busybox", "stat", "-c", "%u:%g", "/put")
    assert put_archive(remapped, "box", "/", [("put", 3, 4)]) == (200, "")
    assert remapped.out("start", "-a", "box") == "3:4"


def wait_for(true, seconds=10):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_published_ports_and_the_networks_belong_to_the_container(remapped):
    remapped.out("run", "-d", "--name", "web", "-p", "127.0.0.1::80", "-u", "1000", "busybox", "sh", "-c",
                 "mkdir -p /tmp/w; cd /tmp/w; echo served > index.html; exec httpd -f -p 80")
    port = remapped.out("port", "web", "80").rpartition(":")[2]
    def answer():
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{port}/index.html", timeout=2).read()
        except OSError:
            return b""
    wait_for(lambda: answer() == b"served\n")
    # Only who owns the namespace may do this.
    assert shell(remapped, "ip link set lo down && ip link set lo up && echo did", "--cap-add", "NET_ADMIN") == "did"
    assert shell(remapped, "ping -c 1 -W 2 172.28.0.1 | grep -c '1 packets received'") == "1"
    assert shell(remapped, "cat /proc/sys/net/ipv4/ip_unprivileged_port_start", "--network", "none") == "0"
    assert shell(remapped, "cat /proc/sys/net/ipv4/ip_default_ttl", "--sysctl", "net.ipv4.ip_default_ttl=77") == "77"


def test_it_outlives_a_crash_of_the_daemon(remapped):
    remapped.out("run", "-d", "--name", "box", "--restart", "always", "busybox", "sh", "-c", "echo up; touch /f; exec sleep 1000")
    before = owners_on_host(remapped, "box")
    remapped.restart()
    assert owners_on_host(remapped, "box") == before == [UIDS, GIDS]
    assert remapped.out("logs", "box") == "up"
    assert remapped.out("exec", "box", "id", "-u") == "0"
    assert {name: each.uid for name, each in get_archive(remapped, "box", "/f").items()} == {"f": 0}
    remapped.docker("restart", "-t", "0", "box")
    assert owners_on_host(remapped, "box") == [UIDS, GIDS]


def test_mounts_are_added_to_one_that_runs(remapped):
    remapped.out("run", "-d", "--name", "box", *HOLD)
    mounts = [{"Type": "volume", "Source": "late", "Target": "/late/volume"}, {"Type": "tmpfs", "Target": "/late/tmp"}]
    assert remapped.api("POST", "/containers/box/update", {"Mounts": mounts})[0] == 200
    said = remapped.out("exec", "box", "sh", "-c", "touch /late/volume/f; stat -c %u /late /late/volume /late/volume/f /late/tmp")
    assert said.split() == ["0", "0", "0", "0"]
    assert owner(remapped.data / "volumes/late/_data/f") == (0, 0)


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_had_together_is_refused_in_dockers_words(remapped, what):
    flags, words = REFUSED[what]
    refused = remapped.docker("run", "--rm", *flags, "busybox", "true", check=False)
    assert (refused.returncode, words in refused.stderr) == (125, True), refused.stderr
    assert remapped.out("ps", "-aq") == ""
    remapped.docker("run", "--rm", "--userns", "host", *flags, "busybox", "true")


@pytest.mark.parametrize("flag", ["--network", "--pid", "--ipc"])
def test_who_shares_a_namespace_shares_the_user_namespace(remapped, flag):
    remapped.out("run", "-d", "--name", "donor", "--ipc", "shareable", *HOLD)
    space = remapped.out("exec", "donor", "readlink", "/proc/self/ns/user")
    assert shell(remapped, "readlink /proc/self/ns/user; touch /f", flag, "container:donor") == space
    remapped.out("run", "-d", "--name", "plain", "--ipc", "shareable", "--userns", "host", *HOLD)
    refused = remapped.docker("run", "--rm", flag, "container:plain", "busybox", "true", check=False)
    assert "run it with --userns=host" in refused.stderr
    assert shell(remapped, "id -u", flag, "container:plain", "--userns", "host") == "0"


def test_a_volume_with_a_device_is_the_hosts(remapped, tmp_path):
    tmp_path.chmod(0o755)
    (tmp_path / "f").write_text("x")
    remapped.docker("volume", "create", "-o", "type=none", "-o", "o=bind", "-o", f"device={tmp_path}", "dev")
    assert shell(remapped, "stat -c %u:%g /v/f", "-v", "dev:/v") == "65534:65534"
    assert shell(remapped, "stat -c %u:%g /v/f", "-v", "dev:/v", "--userns", "host") == "0:0"
    shutil.rmtree(tmp_path)
    refused = remapped.docker("run", "--rm", "-v", "dev:/v", "busybox", "true", check=False)
    assert f"failed to mount local volume: mount {tmp_path}:" in refused.stderr
    remapped.docker("volume", "rm", "dev")


# What --userns-remap is told.

def start_with(scratch, archive, name, value, *lines):
    daemon = Remapped(scratch / name, "wharf-test3", "172.27.0.1/16", flags=("--userns-remap", value))
    try:
        daemon.start()
        daemon.docker("load", "-q", "-i", archive)
        return shell(daemon, "cat /proc/self/uid_map /proc/self/gid_map").split(), (daemon.etc / "passwd").read_text()
    finally:
        daemon.destroy()


@pytest.mark.parametrize("value", ["subject:root", "2345", "2345:2345"])
def test_users_are_found_by_name_and_number(scratch, archive, value):
    maps, _ = start_with(scratch, archive, "by-" + value.replace(":", "-"), value)
    assert maps == ["0", str(UIDS), "65536", "0", str(GIDS), "65536"]


def test_the_default_user_is_made(scratch, archive):
    maps, passwd = start_with(scratch, archive, "default", "default")
    assert "dockremap:" in passwd
    assert "dockremap:" not in pathlib.Path("/etc/passwd").read_text()
    assert maps == ["0", "100000", "65536"] * 2


def test_root_is_not_mapped_to_himself(scratch, archive):
    maps, _ = start_with(scratch, archive, "root", "root")
    assert maps == ["0", "0", "4294967295"] * 2


@pytest.mark.parametrize("value, words", [
    ("a:b:c", 'Invalid user/group specification in --userns-remap: "a:b:c"'),
    ("nobodyhere", 'Error during uid lookup for "nobodyhere"'),
    ("subject:nogrouphere", 'Error during groupname lookup for "nogrouphere"'),
    ("98765", "Uid 98765 has no entry in /etc/passwd"),
    ("2345:98765", "Gid 98765 has no entry in /etc/passwd"),
    ("poor", "Can't create ID mappings: no subuid ranges found for user \"poor\""),
])
def test_a_daemon_says_what_it_cannot_use(scratch, archive, value, words):
    with pytest.raises(RuntimeError, match=re.escape(words)):
        start_with(scratch, archive, "bad-" + re.sub(r"\W", "-", value), value)
