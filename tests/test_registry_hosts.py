"""Registries with passwords, tokens, TLS and client certificates; hosts.toml, mirrors and proxies; search."""
import base64
import http.client
import http.server
import json
import socket
import socketserver
import subprocess
import threading

import pytest

from certificates import Authority
from registry import Registry
from tokens import TokenServer


@pytest.fixture
def serve(scratch, request):
    """Starts registries of their own, and ends them."""
    started = []

    def start(**options):
        registry = Registry(scratch / f"registry-{request.node.name[:30]}-{len(started)}", **options)
        registry.start()
        started.append(registry)
        return registry

    yield start
    for registry in started:
        registry.stop()


def certs(daemon, registry):
    folder = daemon.home / "certs.d" / registry.address
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def htpasswd(scratch):
    """User u with password p: bcrypt is all that docker-registry takes."""
    crypt = pytest.importorskip("crypt")
    if crypt.METHOD_BLOWFISH not in crypt.methods:
        pytest.skip("no bcrypt here")
    path = scratch / "htpasswd"
    path.write_text("u:" + crypt.crypt("p", crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)).replace("$2b$", "$2y$", 1) + "\n")
    return {"htpasswd": {"realm": "tests", "path": str(path)}}


def test_a_registry_with_a_password(own_daemon, serve, archive, htpasswd):
    registry = serve(auth=htpasswd)
    registry.put(archive, "a/box:1", "--dest-creds", "u:p")
    name = f"{registry.address}/a/box:1"
    refused = own_daemon.docker("pull", name, check=False)
    assert refused.returncode == 1 and "no basic auth credentials" in refused.stderr
    wrong = own_daemon.docker("login", "-u", "u", "--password-stdin", registry.address, input="no", check=False)
    assert wrong.returncode == 1 and "401 Unauthorized" in wrong.stderr
    assert "Login Succeeded" in own_daemon.docker("login", "-u", "u", "--password-stdin", registry.address, input="p").stdout
    own_daemon.docker("pull", name)
    own_daemon.docker("tag", name, f"{registry.address}/b/other:2")
    own_daemon.docker("push", f"{registry.address}/b/other:2")
    assert own_daemon.docker("manifest", "inspect", "--insecure", f"{registry.address}/b/other:2", check=False).returncode == 0
    own_daemon.docker("logout", registry.address)
    assert own_daemon.docker("push", f"{registry.address}/b/other:2", check=False).returncode == 1


def test_a_registry_with_tokens_that_expire_and_are_refreshed(own_daemon, serve, archive, scratch):
    tokens = TokenServer(scratch, Authority(scratch / "token-authority"))
    registry = serve(auth=tokens.auth())
    registry.put(archive, "public/box:1", "--dest-creds", "u:p")
    registry.put(archive, "private/box:1", "--dest-creds", "u:p")
    own_daemon.docker("pull", f"{registry.address}/public/box:1")
    refused = own_daemon.docker("pull", f"{registry.address}/private/box:1", check=False)
    assert refused.returncode == 1 and "pull access denied" in refused.stderr
    # Of a login by token the client keeps only the refresh token, and sends that.
    own_daemon.docker("login", "-u", "u", "--password-stdin", registry.address, input="p")
    tokens.requests.clear()
    tokens.lifetime = -200  # More than the registry forgives a clock.
    asked = own_daemon.docker("pull", f"{registry.address}/private/box:1", check=False)
    assert asked.returncode == 1, "an expired token was taken"
    tokens.lifetime = 300
    own_daemon.docker("pull", f"{registry.address}/private/box:1")
    assert {kind for kind, *_ in tokens.requests} == {"POST"}
    own_daemon.docker("tag", f"{registry.address}/private/box:1", f"{registry.address}/private/new:1")
    own_daemon.docker("push", f"{registry.address}/private/new:1")


ADDRESS = "192.0.2.77"


@pytest.fixture
def address():
    """An address of this machine that is not loopback: nothing is insecure by itself there."""
    subprocess.run(["ip", "address", "add", f"{ADDRESS}/32", "dev", "lo"], check=True)
    yield ADDRESS
    subprocess.run(["ip", "address", "delete", f"{ADDRESS}/32", "dev", "lo"], check=True)


