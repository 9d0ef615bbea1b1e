"""Attacks on the API: names, paths, bodies, connections, secrets in logs, odd configurations, health checks.

The rows (A59 ..., F35 ...) are those of docs/threats.md. More of them are in test_bad_input.py and the unit tests of src/http and src/server."""
import base64
import concurrent.futures
import json
import os
import pathlib
import socket
import stat
import subprocess
import threading
import time
import urllib.parse

import pytest

import images
from daemon import Daemon
from inventory import at_rest, rss, settle, supervisors
from test_bad_input import raw
from test_network import wait_for
from test_threats_start import image  # noqa: F401 (a fixture)

BAD_NAMES = ["../../x", "a/b", "-x", "new\nline", "rtl\u202ex", "é", "x" * 300, ".", "..", " ", "a b", "a\tb", "%00", "a\u0000b"]


# Docker takes any text for a network. What misleads nobody and climbs nowhere is taken here too.
PLAIN_NETWORKS = ["a/b", "-x", "a b", "%00"]


@pytest.mark.parametrize("name", BAD_NAMES, ids=range(len(BAD_NAMES)))
def test_a59_one_grammar_for_every_name(clean, name):
    query = urllib.parse.quote(name, safe="")
    assert clean.api("POST", f"/containers/create?name={query}", {"Image": "busybox"})[0] == 400
    assert clean.api("POST", "/volumes/create", {"Name": name})[0] == 400
    status, _ = clean.api("POST", "/networks/create", {"Name": name})
    assert status == 400 or (status == 201 and name in PLAIN_NETWORKS)
    if status == 201:
        assert clean.docker("network", "rm", "--", name).returncode == 0
    clean.docker("create", "--name", "sound", "busybox")
    assert clean.api("POST", f"/containers/sound/rename?name={query}")[0] == 400
    status, answer = clean.api("POST", "/containers/create?name=bound", {"Image": "busybox", "HostConfig": {"Binds": [f"{name}:/v"]}})
    assert status in (400, 500) and "message" in answer, answer  # No volume of that name, no directory beside us.
    assert clean.inspect("sound")["Name"] == "/sound"


@pytest.mark.parametrize("path", ["/containers/..%2f..%2fetc%2fpasswd/json", "/containers/%2e%2e/logs?stdout=1", "/images/..%2f..%2fx/json", "/images/%2e%2e/history", "/volumes/..",
                                  "/volumes/..%2f..%2fetc", "/networks/..%2fx", "/exec/..%2f..%2fx/json", "/exec/../json", "/plugins/../x/json", "/secrets/..%2fx",
                                  "/distribution/..%2fx/json", "/containers/a%00b/json", "/images/%ff%fe/json", "/volumes/" + "v" * 65000, "/containers/%/json", "/%63ontainers/json/../x"])
def test_a64_ids_are_looked_up_and_never_joined_to_a_path(clean, path):
    for method in ("GET", "DELETE"):
        status, answer = clean.api(method, path)
        assert status in (301, 400, 404, 405, 414, 431, 501, 503), (method, status, answer)
        assert "root:x:" not in str(answer)


def head(line="POST /containers/create HTTP/1.1", *fields):
    return "\r\n".join([line, "Host: d", *fields, "", ""]).encode()


