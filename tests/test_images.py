"""pull from a real registry, load, import, images, inspect, tag, rmi, by the stock client."""
import concurrent.futures
import gzip
import http.server
import io
import json
import pathlib
import subprocess
import tarfile
import threading
import time

import pytest

import images
from inventory import at_rest, settle


def test_pull_run_and_pull_again(own_daemon, registry):
    name = f"{registry.address}/library/busybox:latest"
    own_daemon.docker("rmi", "-f", "busybox")
    out = own_daemon.docker("pull", name).stdout
    assert "Pulling from library/busybox" in out and "Pull complete" in out and "Digest: sha256:" in out
    assert f"Status: Downloaded newer image for {name}" in out
    assert own_daemon.docker("run", "--rm", name, "echo", "pulled").stdout == "pulled\n"
    assert f"Status: Image is up to date for {name}" in own_daemon.docker("pull", name).stdout
    digest = [line.split()[1] for line in out.splitlines() if line.startswith("Digest:")][0]
    assert own_daemon.inspect(name)["RepoDigests"] == [f"{registry.address}/library/busybox@{digest}"]
    assert own_daemon.inspect(name)["Id"] == digest
    by_digest = f"{registry.address}/library/busybox@{digest}"
    own_daemon.docker("pull", by_digest)
    assert own_daemon.docker("run", "--rm", by_digest, "echo", "same").stdout == "same\n"


def test_run_pulls_what_is_missing(own_daemon, registry):
    name = f"{registry.address}/library/busybox:latest"
    result = own_daemon.docker("run", "--rm", name, "echo", "x")
    assert result.stdout == "x\n" and f"Unable to find image '{name}' locally" in result.stderr


@pytest.fixture(scope="session")
def debian(scratch, registry):
    """A debootstrap root in three layers, at the registry."""
    root = scratch / "debian"
    made = subprocess.run(["debootstrap", "--variant=minbase", "--foreign", "bookworm", str(root)], capture_output=True, text=True)
    if made.returncode != 0:
        pytest.skip("debootstrap reaches no mirror: " + made.stdout[-200:])
    subprocess.run(["chroot", str(root), "/debootstrap/debootstrap", "--second-stage"], capture_output=True)
    parts = [["usr"], ["var", "etc"], ["bin", "sbin", "lib", "lib64", "root", "tmp", "home", "proc", "sys", "dev", "run"]]
    layers = []
    for number, names in enumerate(parts):
        present = [n for n in names if (root / n).exists() or (root / n).is_symlink()]
        path = scratch / f"debian{number}.tar"
        subprocess.run(["tar", "-C", str(root), "--numeric-owner", "--one-file-system", "-cf", str(path), *present], check=True)
        layers.append(path.read_bytes())
    registry.put(images.archive(scratch / "debian.tar", layers, "debian:mini"), "library/debian:mini")
    return f"{registry.address}/library/debian:mini"


def test_a_debootstrap_image_is_pulled_whole(own_daemon, debian):
    own_daemon.docker("pull", "-q", debian)
    out = own_daemon.docker("run", "--rm", debian, "bash", "-c", "dpkg -l | wc -l; su nobody -s /bin/sh -c 'id -u'; stat -c '%a %U' /usr/bin/passwd /tmp")
    assert int(out.stdout.split()[0]) > 50 and out.stdout.split()[1:] == ["65534", "4755", "root", "1777", "root"]


def test_concurrent_pulls_of_one_image_do_the_work_once(own_daemon, registry):
    name = f"{registry.address}/library/busybox:latest"
    own_daemon.docker("rmi", "-f", "busybox")
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        assert all(r.returncode == 0 for r in pool.map(lambda _: own_daemon.docker("pull", name, check=False), range(6)))
    assert len([p for p in (own_daemon.data / "layers").iterdir() if not p.name.startswith(".")]) == 1


@pytest.mark.parametrize("pack", ["plain", "gzip", "zstd", "xz", "bzip2"])
def test_load_takes_every_compression(daemon, archive, scratch, pack):
    path = scratch / f"load.{pack}"
    if pack == "plain":
        path.write_bytes(archive.read_bytes())
    else:
        program = {"gzip": "gzip", "zstd": "zstd", "xz": "xz", "bzip2": "bzip2"}[pack]
        if subprocess.run(["which", program], capture_output=True).returncode:
            pytest.skip(f"no {program} here")
        path.write_bytes(subprocess.run([program, "-c", str(archive)], capture_output=True, check=True).stdout)
    assert daemon.docker("load", "-i", path).stdout == "Loaded image: busybox:latest\n"


