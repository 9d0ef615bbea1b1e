"""CDI devices and GPUs: `--device vendor.com/class=name`, DeviceRequests, `--gpus`, and what /info says of them."""
import json
import pathlib

import pytest

from daemon import Daemon
from test_network import wait_for


@pytest.fixture(scope="module")
def cdi(scratch, archive):
    """A daemon with two CDI directories of its own, the second of which wins."""
    home = scratch / "cdi-daemon"
    low, high = home / "low", home / "high"
    for folder in (low, high):
        folder.mkdir(parents=True)
    daemon = Daemon(home, bridge="wharf-test2", subnet="172.31.0.1/16")
    (home / "daemon.json").write_text(json.dumps({"cdi-spec-dirs": [str(low), str(high)]}))
    daemon.low, daemon.high = low, high
    daemon.start()
    daemon.docker("load", "-q", "-i", archive)
    yield daemon
    daemon.destroy()


@pytest.fixture(autouse=True)
def empty(cdi):
    yield
    cdi.remove_containers()
    for folder in (cdi.low, cdi.high):
        for file in folder.iterdir():
            file.unlink()


def write(folder, name, devices, kind="vendor.com/device", edits=None, version="0.6.0"):
    document = {"cdiVersion": version, "kind": kind, "devices": devices}
    if edits:
        document["containerEdits"] = edits
    (folder / name).write_text(json.dumps(document))


def device(name, **edits):
    return {"name": name, "containerEdits": edits}


def run(daemon, *args, check=True):
    return daemon.wharf("run", "--rm", *args, check=check)


def info(daemon, version="v1.51"):
    return json.loads(daemon.curl(f"/{version}/info").stdout)


def test_a_device_brings_nodes_mounts_environment_and_groups(cdi):
    shared = cdi.home / "shared"
    shared.mkdir(exist_ok=True)
    (shared / "library").write_text("bits")
    write(cdi.low, "vendor.json", [device("one", deviceNodes=[{"path": "/dev/mine", "hostPath": "/dev/null"}, {"path": "/dev/told", "type": "c", "major": 10, "minor": 229, "fileMode": 0o640, "uid": 7, "gid": 8, "permissions": "r"}],
                                          mounts=[{"hostPath": str(shared), "containerPath": "/opt/lib", "options": ["ro", "nosuid", "bind"]}], env=["ONE=1", "BOTH=device"], additionalGids=[4321])],
          edits={"env": ["ALL=yes", "BOTH=file"]})
    shown = run(cdi, "--device", "vendor.com/device=one", "-e", "ONE=user", "busybox", "sh", "-c",
                "stat -c '%n %t:%T %a %u:%g' /dev/mine /dev/told; cat /opt/lib/library; echo; env | grep -E '^(ONE|BOTH|ALL)=' | sort; id -G; (echo x > /dev/told) 2>&1 | grep -q 'not permitted' && echo refused; touch /opt/lib/x 2>/dev/null || echo ro").stdout.split("\n")
    assert shown[:3] == ["/dev/mine 1:3 666 0:0", "/dev/told a:e5 640 7:8", "bits"]
    assert shown[3:6] == ["ALL=yes", "BOTH=device", "ONE=1"]
    assert "4321" in shown[6].split() and shown[7:9] == ["refused", "ro"]


def test_the_edits_of_a_file_are_applied_once_for_several_devices(cdi):
    write(cdi.low, "vendor.json", [device("a", env=["A=1"]), device("b", env=["B=2"])], edits={"env": ["F=3"], "mounts": [{"hostPath": "/etc", "containerPath": "/host-etc"}]})
    shown = run(cdi, "--device", "vendor.com/device=a", "--device", "vendor.com/device=b", "busybox", "sh", "-c", "echo $A$B$F; grep -c ' /host-etc ' /proc/mounts").stdout
    assert shown.split() == ["123", "1"]


def test_a_yaml_file_is_read_as_its_makers_write_it(cdi):
    (cdi.low / "gpu.yaml").write_text("""---
cdiVersion: 0.5.0
kind: nvidia.com/gpu
containerEdits:
  env:
  - NVIDIA_VISIBLE_DEVICES=void
  mounts:
  - containerPath: /usr/lib/x
    hostPath: /etc
    options: [ro, nosuid, nodev, rbind, rprivate]
devices:
- name: "0"
  containerEdits:
    deviceNodes:
    - path: /dev/nvidia0
      hostPath: /dev/zero
      fileMode: 0660
- name: all
  containerEdits:
    deviceNodes:
    - {path: /dev/nvidia0, hostPath: /dev/zero}
    - {path: /dev/nvidia1, hostPath: /dev/full}
""")
    shown = run(cdi, "--device", "nvidia.com/gpu=0", "busybox", "sh", "-c", "ls /dev/nvidia*; stat -c %a /dev/nvidia0; echo $NVIDIA_VISIBLE_DEVICES; ls /usr/lib/x/passwd").stdout
    assert shown.split() == ["/dev/nvidia0", "660", "void", "/usr/lib/x/passwd"]
    assert run(cdi, "--gpus", "all", "busybox", "sh", "-c", "ls /dev/nvidia*").stdout.split() == ["/dev/nvidia0", "/dev/nvidia1"]
    assert run(cdi, "--gpus", "1", "busybox", "sh", "-c", "ls /dev/nvidia*").stdout.split() == ["/dev/nvidia0"]
    assert run(cdi, "--gpus", "device=0", "busybox", "sh", "-c", "ls /dev/nvidia*").stdout.split() == ["/dev/nvidia0"]
    failed = run(cdi, "--gpus", "2", "busybox", "true", check=False)
    assert "CDI device injection failed: unresolvable CDI devices nvidia.com/gpu=1" in failed.stderr


