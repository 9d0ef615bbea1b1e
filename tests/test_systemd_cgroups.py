"""native.cgroupdriver=systemd: every container a transient scope, against a stand-in of systemd's manager that works on the real hierarchies."""
import contextlib
import os
import pathlib
import socket
import subprocess
import threading
import time

import pytest

from daemon import Daemon
from inventory import at_rest, settle
from systemd import ERROR, MANAGED, TOP, Systemd

SLICE = f"wharftest{os.getpid()}.slice"
if (TOP / "cgroup.controllers").exists():
    pytest.skip("the stand-in works on cgroup v1", allow_module_level=True)


@pytest.fixture(scope="module")
def manager(scratch):
    manager = Systemd(scratch / "systemd.sock")
    yield manager
    manager.close()


@pytest.fixture(scope="module")
def systemd_daemon(scratch, archive, manager):
    daemon = Daemon(scratch / "systemd", bridge="wharf-test2", subnet="172.28.0.1/16")
    daemon.cgroup_parent = SLICE
    daemon.flags = ["--exec-opt", "native.cgroupdriver=systemd", "--cgroup-parent", SLICE]
    daemon.start(env={"WHARF_SYSTEMD_SOCKET": manager.path})
    daemon.docker("load", "-q", "-i", archive)
    yield daemon
    daemon.destroy()


@pytest.fixture
def engine(systemd_daemon, manager):
    """The daemon; after a test nothing of its containers is left, with us or with systemd."""
    systemd_daemon.docker("run", "--rm", "busybox", "true")
    before = at_rest(systemd_daemon)
    manager.calls.clear()
    yield systemd_daemon
    manager.refuse, manager.silent, manager.job_result, manager.tidy, manager.old = {}, set(), "done", True, False
    systemd_daemon.remove_containers()
    wait_for(lambda: scopes() == [])
    remove_slice()
    assert settle(systemd_daemon, before) == {}
    wait_for(lambda: not manager.units)


