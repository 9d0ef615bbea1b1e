#!/usr/bin/env python3
"""One table: Wharf beside Debian's docker.io and podman, in the same run. Medians of alternating rounds.

Every engine lives in a network namespace of its own, with its data on a fresh ext4 in a loop file, and is ended by
the id it was started with. Usage: bench.py [--quick] [--write]; --write replaces docs/bench.md.
"""
import argparse
import concurrent.futures
import datetime
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/support"))
import api  # noqa: E402
import pull  # noqa: E402
from images import busybox_archive  # noqa: E402

BUILD = ROOT / "build" / "release"


def run(*args, check=True, **kwargs):
    return subprocess.run([str(a) for a in args], check=check, stdin=subprocess.DEVNULL, capture_output=True, text=True, **kwargs)


def pss_kib(pid):
    return field(f"/proc/{pid}/smaps_rollup", "Pss:")


def rss_kib(pid):
    return field(f"/proc/{pid}/status", "VmRSS:")


def field(path, name):
    for line in pathlib.Path(path).read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    return 0


def children(pid):
    out = run("pgrep", "-P", pid, check=False).stdout.split()
    return [int(p) for p in out] + [g for p in out for g in children(int(p))]


# crun refuses a machine that has v1 and v2: in a mount namespace of its own the empty v2 is covered, for all three alike.
WITHOUT_UNIFIED = ("unshare", "--mount", "--propagation", "private", "sh", "-c",
                   "mount -t tmpfs none /sys/fs/cgroup/unified && exec \"$@\"", "sh")


class Engine:
    """One engine: how to start and end it, and the words of its client."""

    LIMITS = ()

    def __init__(self, name, work):
        self.name = name
        self.home = work / name
        self.home.mkdir()
        self.net = f"wharf-bench-{name}"
        self.process = None
        run("ip", "netns", "add", self.net)
        self.inside("ip", "link", "set", "lo", "up")
        self.mount()

    def mount(self):
        image = self.home / "disk"
        with open(image, "wb") as file:
            file.truncate(8 << 30)
        run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=1", image)
        self.data = self.home / "data"
        self.data.mkdir()
        run("mount", "-o", "loop", image, self.data)

    def inside(self, *args, **kwargs):
        return run("nsenter", f"--net=/run/netns/{self.net}", *args, **kwargs)

    def spawn(self, *args):
        log = open(self.home / "log", "ab")
        self.process = subprocess.Popen(["nsenter", f"--net=/run/netns/{self.net}", *map(str, args)], stdin=subprocess.DEVNULL,
                                        stdout=log, stderr=log, start_new_session=True)
        for _ in range(600):
            if run(*self.client("version"), check=False).returncode == 0:
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError(f"{self.name} does not start:\n" + (self.home / "log").read_text()[-3000:])

    def close(self):
        if self.process and self.process.poll() is None:
            ids = run(*self.client("ps", "-aq"), check=False).stdout.split()
            if ids:
                run(*self.client("rm", "-f"), *ids, check=False)
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        run("umount", "-l", self.data, check=False)
        run("ip", "netns", "delete", self.net, check=False)


class Wharf(Engine):
    def start(self):
        self.socket = self.home / "s"
        self.spawn(BUILD / "wharfd", "-H", f"unix://{self.socket}", "--data-root", self.data / "root", "--exec-root", self.home / "run",
                   "--pidfile", self.home / "pid", "--config-file", self.config(), "--bridge", "wharf0", "--bip", "172.26.0.1/16")

    def config(self):
        path = self.home / "daemon.json"
        path.write_text("{}")
        return path

    def client(self, *args):
        return [str(BUILD / "wharf"), "-H", f"unix://{self.home}/s", *args]

    def stock(self, *args):
        return ["docker", "-H", f"unix://{self.home}/s", *args]

    def version(self):
        return run(*self.client("version", "--format", "{{.Server.Version}}")).stdout.strip()


class Docker(Engine):
    def start(self):
        self.spawn("dockerd", "-H", f"unix://{self.home}/s", "--data-root", self.data / "root", "--exec-root", self.home / "run",
                   "--pidfile", self.home / "pid", "--bip", "172.25.0.1/16", "--log-level", "error")

    def client(self, *args):
        return ["docker", "-H", f"unix://{self.home}/s", *args]

    def version(self):
        return run(*self.client("version", "--format", "{{.Server.Version}}")).stdout.strip()


class Podman(Engine):
    # Its defaults are above what this machine lets even root raise.
    LIMITS = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024")

    def start(self):
        pass

    def client(self, *args):
        return ["nsenter", f"--net=/run/netns/{self.net}", "podman", "--root", str(self.data / "root"), "--runroot", str(self.home / "run"),
                "--runtime", shutil.which("runc"), "--cgroup-manager", "cgroupfs", "--events-backend", "none", *args]

    def close(self):
        run(*self.client("rm", "-af", "-t", "0"), check=False)
        super().close()

    def version(self):
        return run("podman", "version", "--format", "{{.Client.Version}}").stdout.strip()


