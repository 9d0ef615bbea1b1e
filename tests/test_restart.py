"""kill -9 of the daemon and of a supervisor: containers go on, nothing is lost, nothing is left."""
import json
import os
import pathlib
import random
import signal
import subprocess
import threading
import time

import pytest

from inventory import at_rest, settle, supervisors
from test_network import fetch, serve, wait_for


def test_containers_logs_and_ports_go_on_while_the_daemon_is_dead(own_daemon):
    d = own_daemon
    address = serve_on(d, "web", "18200")
    d.docker("run", "-d", "--name", "count", "busybox", "sh", "-c", "i=0; while :; do i=$((i+1)); echo $i; sleep 0.01; done")
    d.docker("run", "-d", "--name", "ends", "busybox", "sh", "-c", "sleep 1.5; echo last; exit 7")
    pids = {name: d.inspect(name)["State"]["Pid"] for name in ("web", "count")}
    time.sleep(0.5)
    d.kill()
    wait_for(lambda: fetch("127.0.0.1", 18200) == "page")
    time.sleep(2)
    assert fetch(address, 80) == "page"
    ended = time.time()
    started = time.monotonic()
    d.start()
    assert time.monotonic() - started < 2
    assert {name: d.inspect(name)["State"]["Pid"] for name in pids} == pids
    assert fetch("127.0.0.1", 18200) == "page"
    state = d.inspect("ends")["State"]
    assert (state["Status"], state["ExitCode"]) == ("exited", 7)
    finished = subprocess.run(["date", "-d", state["FinishedAt"], "+%s.%N"], capture_output=True, text=True).stdout
    assert ended - 3 < float(finished) < ended
    assert d.out("wait", "ends") == "7"
    assert d.docker("logs", "ends").stdout == "last\n"
    d.docker("stop", "-t", "0", "count")
    numbers = [int(n) for n in d.docker("logs", "count").stdout.split()]
    assert numbers == list(range(1, len(numbers) + 1)) and len(numbers) > 150
    d.docker("exec", "web", "true")
    d.docker("rm", "-f", "web", "count", "ends")
    assert supervisors(d) == []