def test_load_of_an_oci_archive_keeps_the_digest(own_daemon, archive, scratch):
    path = scratch / "oci.tar"
    subprocess.run(["skopeo", "--insecure-policy", "copy", "-q", f"docker-archive:{archive}", f"oci-archive:{path}:ocibox:1"], check=True)
    out = own_daemon.docker("load", "-i", path).stdout
    assert out.startswith("Loaded image")
    with tarfile.open(path) as tar:
        digest = json.load(tar.extractfile("index.json"))["manifests"][0]["digest"]
    assert own_daemon.inspect(digest)["Id"] == digest
    assert own_daemon.docker("run", "--rm", digest, "echo", "oci").stdout == "oci\n"


def test_import_with_changes(daemon, scratch):
    path = scratch / "root.tar"
    path.write_bytes(images.layer(images.busybox_entries()))
    image = daemon.out("import", "-c", "CMD [\"echo\", \"imported\"]", "-c", "ENV X=y", "-m", "note", path, "imported:1")
    assert image.startswith("sha256:")
    assert daemon.docker("run", "--rm", "imported:1").stdout == "imported\n"
    assert "X=y" in daemon.inspect("imported:1")["Config"]["Env"]
    daemon.docker("rmi", "imported:1")


def test_images_tag_rmi(daemon):
    daemon.docker("tag", "busybox", "two/box:v1")
    assert "v1" in daemon.out("images", "two/box", "--format", "{{.Tag}}")
    assert daemon.out("images", "-q", "two/box") == daemon.out("images", "-q", "busybox")
    assert "Untagged: two/box:v1" in daemon.docker("rmi", "two/box:v1").stdout
    daemon.docker("run", "--name", "user", "busybox", "true")
    refused = daemon.docker("rmi", "busybox", check=False)
    assert refused.returncode == 1 and "conflict: unable to" in refused.stderr
    assert daemon.out("images", "-q", "busybox")


def test_history_and_save(daemon, scratch):
    assert "test" in daemon.out("history", "--no-trunc", "busybox")
    path = scratch / "saved.tar"
    daemon.docker("save", "-o", path, "busybox")
    identity = daemon.inspect("busybox")["Id"]
    daemon.docker("tag", "busybox", "keep:1")
    daemon.docker("load", "-q", "-i", path)
    assert daemon.inspect("busybox")["Id"] == identity
    daemon.docker("rmi", "keep:1")


