"""docker stats: what containers use, of one and of all, once and as a stream."""
import json
import subprocess
import threading
import time

import pytest

CPU_BURNER = "while true; do :; done"


def stats(daemon, name, query="stream=0"):
    text = daemon.curl(f"/v1.51/containers/{name}/stats?{query}").stdout
    return json.loads(text)


def percent(sample):
    """As the stock client counts it."""
    cpu, before = sample["cpu_stats"], sample["precpu_stats"]
    used = cpu["cpu_usage"]["total_usage"] - before["cpu_usage"]["total_usage"]
    system = cpu["system_cpu_usage"] - before["system_cpu_usage"]
    return used / system * cpu["online_cpus"] * 100


def listen(daemon, path, count, seconds=20):
    """The first `count` lines of a stream, with when they came."""
    client = daemon.spawn("-s", "-N", "--unix-socket", daemon.socket, f"http://d{path}", program="curl", text=True)
    killer = threading.Timer(seconds, client.kill)
    killer.start()
    try:
        lines = []
        while len(lines) < count and (line := client.stdout.readline()):
            lines.append((time.monotonic(), json.loads(line)))
        return lines
    finally:
        killer.cancel()
        client.kill()
        client.wait()


def test_a_busy_and_an_idle_container(daemon):
    busy = daemon.out("run", "-d", "--cpus", "0.5", "busybox", "sh", "-c", CPU_BURNER)
    idle = daemon.out("run", "-d", "busybox", "sleep", "1000")
    time.sleep(0.3)
    # A quota's period is 100 ms: one look is of part of it.
    shares = [percent(stats(daemon, busy)) for _ in range(12)]
    assert 10 < sum(shares) / len(shares) < 110 and percent(stats(daemon, idle)) < 5
    assert stats(daemon, busy)["cpu_stats"]["throttling_data"]["periods"] > 0


def test_memory_processes_and_limits(daemon):
    name = daemon.out("run", "-d", "-m", "64m", "--pids-limit", "50", "busybox", "sh", "-c", "head -c 20000000 /dev/zero | tail -c 19000000 > /dev/shm/x; sleep 1000 & sleep 1000 & wait")
    deadline = time.monotonic() + 10
    while stats(daemon, name)["memory_stats"]["usage"] < 15_000_000 and time.monotonic() < deadline:
        time.sleep(0.1)
    sample = stats(daemon, name)
    assert 15_000_000 < sample["memory_stats"]["usage"] < 64 << 20 and sample["memory_stats"]["limit"] == 64 << 20
    assert sample["memory_stats"]["stats"] and sample["pids_stats"] == {"current": 3, "limit": 50}
    free = daemon.out("run", "-d", "busybox", "sleep", "1000")
    total = int(next(line for line in open("/proc/meminfo") if line.startswith("MemTotal")).split()[1]) * 1024
    assert stats(daemon, free)["memory_stats"]["limit"] == pytest.approx(total, rel=0.01)


