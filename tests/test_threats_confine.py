"""Attacks on what holds a container: filtered calls, masks, labels, volumes, devices, privileges.

The rows (A15 ...) are those of docs/threats.md."""
import os
import pathlib
import subprocess

import pytest

import images
from inventory import supervisors
from test_network import wait_for
from test_threats_start import ROUNDS, UP, image  # noqa: F401 (a fixture)

EPERM, ENOSYS = 1, 38


def test_a15_dangerous_calls_fail_through_every_entry_of_the_kernel(clean, program):
    """Also by int 0x80 and by x32 numbers, and in an exec."""
    probe = program("probe_calls")
    clean.docker("run", "-d", "--name", "cc", "-v", f"{probe}:/probe", "busybox", "sleep", "60")
    for command in (["run", "--rm", "-v", f"{probe}:/probe", "busybox", "/probe"], ["exec", "cc", "/probe"]):
        lines = [line.split() for line in clean.docker(*command).stdout.splitlines()]
        assert len(lines) == 66
        for entry, name, error in lines:
            if name == "getpid":
                assert int(error) in ((0,) if entry != "x32" else (0, ENOSYS))
            elif name == "clone3":  # Never EPERM: the C library would not fall back to clone.
                assert int(error) == ENOSYS, (entry, name, error)
            else:
                assert int(error) in (EPERM, ENOSYS), (entry, name, error)


def test_a15_a_privileged_container_has_no_filter(clean, program):
    out = clean.docker("run", "--rm", "--privileged", "-v", f"{program('probe_calls')}:/probe", "busybox", "/probe").stdout
    assert "x86_64 setns 9" in out and "x86_64 unshare-user 0" in out


MASKED = ["/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi",
          "/proc/timer_list", "/proc/timer_stats", "/sys/firmware", "/sys/devices/virtual/powercap"]


def test_a16_facts_of_the_host_are_masked_also_by_other_ways(clean):
    show = "for p in {}; do for q in $p /proc/1/root$p /proc/self/root$p; do [ -d $q ] && ls $q; [ -f $q ] && head -c 64 $q; done; done".format(" ".join(MASKED))
    for flags in ([], ["--cap-add", "SYS_ADMIN"], ["-u", "1000"]):
        result = clean.docker("run", "--rm", *flags, "busybox", "sh", "-c", show, check=False)
        assert result.stdout == "", flags
    throttle = "cat /sys/devices/system/cpu/cpu*/thermal_throttle/* 2>/dev/null; true"
    assert clean.docker("run", "--rm", "busybox", "sh", "-c", throttle).stdout == ""
    writes = "for f in /proc/sys/kernel/core_pattern /proc/sysrq-trigger /proc/irq/default_smp_affinity /proc/bus/x /proc/fs/x /sys/kernel/x; do echo x > $f && echo WROTE; done"
    clean.docker("run", "-d", "--name", "cc", "busybox", "sleep", "60")
    for command in (["run", "--rm", "busybox"], ["exec", "cc"], ["exec", "--privileged", "cc"]):
        assert "WROTE" not in clean.docker(*command, "sh", "-c", writes, check=False).stdout, command


def test_a17_labels_of_an_image_are_only_labels(clean, image, tmp_path):  # noqa: F811
    labels = {"containerd.io/restart.loguri": f"binary:///bin/touch?{tmp_path}/made", "org.systemd.property.ExecStartPre": f"/bin/touch {tmp_path}/made",
              "cdi.k8s.io/x": "vendor.com/device=all", "io.wharf.runtime": "/bin/false", "com.docker.network.bridge.name": "evil0",
              "run.oci.handler": "wasm", "io.podman.annotations.privileged": "TRUE", "x" * 300: "y" * 70000}
    tag = image(config={"Labels": labels})
    out = clean.docker("run", "--rm", tag, "sh", "-c", "ls /dev; ls /sys/class/net; grep CapEff /proc/self/status").stdout
    assert "00000000a80425fb" in out and "evil0" not in out and "fuse" not in out
    assert not (tmp_path / "made").exists()


def test_a18_copying_up_leaves_a_volume_that_has_files_alone_and_reads_no_host(clean, image, canary):  # noqa: F811
    tag = image(extra=[images.directory("data"), images.entry("data/from-image", b"i"), images.link("out", canary), images.link("climb", UP + canary[1:])])
    clean.docker("run", "--rm", "-v", "a18:/data", "busybox", "sh", "-c", "echo mine > /data/from-image; echo kept > /data/kept")
    for target in ("/data", "/out", "/climb", "/data/../climb"):
        clean.docker("run", "--rm", "-v", f"a18:{target}", tag, "true", check=False)
    out = clean.docker("run", "--rm", "-v", "a18:/data", "busybox", "sh", "-c", "ls /data; cat /data/*").stdout
    clean.docker("volume", "rm", "a18")
    assert out == "from-image\nkept\nmine\nkept\n"