class Liar:
    """A registry on loopback that misbehaves in the way the repository's name says."""

    def __init__(self):
        base = images.layer([images.entry(f"bin/only{time.time_ns()}", b"x" * 100000)])
        self.layer = gzip.compress(base)
        import hashlib
        sha = lambda b: "sha256:" + hashlib.sha256(b).hexdigest()
        self.sha = sha
        self.config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": [sha(base)]}}).encode()
        self.manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                         "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": sha(self.config), "size": len(self.config)},
                         "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": sha(self.layer), "size": len(self.layer)}]}
        self.seen = []
        liar = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_HEAD(self):
                self.do_GET()

            def do_GET(self):
                liar.seen.append(self.path)
                liar.answer(self)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def send(self, h, body, status=200, kind="application/octet-stream", headers=(), length=None):
        h.send_response(status)
        h.send_header("Content-Type", kind)
        h.send_header("Content-Length", str(len(body) if length is None else length))
        for key, value in headers:
            h.send_header(key, value)
        h.end_headers()
        if h.command != "HEAD":
            h.wfile.write(body)

    def answer(self, h):
        parts = h.path.split("/")
        if h.path in ("/v2/", "/v2"):
            return self.send(h, b"{}", kind="application/json")
        mode = parts[2]
        if parts[-2] == "manifests":
            return self.answer_manifest(h, mode)
        blob = self.config if parts[-1] == self.manifest["config"]["digest"] else self.layer
        if blob is self.layer:
            if mode == "wrongbytes":
                blob = bytes(len(blob))
            elif mode == "half":
                self.send(h, blob[: len(blob) // 2], length=len(blob))
                h.close_connection = True
                return None
            elif mode == "redirectloop":
                return self.send(h, b"", 302, headers=[("Location", h.path)])
            elif mode == "file":
                return self.send(h, b"", 302, headers=[("Location", "file:///etc/shadow")])
            elif mode == "html":
                return self.send(h, b"<html>nginx</html>", 200, "text/html")
            elif mode == "gone":
                return self.send(h, b"{}", 404)
            elif mode == "halfonce" and not h.headers.get("Range"):
                self.send(h, blob[: len(blob) // 2], length=len(blob), headers=[("Accept-Ranges", "bytes")])
                h.close_connection = True
                return None
            elif mode == "halfonce":
                start = int(h.headers["Range"].split("=")[1].split("-")[0])
                return self.send(h, blob[start:], 206, headers=[("Content-Range", f"bytes {start}-{len(blob) - 1}/{len(blob)}")])
        return self.send(h, blob)

    def answer_manifest(self, h, mode):
        manifest, kind = dict(self.manifest), self.manifest["mediaType"]
        if mode == "both":
            manifest["manifests"] = []
        if mode == "digestlie":
            manifest["layers"] = [{**manifest["layers"][0], "digest": "sha256:../../x"}]
        if mode == "negative":
            manifest["layers"] = [{**manifest["layers"][0], "size": -1}]
        if mode == "thousands":
            manifest["layers"] = manifest["layers"] * 20000
        if mode == "nulls":
            manifest = {**manifest, "layers": [None]}
        body = json.dumps(manifest).encode()
        if mode == "confused":
            kind = "application/vnd.oci.image.index.v1+json"
        if mode == "huge":
            body = body[:-1] + b" " * (100 << 20) + b"}"
        if mode == "deep":
            body = b"[" * 3000000
        if mode == "html":
            pass
        if mode == "error500" or (mode == "flaky" and len([s for s in self.seen if "manifests" in s]) < 3):
            return self.send(h, b"oops", 500)
        return self.send(h, body, kind=kind, headers=[("Docker-Content-Digest", self.sha(body))])


@pytest.mark.parametrize("mode", ["wrongbytes", "half", "redirectloop", "file", "html", "gone", "both", "digestlie", "negative", "thousands", "nulls",
                                  "confused", "huge", "deep", "error500"])
def test_a_lying_registry_gets_an_error_and_leaves_nothing(daemon, mode):
    daemon.docker("run", "--rm", "busybox", "true")
    liar = Liar()
    before = at_rest(daemon)
    memory = int(pathlib.Path(f"/proc/{daemon.pid}/statm").read_text().split()[1]) * 4096
    result = daemon.docker("pull", f"{liar.address}/{mode}:1", check=False, timeout=120)
    assert result.returncode == 1 and result.stderr.strip(), result.stdout
    assert int(pathlib.Path(f"/proc/{daemon.pid}/statm").read_text().split()[1]) * 4096 - memory < 48 << 20
    assert settle(daemon, before) == {}


@pytest.mark.parametrize("mode", ["good", "halfonce", "flaky"])
def test_a_registry_that_stumbles_is_retried_and_resumed(daemon, mode):
    liar = Liar()
    name = f"{liar.address}/{mode}:1"
    daemon.docker("pull", name, timeout=60)
    assert daemon.inspect(name)["Os"] == "linux"
    daemon.docker("rmi", name)
    if mode == "halfonce":
        assert len([path for path in liar.seen if "/blobs/" in path]) <= 4


def test_a_pull_whose_client_leaves_is_cancelled(daemon):
    liar = Liar()
    hold = threading.Event()
    original = liar.answer

    def slow(h):
        if "/blobs/" in h.path and liar.manifest["layers"][0]["digest"] in h.path:
            h.send_response(200)
            h.send_header("Content-Length", str(len(liar.layer)))
            h.end_headers()
            h.wfile.write(liar.layer[:20])
            h.wfile.flush()
            hold.wait(30)
            return
        original(h)

    liar.answer = slow
    before = at_rest(daemon)
    client = daemon.spawn("pull", f"{liar.address}/slow:1")
    time.sleep(1)
    client.kill()
    client.wait()
    left = settle(daemon, before, 8)
    hold.set()
    assert left == {}