def test_the_network_is_the_containers_own(daemon):
    name = daemon.out("run", "-d", "busybox", "sh", "-c", "tail -f /dev/null | nc -l -p 9 > /dev/null")
    address = daemon.inspect(name)["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
    before = stats(daemon, name)["networks"]["eth0"]
    sender = daemon.out("run", "-d", "busybox", "sh", "-c", f"head -c 1000000 /dev/zero | nc {address} 9; sleep 1000")
    deadline = time.monotonic() + 10
    while stats(daemon, name)["networks"]["eth0"]["rx_bytes"] < before["rx_bytes"] + 1_000_000:
        assert time.monotonic() < deadline, (daemon.out("top", name), daemon.out("logs", sender), stats(daemon, name)["networks"])
        time.sleep(0.1)
    assert stats(daemon, sender)["networks"]["eth0"]["tx_bytes"] >= 1_000_000
    assert "networks" not in stats(daemon, daemon.out("run", "-d", "--network", "none", "busybox", "sleep", "1000"))
    assert "networks" not in stats(daemon, daemon.out("run", "-d", "--network", "host", "busybox", "sleep", "1000"))


def test_disks_are_counted(daemon):
    name = daemon.out("run", "-d", "busybox", "sh", "-c", "dd if=/dev/zero of=/f bs=1M count=8 conv=fsync; sleep 1000")
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        entries = stats(daemon, name)["blkio_stats"]["io_service_bytes_recursive"] or []
        if sum(entry["value"] for entry in entries if entry["op"].lower() == "write") >= 8 << 20:
            return
        time.sleep(0.2)
    pytest.skip("this kernel counts no writes of this disk for a cgroup")


def test_one_look_without_a_stream_is_quick_and_one_shot_has_no_past(daemon):
    name = daemon.out("run", "-d", "busybox", "sleep", "1000")
    stats(daemon, name)
    started = time.monotonic()
    sample = stats(daemon, name)
    assert time.monotonic() - started < 0.5
    assert sample["preread"] > "2020" and sample["precpu_stats"]["system_cpu_usage"] < sample["cpu_stats"]["system_cpu_usage"]
    once = stats(daemon, name, "stream=0&one-shot=1")
    assert once["preread"].startswith("0001") and once["precpu_stats"]["cpu_usage"]["total_usage"] == 0 and once["cpu_stats"]["system_cpu_usage"] > 0


def test_a_stream_comes_every_second_and_knows_the_one_before(daemon):
    name = daemon.out("run", "-d", "busybox", "sh", "-c", CPU_BURNER)
    lines = listen(daemon, f"/v1.51/containers/{name}/stats", 4)
    gaps = [b[0] - a[0] for a, b in zip(lines, lines[1:])]
    assert all(0.7 < gap < 1.6 for gap in gaps)
    assert [sample["preread"] for _, sample in lines[1:]] == [sample["read"] for _, sample in lines[:-1]]
    assert percent(lines[-1][1]) > 30


def test_a_stream_goes_on_when_the_container_stops_and_ends_with_its_removal(daemon):
    name = daemon.out("run", "-d", "busybox", "sleep", "1000")
    client = daemon.spawn("-s", "-N", "--unix-socket", daemon.socket, f"http://d/v1.51/containers/{name}/stats", program="curl", text=True)
    try:
        assert json.loads(client.stdout.readline())["pids_stats"]["current"] == 1
        daemon.docker("kill", name)
        deadline = time.monotonic() + 5
        while json.loads(client.stdout.readline())["pids_stats"]:
            assert time.monotonic() < deadline
        daemon.docker("start", name)
        deadline = time.monotonic() + 5
        while not json.loads(client.stdout.readline())["pids_stats"]:
            assert time.monotonic() < deadline
        daemon.docker("rm", "-f", name)
        client.wait(5)
    finally:
        client.kill()
        client.wait()


def test_all_in_one_call(daemon):
    assert json.loads(daemon.curl("/v1.51/containers/stats?stream=0").stdout) == []
    names = {f"many-{number}" for number in range(8)}
    for name in names:
        daemon.docker("run", "-d", "--name", name, "--network", "none", "busybox", "sleep", "1000")
    daemon.docker("create", "--name", "created", "busybox")
    for query in ("stream=0", "stream=0&one-shot=1"):
        assert {one["name"][1:] for one in json.loads(daemon.curl(f"/v1.51/containers/stats?{query}").stdout)} == names
    lines = listen(daemon, "/v1.51/containers/stats", 2)
    for _, sample in lines:
        assert {one["name"][1:] for one in sample} == names
    assert all(one["precpu_stats"]["system_cpu_usage"] for one in lines[1][1])


def test_the_stock_client_shows_a_table(daemon):
    name = daemon.out("run", "-d", "--name", "shown", "busybox", "sh", "-c", CPU_BURNER)
    daemon.docker("run", "-d", "--name", "other", "busybox", "sleep", "1000")
    rows = [json.loads(line) for line in daemon.out("stats", "--no-stream", "--format", "json").split("\n")]
    assert {row["Name"] for row in rows} == {"shown", "other"}
    shown = next(row for row in rows if row["Name"] == "shown")
    assert shown["ID"] == name[:12] and float(shown["CPUPerc"].rstrip("%")) > 20 and shown["PIDs"] == "1" and "B / " in shown["MemUsage"]
    assert daemon.docker("stats", "--no-stream", "none", check=False).returncode != 0
    # A stopped one is a row of nothing.
    daemon.docker("kill", "shown")
    assert "shown" in daemon.out("stats", "--no-stream", "-a", "--format", "{{.Name}}").split()


def test_a_hundred_listeners_leave_one_thread_and_none_when_they_go(daemon):
    def threads():
        return int(next(line for line in open(f"/proc/{daemon.pid}/status") if line.startswith("Threads")).split()[1])
    name = daemon.out("run", "-d", "busybox", "sleep", "1000")
    before = threads()
    clients = [subprocess.Popen(["curl", "-s", "-N", "--unix-socket", str(daemon.socket), f"http://d/v1.51/containers/{name}/stats"],
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) for _ in range(40)]
    for client in clients:
        assert client.stdout.readline()
    assert threads() <= before + 40 + 3
    for client in clients:
        client.kill()
        client.wait()
        client.stdout.close()
    deadline = time.monotonic() + 10
    while threads() > before + 2:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert stats(daemon, name)["pids_stats"]["current"] == 1


@pytest.mark.parametrize("path, status", [("/containers/none/stats", 404), ("/containers/none/stats?stream=0", 404)])
def test_bad_names(daemon, path, status):
    assert daemon.api("GET", f"/v1.51{path}")[0] == status