def time_ms(command, runs, warm=1, before=()):
    """Times of `runs` executions, by hyperfine without a shell; None when the command fails. `before`: what runs hyperfine."""
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        done = run(*before, "hyperfine", "-N", "--style", "none", "--warmup", warm, "--runs", max(2, runs), "--export-json", out.name,
                   subprocess.list2cmdline(command), check=False)
        if done.returncode != 0:
            print(f"  fails: {' '.join(command)}: {done.stderr.strip()[-300:]}", file=sys.stderr)
            return None
        return [1000 * t for t in json.load(open(out.name))["results"][0]["times"]]


def alternating(commands, runs, rounds, before=()):
    """name -> median ms; the commands take turns, so that all see the same machine."""
    times = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            if times[name] is not None:
                got = time_ms(command, runs, before=before)
                times[name] = None if got is None else times[name] + got
    return {name: None if not t else statistics.median(t) for name, t in times.items()}


class Table:
    def __init__(self):
        self.rows = []

    def add(self, what, unit, bar, values, best="least"):
        self.rows.append((what, unit, bar, values, best))
        print(f"{what}: " + ", ".join(f"{k} {fmt(v)}" for k, v in values.items()), flush=True)

    def markdown(self, columns):
        head = ["what", "unit", "bar", *columns, "docker.io / wharf"]
        lines = ["| " + " | ".join(head) + " |", "|" + "--|" * len(head)]
        for what, unit, bar, values, best in self.rows:
            ours, theirs = values.get("wharf"), values.get("docker.io")
            ratio = "" if not ours or not theirs else f"{(theirs / ours if best == 'least' else ours / theirs):.1f} ×"
            lines.append("| " + " | ".join([what, unit, bar, *(fmt(values.get(c)) for c in columns), ratio]) + " |")
        return "\n".join(lines)


