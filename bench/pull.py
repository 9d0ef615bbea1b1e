"""Rows of the bench table about pulling: one image of five layers and 2.1 GB, made of this machine's own /usr.

Debian's docker-registry serves it on the loopback of each engine's namespace. Every pull starts on an empty data
directory on a fresh ext4, the engines take turns, and the registry's files are in the page cache for all of them.
"""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import threading
import time

LAYERS = 5
TOTAL = 2_100_000_000
NAME = "127.0.0.1:5950/bench/usr:1"
TYPES = "application/vnd.oci.image."


def parts(total):
    """Names below /usr in the order of the tree, in LAYERS lists of about the same number of bytes."""
    lists, size = [[] for _ in range(LAYERS)], 0
    for folder, folders, files in os.walk("/usr"):
        folders.sort()
        for name in sorted(files):
            path = os.path.join(folder, name)
            bytes_ = os.lstat(path).st_size
            if bytes_ > total // 20:
                continue
            lists[min(LAYERS - 1, size * LAYERS // total)].append(path[1:])
            size += bytes_
            if size >= total:
                return lists
    return lists


def pack(home, number, names):
    """One layer: (diff id, blob's path)."""
    (home / f"{number}.names").write_text("\0".join(names))
    plain, blob = hashlib.sha256(), home / f"{number}.gz"
    with open(blob, "wb") as out:
        tar = subprocess.Popen(["tar", "-C", "/", "--numeric-owner", "--null", "--no-recursion", "-T", str(home / f"{number}.names"), "-c"],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        squeeze = subprocess.Popen(["gzip", "-n", "-6"], stdin=subprocess.PIPE, stdout=out)
        while chunk := tar.stdout.read(1 << 20):
            plain.update(chunk)
            squeeze.stdin.write(chunk)
        squeeze.stdin.close()
        if squeeze.wait() or tar.wait() > 1:
            raise RuntimeError(f"layer {number} cannot be made")
    return "sha256:" + plain.hexdigest(), blob


def keep(home, data):
    """Puts a blob into an OCI layout; its descriptor without a type."""
    digest = hashlib.sha256(data).hexdigest()
    (home / "blobs/sha256" / digest).write_bytes(data)
    return {"digest": "sha256:" + digest, "size": len(data)}


def make_layout(home, total):
    (home / "blobs/sha256").mkdir(parents=True)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        made = list(pool.map(lambda one: pack(home, *one), enumerate(parts(total))))
    layers = []
    for _, blob in made:
        layers.append({"mediaType": TYPES + "layer.v1.tar+gzip", **keep(home, blob.read_bytes())})
        blob.unlink()
    config = {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": [d for d, _ in made]}}
    manifest = {"schemaVersion": 2, "mediaType": TYPES + "manifest.v1+json", "layers": layers,
                "config": {"mediaType": TYPES + "config.v1+json", **keep(home, json.dumps(config).encode())}}
    top = {"mediaType": TYPES + "manifest.v1+json", **keep(home, json.dumps(manifest).encode()),
           "annotations": {"org.opencontainers.image.ref.name": "1"}}
    (home / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (home / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [top]}))
    return sum(layer["size"] for layer in layers)


class Registry:
    """docker-registry on the loopback of one engine's namespace; all share their files."""

    def __init__(self, home, inside):
        config = home / "registry.yml"
        config.write_text("version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
                          f"storage: {{filesystem: {{rootdirectory: {home}/registry}}}}\nhttp: {{addr: 127.0.0.1:5950}}\n")
        self.process = subprocess.Popen([*inside, "docker-registry", "serve", str(config)], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(200):
            if subprocess.run([*inside, "bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/5950"], capture_output=True).returncode == 0:
                return
            time.sleep(0.05)
        raise RuntimeError("docker-registry does not answer")

    def close(self):
        self.process.terminate()
        self.process.wait(10)


class Peak(threading.Thread):
    """The most that a process and its children had resident at one time, in MiB, by a look every 50 ms."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.most, self.own, self.ended = pid, 0, 0, threading.Event()

    def resident(self, pid):
        try:
            return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4 / 1024
        except (OSError, IndexError):
            return 0

    def run(self):
        while not self.ended.wait(0.05):
            try:
                threads = os.listdir(f"/proc/{self.pid}/task")
                kids = [k for t in threads for k in pathlib.Path(f"/proc/{self.pid}/task/{t}/children").read_text().split()]
            except OSError:
                continue
            own = self.resident(self.pid)
            self.own, self.most = max(self.own, own), max(self.most, own + sum(self.resident(k) for k in kids))

    def end(self):
        self.ended.set()
        self.join()
        times = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:15]
        self.cpu = sum(int(t) for t in times) / os.sysconf("SC_CLK_TCK")


def one_pull(kind, name, work, registry_home, run):
    """Seconds, and the peak of its daemon where it has one."""
    engine = kind(f"{name}-pull", work)
    served = None
    try:
        engine.start()
        inside = ["nsenter", f"--net=/run/netns/{engine.net}"]
        served = Registry(registry_home, inside)
        insecure = ["--tls-verify=false"] if name == "podman" else []
        peak = Peak(int((engine.home / "pid").read_text())) if engine.process else None
        if peak:
            peak.start()
        began = time.monotonic()
        run(*engine.client("pull", "-q", *insecure, NAME))
        seconds = time.monotonic() - began
        if peak:
            peak.end()
        return seconds, peak, remove_ms(engine, run)
    finally:
        if served:
            served.close()
        engine.close()
        shutil.rmtree(engine.home, ignore_errors=True)


def remove_ms(engine, run):
    began = time.monotonic()
    run(*engine.client("rmi", NAME))
    return 1000 * (time.monotonic() - began)


def prepare(work, run, total):
    """A folder with the image at a registry."""
    home = work / "pull"
    home.mkdir()
    size = make_layout(home / "layout", total)
    served = Registry(home, [])
    try:
        run("skopeo", "--insecure-policy", "copy", "-q", "--dest-tls-verify=false", f"oci:{home}/layout:1", f"docker://{NAME}")
    finally:
        served.close()
    shutil.rmtree(home / "layout")
    return home, size


def rows(kinds, work, table, run, quick):
    """`kinds`: name -> class of engine."""
    total = TOTAL // 10 if quick else TOTAL
    home, size = prepare(work, run, total)
    seconds, removals, peaks = {k: [] for k in kinds}, {k: [] for k in kinds}, {k: [] for k in kinds}
    for _ in range(1 if quick else 3):
        for name, kind in kinds.items():
            took, peak, removed = one_pull(kind, name, work / "pull", home, run)
            seconds[name].append(took)
            removals[name].append(removed)
            if peak:
                peaks[name].append(peak)
    what = f"pull of {total / 1e9:.1f} GB in {LAYERS} layers, {size / 1e6:.0f} MB compressed"
    table.add(what, "s", "≤ 5, ≥ 4 ×", {k: statistics.median(v) for k, v in seconds.items()})
    table.add("… its daemon at most, RSS", "MiB", "≤ 60", {k: max(p.own for p in v) for k, v in peaks.items() if v})
    table.add("… with its child processes", "MiB", "", {k: max(p.most for p in v) for k, v in peaks.items() if v})
    table.add("… `rmi` of it", "ms", "≤ 50", {k: statistics.median(v) for k, v in removals.items()})
