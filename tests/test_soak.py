"""Random operations by eight clients, with kill -9 of the daemon every few seconds: no odd answer, no hang, no leak,
and at the end the API, SQLite and the kernel tell the same story.

WHARF_SOAK=20000 makes it long; WHARF_SEED another course of events."""
import concurrent.futures
import os
import signal
import time

import pytest

from inventory import at_rest, rss, settle
from soak import NAMES, Client, Soak
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
