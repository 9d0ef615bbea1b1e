"""runtime-spec 1.2, config-linux.md "cgroupsPath" and "resources" on cgroup v1 (v2: test_cgroup2.py). One test for each MUST."""
import os
import pathlib

import pytest

from test_network import wait_for

ROOT = pathlib.Path("/sys/fs/cgroup")
V1 = [p.name for p in ROOT.glob("*") if (p / "cgroup.procs").exists() and not (p / "cgroup.controllers").exists()] if ROOT.exists() else []

pytestmark = pytest.mark.skipif(not V1, reason="this machine has cgroup v2 alone")


@pytest.fixture
def limited(bundle):
    """The bundle with a cgroup of its own; what a file of a controller says."""
    bundle.linux["cgroupsPath"] = f"/{bundle.id}"
    bundle.linux["resources"] = {}
    bundle.resources = bundle.linux["resources"]

    def read(controller, file):
        return (ROOT / controller / bundle.id / file).read_text().strip()
    bundle.read = read
    return bundle


def own_path(controller):
    """Where this process is in a hierarchy."""
    for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        if controller in names.split(","):
            return path
    return None


def test_an_absolute_path_must_be_relative_to_the_mount_point(limited):
    limited.linux["cgroupsPath"] = f"/{limited.id}/deep/er"
    pid = limited.started()
    try:
        for controller in V1:
            if own_path(controller) is not None:
                assert str(pid) in (ROOT / controller / limited.id / "deep/er/cgroup.procs").read_text().split()
    finally:
        limited.call("delete", "--force", limited.id)
        for controller in V1:
            for folder in (f"{limited.id}/deep", limited.id):
                if (ROOT / controller / folder).exists():
                    (ROOT / controller / folder).rmdir()


def test_a_relative_path_is_below_where_the_runtime_is(limited):
    limited.linux["cgroupsPath"] = f"{limited.id}"
    pid = limited.started()
    line = next(line for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines() if ":pids:" in line)
    assert line.split(":", 2)[2] == f"{own_path('pids').rstrip('/')}/{limited.id}"


def test_without_a_path_the_cgroup_is_the_containers_own(bundle):
    bundle.linux.pop("cgroupsPath", None)
    pid = bundle.started()
    assert bundle.id in pathlib.Path(f"/proc/{pid}/cgroup").read_text()
    bundle.call("delete", "--force", bundle.id)
    assert bundle.cgroups() == []


@pytest.mark.parametrize("path", ["/../escape", "/a/../../b", "../x", 1])
def test_a_path_that_leaves_its_place_must_generate_an_error(limited, path):
    limited.linux["cgroupsPath"] = path
    limited.save()
    assert limited.call("create", "--bundle", limited.path, limited.id).returncode != 0


def test_the_process_must_be_in_the_cgroup_before_it_runs(limited):
    assert f"/{limited.id}" in limited.run("cat", "/proc/self/cgroup")


@pytest.mark.parametrize("resources, controller, file, value", [
    ({"memory": {"limit": 67108864}}, "memory", "memory.limit_in_bytes", "67108864"),
    ({"memory": {"reservation": 33554432}}, "memory", "memory.soft_limit_in_bytes", "33554432"),
    ({"memory": {"swappiness": 7}}, "memory", "memory.swappiness", "7"),
    ({"memory": {"disableOOMKiller": True}}, "memory", "memory.oom_control", "oom_kill_disable 1"),
    ({"cpu": {"shares": 512}}, "cpu", "cpu.shares", "512"),
    ({"cpu": {"quota": 30000, "period": 60000}}, "cpu", "cpu.cfs_quota_us", "30000"),
    ({"cpu": {"quota": 30000, "period": 60000}}, "cpu", "cpu.cfs_period_us", "60000"),
    ({"cpu": {"quota": 30000, "burst": 20000}}, "cpu", "cpu.cfs_burst_us", "20000"),
    ({"cpu": {"idle": 1}}, "cpu", "cpu.idle", "1"),
    ({"cpu": {"realtimePeriod": 900000, "realtimeRuntime": 1000}}, "cpu", "cpu.rt_runtime_us", "1000"),
    ({"cpu": {"cpus": "0", "mems": "0"}}, "cpuset", "cpuset.cpus", "0"),
    ({"pids": {"limit": 77}}, "pids", "pids.max", "77"),
    ({"pids": {"limit": -1}}, "pids", "pids.max", "max")])
def test_a_limit_is_that_of_the_config(limited, resources, controller, file, value):
    limited.resources.update(resources)
    limited.create("true")
    assert limited.read(controller, file).startswith(value)


def block_device():
    for entry in pathlib.Path("/sys/block").iterdir():
        return (entry / "dev").read_text().strip()
    return None


@pytest.mark.parametrize("field, file", [("throttleReadBpsDevice", "blkio.throttle.read_bps_device"), ("throttleWriteBpsDevice", "blkio.throttle.write_bps_device"),
                                         ("throttleReadIOPSDevice", "blkio.throttle.read_iops_device"), ("throttleWriteIOPSDevice", "blkio.throttle.write_iops_device")])
def test_block_devices_are_throttled(limited, field, file):
    number = block_device()
    if number is None or "blkio" not in V1:
        pytest.skip("no block device or no blkio controller")
    major, minor = map(int, number.split(":"))
    limited.resources["blockIO"] = {field: [{"major": major, "minor": minor, "rate": 1000000}]}
    limited.create("true")
    assert limited.read("blkio", file) == f"{number} 1000000"


