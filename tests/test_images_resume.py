"""A pull that is cut short goes on where it was: after a failure, a client that left, kill -9 and a restart."""
import gzip
import json
import os
import random
import re
import socket
import threading
import time


import images
from test_images import Liar

KILLS = int(os.environ.get("WHARF_KILLS", "4"))


class Slow(Liar):
    """Serves one image whose layers are random bytes, at a rate, and counts every byte it sends of a layer."""

    def __init__(self, layers=2, size=3 << 20, rate=6 << 20):
        super().__init__()
        self.rate, self.sent, self.lock, self.cut = rate, {}, threading.Lock(), None
        self.blobs, descriptors, diffs = {self.sha(self.config): self.config}, [], []
        for number in range(layers):
            plain = images.layer([images.entry(f"file{number}", os.urandom(size))])
            packed = gzip.compress(plain, 1)
            self.blobs[self.sha(packed)] = packed
            diffs.append(self.sha(plain))
            descriptors.append({"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": self.sha(packed), "size": len(packed)})
        config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": diffs}}).encode()
        self.blobs[self.sha(config)] = config
        self.manifest = {**self.manifest, "layers": descriptors,
                         "config": {**self.manifest["config"], "digest": self.sha(config), "size": len(config)}}
        self.layers = {d["digest"]: d["size"] for d in descriptors}

    def answer(self, h):
        parts = h.path.split("/")
        if parts[-2:-1] != ["blobs"] or h.command == "HEAD":
            return super().answer(h)
        body = self.blobs[parts[-1]]
        asked = re.match(r"bytes=(\d+)-(\d*)", h.headers.get("Range", ""))
        first, last = (int(asked[1]), int(asked[2] or len(body) - 1)) if asked else (0, len(body) - 1)
        h.send_response(206 if asked else 200)
        h.send_header("Content-Length", str(last - first + 1))
        if asked:
            h.send_header("Content-Range", f"bytes {first}-{last}/{len(body)}")
        h.end_headers()
        h.wfile.flush()
        h.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)
        for at in range(first, last + 1, 16384):
            piece = body[at: min(at + 16384, last + 1)]
            with self.lock:
                if self.cut is not None and self.sent.get(parts[-1], 0) > self.cut and parts[-1] in self.layers:
                    h.close_connection = True
                    return None
            try:
                h.wfile.write(piece)
            except OSError:
                h.close_connection = True
                return None
            with self.lock:
                self.sent[parts[-1]] = self.sent.get(parts[-1], 0) + len(piece)
            time.sleep(len(piece) / self.rate)
        return None

    def twice(self):
        """Bytes of layers sent more than once."""
        return sum(self.sent.get(digest, 0) - size for digest, size in self.layers.items())


# What may be between the two ends of one connection when one of them dies.
ON_THE_WAY = 1 << 20


def partials(daemon):
    return sorted(p.name for p in (daemon.data / "content/partial").iterdir())


def test_a_pull_goes_on_after_a_broken_registry(own_daemon):
    slow = Slow(layers=1)
    slow.cut = 1 << 20
    name = f"{slow.address}/x:1"
    refused = own_daemon.docker("pull", name, check=False)
    assert refused.returncode == 1
    assert len(partials(own_daemon)) == 2 and own_daemon.docker("image", "inspect", name, check=False).returncode == 1
    slow.cut = None
    own_daemon.docker("pull", name)
    assert slow.twice() <= ON_THE_WAY and partials(own_daemon) == []
    assert own_daemon.out("create", name, "/x")


def test_kept_bytes_that_are_wrong_are_fetched_again(own_daemon):
    slow = Slow(layers=1)
    slow.cut = 1 << 20
    name = f"{slow.address}/x:1"
    own_daemon.docker("pull", name, check=False)
    bytes_ = [p for p in (own_daemon.data / "content/partial").iterdir() if p.suffix != ".ranges"][0]
    with open(bytes_, "r+b") as file:
        file.seek(500000)
        file.write(b"\0" * 1000)
    slow.cut = None
    own_daemon.docker("pull", name)
    assert partials(own_daemon) == []


def test_kills_at_random_moments_lose_little_and_the_pull_ends(own_daemon):
    """WHARF_KILLS=50 for more."""
    slow = Slow(layers=2, size=(1 << 20) * max(3, KILLS))
    name = f"{slow.address}/x:1"
    rng = random.Random(5)
    killed = 0
    for _ in range(KILLS):
        client = own_daemon.spawn("pull", name)
        time.sleep(rng.uniform(0.05, 0.4))
        own_daemon.restart()
        killed += client.poll() is None or client.returncode != 0
        client.kill()
        client.wait()
        # Either whole or not to be seen.
        if name.rsplit(":", 1)[0] in own_daemon.out("images", "--format", "{{.Repository}}"):
            break
        assert own_daemon.out("images", "-q", "--no-trunc").count("sha256:") == 1
        assert [p.name for p in (own_daemon.data / "layers").iterdir() if p.name.startswith("ingest")] == []
    own_daemon.docker("pull", name)
    assert killed and slow.twice() <= ON_THE_WAY * killed
    assert partials(own_daemon) == []
    assert own_daemon.out("create", name, "/x")


def test_prune_gives_back_what_an_unfinished_pull_left(own_daemon):
    slow = Slow(layers=1)
    slow.cut = 1 << 20
    own_daemon.docker("pull", f"{slow.address}/x:1", check=False)
    assert partials(own_daemon) != []
    # The stock client shows the space only where images went.
    assert json.loads(own_daemon.curl("/images/prune", "-X", "POST").stdout)["SpaceReclaimed"] >= 1 << 20
    assert partials(own_daemon) == []