def fmt(value):
    if value is None:
        return "–"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def start_many(engine, count, at_once, flags):
    """(containers a second, ms of the first tenth, ms of the last tenth); raises when one fails."""
    times = {}

    def one(number):
        started = time.monotonic()
        run(*engine.client("run", "-d", *flags, "busybox", "sleep", "1000"))
        times[number] = time.monotonic() - started

    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        list(pool.map(one, range(count)))
    rate = count / (time.monotonic() - began)
    tenth = max(1, count // 10)
    first = statistics.median(times[n] for n in range(tenth))
    last = statistics.median(times[n] for n in range(count - tenth, count))
    return rate, first * 1000, last * 1000


def bundle(work):
    path = work / "bundle"
    (path / "rootfs/bin").mkdir(parents=True)
    for folder in ("proc", "dev", "sys"):
        (path / "rootfs" / folder).mkdir()
    shutil.copy("/bin/busybox", path / "rootfs/bin/busybox")
    (path / "rootfs/bin/true").symlink_to("busybox")
    run("runc", "spec", cwd=path)
    spec = json.loads((path / "config.json").read_text())
    spec["process"].update(terminal=False, args=["/bin/true"])
    spec["root"]["readonly"] = False
    (path / "config.json").write_text(json.dumps(spec))
    return path


def measure(work, quick, table):
    rounds, runs, slow = (1, 10, 2) if quick else (3, 20, 3)
    wharf, docker, podman = Wharf("wharf", work), Docker("docker", work), Podman("podman", work)
    engines = [wharf, docker, podman]
    try:
        for engine in engines:
            engine.start()
        time.sleep(1)
        table.add("idle daemon, RSS", "MiB", "≤ 12", {
            "wharf": rss_kib(int((wharf.home / "pid").read_text())) / 1024,
            "docker.io": sum(rss_kib(p) for p in [docker.process.pid, *children(docker.process.pid)]) / 1024})
        archive = busybox_archive(work / "busybox.tar")
        for engine in engines:
            run(*engine.client("load", "-i", str(archive)))
        name = {"podman": "localhost/busybox" if run(*podman.client("images", "-q", "localhost/busybox"), check=False).stdout.strip() else "busybox"}
        image = lambda e: name.get(e, "busybox")

        for words, flags, bar in (("default bridge", [], "≤ 12, ≥ 25 ×"), ("--network none", ["--network", "none"], "≤ 7")):
            commands = {"wharf": wharf.client("run", "--rm", *flags, "busybox", "true")}
            ours = alternating(commands, runs, rounds)
            peers = alternating({"docker.io": docker.client("run", "--rm", *flags, "busybox", "true"),
                                 "podman": podman.client("run", "--rm", *podman.LIMITS, *flags, image("podman"), "true"),
                                 "wharf, stock client": wharf.stock("run", "--rm", *flags, "busybox", "true")}, slow, rounds)
            again = alternating(commands, runs, 1)
            table.add(f"`run --rm busybox true`, {words}", "ms", bar, {"wharf": statistics.median([ours["wharf"], again["wharf"]]), **peers})

        path = bundle(work)
        os.chdir(path)
        table.add("OCI runtime: `run` of a bundle", "ms", "≤ 4.5, < crun", alternating({
            "wharf": [str(BUILD / "wharf-runtime"), "run", "wharf-bench"], "crun": ["crun", "run", "wharf-bench-crun"],
            "runc": ["runc", "run", "wharf-bench-runc"]}, runs, rounds, before=WITHOUT_UNIFIED))
        os.chdir(ROOT)

        for engine in engines:
            run(*engine.client("run", "-d", "--name", "target", *engine.LIMITS, image(engine.name), "sleep", "100000"))
        table.add("`docker exec` by the stock client", "ms", "≤ 35", alternating({
            "wharf": wharf.stock("exec", "target", "true"), "docker.io": docker.client("exec", "target", "true"),
            "podman": podman.client("exec", "target", "true")}, runs // 2, rounds))
        table.add("`wharf exec`", "ms", "≤ 5", alternating({"wharf": wharf.client("exec", "target", "true")}, runs, rounds))
        table.add("`docker version` (what the stock client itself costs)", "ms", "", alternating({"wharf": wharf.stock("version")}, runs // 2, 1))
        table.add("`wharf version`", "ms", "", alternating({"wharf": wharf.client("version")}, runs, 1))
        memory_rows(wharf, docker, table, 20 if quick else 50)
        api.rows(wharf, docker, table, rss_kib, run, quick)
        many_rows(wharf, docker, table, quick)
        pull.rows({"wharf": Wharf, "docker.io": Docker, "podman": Podman}, work, table, run, quick)
        return {"wharf": wharf.version(), "docker.io": docker.version(), "podman": podman.version(),
                "runc": run("runc", "--version").stdout.split()[2], "crun": run("crun", "--version").stdout.split()[2],
                "stock client": run("docker", "--version").stdout.split()[2].strip(",")}
    finally:
        for engine in engines:
            engine.close()


def memory_rows(wharf, docker, table, count):
    """PSS per container: its supervisor, and what the daemon itself grew."""
    values = {}
    for engine, daemon in ((wharf, int((wharf.home / "pid").read_text())), (docker, docker.process.pid)):
        number = count if engine is wharf else max(5, count // 5)
        base = {p: pss_kib(p) for p in [daemon, *children(daemon)]}
        time.sleep(1)
        for _ in range(number):
            run(*engine.client("run", "-d", "--label", "bench=memory", "busybox", "sleep", "1000"))
        time.sleep(1)
        ids = run(*engine.client("ps", "-q", "--no-trunc", "--filter", "label=bench=memory")).stdout.split()
        parents = set()
        for cid in ids:
            pid = int(run(*engine.client("inspect", "-f", "{{.State.Pid}}", cid)).stdout)
            parents.add(int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1]))
        total = sum(pss_kib(p) for p in parents) + sum(pss_kib(p) - base[p] for p in base if pathlib.Path(f"/proc/{p}").exists())
        values["wharf" if engine is wharf else "docker.io"] = total / number
        run(*engine.client("rm", "-f"), *ids)
    table.add("memory per running container, everything included, PSS", "KiB", "≤ 150", values)


def many_rows(wharf, docker, table, quick):
    count = 60 if quick else 200
    rate, first, last = start_many(wharf, count, 8, [])
    ids = run(*wharf.client("ps", "-aq", "--filter", "status=running")).stdout.split()
    assert len(ids) >= count, f"only {len(ids)} of {count} run"
    values = {"wharf": rate}
    values["docker.io"], _, _ = start_many(docker, 24 if quick else 60, 8, [])
    table.add(f"{count} containers started 8 at a time (docker.io: {24 if quick else 60})", "a second", "≥ 80", values, best="most")
    table.add("… the last tenth's time beside the first's", "ms", "equal", {"wharf": last, "wharf, first": first})


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--write", action="store_true")
    options = arguments.parse_args()
    work = pathlib.Path(tempfile.mkdtemp(prefix="wharf-bench-", dir="/var/tmp"))
    table = Table()
    try:
        versions = measure(work, options.quick, table)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    columns = ["wharf", "docker.io", "podman", "crun", "runc", "wharf, stock client", "wharf, first"]
    columns = [c for c in columns if any(c in row[3] for row in table.rows)]
    memory = int(field("/proc/meminfo", "MemTotal:") / (1 << 20) + 0.5)
    text = (f"# Bench\n\n`./dev bench --write`, {datetime.date.today()}, {os.cpu_count()} cores, {memory} GiB, Linux {platform.release()}, cgroup v1, "
            "medians of alternating rounds, all engines in the same run, data on a fresh loop ext4.\n\n"
            + "Versions: " + ", ".join(f"{k} {v}" for k, v in versions.items()) + ".\n\n" + table.markdown(columns) + "\n")
    print("\n" + text)
    if options.write:
        (ROOT / "docs").mkdir(exist_ok=True)
        (ROOT / "docs/bench.md").write_text(text)


if __name__ == "__main__":
    main()