def wait_for(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "never came about"
        time.sleep(0.02)


def scopes():
    return [str(path) for path in TOP.glob(f"*/{SLICE}/**/*.scope")]


def properties(manager, id):
    return manager.units[f"docker-{id}.scope"]


def read(id, controller, file):
    return (TOP / controller / SLICE / f"docker-{id}.scope" / file).read_text().strip()


def test_info_names_the_driver(engine):
    assert engine.api("GET", "/v1.51/info")[1]["CgroupDriver"] == "systemd"


def test_a_container_is_a_scope_in_the_slice_of_the_daemon(engine, manager):
    id = engine.out("run", "-d", "busybox", "sleep", "1000")
    given = properties(manager, id)
    pid = engine.inspect(id)["State"]["Pid"]
    assert given["PIDs"] == [pid] and given["Slice"] == SLICE and id in given["Description"]
    assert given["Delegate"] is True and given["DefaultDependencies"] is False
    assert all(given[name] is True for name in ("MemoryAccounting", "CPUAccounting", "BlockIOAccounting", "TasksAccounting"))
    assert given["DevicePolicy"] == "strict" and ("/dev/char/1:3", "rwm") in given["DeviceAllow"] and ("char-pts", "rwm") in given["DeviceAllow"]
    places = dict(line.split(":")[1:] for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines())
    assert {places[name] for name in places if name} == {f"/{SLICE}/docker-{id}.scope"}, places
    engine.docker("stop", "-t", "0", id)
    wait_for(lambda: not manager.units and not scopes())
    engine.docker("start", id)
    assert f"docker-{id}.scope" in manager.units


def test_a_slice_of_its_own_and_slices_that_are_none(engine, manager):
    inner = SLICE.replace(".slice", "-sub.slice")
    id = engine.out("run", "-d", "--cgroup-parent", inner, "busybox", "sleep", "1000")
    assert (TOP / "memory" / SLICE / inner / f"docker-{id}.scope").is_dir()
    for parent in ("/docker", "x", ".slice", "a.slice/b"):
        status, answer = engine.api("POST", "/v1.51/containers/create", {"Image": "busybox", "HostConfig": {"CgroupParent": parent}})
        assert (status, answer["message"]) == (400, 'cgroup-parent for systemd cgroup should be a valid slice named as "xxx.slice"')
    failed = engine.docker("run", "--rm", "--cgroup-parent", "a--b.slice", "busybox", "true", check=False)
    assert failed.returncode != 0 and "invalid slice name: a--b.slice" in failed.stderr


def test_limits_are_files_and_systemd_knows_them(engine, manager):
    id = engine.out("run", "-d", "-m", "64m", "--cpus", "0.5", "--cpu-shares", "512", "--pids-limit", "33", "--cpuset-cpus", "0", "busybox", "sleep", "1000")
    assert read(id, "memory", "memory.limit_in_bytes") == str(64 << 20) and read(id, "pids", "pids.max") == "33"
    assert read(id, "cpu", "cpu.cfs_quota_us") == "50000" and read(id, "cpuset", "cpuset.cpus") == "0"
    given = properties(manager, id)
    assert (given["MemoryLimit"], given["CPUShares"], given["CPUQuotaPerSecUSec"], given["TasksMax"]) == (64 << 20, 512, 500_000, 33)
    engine.docker("update", "-m", "128m", "--memory-swap", "-1", "--pids-limit", "44", id)
    assert read(id, "memory", "memory.limit_in_bytes") == str(128 << 20) and read(id, "pids", "pids.max") == "44"
    assert (given["MemoryLimit"], given["TasksMax"]) == (128 << 20, 44)


def test_devices_stay_confined_and_a_privileged_container_has_them_all(engine, manager):
    confined = engine.out("run", "-d", "--device-cgroup-rule", "c 10:229 rw", "busybox", "sleep", "1000")
    assert ("/dev/char/10:229", "rw") in properties(manager, confined)["DeviceAllow"]
    assert "a *:*" not in read(confined, "devices", "devices.list")
    free = engine.out("run", "-d", "--privileged", "busybox", "sleep", "1000")
    assert properties(manager, free)["DevicePolicy"] == "auto" and "DeviceAllow" not in properties(manager, free)
    assert read(free, "devices", "devices.list") == "a *:* rwm"


def test_exec_pause_stats_top_and_oom(engine):
    id = engine.out("run", "-d", "-m", "32m", "busybox", "sleep", "1000")
    assert f"{SLICE}/docker-{id}.scope" in engine.out("exec", id, "cat", "/proc/self/cgroup")
    engine.docker("pause", id)
    assert engine.inspect(id)["State"]["Status"] == "paused" and read(id, "freezer", "freezer.state") == "FROZEN"
    engine.docker("unpause", id)
    stats = engine.api("GET", f"/v1.51/containers/{id}/stats?stream=0")[1]
    assert stats["memory_stats"]["limit"] == 32 << 20 and stats["pids_stats"]["current"] == 1
    assert [row[7] for row in engine.api("GET", f"/v1.51/containers/{id}/top")[1]["Processes"]] == ["sleep 1000"]
    greedy = engine.out("run", "-d", "-m", "16m", "--memory-swap", "16m", "busybox", "sh", "-c", "head -c 100m /dev/zero | tail -c 90m")
    engine.docker("wait", greedy)
    assert engine.inspect(greedy)["State"]["OOMKilled"] is True


def test_a_scope_that_systemd_does_not_tidy_is_stopped(engine, manager):
    manager.tidy = False
    for _ in range(3):
        engine.docker("run", "--rm", "busybox", "true")
    assert not manager.units and len(manager.called("StopUnit")) == 3


def test_an_earlier_scope_of_the_name_is_waited_for(engine, manager):
    id = engine.out("create", "busybox", "true")
    manager.units[f"docker-{id}.scope"] = {"Slice": SLICE}
    threading.Timer(0.1, manager.units.pop, [f"docker-{id}.scope"]).start()
    engine.docker("start", "-a", id)
    assert manager.called("ResetFailedUnit")


def test_an_older_systemd_gets_what_it_knows(engine, manager):
    manager.old = True
    id = engine.out("run", "-d", "--cpus", "0.5", "busybox", "sleep", "1000")
    given = properties(manager, id)
    assert given["CPUQuotaPerSecUSec"] == 500_000 and "CPUQuotaPeriodUSec" not in given and "CollectMode" not in given


@pytest.mark.parametrize("fault, words", [
    ({"refuse": {"StartTransientUnit": ("org.freedesktop.DBus.Error.AccessDenied", "Access denied")}}, "systemd: Access denied"),
    ({"refuse": {"StartTransientUnit": (ERROR + "UnitExists", "Unit was already loaded.")}}, "systemd: Unit was already loaded."),
    ({"job_result": "failed"}, "ended as failed")])
def test_a_refusal_is_the_answer_to_start_and_leaves_nothing(engine, manager, fault, words):
    id = engine.out("create", "busybox", "sleep", "1000")
    for name, value in fault.items():
        setattr(manager, name, value)
    failed = engine.docker("start", id, check=False)
    assert failed.returncode != 0 and f"docker-{id}.scope" in failed.stderr and words in failed.stderr
    assert engine.inspect(id)["State"]["Status"] == "created"
    manager.job_result = "done"
    wait_for(lambda: not manager.units and not scopes())


def test_kill_dash_nine_of_supervisor_and_daemon(engine, manager):
    id = engine.out("run", "-d", "busybox", "sleep", "1000")
    other = engine.out("run", "-d", "busybox", "sleep", "1000")
    pid = engine.inspect(id)["State"]["Pid"]
    engine.kill()
    engine.start(env={"WHARF_SYSTEMD_SOCKET": manager.path})
    assert engine.out("exec", id, "echo", "still there") == "still there"
    manager.tidy = False
    os.kill(int(pathlib.Path(f"/proc/{pid}/stat").read_text().split()[3]), 9)
    wait_for(lambda: engine.inspect(id)["State"]["Status"] == "exited")
    wait_for(lambda: list(manager.units) == [f"docker-{other}.scope"])
    assert len(scopes()) == len(list(TOP.glob(f"*/{SLICE}/docker-{other}.scope")))
    engine.docker("start", id)


@pytest.fixture
def scoped(bundle, manager):
    """A bundle whose runtime is called as podman and containerd do with systemd's manager."""
    bundle.linux["cgroupsPath"] = f"{SLICE}:oci:{bundle.id}"
    bundle.plain = bundle.command
    bundle.command = lambda *words: [bundle.plain()[0], "--systemd-cgroup", *bundle.plain(*words)[1:]]
    bundle.manager, bundle.environment = manager, {**os.environ, "WHARF_SYSTEMD_SOCKET": manager.path}
    manager.calls.clear()
    yield bundle
    manager.refuse, manager.silent, manager.tidy = {}, set(), True
    call(bundle, "delete", "--force", bundle.id)
    wait_for(lambda: not manager.units and not scopes())
    remove_slice()


def call(bundle, *words, **more):
    return subprocess.run(bundle.command(*words), env=bundle.environment, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, **more)


def remove_slice():
    """What the last user of a slice has systemd do."""
    for top in TOP.iterdir():
        for folder, _, _ in os.walk(top / SLICE, topdown=False):
            try:
                os.rmdir(folder)
            except OSError:
                pass  # Of the daemon's containers.


def test_the_runtime_takes_the_option_of_podman_and_containerd(scoped, manager):
    scoped.process["args"] = ["cat", "/proc/self/cgroup"]
    scoped.save()
    ran = call(scoped, "run", "--bundle", scoped.path, scoped.id)
    assert ran.returncode == 0 and f"/{SLICE}/oci-{scoped.id}.scope" in ran.stdout, ran.stderr
    assert '"systemd":true' in call(scoped, "features").stdout
    scoped.process["args"] = ["sleep", "1000"]
    scoped.save()
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "stdin": subprocess.DEVNULL, "timeout": 60}
    subprocess.run(scoped.command("run", "--detach", "--bundle", scoped.path, scoped.id), env=scoped.environment, check=True, **streams)
    assert list(manager.units) == [f"oci-{scoped.id}.scope"]
    # Later commands need not say it again.
    scoped.command = scoped.plain
    assert f"oci-{scoped.id}.scope" in call(scoped, "exec", scoped.id, "cat", "/proc/self/cgroup").stdout
    for command in ("pause", "resume"):
        assert call(scoped, command, scoped.id).returncode == 0
    assert call(scoped, "update", "--pids-limit", "55", scoped.id).returncode == 0
    assert manager.units[f"oci-{scoped.id}.scope"]["TasksMax"] == 55
    assert call(scoped, "delete", "--force", scoped.id).returncode == 0
    assert not manager.units and scopes() == []


