"""Debian's docker-registry on loopback, and skopeo to put images there."""
import pathlib
import socket
import subprocess
import time


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Registry:
    def __init__(self, home, port=None):
        self.home = pathlib.Path(home)
        self.port = port or free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.process = None

    def start(self):
        self.home.mkdir(parents=True, exist_ok=True)
        config = self.home / "config.yml"
        config.write_text(
            "version: 0.1\n"
            "log: {level: error, accesslog: {disabled: true}}\n"
            f"storage: {{filesystem: {{rootdirectory: {self.home}/data}}, delete: {{enabled: true}}}}\n"
            f"http: {{addr: {self.address}}}\n")
        with open(self.home / "log", "ab") as log:
            self.process = subprocess.Popen(["docker-registry", "serve", str(config)], stdout=log, stderr=log)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("docker-registry does not answer")

    def put(self, archive, name):
        subprocess.run(["skopeo", "--insecure-policy", "copy", "-q", "--dest-tls-verify=false",
                        f"docker-archive:{archive}", f"docker://{self.address}/{name}"], check=True, capture_output=True, text=True)

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