def test_gpus_without_a_driver_are_refused_in_dockers_words(cdi):
    failed = run(cdi, "--gpus", "all", "busybox", "true", check=False)
    assert failed.returncode == 125 and 'could not select device driver "" with capabilities: [[gpu]]' in failed.stderr


def test_an_unknown_device_is_refused_in_dockers_words(cdi):
    write(cdi.low, "vendor.json", [device("one", env=["A=1"])])
    failed = run(cdi, "--device", "vendor.com/device=one", "--device", "vendor.com/device=two", "--device", "other.com/x=y", "busybox", "true", check=False)
    assert failed.returncode == 125
    assert "CDI device injection failed: unresolvable CDI devices vendor.com/device=two, other.com/x=y" in failed.stderr
    assert cdi.out("ps", "-aq").strip() == ""


@pytest.mark.parametrize("request_, words", [({"Driver": "cdi", "DeviceIDs": ["vendor.com/device=one"], "Options": {"a": "b"}}, "unexpected options in CDI device request"),
                                             ({"Driver": "cdi", "Count": 1}, "unexpected count in CDI device request"),
                                             ({"Driver": "nosuch", "Count": 1, "Capabilities": [["gpu", "x"], ["y"]]}, 'could not select device driver "nosuch" with capabilities: [[gpu x] [y]]')])
def test_requests_that_cannot_be_met_are_500_at_start(cdi, request_, words):
    body = json.dumps({"Image": "busybox", "HostConfig": {"DeviceRequests": [request_]}})
    made = json.loads(cdi.curl("/v1.51/containers/create", "-X", "POST", "-H", "Content-Type: application/json", "-d", body).stdout)
    answer = cdi.curl(f"/v1.51/containers/{made['Id']}/start", "-X", "POST", "-w", "%{http_code}", check=False).stdout
    assert answer.endswith("500") and words in json.loads(answer[:-3])["message"]


def test_a_later_directory_wins_and_two_files_of_one_take_the_device_away(cdi):
    write(cdi.low, "a.json", [device("one", env=["FROM=low"])])
    write(cdi.high, "a.json", [device("one", env=["FROM=high"])])
    assert run(cdi, "--device", "vendor.com/device=one", "busybox", "sh", "-c", "echo $FROM").stdout == "high\n"
    write(cdi.high, "b.json", [device("one", env=["FROM=other"])])
    assert run(cdi, "--device", "vendor.com/device=one", "busybox", "sh", "-c", "echo $FROM").stdout == "low\n"
    assert any("conflicting device" in warning for warning in info(cdi)["Warnings"])


def test_info_lists_directories_and_devices(cdi):
    assert "DiscoveredDevices" not in info(cdi)
    write(cdi.low, "vendor.json", [device("one", env=["A=1"]), device("all", env=["A=1"])])
    seen = info(cdi)
    assert seen["CDISpecDirs"] == [str(cdi.low), str(cdi.high)]
    assert sorted(one["ID"] for one in seen["DiscoveredDevices"]) == ["vendor.com/device=all", "vendor.com/device=one"]
    assert {one["Source"] for one in seen["DiscoveredDevices"]} == {"cdi"}
    assert "DiscoveredDevices" not in info(cdi, "v1.49")


@pytest.mark.parametrize("text", ["{", "[]", "cdiVersion: 9.9.9\nkind: a/b\ndevices: [{name: x, containerEdits: {env: [A=1]}}]", "kind: a/b", "cdiVersion: 0.6.0\nkind: nokind\ndevices: []",
                                  "cdiVersion: 0.6.0\nkind: a/b\nunknown: 1\ndevices: [{name: x, containerEdits: {env: [A=1]}}]", "a: &x [1]\nb: *x", "a: [" * 100,
                                  "cdiVersion: 0.6.0\nkind: a/b\ndevices: [{name: x, containerEdits: {hooks: [{hookName: nosuch, path: /x}]}}]",
                                  "cdiVersion: 0.6.0\nkind: a/b\ndevices: [{name: x, containerEdits: {deviceNodes: [{hostPath: /x}]}}]",
                                  "cdiVersion: 0.6.0\nkind: a/b\ndevices: [{name: x, containerEdits: {env: [noequals]}}]",
                                  "cdiVersion: 0.6.0\nkind: a/b\ndevices: [{name: x, containerEdits: {surprise: []}}]",
                                  "cdiVersion: 0.6.0\nkind: a/b\ndevices: [{name: x y, containerEdits: {env: [A=1]}}]"])