def test_memory_that_is_exceeded_ends_the_process(limited):
    limited.resources["memory"] = {"limit": 8 << 20, "swap": 8 << 20}
    limited.run("sh", "-c", "x=x; while :; do x=$x$x$x$x; done", code=137)


def test_more_processes_than_the_limit_are_refused(limited):
    limited.resources["pids"] = {"limit": 3}
    assert "an't fork" in limited.sh("(sleep 1 & sleep 1 & sleep 1 & sleep 1 & wait) 2>&1; true")


@pytest.mark.parametrize("resources", [{"hugepageLimits": [{"pageSize": "2MB", "limit": 1}]}, {"network": {"classID": 1}}, {"network": {"priorities": [{"name": "lo", "priority": 1}]}},
                                       {"rdma": {"mlx5_1": {"hcaHandles": 3}}}])
def test_a_controller_that_is_not_present_must_generate_an_error(limited, resources):
    if V1 and set(V1) & {"hugetlb", "net_cls", "net_prio", "rdma"}:
        pytest.skip("this machine has them")
    limited.resources.update(resources)
    limited.refuse("cgroup")


@pytest.mark.parametrize("resources", [{"memory": {"limit": "x"}}, {"memory": {"limit": 1.5}}, {"memory": {"swappiness": 1000}}, {"cpu": {"shares": -1}}, {"cpu": {"cpus": "9999"}}, {"cpu": {"cpus": "x"}},
                                       {"cpu": {"idle": 2}}, {"pids": {"limit": "x"}}, {"unified": {"../x": "1"}}, {"unified": {"memory.max": "1"}}, {"unified": {"a": 1}},
                                       {"blockIO": {"throttleReadBpsDevice": [{"major": 0, "minor": 0, "rate": 5}]}}, {"rdma": {"x": {}}}, {"devices": [{"allow": True, "type": "x"}]},
                                       {"devices": [{"allow": True, "access": "z"}]}, {"devices": [{"access": "rwm"}]}, {"memory": []}, "x"])
def test_values_that_cannot_be_applied_must_generate_an_error_and_leave_nothing(limited, resources):
    limited.linux["resources"] = resources
    limited.refuse()


def give_kmsg(limited):
    """A device that not every container has, and the capability to open it."""
    limited.linux["devices"] = [{"path": "/dev/kmsg", "type": "c", "major": 1, "minor": 11, "fileMode": 0o666}]
    for names in limited.process["capabilities"].values():
        names.append("CAP_SYSLOG")


def test_device_rules_must_be_applied_in_the_listed_order(limited):
    give_kmsg(limited)
    script = "(: < /dev/kmsg) 2>/dev/null && echo read || echo refused"
    rules = [{"allow": False, "access": "rwm"}, {"allow": True, "type": "c", "major": 1, "minor": 11, "access": "r"}]
    limited.resources["devices"] = rules
    assert limited.sh(script) == "read\n"
    assert limited.sh("(: > /dev/kmsg) 2>/dev/null && echo written || echo refused") == "refused\n"
    limited.resources["devices"] = [rules[1], rules[0]]
    assert limited.sh(script) == "refused\n"


def test_device_rules_with_wildcards(limited):
    give_kmsg(limited)
    limited.resources["devices"] = [{"allow": False, "access": "rwm"}, {"allow": True, "type": "c", "major": 1, "access": "rw"}]
    assert limited.sh("(: < /dev/kmsg) 2>/dev/null && echo read") == "read\n"


def test_the_default_devices_are_usable_whatever_the_rules(limited):
    limited.resources["devices"] = [{"allow": False, "access": "rwm"}]
    limited.sh("echo x > /dev/null; : < /dev/zero; : < /dev/full; : < /dev/random; : < /dev/urandom")


def test_update_changes_limits_of_a_running_container(limited):
    limited.resources["pids"] = {"limit": 77}
    limited.started()
    assert limited.call("update", "--pids-limit", "66", "--memory", "64m", limited.id).returncode == 0
    assert limited.read("pids", "pids.max") == "66" and limited.read("memory", "memory.limit_in_bytes") == str(64 << 20)


def test_check_before_update_must_refuse_a_limit_below_what_is_in_use(limited):
    limited.started("sh", "-c", "x=$(tr '\\0' x < /dev/zero | cut -c1-1 & sleep 0.1); sleep 1000")
    wait_for(lambda: int(limited.read("memory", "memory.usage_in_bytes")) > 65536)
    (limited.path / "r").write_text('{"memory": {"limit": 4096, "checkBeforeUpdate": true}}')
    assert limited.call("update", "-r", limited.path / "r", limited.id).returncode != 0
    assert limited.status() == "running"


def test_a_paused_container_is_frozen_and_goes_on(limited):
    limited.started("sh", "-c", "while :; do echo x; sleep 0.01; done")
    assert limited.call("pause", limited.id).returncode == 0
    assert limited.status() == "paused"
    assert limited.call("resume", limited.id).returncode == 0
    assert limited.status() == "running"


def test_the_container_sees_its_own_cgroup_read_only(limited):
    limited.namespace("cgroup")
    limited.mount("/sys/fs/cgroup", "cgroup", "cgroup", ["nosuid", "noexec", "nodev", "relatime", "ro"])
    limited.resources["pids"] = {"limit": 55}
    shown = limited.sh("cat /sys/fs/cgroup/pids/pids.max; (echo 1 > /sys/fs/cgroup/pids/pids.max) 2>/dev/null || echo refused")
    assert shown.split() == ["55", "refused"]
    assert os.path.exists("/sys/fs/cgroup")
