"""Rows that need no client process: one HTTP connection on the daemon's socket, and many containers at once."""
import http.client
import json
import os
import pathlib
import socket
import statistics
import threading
import time

LINES = 2_000_000
# 36 bytes and the end of line, in large writes.
WRITER = f"yes 'a line of output as programs have it' | head -n {LINES}"


class Api(http.client.HTTPConnection):
    """One connection that is kept. call() returns the answer's bytes and raises on an error status."""

    def __init__(self, path):
        super().__init__("localhost")
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)

    def call(self, method, path, body=None):
        self.request(method, f"/v1.41{path}", None if body is None else json.dumps(body), {"Content-Type": "application/json"} if body is not None else {})
        answer = self.getresponse()
        data = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {data[:300]}")
        return data

    def json(self, method, path, body=None):
        return json.loads(self.call(method, path, body))


def median_ms(work, runs, pause=0.02):
    times = []
    for number in range(runs + 2):
        started = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - started))
        time.sleep(pause)
    return statistics.median(times[2:])


def once(api, network):
    made = api.json("POST", "/containers/create", {"Image": "busybox", "Cmd": ["true"], "HostConfig": {"NetworkMode": network}})["Id"]
    api.call("POST", f"/containers/{made}/start")
    api.call("POST", f"/containers/{made}/wait")
    api.call("DELETE", f"/containers/{made}")


def execute(api, container):
    made = api.json("POST", f"/containers/{container}/exec", {"Cmd": ["true"], "AttachStdout": True})["Id"]
    api.call("POST", f"/exec/{made}/start", {"Detach": False})
    assert api.json("GET", f"/exec/{made}/json")["ExitCode"] == 0


def start(api, command=("sleep", "100000"), **host):
    made = api.json("POST", "/containers/create", {"Image": "busybox", "Cmd": list(command), "HostConfig": host})["Id"]
    api.call("POST", f"/containers/{made}/start")
    return made


def both(engines, work, runs, slow):
    """engine name -> median; the second engine, which is slower, fewer times."""
    return {engine.name: median_ms(lambda: work(engine.api, engine), slow if number else runs) for number, engine in enumerate(engines)}


def named(values):
    return {{"docker": "docker.io"}.get(name, name): value for name, value in values.items()}


def rows(wharf, docker, table, rss_kib, run, quick):
    engines = [wharf, docker]
    runs, slow = (10, 3) if quick else (60, 10)
    for engine in engines:
        engine.api = Api(engine.home / "s")
        engine.target = start(engine.api)
    for network, bar in (("bridge", "≤ 8"), ("none", "≤ 4")):
        table.add(f"create, start, wait, rm by the API, {network}", "ms", bar, named(both(engines, lambda api, _: once(api, network), runs, slow)))
    table.add("exec by the API", "ms", "≤ 3", named(both(engines, lambda api, engine: execute(api, engine.target), runs, slow)))
    table.add("stats of one container, one sample", "ms", "≤ 50",
              named(both(engines, lambda api, engine: api.call("GET", f"/containers/{engine.target}/stats?stream=false"), runs, 2)))
    sixty_rows(engines, table, run)
    log_rows(engines, table, run)
    daemon = int((wharf.home / "pid").read_text())
    health_rows(wharf, table, run, daemon)
    thousand_rows(wharf, table, run, lambda: rss_kib(daemon) / 1024, 100 if quick else 1000)


def sixty_rows(engines, table, run):
    lists, removals = {}, {}
    for engine in engines:
        made = [start(engine.api) for _ in range(60)]
        lists[engine.name] = median_ms(lambda: engine.api.call("GET", "/containers/json?all=1"), 10)
        started = time.perf_counter()
        run(*engine.client("rm", "-f"), *made)
        removals[engine.name] = time.perf_counter() - started
    table.add("`GET /containers/json` of 60 running", "ms", "≤ 1", named(lists))
    table.add("`rm -f` of 60 running", "s", "≤ 0.3", named(removals))


