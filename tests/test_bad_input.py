"""Bad input gets Docker's status and text where clients rely on them, and leaves nothing behind."""
import gzip
import hashlib
import json
import pathlib
import socket
import time

import pytest

import images
from inventory import rss


CREATE = {"Image": "busybox", "Cmd": ["true"]}


@pytest.mark.parametrize("args, code, text", [
    (["run", "nosuch:image"], 125, "nosuch"),
    (["run", "--name", "-bad", "busybox"], 125, "Invalid container name (-bad), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"),
    (["run", "-p", "99999:80", "busybox"], 125, "invalid hostPort"),
    (["run", "-p", "80:abc", "busybox"], 125, "nvalid containerPort"),
    (["run", "busybox", "nosuch"], 127, 'exec: "nosuch": executable file not found in $PATH'),
    (["run", "busybox", "/etc/passwd"], 126, 'exec: "/etc/passwd": permission denied'),
    (["run", "-u", "nosuch", "busybox", "true"], 125, "unable to find user nosuch: no matching entries in passwd file"),
    (["run", "-v", "/etc/passwd/x:/y", "busybox", "true"], 125, "not a directory"),
    (["run", "--mount", "type=bind,src=/nonexistent,dst=/x", "busybox", "true"], 125, "bind source path does not exist: /nonexistent"),
    (["run", "-m", "1k", "busybox", "true"], 125, "Minimum memory limit allowed is 6MB"),
    (["run", "--cap-add", "NOSUCH", "busybox", "true"], 125, 'invalid CapAdd: unknown capability: "CAP_NOSUCH"'),
    (["run", "--network", "nosuch", "busybox", "true"], 125, "network nosuch not found"),
    (["run", "-v", "vol:relative", "busybox", "true"], 125, "mount path must be absolute"),
    (["run", "--cpus", "1000", "busybox", "true"], 125, "range of CPUs is from 0.01 to"),
    (["start", "nosuch"], 1, "No such container: nosuch"),
    (["exec", "nosuch", "true"], 1, "No such container: nosuch"),
    (["rmi", "nosuch"], 1, "No such image: nosuch:latest"),
    (["pull", "a/UPPER"], 1, "must be lowercase"),
])
def test_errors_of_the_stock_client(clean, args, code, text):
    result = clean.docker(*args, check=False)
    assert result.returncode == code and text in result.stderr, result.stderr


def test_a_name_that_is_taken(clean):
    cid = clean.out("create", "--name", "taken", "busybox")
    status, body = clean.api("POST", "/containers/create?name=taken", CREATE)
    assert status == 409
    assert body["message"] == (f'Conflict. The container name "/taken" is already in use by container "{cid}". '
                               "You have to remove (or rename) that container to be able to reuse that name.")


@pytest.mark.parametrize("body, status", ids=range(11), argvalues=[
    ("{", 400), ("[]", 400), ('{"Image":5}', 400), ('{"Image":"busybox"}x', 400), ("", 400), ('{"Image":""}', 400), ("null", 400), ("[" * 200000, 400),
    ('{"Image":"busybox","image":"other"}', 400), ('{"Image":"busybox","HostConfig":{"Memory":"x"}}', 400),
    ('{"Image":"busybox","Env":["=x"]}', 400),
])
def test_malformed_create_bodies(clean, body, status):
    got, answer = clean.api("POST", "/containers/create", body)
    assert got == status and "message" in answer


def test_wrong_content_type(clean):
    out = clean.curl("/containers/create", "-X", "POST", "-H", "Content-Type: text/plain", "-d", "{}").stdout
    assert json.loads(out)["message"] == "unsupported Content-Type header (text/plain): must be 'application/json'"


