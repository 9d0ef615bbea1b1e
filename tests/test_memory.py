"""Memory of the daemon is flat, however much is asked of it. WHARF_MANY_OPERATIONS=100000 asks more than the few thousand of a usual run."""
import json
import os
import pathlib
import random
import sys
import threading
import time
import urllib.parse

import pytest

from daemon import ROOT

sys.path.insert(0, str(ROOT / "bench"))
from api import Api  # noqa: E402

OPERATIONS = int(os.environ.get("WHARF_MANY_OPERATIONS", 4000))
WARM_UP = 1500
# After the first quarter, when all that is kept in bounded numbers (events, ended execs, results) has come: what the allocator keeps in
# one run and not in another. 100,000 operations took from 4,432 to 4,600 KiB.
ALLOWED_KIB = 384
FILLING_KIB = 2048


def anonymous_kib(pid):
    return next(int(line.split()[1]) for line in open(f"/proc/{pid}/status") if line.startswith("RssAnon"))


def settled_kib(pid):
    """After the daemon has given back what nobody uses; the least of some looks."""
    time.sleep(4)
    return min(anonymous_kib(pid) for _ in range(10) if not time.sleep(0.4))


class Client:
    """Operations of every kind on objects of its own, one after the other; names that end in _ were not there."""

    def __init__(self, socket, number):
        self.api, self.random, self.tag, self.made = Api(socket), random.Random(number), f"m{number}", 0
        self.target = self.create({"Cmd": ["sh", "-c", "echo ready; exec sleep 100000"]})
        self.api.call("POST", f"/containers/{self.target}/start")

    def create(self, fields):
        self.made += 1
        body = {"Image": "busybox", "HostConfig": {"NetworkMode": "none"}, "Labels": {"number": str(self.made)}, **fields}
        return self.api.json("POST", f"/containers/create?name={self.tag}-{self.made}", body)["Id"]

    def run(self):
        one = self.create({"Cmd": ["echo", "x"]})
        self.api.call("POST", f"/containers/{one}/start")
        self.api.call("POST", f"/containers/{one}/wait")
        self.api.call("GET", f"/containers/{one}/logs?stdout=1")
        self.api.call("DELETE", f"/containers/{one}?v=1")
        return 5

    def never_started(self):
        one = self.create({"Cmd": ["true"], "Env": ["A=" + "x" * 1000]})
        self.api.call("GET", f"/containers/{one}/json")
        self.api.call("POST", f"/containers/{one}/rename?name={self.tag}-renamed-{self.made}")
        self.api.call("DELETE", f"/containers/{one}")
        return 4

    def execute(self):
        made = self.api.json("POST", f"/containers/{self.target}/exec", {"Cmd": ["true"], "AttachStdout": True})["Id"]
        self.api.call("POST", f"/exec/{made}/start", {"Detach": False})
        self.api.call("GET", f"/exec/{made}/json")
        return 3

    def network(self):
        made = self.api.json("POST", "/networks/create", {"Name": f"{self.tag}-net", "Internal": True, "Options": {"n": "1"}})["Id"]
        self.api.call("GET", f"/networks/{made}")
        self.api.call("DELETE", f"/networks/{made}")
        return 3

    def volume(self):
        self.api.call("POST", "/volumes/create", {"Name": f"{self.tag}-volume", "Labels": {"a": "b"}})
        self.api.call("DELETE", f"/volumes/{self.tag}-volume")
        return 2

    def looks(self):
        filters = urllib.parse.quote(json.dumps({"name": [self.tag]}))
        for path in ("/containers/json?all=1", f"/containers/json?filters={filters}", "/images/json", "/networks", "/volumes", "/version", "/info",
                     f"/containers/{self.target}/json", f"/containers/{self.target}/top", f"/containers/{self.target}/logs?stdout=1&tail=1",
                     f"/containers/{self.target}/stats?stream=0&one-shot=1", f"/events?until={int(time.time())}"):
            self.api.call("GET", path)
        return 12

    def mistakes(self):
        for method, path, body in (("GET", "/containers/none_/json", None), ("POST", "/containers/create", {"Image": "none_"}), ("GET", "/volumes/none_", None),
                                   ("POST", f"/containers/{self.target}/exec", {"Cmd": []}), ("GET", "/nothing_", None)):
            try:
                self.api.call(method, path, body)
            except RuntimeError:
                continue
            pytest.fail(f"{method} {path} was accepted")
        return 5

    def work(self, operations):
        kinds = [self.run, self.never_started, self.execute, self.execute, self.network, self.volume, self.looks, self.looks, self.mistakes]
        while operations > 0:
            operations -= self.random.choice(kinds)()


def work(clients, operations):
    failures = []

    def one(client):
        try:
            client.work(operations // len(clients))
        except BaseException as error:
            failures.append(error)
    threads = [threading.Thread(target=one, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


@pytest.mark.timeout(3600)
def test_memory_is_flat_over_thousands_of_operations(own_daemon):
    clients = [Client(own_daemon.socket, number) for number in range(4)]
    work(clients, WARM_UP)
    looks = [settled_kib(own_daemon.pid)]
    for _ in range(4):
        work(clients, OPERATIONS // 4)
        looks.append(settled_kib(own_daemon.pid))
    descriptors = len(list(pathlib.Path(f"/proc/{own_daemon.pid}/fd").iterdir()))
    print(f"{OPERATIONS} operations: RssAnon in KiB {looks}, {descriptors} descriptors")
    assert looks[-1] - looks[1] < ALLOWED_KIB and looks[-1] - looks[0] < FILLING_KIB, looks
    assert descriptors < 200