def log_rows(engines, table, run):
    written, read, tail = {}, {}, {}
    for engine in engines:
        started = time.perf_counter()
        made = start(engine.api, ("sh", "-c", WRITER), NetworkMode="none", LogConfig={"Type": "json-file", "Config": {"max-size": "1g"}})
        engine.api.call("POST", f"/containers/{made}/wait")
        written[engine.name] = time.perf_counter() - started
        started = time.perf_counter()
        data = run("sh", "-c", '"$@" | wc -l', "sh", *engine.client("logs", made)).stdout
        read[engine.name] = time.perf_counter() - started
        assert int(data) == LINES, data
        tail[engine.name] = median_ms(lambda: engine.api.call("GET", f"/containers/{made}/logs?stdout=1&tail=10"), 5)
        engine.api.call("DELETE", f"/containers/{made}")
    table.add("2,000,000 lines of 37 bytes written by a container", "s", "≤ 1.2", named(written))
    table.add("… read back by its client's `logs`", "s", "≤ 1.5", named(read))
    table.add("… `--tail 10` of it by the API", "ms", "≤ 5", named(tail))


def cpu_seconds(pids):
    """What the threads of these processes used themselves; not what they started."""
    used = 0
    for pid in pids:
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            used += int((task / "schedstat").read_text().split()[0])
    return used / 1e9


def reaped_seconds(pids):
    fields = [pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(f[13]) + int(f[14]) for f in fields) / os.sysconf("SC_CLK_TCK")


def health_rows(wharf, table, run, daemon, seconds=10):
    """A hundred containers whose health is checked each second; what the checks' own programs cost is said apart."""
    made = []
    for _ in range(100):
        check = {"Test": ["CMD", "true"], "Interval": 10**9}
        made.append(wharf.api.json("POST", "/containers/create", {"Image": "busybox", "Cmd": ["sleep", "100000"], "Healthcheck": check,
                                                                  "HostConfig": {"NetworkMode": "none"}})["Id"])
        wharf.api.call("POST", f"/containers/{made[-1]}/start")
    inits = [wharf.api.json("GET", f"/containers/{one}/json")["State"]["Pid"] for one in made]
    supervisors = [int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]) for pid in inits]
    time.sleep(3)
    before, probed, started = cpu_seconds([daemon, *supervisors]), reaped_seconds(supervisors), time.monotonic()
    time.sleep(seconds)
    spent = time.monotonic() - started
    own, theirs = cpu_seconds([daemon, *supervisors]) - before, reaped_seconds(supervisors) - probed
    assert all(wharf.api.json("GET", f"/containers/{one}/json")["State"]["Health"]["Status"] == "healthy" for one in made)
    table.add("100 containers whose health is checked each second: wharfd and supervisors", "% of a core", "≤ 5", {"wharf": 100 * own / spent})
    table.add("… and the checks themselves, from `clone` to exit", "% of a core", "", {"wharf": 100 * theirs / spent})
    run(*wharf.client("rm", "-f"), *made)


def thousand_rows(wharf, table, run, memory, count):
    def many(part):
        api = Api(wharf.home / "s")
        for _ in range(part):
            start(api, NetworkMode="none")
    threads = [threading.Thread(target=many, args=(count // 4,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    made = [c["Id"] for c in wharf.api.json("GET", "/containers/json") if c["HostConfig"]["NetworkMode"] == "none"]
    assert len(made) >= count // 4 * 4, len(made)
    listing = median_ms(lambda: wharf.api.call("GET", "/containers/json"), 10)
    table.add(f"`GET /containers/json` of {count:,} running", "ms", "≤ 5", {"wharf": listing})
    time.sleep(4)
    idle = memory()
    table.add(f"wharfd with {count:,} idle containers, RSS", "MiB", "≤ 60", {"wharf": idle})
    followers = []
    for number in range(count):
        one = socket.socket(socket.AF_UNIX)
        one.connect(str(wharf.home / "s"))
        one.sendall(f"GET /v1.41/containers/{wharf.target}/logs?stdout=1&follow=1 HTTP/1.1\r\nHost: d\r\n\r\n".encode())
        followers.append(one)
    for one in followers:
        assert one.recv(4096).startswith(b"HTTP/1.1 200")
    table.add(f"… and {count:,} followers of one log more", "MiB", "≤ 64", {"wharf": memory() - idle})
    for one in followers:
        one.close()
    for begin in range(0, len(made), 100):
        run(*wharf.client("rm", "-f"), *made[begin:begin + 100])