def raw(daemon, *pieces, seconds=15):
    """Bytes on the socket, and what comes back until it closes."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(seconds)
        client.connect(str(daemon.socket))
        try:
            for piece in pieces:
                client.sendall(piece)
        except OSError:
            pass
        out = b""
        try:
            while chunk := client.recv(65536):
                out += chunk
        except OSError:
            pass
        return out


@pytest.mark.parametrize("head", [
    b"GET /_ping HTTP/1.1\r\nHost: d\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"GET /_ping HTTP/1.1\r\nHost: d\r\nContent-Length: -5\r\n\r\n",
    b"POST /containers/create HTTP/1.1\r\nHost: d\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    b"\x00\x01\x02\x03\r\n\r\n",
    b"GET\r\n\r\n",
])
def test_request_smuggling_is_refused_and_the_connection_closed(clean, head):
    assert raw(clean, head).split(b"\r\n")[0].split(b" ")[1] == b"400"


def test_a_header_of_a_gigabyte_costs_nothing(clean):
    before = rss(clean)
    piece = b"X: " + b"a" * (1 << 20)
    answer = raw(clean, b"GET /_ping HTTP/1.1\r\nHost: d\r\n", *([piece] * 1024))
    assert answer[:12] in (b"HTTP/1.1 431", b"")
    assert rss(clean) - before < 16 << 20
    assert clean.curl("/_ping").stdout == "OK"


def test_a_body_of_forty_megabytes_is_refused(clean):
    before = rss(clean)
    body = b'{"Image":"' + b"a" * (40 << 20) + b'"}'
    answer = raw(clean, b"POST /containers/create HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body), body)
    assert answer[:12] in (b"HTTP/1.1 413", b"HTTP/1.1 400", b"")
    assert rss(clean) - before < 24 << 20


def test_five_hundred_half_requests_do_not_slow_a_ping(clean):
    sockets = []
    for _ in range(500):
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(clean.socket))
        client.sendall(b"GET /_ping HTT")
        sockets.append(client)
    started = time.monotonic()
    assert clean.curl("/_ping").stdout == "OK"
    assert time.monotonic() - started < 0.25
    for client in sockets:
        client.close()


@pytest.mark.parametrize("path", ["/containers/..%2f..%2fetc/json", "/containers/%00/json", "/images/%2e%2e/json", "/exec/../json", "/nosuch", "/containers/" + "a" * 60000 + "/json"])
def test_paths_are_names_and_never_files(clean, path):
    status, _ = clean.api("GET", path)
    assert status in (301, 400, 404, 414, 431)


def bad_layers(canary):
    """name -> entries; each is loaded on top of nothing."""
    import tarfile as t
    up = "../" * 10
    return {
        "dotdot": [images.entry(up + canary[1:] + "/evil", b"x")],
        "absolute": [images.entry(canary + "/evil", b"x")],
        "through-absolute-link": [images.link("s", canary), images.entry("s/evil", b"x"), images.entry("s/victim", b"x")],
        "through-climbing-link": [images.link("s", up + canary[1:]), images.entry("s/evil", b"x")],
        "hard-link-out": [images.entry("h", kind=t.LNKTYPE, link=up + canary[1:] + "/victim")],
        "hard-link-through-link": [images.link("s", canary), images.entry("h", kind=t.LNKTYPE, link="s/victim")],
        "whiteout-out": [images.link("s", canary), images.entry("s/.wh.victim", b"")],
        "whiteout-dotdot": [images.entry(up + canary[1:] + "/.wh.victim", b"")],
        "whiteout-of-dotdot": [images.entry(".wh...", b""), images.entry("d/.wh..", b"")],
        "opaque-out": [images.link("s", canary), images.entry("s/.wh..wh..opq", b"")],
        "device": [images.entry("disk", kind=t.BLKTYPE, devmajor=254, devminor=0)],
        "fifo-passwd": [images.directory("etc"), images.entry("etc/passwd", kind=t.FIFOTYPE)],
        "type-changes": [images.directory("x"), images.link("x", canary), images.entry("x", b"f"), images.directory("x"), images.entry("x/y", b"z")],
        "link-loop": [images.link("a", "b"), images.link("b", "a"), images.entry("a/x", b"x")],
        "deep": [images.entry("/".join(["d" * 200] * 30) + "/f", b"x")],
        "long-name": [images.entry("n" * 300, b"x")],
    }


def names():
    return sorted(bad_layers("/var/tmp/x"))


@pytest.mark.parametrize("name", names())
def test_a_hostile_layer_touches_nothing_outside(clean, canary, scratch, name):
    path = images.archive(scratch / "bad.tar", [images.layer(images.busybox_entries()), images.layer(bad_layers(canary)[name])], "bad:1")
    loaded = clean.docker("load", "-i", path, check=False)
    tagged = clean.out("images", "-q", "bad:1")
    if loaded.returncode != 0:
        assert tagged == "" and loaded.stderr
        return
    clean.docker("run", "--rm", "bad:1", "ls", "-la", "/", check=False)
    clean.docker("run", "--rm", "-u", "u", "bad:1", "true", check=False)
    clean.docker("rmi", "-f", "bad:1")


@pytest.mark.parametrize("top", ["dev", "proc", "sys", "etc", "run", "var", "tmp", "root"])
@pytest.mark.parametrize("kind", ["absolute", "climbing"])
def test_a_top_level_directory_that_is_a_link_leads_nowhere(clean, canary, scratch, top, kind):
    """CVE-2026-41579 and its relatives."""
    target = canary if kind == "absolute" else "../" * 8 + canary[1:]
    entries = [e for e in images.busybox_entries() if e[0].name.split("/")[0] != top] + [images.link(top, target)]
    path = images.archive(scratch / "top.tar", [images.layer(entries)], "top:1")
    clean.docker("load", "-q", "-i", path)
    for flags in ([], ["--privileged"], ["-v", f"{scratch}:/{top}/vv"], ["-w", f"/{top}/w"]):
        clean.docker("run", "--rm", *flags, "top:1", "true", check=False)
    clean.docker("rmi", "-f", "top:1")


def test_truncated_gzip_and_wrong_diff_id_and_garbage_are_errors_without_a_tag(clean, scratch):
    good = images.layer(images.busybox_entries())
    wrong = "sha256:" + "0" * 64
    cases = {
        "gzip": [gzip.compress(good)[:-2000]],
        "cut": [good[: len(good) // 2]],
        "garbage": [b"not a tar at all" * 100],
    }
    for name, layers in cases.items():
        ids = ["sha256:" + hashlib.sha256(good).hexdigest()]
        path = images.archive(scratch / f"{name}.tar", layers, "bad:2", diff_ids=ids)
        result = clean.docker("load", "-i", path, check=False)
        assert result.returncode == 1 and result.stderr, name
        assert clean.out("images", "-q", "bad:2") == ""
    path = images.archive(scratch / "wrong.tar", [good], "bad:2", diff_ids=[wrong])
    assert clean.docker("load", "-i", path, check=False).returncode == 1
    assert clean.out("images", "-q", "bad:2") == ""


def test_a_config_that_names_another_images_layer_does_not_get_it(clean, scratch):
    """threats A32: a layer is shared only by proof."""
    secret = images.layer([images.entry("secret.txt", b"the secret")])
    images.archive(scratch / "victim.tar", [images.layer(images.busybox_entries()), secret], "victim:1")
    clean.docker("load", "-q", "-i", scratch / "victim.tar")
    base = images.layer(images.busybox_entries())
    ids = ["sha256:" + hashlib.sha256(x).hexdigest() for x in (base, secret)]
    images.archive(scratch / "attacker.tar", [base, images.layer([images.entry("other", b"bytes")])], "attacker:1", diff_ids=ids)
    loaded = clean.docker("load", "-i", scratch / "attacker.tar", check=False)
    assert loaded.returncode != 0
    assert "the secret" not in clean.docker("run", "--rm", "attacker:1", "cat", "/secret.txt", check=False).stdout
    clean.docker("rmi", "-f", "victim:1")


def test_a_passwd_of_a_hundred_megabytes_is_refused(clean, scratch):
    """threats A14."""
    entries = [e for e in images.busybox_entries() if e[0].name != "etc/group"] + [images.entry("etc/group", b"g:x:5:u\n" * (118 << 17))]
    path = images.archive(scratch / "group.tar", [images.layer(entries)], "group:1")
    clean.docker("load", "-q", "-i", path)
    before = rss(clean)
    result = clean.docker("run", "--rm", "-u", "u", "group:1", "true", check=False)
    assert result.returncode != 0
    assert rss(clean) - before < 16 << 20
    clean.docker("rmi", "-f", "group:1")


def test_an_image_that_names_a_host_path_as_volume(clean, canary, scratch):
    path = images.busybox_archive(scratch / "vol.tar", "vol:1", config={"Volumes": {"/../.." + canary: {}, "/v": {}}}, extra=[images.link("v", canary)])
    clean.docker("load", "-q", "-i", path)
    out = clean.docker("run", "--rm", "vol:1", "sh", "-c", "find / -name victim -xdev", check=False)
    assert "victim" not in out.stdout
    clean.docker("rmi", "-f", "vol:1")
    names = clean.api("GET", "/volumes")[1]["Volumes"] or []
    assert all(v["Labels"] is not None for v in names)


@pytest.mark.parametrize("target", ["/proc", "/proc/self", "/proc/sys/net", "/sys"])
def test_a_mount_over_proc_or_sys_is_refused_or_harmless(clean, tmp_path, target):
    result = clean.docker("run", "--rm", "-v", f"{tmp_path}:{target}", "busybox", "sh", "-c", "grep -q ' /proc proc ' /proc/mounts && grep Seccomp: /proc/self/status", check=False)
    assert result.returncode != 0 or "Seccomp:\t2" in result.stdout


def test_a_masked_path_whose_source_is_a_trap(clean, tmp_path):
    """CVE-2025-31133."""
    (tmp_path / "null").symlink_to("/proc/sys/kernel/core_pattern")
    before = pathlib.Path("/proc/sys/kernel/core_pattern").read_text()
    out = clean.docker("run", "--rm", "-v", f"{tmp_path}:/dev", "busybox", "sh", "-c", "cat /proc/interrupts; echo pwn > /proc/interrupts", check=False)
    assert before not in out.stdout and pathlib.Path("/proc/sys/kernel/core_pattern").read_text() == before


def test_the_runtime_binary_cannot_be_overwritten_from_inside(clean, scratch):
    """CVE-2019-5736."""
    binary = clean.build / "wharf-runtime"
    before = hashlib.sha256(binary.read_bytes()).hexdigest()
    shell = images.entry("trap", b"#!/proc/self/exe\n", 0o755)
    clean.docker("load", "-q", "-i", images.busybox_archive(scratch / "trap.tar", "trap:1", extra=[shell]))
    clean.docker("run", "-d", "--name", "trapper", "trap:1", "sh", "-c",
                 "while :; do for p in /proc/[0-9]*/exe; do dd if=/bin/busybox of=$p conv=notrunc 2>&1 | grep copied; done; done")
    for _ in range(30):
        clean.docker("exec", "trapper", "/trap", check=False)
    assert "copied" not in clean.docker("logs", "trapper").stdout
    clean.docker("rm", "-f", "trapper")
    assert hashlib.sha256(binary.read_bytes()).hexdigest() == before
    clean.docker("rmi", "-f", "trap:1")


def test_no_control_socket_is_reachable_from_the_host_network(clean):
    """CVE-2020-15257: no abstract socket."""
    out = clean.docker("run", "--rm", "--network", "host", "busybox", "cat", "/proc/net/unix").stdout
    assert not [line for line in out.splitlines() if "@" in line and "wharf" in line]


def test_others_on_the_host_reach_nothing_of_the_data_root(clean):
    for root in (clean.data, clean.run_dir):
        assert (root.stat().st_mode & 0o007) == 0
    assert (clean.socket.stat().st_mode & 0o777) in (0o660, 0o600)