SMUGGLED = {
    "both lengths": head("POST /containers/create HTTP/1.1", "Content-Type: application/json", "Transfer-Encoding: chunked", "Content-Length: 4") + b"0\r\n\r\n",
    "chunked twice": head("POST /containers/create HTTP/1.1", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "another coding": head("POST /containers/create HTTP/1.1", "Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n",
    "a length with a sign": head("POST /containers/create HTTP/1.1", "Content-Length: +5") + b"hello",
    "a length in hex": head("POST /containers/create HTTP/1.1", "Content-Length: 0x5") + b"hello",
    "a huge length": head("POST /containers/create HTTP/1.1", "Content-Length: 99999999999999999999") + b"hello",
    "a list of lengths": head("POST /containers/create HTTP/1.1", "Content-Length: 5, 6") + b"hello",
    "space before the colon": head("GET /_ping HTTP/1.1", "X-A : b"),
    "NUL in a header": head("GET /_ping HTTP/1.1", "X-A: b\0c"),
    "no host": b"GET /_ping HTTP/1.1\r\n\r\n",
    "a bare LF in a chunk size": head("POST /containers/create HTTP/1.1", "Content-Type: application/json", "Transfer-Encoding: chunked") + b"2\n{}\r\n0\r\n\r\n",
    "a chunk size too large": head("POST /containers/create HTTP/1.1", "Content-Type: application/json", "Transfer-Encoding: chunked") + b"ffffffffffffffff1\r\n",
    "a chunk that lies": head("POST /containers/create HTTP/1.1", "Content-Type: application/json", "Transfer-Encoding: chunked") + b"2\r\n{}garbage\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("name", sorted(SMUGGLED))
def test_a66_what_could_be_read_as_two_requests_is_refused_and_closed(clean, name):
    answers = raw(clean, SMUGGLED[name] + b"GET /version HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n", seconds=3)
    statuses = [line.split(b" ")[1] for line in answers.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]
    assert statuses in ([b"400"], [b"501"], [b"413"]), answers[:300]
    assert clean.curl("/_ping").stdout == "OK"


def test_a66_random_bytes_and_deep_json_cost_nothing(clean):
    before = rss(clean)
    import random
    random.seed(66)
    for _ in range(200):
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(clean.socket))
        try:
            client.sendall(random.randbytes(random.randrange(1, 4096)) + b"\r\n\r\n")
        except OSError:
            pass
        client.close()
    for body in ("[" * 200_000, '{"a":' * 100_000, '{"Labels":{' + ",".join(f'"{n}":""' for n in range(100_000)) + '},"Image":"nosuch"}', '"' + "\\u0000" * 500_000):
        for path in ("/containers/create", "/networks/create"):
            status, _ = clean.api("POST", path, body)
            assert status in (400, 404, 413), path
    assert clean.curl("/_ping").stdout == "OK"
    assert rss(clean) - before < 40 << 20


def test_a62_a_web_page_cannot_drive_the_api_over_tcp(scratch):
    d = Daemon(scratch / "tcp", bridge="wharf-test2", subnet="172.31.0.1/16", flags=["-H", "tcp://127.0.0.1:18275"])
    d.start()
    try:
        def status(*headers):
            out = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", *[x for h in headers for x in ("-H", h)], "http://127.0.0.1:18275/version"],
                                 capture_output=True, text=True).stdout
            return int(out)
        assert status() == 200
        assert status("Host: evil.example") == 403 and status("Origin: http://evil.example") == 403 and status("Host: evil.example:18275") == 403
        d.stop()
        d.flags = ["--cgroup-parent", d.cgroup_parent, "-H", "tcp://0.0.0.0:18275"]
        refused = subprocess.run([str(a) for a in d.command()], capture_output=True, text=True, timeout=10)
        assert refused.returncode != 0 and "tls" in (refused.stderr + refused.stdout).lower()
    finally:
        if d.process.poll() is None:
            d.stop()


def test_a62_containers_reach_no_port_of_the_daemon(clean):
    """On the host's addresses that a container sees: only what the host itself opened to the world."""
    ours = {line.split()[3].rsplit(":", 1)[1] for line in subprocess.run(["ss", "-lntpH"], capture_output=True, text=True).stdout.splitlines() if "wharf" in line}
    assert not ours, ours


@pytest.mark.parametrize("kind", ["link", "directory", "fifo", "file"])
def test_a63_a_socket_takes_no_other_things_place(scratch, kind, tmp_path):
    d = Daemon(tmp_path / "d", bridge="wharf-test2", subnet="172.31.0.1/16")
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    {"link": lambda: d.socket.symlink_to(victim), "directory": d.socket.mkdir, "fifo": lambda: os.mkfifo(d.socket), "file": lambda: d.socket.write_text("x")}[kind]()
    (d.home / "daemon.json").write_text("{}")
    result = subprocess.run([str(a) for a in d.command()], capture_output=True, text=True, timeout=10)
    assert result.returncode != 0 and str(d.socket) in result.stderr + result.stdout
    assert victim.read_text() == "untouched" and (d.socket.is_symlink() or d.socket.exists())


def test_a63_the_socket_is_never_open_to_others(tmp_path):
    d = Daemon(tmp_path / "d", bridge="wharf-test2", subnet="172.31.0.1/16")
    modes, ended = set(), threading.Event()

    def watch():
        while not ended.is_set():
            for path in d.home.glob("*.sock*"):
                try:
                    mode = path.lstat().st_mode
                except OSError:
                    continue
                if stat.S_ISSOCK(mode):
                    modes.add(mode & 0o777)
    watcher = threading.Thread(target=watch)
    watcher.start()
    old = os.umask(0)
    try:
        for _ in range(3):
            d.start()
            d.stop()
    finally:
        os.umask(old)
        ended.set()
        watcher.join()
        d.destroy()
    assert modes and all(mode & 0o007 == 0 for mode in modes), modes


def test_a65_a_flood_of_resizes_and_clients_that_go_leave_nothing(clean):
    clean.docker("run", "-dt", "--name", "tty", "busybox", "sh", "-c", "while :; do echo tick; sleep 0.05; done")
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: raw(clean, b"".join(head(f"POST /containers/tty/resize?h={n % 100 + 1}&w=80 HTTP/1.1", "Content-Length: 0") for n in range(500))
                                    + head("GET /_ping HTTP/1.1", "Connection: close"))[-2:], range(4)))
    leave(clean, 5)  # What is made with the first of them stays: one descriptor to notice those that go.
    before = at_rest(clean)
    memory = rss(clean)
    leave(clean, 100)
    assert settle(clean, before) == {}
    assert rss(clean) - memory < 16 << 20
    assert clean.inspect("tty")["State"]["Running"]


