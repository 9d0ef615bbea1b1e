"""Random operations by many clients over the API's socket, while the daemon is killed every few seconds.

A client knows which answers an operation may have: success, or what Docker says when another client was faster. Every
other answer, and an answer that takes longer than LIMIT_S although the daemon lived, is an anomaly and kept."""
import collections
import http.client
import json
import random
import re
import socket
import threading
import time

LIMIT_S = 20
NAMES = [f"soak{n}" for n in range(12)]
VOLUMES = [f"soakvol{n}" for n in range(3)]
NETWORKS = [f"soaknet{n}" for n in range(2)]


class Cut(Exception):
    """The daemon was killed while it owed an answer."""


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("d", timeout=LIMIT_S + 10)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Client:
    """One connection, made again where it was cut."""

    def __init__(self, path):
        self.path = path
        self.connection = None

    def request(self, method, path, body=None):
        """(status, text)."""
        headers = {"Content-Type": "application/json"} if body is not None else {}
        try:
            if self.connection is None:
                self.connection = UnixConnection(self.path)
            self.connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = self.connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Cut(repr(error)) from error

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None


# One operation: weight, the answers that are fine, those that are errors in Docker too (status, words).
PAUSED = [(500, "is already paused"), (500, "is not paused"), (500, "is not running")]
OPERATIONS = {
    "create": (10, (201, 409), [(404, "No such")]),
    "start": (14, (204, 304, 404, 409), [(404, "network")]),
    "exec": (10, (200, 201, 404, 409), []),
    "stop": (6, (204, 304, 404, 409), []),
    "kill": (6, (204, 404, 409), []),
    "pause": (4, (204, 404, 409), PAUSED),
    "unpause": (5, (204, 404, 409), PAUSED),
    "restart": (4, (204, 404, 409), []),
    "rename": (4, (204, 404, 409), [(400, "same name as its current name")]),
    "update": (4, (200, 404, 409), []),
    "logs": (4, (200, 404), []),
    "inspect": (4, (200, 404), []),
    "list": (4, (200,), []),
    "wait": (2, (200, 404), []),
    "top": (2, (200, 404, 409), PAUSED),
    "stats": (2, (200, 404, 409), []),
    "archive": (2, (200, 404, 409), []),
    "rm": (8, (204, 404, 409), []),
    "prune": (1, (200, 409), []),
    "volume": (2, (201, 204, 404, 409), []),
    "network": (2, (201, 204, 404, 409), [(403, "active endpoints")]),
    "connect": (2, (200, 404, 409), [(403, "already exists in network"), (500, "is not connected to network"), (400, "cannot be connected to")]),
}


class Operations:
    """What each verb sends."""

    def __init__(self, client, rng):
        self.client = client
        self.rng = rng

    def name(self):
        return self.rng.choice(NAMES)

    def post(self, path, body=None):
        return self.client.request("POST", path, body)

    def verb(self, verb):
        return self.post(f"/containers/{self.name()}/{verb}")

    def create(self):
        rng = self.rng
        command = rng.choice([["true"], ["sh", "-c", "echo a; exit 3"], ["sleep", "1"], ["sleep", "600"], ["sleep", "600"],
                              ["sh", "-c", "trap '' TERM; while :; do echo x; sleep 0.2; done"], ["/nowhere"]])
        host = {"AutoRemove": rng.random() < 0.2, "Memory": rng.choice([0, 64 << 20])}
        if not host["AutoRemove"]:
            host["RestartPolicy"] = {"Name": rng.choice(["", "", "", "always", "on-failure", "unless-stopped"]), "MaximumRetryCount": 0}
        host["NetworkMode"] = rng.choice(["bridge", "bridge", "bridge", "none", "host", *NETWORKS])
        body = {"Image": "busybox", "Cmd": command, "HostConfig": host, "Tty": rng.random() < 0.1}
        if rng.random() < 0.3:
            body["ExposedPorts"] = {"80/tcp": {}}
            host["PortBindings"] = {"80/tcp": [{"HostPort": ""}]}
        if rng.random() < 0.3:
            host["Binds"] = [f"{rng.choice(VOLUMES)}:/v"]
        elif rng.random() < 0.2:
            body["Volumes"] = {"/anonymous": {}}
        if rng.random() < 0.1:
            body["Healthcheck"] = {"Test": ["CMD", "true"], "Interval": 300_000_000}
        return self.post(f"/containers/create?name={self.name()}", body)

    def start(self):
        status, text = self.verb("start")
        # Docker: a program that cannot be run is a 400 or 404 of start itself; no fault of the race.
        return (204, text) if status in (400, 404) and "/nowhere" in text else (status, text)

    def exec(self):
        status, text = self.post(f"/containers/{self.name()}/exec", {"Cmd": ["sh", "-c", "echo in"], "AttachStdout": True})
        if status != 201:
            return status, text
        number = json.loads(text)["Id"]
        answer = self.post(f"/exec/{number}/start", {"Detach": self.rng.random() < 0.5})
        self.client.request("GET", f"/exec/{number}/json")
        return answer

    def stop(self):
        return self.verb(f"stop?t={self.rng.choice([0, 0, 1])}")

    def kill(self):
        return self.verb(f"kill?signal={self.rng.choice(['KILL', 'KILL', 'TERM', 'HUP', '0'][:4])}")

    def pause(self):
        return self.verb("pause")

    def unpause(self):
        return self.verb("unpause")

    def restart(self):
        status, text = self.verb("restart?t=0")
        return (204, text) if status in (400, 404, 500) and "/nowhere" in text else (status, text)

    def rename(self):
        return self.verb(f"rename?name={self.name()}")

    def update(self):
        megabytes = self.rng.choice([32, 48, 96])
        return self.post(f"/containers/{self.name()}/update", {"Memory": megabytes << 20, "MemorySwap": megabytes << 21})

    def get(self, path):
        return self.client.request("GET", path)

    def logs(self):
        return self.get(f"/containers/{self.name()}/logs?stdout=1&stderr=1&tail=20")

    def inspect(self):
        return self.get(f"/containers/{self.name()}/json")

    def list(self):
        return self.get("/containers/json?all=1")

    def wait(self):
        """A client that leaves soon."""
        waiting = Client(self.client.path)
        waiting.connection = UnixConnection(self.client.path)
        waiting.connection.timeout = 0.5
        try:
            return waiting.request("POST", f"/containers/{self.name()}/wait?condition={self.rng.choice(['not-running', 'next-exit', 'removed'])}")
        except Cut as cut:
            if "timed out" in str(cut) or "TimeoutError" in str(cut):
                return 200, ""
            raise
        finally:
            waiting.close()

    def top(self):
        return self.get(f"/containers/{self.name()}/top")

    def stats(self):
        return self.get(f"/containers/{self.name()}/stats?stream=0&one-shot=1")

    def archive(self):
        return self.get(f"/containers/{self.name()}/archive?path=/etc")

    def rm(self):
        return self.client.request("DELETE", f"/containers/{self.name()}?v=1&force={self.rng.choice([0, 1])}")

    def prune(self):
        return self.post(self.rng.choice(["/containers/prune", "/volumes/prune", "/networks/prune"]))

    def volume(self):
        name = self.rng.choice(VOLUMES)
        return self.post("/volumes/create", {"Name": name}) if self.rng.random() < 0.6 else self.client.request("DELETE", f"/volumes/{name}")

    def network(self):
        name = self.rng.choice(NETWORKS)
        return self.post("/networks/create", {"Name": name}) if self.rng.random() < 0.7 else self.client.request("DELETE", f"/networks/{name}")

    def connect(self):
        verb = self.rng.choice(["connect", "disconnect"])
        return self.post(f"/networks/{self.rng.choice(NETWORKS)}/{verb}", {"Container": self.name(), **({"Force": True} if verb == "disconnect" else {})})


