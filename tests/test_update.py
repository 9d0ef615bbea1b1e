"""What POST /containers/{id}/update changes beyond Docker (docs/additions.md): ports, mounts, labels, environment."""
import json
import socket
import subprocess
import time

SERVER = "mkdir -p /www && echo {} > /www/x && httpd -p {} -h /www && sleep 1000"


def update(daemon, name, body, status=200):
    got, answer = daemon.api("POST", f"/v1.51/containers/{name}/update", body)
    assert got == status, answer
    return answer


def binding(port, address="127.0.0.1"):
    return [{"HostIp": address, "HostPort": str(port)}]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def fetch(port):
    deadline = time.monotonic() + 5
    while True:
        done = subprocess.run(["curl", "-s", "--max-time", "3", f"http://127.0.0.1:{port}/x"], capture_output=True, text=True)
        if done.returncode == 0 or time.monotonic() > deadline:
            return done.stdout.strip() or done.returncode


def refused(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) != 0


def test_ports_are_published_and_unpublished_while_it_runs(clean):
    first, second = free_port(), free_port()
    name = clean.out("run", "-d", "-p", f"127.0.0.1:{first}:80", "busybox", "sh", "-c", SERVER.format("served", 80))
    assert fetch(first) == "served"
    update(clean, name, {"PortBindings": {"80/tcp": binding(first) + binding(second)}})
    assert fetch(first) == fetch(second) == "served"
    assert {b["HostPort"] for b in clean.inspect(name)["NetworkSettings"]["Ports"]["80/tcp"]} == {str(first), str(second)}
    update(clean, name, {"PortBindings": {"80/tcp": binding(second)}})
    assert refused(first) and fetch(second) == "served"
    # Another's port: an error, and nothing has changed.
    other = clean.out("run", "-d", "-p", f"127.0.0.1:{first}:80", "busybox", "sleep", "1000")
    answer = update(clean, name, {"PortBindings": {"80/tcp": binding(first)}}, 500)
    assert "port is already allocated" in answer["message"] and fetch(second) == "served"
    assert clean.inspect(name)["HostConfig"]["PortBindings"] == {"80/tcp": binding(second)}
    clean.docker("rm", "-f", other)
    update(clean, name, {"PortBindings": {}})
    assert refused(second)
    update(clean, name, {"PortBindings": {"x/tcp": binding(first)}}, 400)


def test_published_ports_hold_over_a_kill_and_a_move_between_networks(own_daemon):
    d = own_daemon
    first, second = free_port(), free_port()
    d.docker("network", "create", "front")
    d.docker("run", "-d", "--name", "web", "-p", f"127.0.0.1:{first}:80", "busybox", "sh", "-c", SERVER.format("served", 80))
    update(d, "web", {"PortBindings": {"80/tcp": binding(second)}})
    d.restart()
    assert fetch(second) == "served" and refused(first)
    # What is published is remembered, not only what is bound.
    d.docker("network", "connect", "front", "web")
    d.docker("network", "disconnect", "bridge", "web")
    assert fetch(second) == "served"
    d.docker("restart", "-t", "0", "web")
    assert fetch(second) == "served"