def leave(daemon, count):
    """Clients of streams that are gone while theirs goes on."""
    clients = []
    for number in range(count):
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(daemon.socket))
        line = ("POST /containers/tty/attach?stream=1&stdout=1&logs=1", "GET /containers/tty/logs?follow=1&stdout=1", "GET /events", "POST /containers/tty/wait", "POST /containers/tty/attach?stream=1&stdin=1")[number % 5]
        client.sendall(head(line + " HTTP/1.1", "Connection: Upgrade", "Upgrade: tcp") if "attach" in line else head(line + " HTTP/1.1"))
        clients.append(client)
    time.sleep(0.5)
    assert daemon.curl("/_ping").stdout == "OK"
    for client in clients:
        client.close()


def test_a65_an_exec_that_writes_a_lot_to_a_slow_reader_costs_little(clean):
    clean.docker("run", "-d", "--name", "cc", "busybox", "sleep", "60")
    exec_id = clean.api("POST", "/containers/cc/exec", {"AttachStdout": True, "Cmd": ["sh", "-c", "yes | head -c 300000000"]})[1]["Id"]
    memory = rss(clean)
    body = b'{"Detach":false,"Tty":false}'
    with socket.socket(socket.AF_UNIX) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(str(clean.socket))
        client.sendall(head(f"POST /exec/{exec_id}/start HTTP/1.1", "Content-Type: application/json", f"Content-Length: {len(body)}") + body)
        for _ in range(10):
            client.recv(1024)
            time.sleep(0.05)
        assert rss(clean) - memory < 16 << 20
        for pid in supervisors(clean):
            private = sum(int(line.split()[1]) for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines() if line.startswith("Rss"))
            assert private < 4096, "KiB of a supervisor"
    assert clean.docker("exec", "cc", "echo", "still").stdout == "still\n"