class Soak:
    """`operations` in all, by `clients` threads. `kill_every`: seconds between two kills of the daemon (from, to), or None."""

    def __init__(self, daemon, operations, clients=8, seed=1, kill_every=None):
        self.daemon = daemon
        self.left = operations
        self.clients = clients
        self.seed = seed
        self.kill_every = kill_every
        self.lock = threading.Lock()
        self.answers = collections.Counter()
        self.anomalies = []
        self.slowest = {}
        self.kills = 0
        self.generation = 0
        self.slow_starts = []
        self.up = threading.Event()
        self.up.set()
        self.done = threading.Event()

    def take(self):
        with self.lock:
            self.left -= 1
            return self.left >= 0

    def note(self, verb, status, text, seconds):
        with self.lock:
            self.answers[(verb, status)] += 1
            self.slowest[verb] = max(self.slowest.get(verb, 0), seconds)
            _, fine, others = OPERATIONS[verb]
            odd = status not in fine and not any(status == other and words in text for other, words in others)
            if odd or seconds > LIMIT_S:
                self.anomalies.append((verb, status, text[:300], round(seconds, 1)))

    def work(self, number):
        rng = random.Random(self.seed * 1000 + number)
        operations = Operations(Client(self.daemon.socket), rng)
        verbs, weights = list(OPERATIONS), [weight for weight, _, _ in OPERATIONS.values()]
        generation = self.generation
        while self.take():
            self.up.wait()
            verb = rng.choices(verbs, weights)[0]
            if generation != self.generation:
                operations.client.close()  # A connection to the daemon that was killed.
            generation, started = self.generation, time.monotonic()
            try:
                status, text = getattr(operations, verb)()
                self.note(verb, status, text, time.monotonic() - started)
            except Cut as cut:
                with self.lock:
                    self.answers[(verb, "cut")] += 1
                    # Right after a kill the generation is still the old one: `up` says it.
                    if generation == self.generation and self.up.is_set():
                        self.anomalies.append((verb, "cut", str(cut), round(time.monotonic() - started, 1)))
        operations.client.close()

    def killer(self):
        rng = random.Random(self.seed)
        while not self.done.wait(rng.uniform(*self.kill_every)):
            self.up.clear()
            with self.lock:
                self.generation += 1
            self.daemon.kill()
            started = time.monotonic()
            self.daemon.start()
            seconds = time.monotonic() - started
            self.kills += 1
            if seconds > 2:
                self.slow_starts.append(round(seconds, 1))
            self.up.set()

    def run(self):
        workers = [threading.Thread(target=self.work, args=(number,)) for number in range(self.clients)]
        killer = threading.Thread(target=self.killer) if self.kill_every else None
        for thread in [*workers, *([killer] if killer else [])]:
            thread.start()
        for worker in workers:
            worker.join()
        self.done.set()
        if killer:
            killer.join()
        return self

    def summary(self):
        lines = [f"{sum(self.answers.values())} operations, {self.kills} kills, slow starts {self.slow_starts}"]
        for verb in OPERATIONS:
            counts = {str(status): count for (name, status), count in sorted(self.answers.items(), key=str) if name == verb}
            lines.append(f"{verb:8} slowest {self.slowest.get(verb, 0):5.2f} s  {counts}")
        kinds = collections.Counter((verb, status, re.sub(r"[0-9a-f]{12,}|\d+", "N", text)) for verb, status, text, _ in self.anomalies)
        lines += [f"ODD {count} x {kind}" for kind, count in kinds.items()]
        return "\n".join(lines)