def test_a_container_with_a_user_namespace_is_put_into_every_hierarchy(scoped):
    scoped.namespace("user")
    scoped.linux |= {"uidMappings": [{"containerID": 0, "hostID": 100000, "size": 65536}], "gidMappings": [{"containerID": 0, "hostID": 100000, "size": 65536}]}
    subprocess.run(["chown", "-R", "100000:100000", str(scoped.root)], check=True)
    for path in (scoped.path, scoped.path.parent):
        path.chmod(path.stat().st_mode | 0o11)
    scoped.process["args"] = ["cat", "/proc/self/cgroup"]
    scoped.save()
    ran = call(scoped, "run", "--bundle", scoped.path, scoped.id)
    assert ran.returncode == 0, ran.stderr
    places = {line.split(":")[2] for line in ran.stdout.splitlines() if not line.startswith("0::")}
    assert places == {f"/{SLICE}/oci-{scoped.id}.scope"}


@pytest.mark.parametrize("path, words", [
    ("/docker/x", 'expected cgroupsPath to be of format "slice:prefix:name" for systemd cgroups, got "/docker/x" instead'),
    ("x--y.slice:a:b", "invalid slice name: x--y.slice"), ("x.slice:a:../b", "expected cgroupsPath"), ("x.slice:a", "expected cgroupsPath")])