def test_a68_secrets_are_in_no_log_and_no_event(own_daemon):
    d = own_daemon
    d.stop()
    d.flags.append("--debug")
    d.start()
    since = str(int(time.time()))
    auth = base64.urlsafe_b64encode(b'{"username":"u","password":"S3CRET"}').decode()
    d.api("POST", "/images/create?fromImage=127.0.0.1:1/x&tag=1", headers=[f"X-Registry-Auth: {auth}"])
    d.api("POST", "/images/create?fromImage=u:S3CRET@127.0.0.1:1/x&tag=1")
    d.api("POST", "/images/create?fromSrc=http://u:S3CRET@127.0.0.1:1/x.tar")
    d.api("POST", "/auth", {"username": "u", "password": "S3CRET", "serveraddress": "127.0.0.1:1"})
    d.api("POST", "/images/busybox/push?tag=latest", headers=[f"X-Registry-Auth: {auth}"])
    d.docker("run", "--rm", "-e", "P=S3CRET", "busybox", "nosuch", check=False)
    d.docker("run", "--name", "env", "-e", "P=S3CRET", "busybox", "true")
    d.docker("start", "env")
    d.docker("exec", "-e", "P=S3CRET", "env", "true", check=False)
    events = d.out("events", "--since", since, "--until", str(int(time.time()) + 1), "--format", "{{json .}}")
    log = d.log.read_text(errors="replace")
    assert "debug" in log
    for text in (log, events):
        assert "S3CRET" not in text and auth not in text


CONFIGS = {
    "healthcheck cmd": {"Healthcheck": {"Test": ["CMD"]}}, "healthcheck shell": {"Healthcheck": {"Test": ["CMD-SHELL"]}}, "healthcheck odd": {"Healthcheck": {"Test": ["NOSUCH", "x"]}},
    "negative times": {"Healthcheck": {"Test": ["CMD", "true"], "Interval": -1, "Timeout": -5, "StartPeriod": -1}}, "retries": {"Healthcheck": {"Test": ["CMD", "true"], "Retries": -9}},
    "NUL in env": {"Env": ["A=b\0c"]}, "NUL in cmd": {"Cmd": ["echo\0x"]}, "env without name": {"Env": ["=x"]}, "env without value": {"Env": ["NOEQ"]}, "env odd": {"Env": ["A\n=b"]},
    "signal": {"StopSignal": "SIGNOPE"}, "port": {"ExposedPorts": {"99999/tcp": {}}}, "port word": {"ExposedPorts": {"x": {}}}, "port protocol": {"ExposedPorts": {"80/nope": {}}},
    "user": {"User": "0x0:--"}, "workdir": {"WorkingDir": "../.."}, "workdir file": {"WorkingDir": "/etc/passwd"}, "entrypoint": {"Entrypoint": ["/bin/sh", "-c", "x" * (1 << 20)]},
    "entrypoint empty": {"Entrypoint": [""]}, "cmd null": {"Cmd": None}, "cmd word": {"Cmd": 5}, "volumes": {"Volumes": {"": {}, ".": {}}}, "volume proc": {"Volumes": {"relative": {}}},
}


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_a69_an_odd_configuration_is_an_error_of_that_image_only(clean, scratch, name):
    """Of an image, and of a request; either works or says what is wrong, and the container can be removed."""
    path = images.busybox_archive(scratch / "odd.tar", "odd:1", config={"Cmd": ["true"], **CONFIGS[name]})
    loaded = clean.docker("load", "-q", "-i", path, check=False)
    bodies = [{"Image": "busybox", "Cmd": ["true"], **CONFIGS[name]}]
    if loaded.returncode == 0:
        bodies.append({"Image": "odd:1"})
    for body in bodies:
        status, answer = clean.api("POST", "/containers/create?name=odd", body)
        if status == 201:
            status, answer = clean.api("POST", "/containers/odd/start")
            assert status in (204, 400, 500), (body, status, answer)
            assert clean.docker("rm", "-f", "-v", "odd").returncode == 0
        assert status in (204, 400, 500) and (status == 204 or len(answer["message"]) > 10), (status, answer)
        assert clean.curl("/_ping").stdout == "OK"
    clean.docker("rmi", "-f", "odd:1", check=False)