def test_a19_a_subpath_of_a_volume_leads_nowhere_else(clean, canary, program):
    clean.docker("run", "--rm", "-v", "a19:/v", "busybox", "sh", "-c", f"mkdir -p /v/ok/in; echo y > /v/ok/in/f; ln -s / /v/l; ln -s {UP}{canary[1:]} /v/r; ln -s ok /v/okl")

    def mount(subpath):
        return clean.docker("run", "--rm", "--mount", f"type=volume,src=a19,dst=/m,volume-subpath={subpath}", "busybox", "ls", "/m", check=False)
    try:
        for bad in ("l/tmp", "r", "../..", "/", "ok/../../x", "ok/../../../../etc", "r/sub", "l/etc"):
            result = mount(bad)
            assert result.returncode == 125 and result.stderr, bad
        assert mount("ok").stdout == mount("okl").stdout == "in\n"
        clean.docker("run", "-d", "--name", "swapper", "-v", "a19:/v", "-v", f"{program('swap')}:/swap", "busybox", "/swap", "/v/ok", "/v/r")
        for _ in range(ROUNDS):
            result = mount("ok")
            assert result.returncode == 125 or result.stdout == "in\n", result
    finally:
        clean.docker("rm", "-f", "swapper", check=False)
        clean.docker("volume", "rm", "-f", "a19")


OPEN = "mknod /d b 254 0; mknod /m c 1 1; for f in /d /m; do dd if=$f of=/dev/null count=1 2>&1; done; true"


def refused(result):
    assert result.stdout.count("Operation not permitted") == 2, result.stdout


def test_a20_the_device_filter_survives_update_restart_exec_and_the_daemon(own_daemon):
    d = own_daemon
    d.docker("run", "-d", "--name", "cc", "busybox", "sleep", "60")
    refused(d.docker("exec", "cc", "sh", "-c", OPEN))
    d.docker("update", "-m", "64m", "--memory-swap", "64m", "cc")
    refused(d.docker("exec", "cc", "sh", "-c", OPEN))
    d.docker("restart", "-t", "0", "cc")
    refused(d.docker("exec", "--privileged", "cc", "sh", "-c", "rm /d /m; " + OPEN))
    d.restart()
    d.docker("update", "-m", "48m", "cc")
    refused(d.docker("exec", "cc", "sh", "-c", "rm /d /m; " + OPEN))
    only = d.docker("run", "--rm", "--device-cgroup-rule", "c 1:1 r", "--cap-add", "SYS_RAWIO", "busybox", "sh", "-c", OPEN).stdout
    assert only.count("Operation not permitted") == 1 and "/d" in only.split("Operation not permitted")[0]


def effective(text):
    return dict(line.replace("euid ", "euid:\t").split(":\t") for line in text.strip().split("\n"))


def test_a21_no_new_privileges_holds_for_exec_health_check_and_after_restarts(own_daemon, program):
    d = own_daemon
    build = [images.entry(name, program("effective").read_bytes(), mode) for name, mode in (("suid", 0o4755), ("plain", 0o755))]
    d.docker("load", "-q", "-i", images.busybox_archive(d.home / "suid.tar", "suid:1", extra=build))
    assert effective(d.docker("run", "--rm", "-u", "1000", "suid:1", "/suid").stdout)["euid"] == "0"  # As Docker, where nobody asked.
    d.docker("run", "-d", "--name", "cc", "-u", "1000", "--security-opt", "no-new-privileges", "--health-cmd", "/suid", "--health-interval", "200ms", "suid:1", "sleep", "60")

    def held():
        found = effective(d.docker("exec", "cc", "/suid").stdout)
        assert (found["euid"], found["NoNewPrivs"], int(found["CapEff"], 16)) == ("1000", "1", 0)
    held()
    d.docker("restart", "-t", "0", "cc")
    held()
    d.restart()
    held()
    wait_for(lambda: d.inspect("cc")["State"]["Health"]["Log"])
    assert effective(d.inspect("cc")["State"]["Health"]["Log"][-1]["Output"])["euid"] == "1000"
    d.docker("restart", "-t", "0", "cc")
    held()


@pytest.mark.parametrize("option", ["apparmor=nosuch", "no-new-privileges=maybe", "nosuch=1", "seccomp={}x", 'seccomp={"defaultAction":"NOPE"}'])
def test_a21_a_security_option_that_cannot_be_applied_is_an_error(clean, option):
    status, answer = clean.api("POST", "/containers/create?name=sec", {"Image": "busybox", "Cmd": ["true"], "HostConfig": {"SecurityOpt": [option]}})
    if status == 201:
        status, answer = clean.api("POST", "/containers/sec/start")
    assert status in (400, 500) and answer["message"], option


def test_a22_nobody_else_on_the_host_passes_into_the_data(daemon):
    for root in (daemon.data, daemon.run_dir):
        for path in [root, *root.iterdir()]:
            assert path.is_symlink() or (path.stat().st_mode & 0o002) == 0, path
        assert root.stat().st_mode & 0o007 == 0
    daemon.docker("run", "-d", "--name", "cc", "busybox", "sleep", "60")
    for pid in supervisors(daemon):
        for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
            path = pathlib.Path(os.readlink(entry))
            assert not path.is_socket() or path.stat().st_mode & 0o007 == 0, path


@pytest.mark.parametrize("name", ["../../x", "..%2f..%2fx", "a/b", "-x", "%00"])
def test_a23_a_checkpoint_is_a_name(clean, name):
    clean.docker("create", "--name", "cc", "busybox")
    assert clean.api("POST", f"/containers/cc/start?checkpoint={name}")[0] == 400
    assert clean.api("POST", "/containers/cc/start?checkpoint=good&checkpoint-dir=/tmp/../x")[0] in (400, 501)
    status, _ = clean.api("POST", "/containers/cc/checkpoints", {"CheckpointID": name})
    assert status in (400, 404, 501)
    assert clean.inspect("cc")["State"]["Status"] == "created"
