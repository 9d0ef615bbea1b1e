"""The outside world: a network namespace on a veth pair, made and removed by the test."""
import os
import subprocess


def run(*args, check=True, **kwargs):
    return subprocess.run([str(a) for a in args], check=check, capture_output=True, text=True, **kwargs)


class Remote:
    HOST = "198.18.77.1"
    ADDRESS = "198.18.77.2"

    def __init__(self, name=None):
        self.name = name or f"wharf-out{os.getpid() % 10000}"
        self.link = f"who{os.getpid() % 10000}"
        run("ip", "netns", "add", self.name)
        run("ip", "link", "add", self.link, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        run("ip", "addr", "add", f"{self.HOST}/24", "dev", self.link)
        run("ip", "link", "set", self.link, "up")
        self.inside("ip", "addr", "add", f"{self.ADDRESS}/24", "dev", "eth0")
        self.inside("ip", "link", "set", "eth0", "up")
        self.inside("ip", "link", "set", "lo", "up")

    def inside(self, *args, check=True, **kwargs):
        """Runs a program on the neighbour machine."""
        return run("ip", "netns", "exec", self.name, *args, check=check, **kwargs)

    def route(self, subnet):
        self.inside("ip", "route", "replace", subnet, "via", self.HOST)

    def close(self):
        run("ip", "link", "delete", self.link, check=False)
        run("ip", "netns", "delete", self.name, check=False)
