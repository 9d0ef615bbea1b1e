"""Debian's docker-registry on loopback, and skopeo to put images there."""
import json
import pathlib
import socket
import subprocess
import time


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Registry:
    """`auth` and `tls` are those parts of its configuration (configuration.md of docker-registry)."""

    def __init__(self, home, port=None, host="127.0.0.1", auth=None, tls=None):
        self.home = pathlib.Path(home)
        self.port = port or free_port()
        self.host = host
        self.address = f"{host}:{self.port}"
        self.auth, self.tls = auth, tls
        self.process = None

    def start(self):
        self.home.mkdir(parents=True, exist_ok=True)
        config = self.home / "config.yml"
        config.write_text(
            "version: 0.1\n"
            "log: {level: error, accesslog: {disabled: true}}\n"
            f"storage: {{filesystem: {{rootdirectory: {self.home}/data}}, delete: {{enabled: true}}}}\n"
            f"http: {json.dumps({'addr': self.address, **({'tls': self.tls} if self.tls else {})})}\n"
            + (f"auth: {json.dumps(self.auth)}\n" if self.auth else ""))
        with open(self.home / "log", "ab") as log:
            self.process = subprocess.Popen(["docker-registry", "serve", str(config)], stdout=log, stderr=log)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                socket.create_connection((self.host, self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("docker-registry does not answer")

    def put(self, archive, name, *flags):
        subprocess.run(["skopeo", "--insecure-policy", "copy", "-q", "--dest-tls-verify=false", *flags,
                        f"docker-archive:{archive}", f"docker://{self.address}/{name}"], check=True, capture_output=True, text=True)

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
