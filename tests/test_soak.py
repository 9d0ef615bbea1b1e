"""Random operations by eight clients, with kill -9 of the daemon every few seconds: no odd answer, no hang, no leak,
and at the end the API, SQLite and the kernel tell the same story.

WHARF_SOAK=20000 makes it long; WHARF_SEED another course of events."""
import concurrent.futures
import os
import signal
import time

import pytest

from inventory import at_rest, rss, settle
from soak import Client, Soak
from story import disagreements
from test_restart import alive
from test_threats_death import parent_of

OPERATIONS = int(os.environ.get("WHARF_SOAK", "6000"))
SEED = int(os.environ.get("WHARF_SEED", "1"))


def remove_all(d):
    d.remove_containers()
    d.docker("network", "prune", "-f")
    d.docker("volume", "prune", "-af")


def warm_up(d):
    """One of each, so that what is made with the first of its kind does not count."""
    d.docker("network", "create", "warm")
    d.docker("run", "--rm", "--network", "warm", "-v", "warm:/v", "-p", "80", "busybox", "true")
    remove_all(d)


@pytest.mark.timeout(max(300, OPERATIONS // 4))
def test_random_operations_and_kills_leave_one_story_and_nothing_else(own_daemon):
    d = own_daemon
    warm_up(d)
    before = at_rest(d)
    soak = Soak(d, OPERATIONS, seed=SEED, kill_every=(1, 4)).run()
    print(soak.summary())
    assert soak.anomalies == []
    assert soak.slow_starts == []
    assert disagreements(d) == []
    remove_all(d)
    assert disagreements(d) == []
    after = settle(d, before, 10)
    after.pop("fds", None), after.pop("threads", None)  # Another process: its own pools.
    assert after == {}


@pytest.mark.timeout(max(300, OPERATIONS // 4))
def test_memory_threads_and_descriptors_are_flat_over_many_operations(own_daemon):
    d = own_daemon
    warm_up(d)
    Soak(d, max(600, OPERATIONS // 10), seed=SEED + 1).run()
    remove_all(d)
    before, memory = at_rest(d), rss(d)
    soak = Soak(d, OPERATIONS, seed=SEED + 2).run()
    print(soak.summary())
    assert soak.anomalies == []
    assert disagreements(d) == []
    remove_all(d)
    assert settle(d, before, 10) == {}
    print(f"resident: {memory >> 10} KiB before, {rss(d) >> 10} KiB after")
    assert rss(d) - memory < 8 << 20


def answers(d, method, path, clients=8):
    """The sorted statuses of one request made by all clients at once."""
    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        return sorted(pool.map(lambda _: Client(d.socket).request(method, path)[0], range(clients)))


def test_the_same_operation_by_many_at_once_has_dockers_answers(clean):
    for _ in range(3):
        clean.docker("create", "--name", "raced", "busybox", "sleep", "60")
        assert answers(clean, "POST", "/containers/raced/start") == [204] + [304] * 7
        assert answers(clean, "POST", "/containers/raced/pause") == [204] + [409] * 7
        # Docker: what is not paused is a 500 for those who come late.
        assert answers(clean, "POST", "/containers/raced/unpause") == [204] + [500] * 7
        # Those who came before the end wait for it.
        stopped = answers(clean, "POST", "/containers/raced/stop?t=0")
        assert stopped[0] == 204 and set(stopped) <= {204, 304}
        assert set(answers(clean, "POST", "/containers/raced/kill")) == {409}
        assert set(answers(clean, "POST", "/containers/raced/restart?t=0")) == {204}
        killed = answers(clean, "POST", "/containers/raced/kill")
        assert killed[0] == 204 and set(killed) <= {204, 409}
        removed = answers(clean, "DELETE", "/containers/raced?force=1")
        assert removed[0] == 204 and set(removed[1:]) <= {404, 409}


def test_a_pause_that_meets_a_kill_never_keeps_what_was_killed(clean):
    for _ in range(10):
        clean.docker("run", "-d", "--name", "met", "busybox", "sleep", "60")
        started = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            killed = pool.submit(Client(clean.socket).request, "POST", "/containers/met/kill")
            paused = pool.submit(Client(clean.socket).request, "POST", "/containers/met/pause")
            assert killed.result()[0] == 204 and paused.result()[0] in (204, 409)
        assert time.monotonic() - started < 3
        assert clean.inspect("met")["State"]["Status"] == "exited"
        clean.docker("rm", "met")


@pytest.mark.parametrize("state", ["running", "paused"])
def test_a_supervisor_killed_by_hand_is_noticed_within_a_second(clean, state):
    clean.docker("run", "-d", "--name", "orphan", "busybox", "sleep", "60")
    if state == "paused":
        clean.docker("pause", "orphan")
    pid = clean.inspect("orphan")["State"]["Pid"]
    os.kill(parent_of(pid), signal.SIGKILL)
    killed = time.monotonic()
    client = Client(clean.socket)
    while '"Running":true' in client.request("GET", "/containers/orphan/json")[1]:
        assert time.monotonic() - killed < 1
        time.sleep(0.01)
    assert not alive(pid)
    clean.docker("start", "orphan")
    assert clean.inspect("orphan")["State"]["Status"] == "running"
