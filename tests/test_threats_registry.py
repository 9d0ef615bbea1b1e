"""Attacks and faults by a registry: what it says of digests, indexes, configurations and other hosts; where passwords go.

The rows (A37 ..., F24 ...) are those of docs/threats.md. More of them are in test_images.py and the unit tests of src/registry and src/image."""
import base64
import json
import socketserver
import ssl
import subprocess
import threading
import time

import pytest

from inventory import rss
from test_images import Liar

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


class Registry(Liar):
    """Serves documents by tag or digest, and redirects for one blob; everything asked for is in `headers`."""

    def __init__(self):
        super().__init__()
        self.documents, self.blobs, self.headers, self.statuses = {}, {}, [], {}
        self.blobs = {self.sha(self.config): self.config, self.sha(self.layer): self.layer}
        self.redirect = None

    def put(self, document, kind=MANIFEST, tag=None):
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        digest = self.sha(body)
        self.documents[digest] = self.documents[tag or digest] = (body, kind)
        return {"mediaType": kind, "digest": digest, "size": len(body)}

    def image(self, config, tag="1", **fields):
        """An image with this configuration and the one layer."""
        text = config if isinstance(config, bytes) else json.dumps(config).encode()
        self.blobs[self.sha(text)] = text
        return self.put({**self.manifest, "config": {**self.manifest["config"], "digest": self.sha(text), "size": len(text)}, **fields}, tag=tag)

    def answer(self, h):
        self.headers.append((h.path, dict(h.headers)))
        waiting = self.statuses.get(h.path.split("/")[-2] if "/" in h.path[1:] else "", [])
        if waiting:
            status, headers = waiting.pop(0)
            return self.send(h, b"busy", status, headers=headers)
        if h.path in ("/v2/", "/v2"):
            return self.send(h, b"{}", kind="application/json")
        name, where = h.path.split("/")[-1], h.path.split("/")[-2]
        if where == "manifests" and name in self.documents:
            body, kind = self.documents[name]
            return self.send(h, body, kind=kind, headers=[("Docker-Content-Digest", self.sha(body))])
        if where == "blobs" and name in self.blobs:
            if self.redirect and name == self.sha(self.layer):
                return self.send(h, b"", 307, headers=[("Location", self.redirect)])
            return self.send(h, self.blobs[name])
        return self.send(h, b"{}", 404)


@pytest.fixture
def registry_of_lies():
    registry = Registry()
    yield registry
    registry.server.shutdown()
    registry.server.server_close()


def refused(daemon, registry, reference="1", seconds=3, memory=32 << 20):
    before, started = rss(daemon), time.monotonic()
    at = "@" if reference.startswith("sha256:") else ":"
    result = daemon.docker("pull", f"{registry.address}/x/y{at}{reference}", check=False)
    assert result.returncode == 1 and len(result.stderr) > 10, result
    assert time.monotonic() - started < seconds
    assert rss(daemon) - before < memory
    return result.stderr


def test_a37_digests_that_are_none_are_refused(clean, registry_of_lies):
    r = registry_of_lies
    good = r.manifest["layers"][0]
    digest = good["digest"].split(":")[1]
    for bad in ("sha256:../../x", "md5:" + "0" * 32, "sha256:" + digest.upper(), "sha256:" + digest[:-1], "sha256:" + digest + "0", "", "sha256", None, 5,
                "sha256:" + "g" * 64, "sha512:" + "0" * 128):
        r.put({**r.manifest, "layers": [{**good, "digest": bad}]}, tag="1")
        refused(clean, r)
    for size in (-1, "7", None):
        r.put({**r.manifest, "layers": [{**good, "size": size}]}, tag="1")
        refused(clean, r, seconds=8)