def serve_on(d, name, port):
    d.docker("run", "-d", "--name", name, "-p", f"{port}:80", "busybox", "sh", "-c", "mkdir /w; echo page > /w/index.html; httpd -f -p 80 -h /w")
    address = d.inspect(name)["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
    wait_for(lambda: fetch(address, 80) == "page")
    return address


def test_wait_started_after_the_restart_gets_the_code(own_daemon):
    own_daemon.docker("run", "-d", "--name", "ww", "busybox", "sh", "-c", "sleep 2; exit 9")
    own_daemon.restart()
    assert own_daemon.out("wait", "ww") == "9"


def test_rm_and_restart_policy_of_what_ended_meanwhile_are_applied(own_daemon):
    d = own_daemon
    d.docker("run", "-d", "--rm", "--name", "auto", "busybox", "sleep", "1")
    d.docker("run", "-d", "--restart", "always", "--name", "again", "busybox", "sleep", "1")
    d.kill()
    time.sleep(1.5)
    d.start()
    wait_for(lambda: d.out("ps", "-aq", "--filter", "name=auto") == "")
    wait_for(lambda: d.inspect("again")["State"]["Running"])


def test_a_running_exec_and_an_attached_client_do_not_hurt(own_daemon):
    d = own_daemon
    d.docker("run", "-d", "--name", "cc", "busybox", "sh", "-c", "while :; do echo tick; sleep 0.1; done")
    clients = [d.spawn("attach", "cc"), d.spawn("logs", "-f", "cc"), d.spawn("exec", "cc", "sleep", "30")]
    time.sleep(0.7)
    d.restart()
    assert d.inspect("cc")["State"]["Running"]
    for client in clients:
        client.kill()
        client.wait()
    assert "tick" in d.docker("logs", "-n", "1", "cc").stdout
    assert d.docker("exec", "cc", "echo", "yes").stdout == "yes\n"


def test_a_killed_supervisor_ends_its_container_and_only_that(own_daemon):
    d = own_daemon
    d.docker("run", "-d", "--name", "victim", "-p", "18201:80", "busybox", "sleep", "100")
    d.docker("run", "-d", "--name", "other", "busybox", "sleep", "100")
    pid = d.inspect("victim")["State"]["Pid"]
    parent = int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    os.kill(parent, signal.SIGKILL)
    wait_for(lambda: not d.inspect("victim")["State"]["Running"], 2)
    assert d.inspect("victim")["State"]["ExitCode"] == 137
    assert not alive(pid)
    assert d.inspect("other")["State"]["Running"]
    d.docker("start", "victim")
    assert d.inspect("victim")["State"]["Running"]


def alive(pid):
    """Neither gone nor a zombie that waits for this machine's init."""
    stat = pathlib.Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_sigterm_leaves_containers_and_ends_in_time(own_daemon):
    d = own_daemon
    d.docker("run", "-d", "--name", "stays", "busybox", "sleep", "100")
    watchers = [d.spawn("events") for _ in range(10)]
    pid = d.inspect("stays")["State"]["Pid"]
    time.sleep(0.3)
    started = time.monotonic()
    d.stop()
    assert time.monotonic() - started < 10
    assert pathlib.Path(f"/proc/{pid}").exists()
    d.start()
    assert d.inspect("stays")["State"]["Pid"] == pid
    for watcher in watchers:
        watcher.kill()
        watcher.wait()


def test_kills_at_random_moments_leave_nothing(own_daemon):
    d = own_daemon
    d.docker("run", "--rm", "busybox", "true")
    before = at_rest(d)
    random.seed(int(os.environ.get("WHARF_SEED", "7")))
    for round_ in range(int(os.environ.get("WHARF_KILLS", "25"))):
        clients = [d.spawn("run", "--rm", "--name", f"r{round_}-{n}", "-p", "80", "busybox", "sh", "-c", "echo x; exit 3") for n in range(2)]
        clients.append(d.spawn("create", "--name", f"c{round_}", "busybox"))
        time.sleep(random.uniform(0, 0.25))
        d.kill()
        for client in clients:
            client.kill()
            client.wait()
        started = time.monotonic()
        d.start()
        assert time.monotonic() - started < 3
    for name in d.out("ps", "-aq").split():
        assert json.loads(d.docker("inspect", name).stdout)
    d.remove_containers()
    after = settle(d, before, 8)
    after.pop("fds", None), after.pop("threads", None)  # Another process: its own pools.
    assert after == {}


def test_two_daemons_on_one_data_root_are_refused(own_daemon):
    second = subprocess.run([str(a) for a in own_daemon.command()], capture_output=True, text=True, timeout=10)
    assert second.returncode != 0


def test_a_stale_pid_file_and_socket_do_not_stop_the_start(own_daemon):
    own_daemon.kill()
    (own_daemon.home / "pid").write_text("1")
    own_daemon.start()


def test_acknowledged_means_durable(scratch, archive):
    """Power loss: a loop ext4 that is shut down right after the answer (EXT4_IOC_SHUTDOWN, no log flush)."""
    from power import LoopDisk
    from daemon import Daemon
    disk = LoopDisk(scratch / "disk", 512)
    try:
        d = Daemon(scratch / "power", bridge="wharf-test2", subnet="172.31.0.1/16", flags=[])
        d.data = disk.mountpoint / "data"
        d.start()
        d.docker("load", "-q", "-i", archive)
        d.docker("create", "--name", "kept", "busybox", "echo", "alive")
        d.docker("tag", "busybox", "second:tag")
        disk.cut()
        d.kill()
        disk.remount()
        d.start()
        assert d.out("start", "-a", "kept") == "alive"
        assert d.out("run", "--rm", "second:tag", "echo", "ok") == "ok"
        d.destroy()
    finally:
        disk.close()


@pytest.mark.parametrize("damage", ["half", "zero", "flipped"])
def test_a_damaged_database_does_not_stop_the_daemon(own_daemon, damage):
    d = own_daemon
    d.docker("run", "-d", "--name", "runs", "busybox", "sleep", "100")
    d.kill()
    path = d.data / "wharf.db"
    data = bytearray(path.read_bytes())
    for extra in ("-wal", "-shm"):
        pathlib.Path(str(path) + extra).unlink(missing_ok=True)
    if damage == "half":
        data = data[: len(data) // 2]
    elif damage == "zero":
        data = bytearray()
    else:
        random.seed(3)
        for _ in range(max(20, len(data) // 5000)):
            data[random.randrange(len(data))] ^= 0xFF
    path.write_bytes(data)
    d.start()
    d.docker("ps", "-a")
    d.docker("info")


def test_a_broken_record_affects_only_its_container(own_daemon):
    d = own_daemon
    d.docker("create", "--name", "broken", "busybox")
    d.docker("create", "--name", "sound", "busybox", "echo", "fine")
    d.stop()
    subprocess.run(["sqlite3", str(d.data / "wharf.db"), "UPDATE containers SET record='{\"' WHERE name='broken'"], check=True)
    d.start()
    assert d.out("start", "-a", "sound") == "fine"
    assert "broken" in d.out("ps", "-a", "--format", "{{.Names}}")
    d.docker("rm", "-f", "broken")