def test_a_path_that_is_none_of_systemd_is_refused(scoped, manager, path, words):
    scoped.linux["cgroupsPath"] = path
    scoped.save()
    failed = call(scoped, "run", "--bundle", scoped.path, scoped.id)
    assert failed.returncode == 1 and words in failed.stderr
    assert not manager.units and not list(scoped.states.glob("*"))


def test_without_systemd_the_runtime_says_so(scoped):
    scoped.save()
    del scoped.environment["WHARF_SYSTEMD_SOCKET"]
    in_vain = subprocess.run(["unshare", "-m", "sh", "-c", 'mount -t tmpfs none /run && exec "$@"', "sh", *scoped.command("run", "--bundle", scoped.path, scoped.id)],
                             env=scoped.environment, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert in_vain.returncode == 1 and "systemd not running on this host, cannot use systemd cgroups manager" in in_vain.stderr
    assert scopes() == [] and not list(scoped.states.glob("*"))


@pytest.mark.parametrize("bus", [False, True])
def test_systemd_is_found_at_its_own_socket_and_on_the_bus(scoped, scratch, bus):
    scoped.process["args"] = ["true"]
    scoped.save()
    del scoped.environment["WHARF_SYSTEMD_SOCKET"]
    place = "/run/dbus/system_bus_socket" if bus else "/run/systemd/private"
    other = Systemd(scratch / f"other-{bus}.sock", bus=bus)
    try:
        script = f'mount -t tmpfs none /run && mkdir -p {os.path.dirname(place)} && ln -s {other.path} {place} && exec "$@"'
        ran = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", *scoped.command("run", "--bundle", scoped.path, scoped.id)],
                             env=scoped.environment, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        assert ran.returncode == 0, ran.stderr
        assert len(other.called("StartTransientUnit")) == 1 and not other.units
        assert len(other.called("Hello")) == (2 if bus else 0)
    finally:
        other.close()


def test_a_connection_that_ends_is_an_error(scoped, scratch):
    """Nobody listens behind the socket any more, or something else does."""
    scoped.save()
    scoped.environment["WHARF_SYSTEMD_SOCKET"] = str(scratch / "nobody")
    failed = call(scoped, "run", "--bundle", scoped.path, scoped.id)
    assert failed.returncode == 1 and "no such file or directory" in failed.stderr
    for answer, words in ((b"REJECTED EXTERNAL\r\n", "refuses us: REJECTED EXTERNAL"), (b"", "closed the connection"), (b"x" * 999, "too long an answer"),
                          (b"OK 1\r\n" + b"junk" * 9, "sent no D-Bus message")):
        path = str(scratch / "peer")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            threading.Thread(target=serve_once, args=(listener, answer), daemon=True).start()
            scoped.environment["WHARF_SYSTEMD_SOCKET"] = path
            failed = call(scoped, "run", "--bundle", scoped.path, scoped.id)
        os.unlink(path)
        assert failed.returncode == 1 and words in failed.stderr, (answer, failed.stderr)
        assert not list(scoped.states.glob("*"))


def serve_once(listener, answer):
    client, _ = listener.accept()
    with client, contextlib.suppress(ConnectionResetError):
        client.recv(100)
        client.sendall(answer)
        while answer and client.recv(4096):
            pass


def test_a_systemd_that_hangs_ends_in_an_error_within_half_a_minute(scoped, manager):
    manager.silent = {"StartTransientUnit"}
    scoped.save()
    began = time.monotonic()
    failed = call(scoped, "run", "--bundle", scoped.path, scoped.id)
    assert failed.returncode == 1 and "no answer in time" in failed.stderr
    assert 29 < time.monotonic() - began < 40
    wait_for(lambda: manager.called("StopUnit"))
