"""HEALTHCHECK: what is run, what is shown, and what a hundred of them cost."""
import json
import os
import pathlib
import time
import urllib.parse

import inventory


def checked(daemon, name, command, **fields):
    check = {"Test": command, "Interval": 200_000_000, **fields}
    body = {"Image": "busybox", "Cmd": ["sleep", "1000"], "Healthcheck": check, "HostConfig": {"NetworkMode": "none"}}
    assert daemon.api("POST", f"/containers/create?name={name}", body)[0] == 201
    assert daemon.api("POST", f"/containers/{name}/start")[0] == 204


def wait_for(what, seconds=10):
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def health(daemon, name):
    return daemon.inspect(name)["State"]["Health"]


def test_a_check_that_ends_at_once_is_told_with_all_it_printed(daemon):
    checked(daemon, "talks", ["CMD-SHELL", "echo out; echo err >&2; exit 0"])
    wait_for(lambda: health(daemon, "talks")["Status"] == "healthy")
    last = health(daemon, "talks")["Log"][-1]
    assert last["ExitCode"] == 0 and sorted(last["Output"].split()) == ["err", "out"]


def test_more_than_a_pipe_holds_does_not_hold_up_a_check(daemon):
    checked(daemon, "pours", ["CMD-SHELL", "head -c 300000 /dev/zero | tr '\\0' x; exit 3"], Retries=1)
    wait_for(lambda: health(daemon, "pours")["Status"] == "unhealthy")
    last = health(daemon, "pours")["Log"][-1]
    assert last["ExitCode"] == 3 and last["Output"] == "x" * 4096


def test_a_child_that_keeps_the_pipe_does_not_keep_the_check(daemon):
    checked(daemon, "leaves", ["CMD-SHELL", "sleep 100 & echo well"])
    wait_for(lambda: health(daemon, "leaves")["Status"] == "healthy")
    assert health(daemon, "leaves")["Log"][-1]["Output"] == "well\n"


def test_a_check_that_takes_too_long_is_killed_and_forgotten(daemon):
    checked(daemon, "hangs", ["CMD", "sleep", "77"], Timeout=100_000_000, Retries=2)
    wait_for(lambda: health(daemon, "hangs")["Status"] == "unhealthy")
    last = health(daemon, "hangs")["Log"][-1]
    assert last["ExitCode"] == -1 and last["Output"] == "Health check exceeded timeout (100ms)"
    daemon.docker("stop", "-t", "0", "hangs")
    assert daemon.inspect("hangs")["ExecIDs"] is None


def test_the_execs_of_checks_are_told_and_not_kept(daemon):
    checked(daemon, "told", ["CMD", "true"])
    wait_for(lambda: len(health(daemon, "told").get("Log") or []) >= 3)
    text = daemon.curl(f"/events?since={int(time.time()) - 60}&until={int(time.time()) + 1}&filters=" + urllib.parse.quote('{"container":["told"]}')).stdout
    events = [json.loads(line) for line in text.splitlines()]
    ended = [event["Actor"]["Attributes"]["execID"] for event in events if event["Action"] == "exec_die"]
    assert len(ended) >= 3 and all(event["Actor"]["Attributes"]["exitCode"] == "0" for event in events if event["Action"] == "exec_die")
    wait_for(lambda: daemon.api("GET", f"/exec/{ended[0]}/json")[0] == 404)


def cpu_seconds(pids):
    return sum(int((task / "schedstat").read_text().split()[0]) for pid in pids for task in pathlib.Path(f"/proc/{pid}/task").iterdir()) / 1e9


def test_a_check_costs_little_beside_the_program_it_runs(own_daemon):
    """Some 0.5 ms each where nothing else runs: 5 % of a core for a hundred a second. The program under test may be an unoptimised
    one and the machine busy, so the bound is four times that."""
    count, seconds = 25, 4
    for number in range(count):
        checked(own_daemon, f"c{number}", ["CMD", "true"], Interval=10**9)
    pids = [own_daemon.pid, *map(int, inventory.supervisors(own_daemon))]
    time.sleep(1.5)
    before = cpu_seconds(pids)
    time.sleep(seconds)
    each = (cpu_seconds(pids) - before) / count / seconds
    assert each < 0.002, each
    assert os.path.exists(f"/proc/{own_daemon.pid}") and all(health(own_daemon, f"c{number}")["Status"] == "healthy" for number in range(count))