def test_tls_with_an_authority_and_client_certificates(own_daemon, serve, archive, scratch, address):
    authority = Authority(scratch / "tls-authority")
    certificate, key = authority.issue("server", address)
    registry = serve(host=address, tls={"certificate": str(certificate), "key": str(key), "clientcas": [str(authority.certificate)]})
    name = f"{registry.address}/a/box:1"
    refused = own_daemon.docker("pull", name, check=False)
    assert "certificate signed by unknown authority" in refused.stderr
    folder = certs(own_daemon, registry)
    (folder / "ca.crt").write_bytes(authority.certificate.read_bytes())
    assert own_daemon.docker("pull", name, check=False).returncode == 1
    certificate, key = authority.issue("client")
    (folder / "client.cert").write_bytes(certificate.read_bytes())
    missing = own_daemon.docker("pull", name, check=False)
    assert "missing key" in missing.stderr and "client.cert" in missing.stderr
    (folder / "client.key").write_bytes(key.read_bytes())
    own_daemon.docker("tag", "busybox", name)
    own_daemon.docker("push", name)
    own_daemon.docker("rmi", name)
    own_daemon.docker("pull", name)


def test_plain_http_only_where_it_is_said(own_daemon, serve, archive, address):
    registry = serve(host=address)
    registry.put(archive, "a/box:1")
    refused = own_daemon.docker("pull", f"{registry.address}/a/box:1", check=False)
    assert "server gave HTTP response to HTTPS client" in refused.stderr
    (own_daemon.home / "daemon.json").write_text(json.dumps({"insecure-registries": ["192.0.2.0/24"]}))
    own_daemon.restart()
    own_daemon.docker("pull", f"{registry.address}/a/box:1")


def test_hosts_toml_names_mirrors_of_any_registry(own_daemon, serve, archive):
    broken, mirror = serve(), serve()
    broken.stop()
    broken.start()
    mirror.put(archive, "team/box:1")
    folder = own_daemon.home / "certs.d" / "registry.invalid"
    folder.mkdir(parents=True)
    (folder / "hosts.toml").write_text(
        f'[host."http://{broken.address}"]\n  capabilities = ["pull", "resolve"]\n'
        f'[host."http://{mirror.address}"]\n  capabilities = ["pull", "resolve"]\n')
    own_daemon.docker("pull", "registry.invalid/team/box:1")
    assert own_daemon.inspect("registry.invalid/team/box:1")["RepoDigests"][0].startswith("registry.invalid/team/box@")
    # Neither mirror may be pushed to, and the registry itself is nowhere.
    assert own_daemon.docker("push", "registry.invalid/team/box:1", check=False).returncode == 1
    (folder / "hosts.toml").write_text('[host."http://x"]\nskip_verfy = true\n')
    own_daemon.docker("rmi", "registry.invalid/team/box:1")
    wrong = own_daemon.docker("pull", "registry.invalid/team/box:1", check=False)
    assert wrong.returncode == 1 and "hosts.toml" in wrong.stderr and "skip_verfy" in wrong.stderr


class Proxy:
    """Tunnels (CONNECT) and whole-URL requests, with a password."""

    def __init__(self):
        self.seen = []
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def allowed(self):
                proxy.seen.append((self.command, self.path))
                if self.headers.get("Proxy-Authorization") == "Basic " + base64.b64encode(b"me:secret").decode():
                    return True
                self.send_error(407)
                return False

            def do_CONNECT(self):
                if not self.allowed():
                    return
                host, _, port = self.path.rpartition(":")
                with socket.create_connection((host, int(port))) as there:
                    self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    here = threading.Thread(target=self.copy, args=(there, self.connection))
                    here.start()
                    self.copy(self.connection, there)
                    here.join()
                self.close_connection = True

            @staticmethod
            def copy(source, target):
                try:
                    while data := source.recv(65536):
                        target.sendall(data)
                    target.shutdown(socket.SHUT_WR)
                except OSError:
                    pass

            def do_GET(self):
                if not self.allowed():
                    return
                rest = self.path[len("http://"):]
                host, _, path = rest.partition("/")
                name, _, port = host.partition(":")
                connection = http.client.HTTPConnection(name, int(port or 80))
                headers = {k: v for k, v in self.headers.items() if not k.lower().startswith("proxy-")}
                connection.request(self.command, "/" + path, headers=headers)
                answer = connection.getresponse()
                body = answer.read()
                self.send_response(answer.status)
                for key, value in answer.getheaders():
                    if key.lower() not in ("transfer-encoding", "connection", "content-length"):
                        self.send_header(key, value)
                self.send_header("Content-Length", answer.getheader("Content-Length", str(len(body))))
                self.end_headers()
                self.wfile.write(body)

            do_HEAD = do_GET

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://me:secret@127.0.0.1:{self.server.server_port}"


