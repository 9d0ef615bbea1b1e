"""Faults: kill -9 of the daemon, of supervisors and of both, at every operation; records that are no records.

The rows (F01 ...) are those of docs/threats.md. More of them are in test_restart.py and test_faults.py."""
import json
import os
import pathlib
import random
import signal
import subprocess
import time

import pytest

from inventory import at_rest, settle, supervisors
from test_network import wait_for
from test_restart import alive

KILLS = int(os.environ.get("WHARF_KILLS", "12"))


def test_f01_a_kill_during_any_operation_leaves_nothing(own_daemon, archive):
    d = own_daemon
    d.docker("run", "--rm", "busybox", "true")
    d.docker("network", "create", "warm")
    d.docker("network", "rm", "warm")
    before = at_rest(d)
    random.seed(int(os.environ.get("WHARF_SEED", "11")))
    operations = [["load", "-i", archive], ["network", "create", "net"], ["network", "rm", "net"], ["volume", "create", "vol"], ["volume", "rm", "vol"],
                  ["create", "--name", "one", "-v", "vol:/v", "busybox", "sleep", "60"], ["start", "one"], ["exec", "one", "true"], ["rename", "one", "two"],
                  ["stop", "-t", "0", "two"], ["rm", "-f", "two"], ["network", "connect", "net", "one"], ["tag", "busybox", "other:1"], ["rmi", "other:1"],
                  ["run", "-d", "--network", "net", "--name", "one", "-p", "80", "busybox", "sleep", "60"], ["restart", "-t", "0", "one"], ["update", "-m", "64m", "one"]]
    for round_ in range(KILLS):
        clients = [d.spawn(*operation) for operation in random.sample(operations, 4)]
        time.sleep(random.uniform(0, 0.25))
        d.kill()
        for client in clients:
            client.kill()
            client.wait()
        started = time.monotonic()
        d.start()
        assert time.monotonic() - started < 2, round_
        for line in d.out("ps", "-a", "--format", "{{.Names}}").split():
            assert d.inspect(line)["State"]["Status"] in ("created", "running", "exited")
    assert d.docker("run", "--rm", "busybox", "echo", "sound").stdout == "sound\n"
    d.remove_containers()
    d.docker("network", "prune", "-f")
    d.docker("volume", "prune", "-af")
    d.docker("rmi", "other:1", check=False)
    after = settle(d, before, 8)
    after.pop("fds", None), after.pop("threads", None)  # Another process: its own pools.
    assert after == {}


def parent_of(pid):
    return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


@pytest.mark.parametrize("during", [["exec", "cc", "sleep", "20"], ["stop", "-t", "5", "cc"], ["logs", "-f", "cc"], ["attach", "cc"], ["wait", "cc"]], ids=lambda d: d[0])
def test_f03_a_supervisor_killed_during_an_operation_ends_that_and_nothing_else(clean, during):
    clean.docker("run", "-d", "--name", "cc", "-p", "18300:80", "busybox", "sh", "-c", "trap '' TERM; while :; do echo x; sleep 0.1; done")
    clean.docker("run", "-d", "--name", "other", "busybox", "sleep", "60")
    pid = clean.inspect("cc")["State"]["Pid"]
    client = clean.spawn(*during)
    time.sleep(0.3)
    os.kill(parent_of(pid), signal.SIGKILL)
    client.communicate(timeout=5)
    wait_for(lambda: not clean.inspect("cc")["State"]["Running"], 2)
    assert clean.inspect("cc")["State"]["ExitCode"] == 137 and not alive(pid)
    assert clean.inspect("other")["State"]["Running"]
    clean.docker("start", "cc")
    assert clean.inspect("cc")["State"]["Running"]
    clean.docker("rm", "-f", "cc")