def test_a70_probes_that_print_hang_or_fork_are_bounded(clean):
    clean.docker("run", "-d", "--name", "loud", "--health-cmd", "yes | head -c 1000000", "--health-interval", "300ms", "busybox", "sleep", "60")
    clean.docker("run", "-d", "--name", "hung", "--health-cmd", "sleep 999 & sleep 998", "--health-interval", "300ms", "--health-timeout", "300ms", "--health-retries", "2", "busybox", "sleep", "60")
    wait_for(lambda: clean.inspect("hung")["State"]["Health"]["Status"] == "unhealthy")
    log = clean.inspect("hung")["State"]["Health"]["Log"]
    assert all(entry["ExitCode"] == -1 and "exceeded timeout" in entry["Output"] for entry in log)
    loud = clean.inspect("loud")["State"]["Health"]
    assert loud["Status"] == "healthy" and all(len(entry["Output"]) <= 4200 for entry in loud["Log"])
    assert len(loud["Log"]) <= 5
    clean.api("POST", "/containers/hung/pause")
    time.sleep(0.4)
    clean.api("POST", "/containers/hung/unpause")
    assert clean.docker("top", "hung").stdout.count("sleep 99") <= 4  # One probe at a time, killed with its children.


def test_f35_every_verb_at_once_on_one_container_ends_coherent(clean):
    clean.docker("create", "--name", "busy", "-p", "18290:80", "busybox", "sleep", "60")
    until = time.monotonic() + 2.5
    verbs = ["start", "stop?t=0", "kill", "restart?t=0", "pause", "unpause", "rename?name=busy", "update"]
    odd = []

    def work(verb):
        while time.monotonic() < until:
            status = int(clean.curl(f"/containers/busy/{verb}", "-X", "POST", "-H", "Content-Type: application/json", "-d", "{}" if verb == "update" else "",
                                    "-o", "/dev/null", "-w", "%{http_code}").stdout)
            # Docker: a conflict of pause or unpause is a 500, a name that is the old one a 400.
            expected = {"pause": 500, "unpause": 500, "rename?name=busy": 400}.get(verb)
            if status not in (200, 204, 304, 404, 409, expected):
                odd.append((verb, status))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(work, verbs))
    assert not odd, odd[:5]
    clean.docker("rm", "-f", "busy")
    clean.docker("run", "--rm", "-p", "18290:80", "busybox", "true")


def test_f36_of_many_creators_of_one_name_one_wins(clean):
    def status(method, path, body=None):
        data = ["-d", json.dumps(body)] if body is not None else []
        return int(clean.curl(path, "-X", method, "-H", "Content-Type: application/json", *data, "-o", "/dev/null", "-w", "%{http_code}").stdout)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        for _ in range(2):
            assert sorted(pool.map(lambda _: status("POST", "/containers/create?name=one", {"Image": "busybox"}), range(16))) == [201] + [409] * 15
            gone = sorted(pool.map(lambda _: status("DELETE", "/containers/one?force=1"), range(8)))
            assert gone[0] == 204 and set(gone[1:]) <= {404, 409}
            assert sorted(pool.map(lambda _: status("POST", "/networks/create", {"Name": "onenet"}), range(8))) == [201] + [409] * 7
            gone = sorted(pool.map(lambda _: status("DELETE", "/networks/onenet"), range(4)))
            assert gone[0] == 204 and set(gone[1:]) == {404}


def test_f38_readers_that_do_not_read_delay_nobody(clean):
    stuck = []
    for _ in range(20):
        client = socket.socket(socket.AF_UNIX)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(str(clean.socket))
        client.sendall(head("GET /events HTTP/1.1"))
        stuck.append(client)
    clean.docker("create", "--name", "told", "busybox")
    since = str(int(time.time()))
    memory = rss(clean)
    started = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda n: raw(clean, b"".join(head(f"POST /containers/told/rename?name=told{n}{m} HTTP/1.1".replace("told/", f"told{n}{m - 1}/" if m else "told/"), "Content-Length: 0")
                                                    for m in range(300)) + head("GET /_ping HTTP/1.1", "Connection: close")), [0]))
    assert time.monotonic() - started < 20
    assert rss(clean) - memory < 24 << 20
    assert clean.out("events", "--since", since, "--until", str(int(time.time()) + 1), "--filter", "event=rename").count("rename") > 200
    for client in stuck:
        client.close()