def test_proxies_for_http_and_https(own_daemon, serve, archive, scratch, address):
    authority = Authority(scratch / "proxy-authority")
    certificate, key = authority.issue("server", address)
    secure = serve(host=address, tls={"certificate": str(certificate), "key": str(key)})
    plain, direct = serve(host=address), serve(host=address)
    for registry in (secure, plain, direct):
        registry.put(archive, "a/box:1")
    (certs(own_daemon, secure) / "ca.crt").write_bytes(authority.certificate.read_bytes())
    proxy = Proxy()
    config = {"insecure-registries": [plain.address, direct.address],
              "proxies": {"http-proxy": proxy.url, "https-proxy": proxy.url, "no-proxy": f"other.example,{direct.address}"}}
    (own_daemon.home / "daemon.json").write_text(json.dumps(config))
    own_daemon.restart()
    own_daemon.docker("pull", f"{secure.address}/a/box:1")
    assert proxy.seen and {one for one in proxy.seen} == {("CONNECT", secure.address)}
    proxy.seen.clear()
    own_daemon.docker("pull", f"{plain.address}/a/box:1")
    assert any(path.startswith(f"http://{plain.address}/v2/a/box/manifests/") for _, path in proxy.seen)
    proxy.seen.clear()
    own_daemon.docker("pull", f"{direct.address}/a/box:1")
    assert proxy.seen == []
    config["proxies"]["https-proxy"] = proxy.url.replace("secret", "wrong")
    (own_daemon.home / "daemon.json").write_text(json.dumps(config))
    own_daemon.restart()
    own_daemon.docker("rmi", f"{secure.address}/a/box:1")
    refused = own_daemon.docker("pull", f"{secure.address}/a/box:1", check=False)
    assert refused.returncode == 1 and "Proxy Authentication Required" in refused.stderr and "secret" not in refused.stderr


def test_search_asks_the_registry_that_the_term_names(daemon):
    asked = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            asked.append(self.rfile.readline().decode().split()[1] if self.connection.recv(1, socket.MSG_PEEK) != b"\x16" else "tls")
            if asked[-1] == "tls":
                return
            while self.rfile.readline() not in (b"\r\n", b""):
                pass
            body = json.dumps({"num_results": 3, "query": "x", "results": [
                {"name": "one", "description": "first", "star_count": 9, "is_official": True, "is_automated": True},
                {"name": "two", "description": "second", "star_count": 1, "is_official": False}, "nonsense"]}).encode()
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    term = f"127.0.0.1:{server.server_address[1]}/some words"
    out = daemon.docker("search", "--format", "{{.Name}} {{.StarCount}} {{.IsOfficial}}", "--limit", "7", term).stdout
    assert out.splitlines() == ["one 9 [OK]", "two 1"] or out.split() == ["one", "9", "[OK]", "two", "1"]
    assert asked[-1] == "/v1/search?n=7&q=some+words" or asked[-1] == "/v1/search?q=some+words&n=7"
    assert daemon.docker("search", "--filter", "stars=5", "--format", "{{.Name}}", term).stdout.split() == ["one"]
    assert daemon.docker("search", "--filter", "is-official=false", "--format", "{{.Name}}", term).stdout.split() == ["two"]
    assert daemon.api("GET", "/images/search?term=x&limit=101") == (400, {"message": "limit 101 is outside the range of [1, 100]"})
    assert daemon.api("GET", "/images/search?term=x&limit=-1")[0] == 400
    assert daemon.api("GET", "/images/search?term=x&filters=%7B%22a%22%3A%5B%22b%22%5D%7D")[0] == 400
    assert daemon.api("GET", "/images/search?term=http://x")[0] == 400
    server.shutdown()