def test_f05_after_a_reboot_nothing_counts_as_running_and_policies_are_applied_once(own_daemon):
    """Daemon and supervisors are killed at once and the run directory is empty, as after a power cycle."""
    d = own_daemon
    d.docker("run", "-d", "--name", "plain", "-p", "18310:80", "busybox", "sleep", "100")
    d.docker("run", "-d", "--name", "always", "--restart", "always", "-p", "18311:80", "busybox", "sleep", "100")
    d.docker("run", "-d", "--rm", "--name", "gone", "busybox", "sleep", "100")
    d.kill()
    for pid in supervisors(d):
        os.kill(int(pid), signal.SIGKILL)
    wait_for(lambda: supervisors(d) == [])
    subprocess.run(["rm", "-rf", str(d.run_dir)], check=True)
    started = time.monotonic()
    d.start()
    assert time.monotonic() - started < 2
    state = d.inspect("plain")["State"]
    assert (state["Status"], state["ExitCode"]) == ("exited", 137) or state["Status"] == "exited"
    wait_for(lambda: d.inspect("always")["State"]["Running"])
    wait_for(lambda: d.out("ps", "-aq", "--filter", "name=gone") == "")
    assert d.inspect("always")["RestartCount"] <= 1
    d.docker("start", "plain")
    assert d.inspect("plain")["State"]["Running"]


def test_f06_sigterm_ends_a_daemon_with_stuck_clients_in_time(own_daemon):
    d = own_daemon
    d.stop()
    d.flags += ["--shutdown-timeout", "1"]
    d.start()
    d.docker("run", "-d", "--name", "cc", "busybox", "sh", "-c", "trap '' TERM; while :; do echo x; sleep 0.1; done")
    clients = [d.spawn(*args) for args in (["events"], ["logs", "-f", "cc"], ["attach", "cc"], ["wait", "cc"], ["exec", "cc", "sleep", "50"], ["stop", "-t", "60", "cc"]) for _ in range(3)]
    time.sleep(0.5)
    started = time.monotonic()
    d.stop()
    assert time.monotonic() - started < 6
    for client in clients:
        client.communicate(timeout=5)
    assert not d.socket.exists() and not (d.home / "pid").exists()
    d.start()
    assert d.inspect("cc")["State"]["Running"]


@pytest.mark.parametrize("record", ["", "null", "5", "[]", '{"Config":5}', '{"id":"../../x"}', '{"'])
def test_f14_a_record_that_is_none_harms_only_its_container(own_daemon, record):
    d = own_daemon
    d.docker("volume", "create", "kept")
    d.docker("create", "--name", "broken", "-v", "kept:/v", "busybox")
    d.docker("create", "--name", "sound", "busybox", "echo", "fine")
    d.stop()
    subprocess.run(["sqlite3", str(d.data / "wharf.db"), f"UPDATE containers SET record='{record}' WHERE name='broken'"], check=True)
    (d.data / "writable" / "stray").mkdir()
    d.start()
    assert d.out("start", "-a", "sound") == "fine"
    assert "broken" in d.out("ps", "-a", "--format", "{{.Names}}")
    assert d.docker("start", "broken", check=False).returncode != 0
    d.docker("rm", "-f", "broken")
    assert not (d.data / "writable" / "stray").exists()
    assert d.out("volume", "ls", "-q") == "kept"


def test_f17_a_socket_that_is_a_directory_and_a_locked_pid_file_stop_a_start_at_once(own_daemon):
    d = own_daemon
    started = time.monotonic()
    second = subprocess.run([str(a) for a in d.command()], capture_output=True, text=True, timeout=10)
    assert second.returncode != 0 and time.monotonic() - started < 2 and len(second.stderr) > 20
    d.kill()
    d.socket.unlink(missing_ok=True)
    d.socket.mkdir()
    refused = subprocess.run([str(a) for a in d.command()], capture_output=True, text=True, timeout=10)
    assert refused.returncode != 0 and str(d.socket) in refused.stderr + refused.stdout
    d.socket.rmdir()
    d.start()
    assert json.loads(d.curl("/version").stdout)["Os"] == "linux"