def test_a_file_that_is_not_valid_counts_for_nothing_and_is_told(cdi, text):
    (cdi.low / "bad.yaml").write_text(text)
    write(cdi.low, "good.json", [device("one", env=["A=1"])])
    seen = info(cdi)
    assert [one["ID"] for one in seen["DiscoveredDevices"]] == ["vendor.com/device=one"]
    assert any("bad.yaml" in warning for warning in seen["Warnings"])
    assert run(cdi, "--device", "vendor.com/device=one", "busybox", "sh", "-c", "echo $A").stdout == "1\n"


def test_a_device_whose_node_is_missing_fails_at_start_and_leaves_nothing(cdi):
    write(cdi.low, "vendor.json", [device("one", deviceNodes=[{"path": "/dev/none-such"}])])
    failed = run(cdi, "--device", "vendor.com/device=one", "busybox", "true", check=False)
    assert failed.returncode == 127 and '/dev/none-such' in failed.stderr and "CDI device injection failed" in failed.stderr


def test_hooks_run_at_their_stage_and_find_the_files_of_the_container(cdi):
    record = cdi.home / "record"
    record.mkdir(exist_ok=True)
    script = cdi.home / "hook"
    # As vendors' hooks do: the bundle from the state, root.path from its config.json.
    script.write_text(f"""#!/bin/sh
state=$(cat)
bundle=$(echo "$state" | sed 's/.*"bundle":"\\([^"]*\\)".*/\\1/')
root=$(sed 's/.*"root":{{"path":"\\([^"]*\\)".*/\\1/' "$bundle/config.json")
echo "$1 $(ls $root/bin/busybox 2>/dev/null | grep -c busybox)" >> {record}/order
[ "$1" = createContainer ] && echo cached > $root/etc/ld.so.cache
exit 0
""")
    script.chmod(0o755)
    stages = ["createRuntime", "createContainer", "poststart", "poststop"]
    write(cdi.low, "vendor.json", [device("one", hooks=[{"hookName": stage, "path": str(script), "args": ["hook", stage], "env": ["PATH=/bin:/usr/bin"]} for stage in stages])])
    assert run(cdi, "--device", "vendor.com/device=one", "busybox", "cat", "/etc/ld.so.cache").stdout == "cached\n"
    wait_for(lambda: len((record / "order").read_text().splitlines()) == 4)
    lines = [line.split() for line in (record / "order").read_text().splitlines()]
    assert [stage for stage, _ in lines] == stages
    # In the container's namespaces its root is where the config says.
    assert dict(lines)["createContainer"] == "1"


@pytest.mark.parametrize("stage", ["createRuntime", "createContainer", "startContainer", "poststart"])
def test_a_hook_that_fails_fails_the_start_and_runs_poststop(cdi, stage):
    record = cdi.home / f"failed-{stage}"
    write(cdi.low, "vendor.json", [device("one", hooks=[{"hookName": stage, "path": "/bin/false"}, {"hookName": "poststop", "path": "/bin/sh", "args": ["sh", "-c", f"touch {record}"], "env": ["PATH=/bin:/usr/bin"]}])])
    failed = run(cdi, "--device", "vendor.com/device=one", "busybox", "sleep", "100", check=False)
    assert failed.returncode != 0 and stage in failed.stderr
    wait_for(record.exists)
    assert cdi.out("ps", "-aq").strip() == ""


def test_no_directory_means_no_cdi(scratch, archive):
    daemon = Daemon(scratch / "cdi-none", bridge="wharf-test3", subnet="172.31.0.1/16")
    (daemon.home / "daemon.json").write_text(json.dumps({"features": {"cdi": False}}))
    daemon.start()
    try:
        daemon.docker("load", "-q", "-i", archive)
        failed = run(daemon, "--device", "vendor.com/device=one", "busybox", "true", check=False)
        assert 'could not select device driver "cdi" with capabilities: []' in failed.stderr
        assert not info(daemon).get("CDISpecDirs")
    finally:
        daemon.destroy()


def test_a_device_is_there_again_after_a_restart_of_the_daemon(cdi):
    write(cdi.low, "vendor.json", [device("one", env=["A=1"])])
    cdi.wharf("run", "-d", "--name", "kept", "--device", "vendor.com/device=one", "busybox", "sleep", "1000")
    cdi.restart()
    assert json.loads(cdi.out("inspect", "kept"))[0]["HostConfig"]["DeviceRequests"][0]["DeviceIDs"] == ["vendor.com/device=one"]
    cdi.docker("restart", "-t", "0", "kept")
    pid = int(cdi.out("inspect", "-f", "{{.State.Pid}}", "kept"))
    assert b"A=1" in pathlib.Path(f"/proc/{pid}/environ").read_bytes()