def test_a38_documents_that_could_be_read_in_two_ways_are_refused(clean, registry_of_lies):
    r = registry_of_lies
    plain = {key: value for key, value in r.manifest.items() if key != "mediaType"}
    for document, kind in (({**r.manifest, "manifests": []}, MANIFEST), (r.manifest, INDEX), ({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}, MANIFEST),
                           ({**plain, "manifests": [], "layers": []}, INDEX), ({"schemaVersion": 1, "fsLayers": [], "history": []}, "application/vnd.docker.distribution.manifest.v1+json"),
                           ({"schemaVersion": 1, "fsLayers": []}, MANIFEST), ({"mediaType": "application/vnd.oci.artifact.manifest.v1+json", "blobs": []}, MANIFEST),
                           ({**r.manifest, "mediaType": INDEX}, MANIFEST)):
        r.put(document, kind, tag="1")
        refused(clean, r)


def test_a39_malformed_manifests_and_configurations_are_refused(clean, registry_of_lies):
    r = registry_of_lies
    good = json.loads(r.config)
    layer = r.manifest["layers"][0]
    for document in (b"null", b"", b"[]", b"5", {**r.manifest, "config": None}, {**r.manifest, "layers": None}, {**r.manifest, "layers": [layer] * 20_000},
                     {**r.manifest, "layers": {"0": layer}}, {**r.manifest, "config": {**r.manifest["config"], "size": -1}}, b"[" * 3_000_000, b'{"a":' * 100_000):
        r.put(document, tag="1")
        refused(clean, r)
    for config in (b"null", b"", b"[]", b"{}", b"\xff", {**good, "rootfs": None}, {**good, "rootfs": {"type": "layers", "diff_ids": []}},
                   {**good, "rootfs": {"type": "layers", "diff_ids": ["x"]}}, {**good, "config": 5}, {**good, "config": {"Env": [5]}}, {**good, "architecture": 5}, b"[" * 1_000_000):
        r.image(config)
        refused(clean, r)
    many = [{"created_by": "x", "empty_layer": True}] * 5000
    for fine in ({**good, "history": many}, {**good, "history": []}, {key: value for key, value in good.items() if key not in ("architecture", "os")}):
        r.image(fine)
        if clean.docker("pull", f"{r.address}/x/y:1", check=False).returncode == 0:
            assert clean.docker("history", "-q", f"{r.address}/x/y:1").returncode == 0
            clean.docker("rmi", f"{r.address}/x/y:1")


def test_a40_redirects_lead_only_to_http_and_to_no_metadata_service(clean, registry_of_lies):
    r = registry_of_lies
    r.image(json.loads(r.config))
    for to in ("file:///etc/shadow", "unix:///run/docker.sock", "http://169.254.169.254/latest/meta-data", "http://[fe80::1]/", "gopher://x/", "//", "http://", "http:///x", "\t", "http://a b/"):
        r.redirect = to
        refused(clean, r)
    other = Registry()
    other.blobs = r.blobs
    r.redirect = f"http://{other.address}/v2/x/y/blobs/{r.sha(r.layer)}"
    auth = base64.urlsafe_b64encode(json.dumps({"username": "u", "password": "S3CRET", "registrytoken": "TOKEN"}).encode()).decode()
    status, text = clean.api("POST", f"/images/create?fromImage={r.address}/x/y&tag=1", headers=[f"X-Registry-Auth: {auth}"])
    assert status == 200 and "error" not in str(text).lower(), text
    assert other.headers and all("Authorization" not in headers for _, headers in other.headers)
    clean.docker("rmi", f"{r.address}/x/y:1")
    other.server.shutdown()


