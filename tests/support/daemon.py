"""A wharfd under test: its own socket, data, run directory and bridge; ended by the id it was started with."""
import json
import os
import pathlib
import signal
import subprocess
import time

import inventory

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("WHARF_BUILD", ROOT / "build" / "debug"))
CLIENT_TIMEOUT = 60
# What the sanitizers of builds made with them write into the log; with -fno-sanitize-recover the process ends then.
REPORTS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "WARNING: ThreadSanitizer", "runtime error: ")


class Daemon:
    def __init__(self, home, bridge, subnet, build=BUILD, flags=()):
        self.home = pathlib.Path(home)
        self.home.mkdir(parents=True, exist_ok=True)
        self.build = pathlib.Path(build)
        self.bridge = bridge
        self.subnet = subnet
        self.cgroup_parent = f"/wharf-test-{os.getpid()}-{bridge}"
        self.flags = ["--cgroup-parent", self.cgroup_parent, *flags]
        self.socket = self.home / "d.sock"
        self.host = f"unix://{self.socket}"
        self.data = self.home / "data"
        self.run_dir = self.home / "run"
        self.log = self.home / "wharfd.log"
        self.process = None

    def command(self):
        return [
            self.build / "wharfd", "-H", self.host, "--data-root", self.data, "--exec-root", self.run_dir,
            "--pidfile", self.home / "pid", "--config-file", self.home / "daemon.json",
            "--bridge", self.bridge, "--bip", self.subnet, *self.flags,
        ]

    def start(self, env=None, wait=True):
        (self.home / "daemon.json").write_text((self.home / "daemon.json").read_text() if (self.home / "daemon.json").exists() else "{}")
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env={**os.environ, **(env or {})}, start_new_session=True)
        if wait:
            self.wait_until_up()
        return self

    def wait_until_up(self, seconds=15):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"wharfd ended with {self.process.returncode}:\n{self.tail()}")
            if self.curl("/_ping", check=False).stdout == "OK":
                return
            time.sleep(0.02)
        raise RuntimeError(f"wharfd does not answer:\n{self.tail()}")

    def tail(self):
        return self.log.read_text(errors="replace")[-4000:]

    def reports(self):
        """From the first report of a sanitizer on; empty where there is none."""
        log = self.log.read_text(errors="replace")
        found = [at for at in map(log.find, REPORTS) if at >= 0]
        return log[min(found):][:20000] if found else ""

    def kill(self):
        """kill -9, as a crash."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self, seconds=20):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()  # So that it is in no later test's way.
            raise

    def restart(self):
        self.kill()
        self.start()

    @property
    def pid(self):
        return self.process.pid

    def environment(self):
        config = self.home / "docker-config"
        config.mkdir(exist_ok=True)
        return {**os.environ, "DOCKER_HOST": self.host, "DOCKER_CONFIG": str(config)}

    def client(self, program, *args, check=True, input=None, timeout=CLIENT_TIMEOUT, text=True):
        result = subprocess.run([str(program), *map(str, args)], env=self.environment(), input=input, timeout=timeout,
                                stdin=None if input is not None else subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=text)
        if check and result.returncode != 0:
            raise AssertionError(f"{pathlib.Path(program).name} {' '.join(map(str, args))}: exit {result.returncode}\n"
                                 f"{result.stdout}\n{result.stderr}\n--- daemon:\n{self.tail()}")
        return result

    def docker(self, *args, **kwargs):
        """The stock client."""
        return self.client("docker", *args, **kwargs)

    def wharf(self, *args, **kwargs):
        return self.client(self.build / "wharf", *args, **kwargs)

    def spawn(self, *args, program="docker", **kwargs):
        """A client that goes on running: its Popen."""
        streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **kwargs}
        return subprocess.Popen([str(program), *map(str, args)], env=self.environment(), **streams)

    def out(self, *args, **kwargs):
        return self.docker(*args, **kwargs).stdout.strip()

    def inspect(self, name):
        return json.loads(self.docker("inspect", name).stdout)[0]

    def curl(self, path, *args, check=True, timeout=30):
        """curl on the socket; the bytes as they came (text mode would fold CR LF)."""
        done = subprocess.run(["curl", "-s", "--max-time", str(timeout), "--unix-socket", str(self.socket), *args, f"http://d{path}"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=check)
        done.stdout = done.stdout.decode(errors="replace")
        return done

    def api(self, method, path, body=None, headers=()):
        """(status, parsed or raw body) of one request."""
        args = ["-X", method, "-w", "\n%{http_code}"]
        if body is not None:
            # By a file: an argument is at most 128 KiB.
            path_of_body = self.home / "body"
            path_of_body.write_text(body if isinstance(body, str) else json.dumps(body))
            args += ["-H", "Content-Type: application/json", "--data-binary", f"@{path_of_body}"]
        for header in headers:
            args += ["-H", header]
        text, _, status = self.curl(path, *args).stdout.rpartition("\n")
        try:
            return int(status), json.loads(text)
        except ValueError:
            return int(status), text

    def remove_containers(self):
        ids = self.out("ps", "-aq", check=False).split()
        if ids:
            self.docker("rm", "-f", "-v", *ids, check=False)

    def destroy(self):
        if self.process and self.process.poll() is None:
            self.remove_containers()
            self.docker("network", "prune", "-f", check=False)
            self.stop()
        for pid in inventory.supervisors(self):  # Of containers whose record a test destroyed.
            os.kill(int(pid), signal.SIGKILL)
        subprocess.run(["ip", "link", "delete", self.bridge], stderr=subprocess.DEVNULL)
        for table in subprocess.run(["nft", "list", "tables"], capture_output=True, text=True).stdout.splitlines():
            rules = subprocess.run(["nft", "list", *table.split()], capture_output=True, text=True).stdout
            if f"to_{self.bridge}" in rules:
                subprocess.run(["nft", "delete", *table.split()])
        for top in pathlib.Path("/sys/fs/cgroup").iterdir():
            group = top / self.cgroup_parent.strip("/")
            deadline = time.monotonic() + 5
            while group.exists():
                try:
                    for path, folders, _ in os.walk(group, topdown=False):
                        for folder in folders:
                            os.rmdir(os.path.join(path, folder))
                    group.rmdir()
                except OSError:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.1)
        reports = self.reports()
        assert not reports, f"a sanitizer reported:\n{reports}"