def test_mounts_are_added_while_it_runs_and_stay(clean, tmp_path):
    (tmp_path / "file").write_text("from the host")
    clean.docker("volume", "create", "kept")
    name = clean.out("run", "-d", "busybox", "sleep", "1000")
    update(clean, name, {"Mounts": [
        {"Type": "bind", "Source": str(tmp_path), "Target": "/new/place", "ReadOnly": True},
        {"Type": "bind", "Source": str(tmp_path / "file"), "Target": "/new/file"},
        {"Type": "volume", "Source": "kept", "Target": "/bin", "VolumeOptions": {"NoCopy": False}},
        {"Type": "tmpfs", "Target": "/scratch", "TmpfsOptions": {"SizeBytes": 1 << 20}}]})

    def check():
        assert clean.out("exec", name, "cat", "/new/place/file", "/new/file") == "from the host" * 2
        assert clean.docker("exec", name, "touch", "/new/place/x", check=False).returncode != 0
        assert clean.docker("exec", name, "sh", "-c", "echo changed > /new/file && echo from the host > /new/file").returncode == 0
        assert "1.0M" in clean.out("exec", name, "df", "-h", "/scratch")
        assert clean.docker("exec", name, "sh", "-c", "echo '#!/bin/sh' > /scratch/p && chmod +x /scratch/p && /scratch/p", check=False).returncode == 126
        (tmp_path / "file").write_text("from the host")
    check()
    assert clean.docker("volume", "rm", "kept", check=False).returncode != 0
    assert {m["Destination"] for m in clean.inspect(name)["Mounts"]} == {"/new/place", "/new/file", "/bin", "/scratch"}
    # All or none: the second cannot be made, as it is below a file.
    update(clean, name, {"Mounts": [{"Type": "tmpfs", "Target": "/one"}, {"Type": "tmpfs", "Target": "/new/file/below"}]}, 500)
    assert "/one" not in clean.out("exec", name, "cat", "/proc/mounts")
    answer = update(clean, name, {"Mounts": [{"Type": "tmpfs", "Target": "/scratch"}]}, 400)
    assert answer["message"] == "Duplicate mount point: /scratch"
    clean.docker("restart", "-t", "0", name)
    check()
    clean.docker("rm", "-f", name)
    clean.docker("volume", "rm", "kept")


def test_links_of_the_container_lead_a_new_mount_nowhere_outside(clean, tmp_path, canary):
    name = clean.out("run", "-d", "busybox", "sh", "-c", f"ln -s {canary} /a; ln -s /proc/1/root{canary} /b; sleep 1000")
    time.sleep(0.2)
    update(clean, name, {"Mounts": [{"Type": "bind", "Source": str(tmp_path), "Target": "/a"}]}, 500)
    clean.docker("exec", name, "mkdir", "-p", canary)
    update(clean, name, {"Mounts": [{"Type": "bind", "Source": str(tmp_path), "Target": "/a/sub"}]})
    assert str(tmp_path) not in open("/proc/self/mountinfo").read()
    assert clean.out("exec", name, "ls", canary) == "sub"


def test_labels_and_environment(clean):
    name = clean.out("run", "-d", "-e", "A=1", "-e", "B=2", "--label", "old=x", "busybox", "sh", "-c", "env; sleep 1000")
    update(clean, name, {"Labels": {"new": "y", "old": None}, "Env": ["A=9", "B", "C=3"], "RestartPolicy": {"Name": "always"}})
    assert clean.inspect(name)["Config"]["Labels"] == {"new": "y"}
    assert clean.out("ps", "-q", "--no-trunc", "--filter", "label=new=y") == name
    clean.docker("restart", "-t", "0", name)
    deadline = time.monotonic() + 5
    while "C=3" not in clean.out("logs", name) and time.monotonic() < deadline:
        time.sleep(0.05)
    lines = clean.out("logs", name).splitlines()
    assert lines.count("A=9") == 1 and lines.count("A=1") == 1 and lines.count("B=2") == 1 and "C=3" in lines
    assert clean.inspect(name)["HostConfig"]["RestartPolicy"]["Name"] == "always"


def test_of_one_that_does_not_run(clean):
    port = free_port()
    name = clean.out("create", "busybox", "sh", "-c", "ls /v; " + SERVER.format("later", 80))
    update(clean, name, {"PortBindings": {"80/tcp": binding(port)}, "Mounts": [{"Type": "volume", "Target": "/v"}]})
    clean.docker("start", name)
    assert fetch(port) == "later"
    volume = clean.inspect(name)["Mounts"][0]["Name"]
    clean.docker("rm", "-f", "-v", name)
    assert volume not in clean.out("volume", "ls", "-q")
    assert json.loads(clean.curl("/v1.51/containers/json").stdout) == []