def test_a41_no_password_goes_to_a_registry_without_certificate(clean, remote, tmp_path):
    """Plain HTTP, and TLS of a stranger, on an address that is not loopback."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1", "-subj", "/CN=other",
                    "-keyout", tmp_path / "key", "-out", tmp_path / "cert"], check=True, capture_output=True)
    seen = []

    class Plain(socketserver.BaseRequestHandler):
        """Answers whatever comes, a ClientHello too, as a server of plain HTTP does."""

        def handle(self):
            try:
                seen.append(self.request.recv(65536))
                self.request.sendall(b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            except OSError:
                pass

    servers = [socketserver.ThreadingTCPServer((remote.HOST, 0), Plain) for _ in range(2)]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    servers[1].socket = context.wrap_socket(servers[1].socket, server_side=True)
    auth = base64.urlsafe_b64encode(b'{"username":"u","password":"S3CRET"}').decode()
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = "%s:%d" % server.server_address
        status, text = clean.api("POST", f"/images/create?fromImage={address}/x&tag=1", headers=[f"X-Registry-Auth: {auth}"])
        assert status >= 400 or "error" in str(text), text
        status, text = clean.api("POST", "/auth", {"username": "u", "password": "S3CRET", "serveraddress": address})
        assert status >= 400, text
        server.shutdown()
        server.server_close()
    assert not [data for data in seen if b"uthorization" in data or b"GET" in data]
    assert "S3CRET" not in clean.log.read_text(errors="replace")


def test_a42_indexes_that_never_end_are_refused_or_chosen_from(clean, registry_of_lies):
    r = registry_of_lies
    image = r.put(r.manifest)
    below = image
    for _ in range(1000):
        below = r.put({"schemaVersion": 2, "mediaType": INDEX, "manifests": [below]}, INDEX)
    r.put({"schemaVersion": 2, "mediaType": INDEX, "manifests": [below]}, INDEX, tag="1")
    refused(clean, r)
    platform = {**image, "platform": {"architecture": "amd64", "os": "linux"}}
    r.put({"schemaVersion": 2, "mediaType": INDEX, "manifests": [platform] * 20_000}, INDEX, tag="1")
    refused(clean, r)
    r.put({"schemaVersion": 2, "mediaType": INDEX, "manifests": [platform] * 100, "subject": platform}, INDEX, tag="1")
    clean.docker("pull", "-q", f"{r.address}/x/y:1")
    clean.docker("rmi", f"{r.address}/x/y:1")


def test_a43_a_pinned_digest_is_that_digest_and_moves_no_tag(clean, registry_of_lies):
    r = registry_of_lies
    r.image({**json.loads(r.config), "config": {"Labels": {"which": "first"}}}, tag="1")
    clean.docker("pull", "-q", f"{r.address}/x/y:1")
    pinned = "sha256:" + "1" * 64
    body, kind = r.documents["1"]
    r.documents[pinned] = (body, kind)
    refused(clean, r, pinned)
    second = r.image({**json.loads(r.config), "config": {"Labels": {"which": "second"}}}, tag="2")
    clean.docker("pull", "-q", f"{r.address}/x/y@{second['digest']}")
    assert clean.inspect(f"{r.address}/x/y:1")["Config"]["Labels"] == {"which": "first"}
    assert clean.docker("pull", "-q", f"{r.address}/x/y:1@{pinned}", check=False).returncode == 1
    assert clean.inspect(f"{r.address}/x/y:1")["Config"]["Labels"] == {"which": "first"}
    clean.docker("rmi", "-f", clean.inspect(f"{r.address}/x/y:1")["Id"], second["digest"])


@pytest.mark.parametrize("kind", ["manifests", "blobs"])
def test_f24_f25_a_busy_registry_is_asked_again_when_it_said(clean, registry_of_lies, kind):
    r = registry_of_lies
    r.image(json.loads(r.config))
    r.statuses[kind] = [(503, []), (429, [("Retry-After", "2")])]
    started = time.monotonic()
    clean.docker("pull", "-q", f"{r.address}/x/y:1")
    assert time.monotonic() - started >= 2
    clean.docker("rmi", f"{r.address}/x/y:1")


def test_f28_a_link_to_the_bytes_that_expired_is_asked_for_again(clean, registry_of_lies):
    r = registry_of_lies
    r.image(json.loads(r.config))
    other = Registry()
    other.blobs = r.blobs
    other.statuses["blobs"] = [(403, [])]
    r.redirect = f"http://{other.address}/v2/x/y/blobs/{r.sha(r.layer)}"
    clean.docker("pull", "-q", f"{r.address}/x/y:1", timeout=30)
    clean.docker("rmi", f"{r.address}/x/y:1")
    other.server.shutdown()
