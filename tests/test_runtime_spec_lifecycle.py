"""runtime-spec 1.2, runtime.md: states, operations and their errors. One test for each MUST, named after it."""
import json
import os
import pathlib
import signal
import subprocess

import pytest

from test_network import wait_for


def test_state_must_generate_an_error_without_an_id(bundle):
    assert bundle.call("state").returncode != 0


def test_state_of_a_container_that_does_not_exist_must_generate_an_error(bundle):
    assert bundle.call("state", "nobody").returncode != 0


def test_state_must_hold_version_id_status_pid_bundle_and_annotations(bundle):
    bundle.config["annotations"] = {"org.example.key": "värde \"quoted\""}
    bundle.create("true")
    state = bundle.state()
    assert state["ociVersion"].startswith("1.")
    assert state["id"] == bundle.id
    assert state["status"] == "created"
    assert os.readlink(f"/proc/{state['pid']}/ns/mnt") != os.readlink("/proc/self/ns/mnt")
    assert state["bundle"] == str(bundle.path.resolve())
    assert state["annotations"] == {"org.example.key": "värde \"quoted\""}


def test_status_must_be_created_then_running_then_stopped(bundle):
    bundle.create("sleep", "1000")
    assert bundle.status() == "created"
    bundle.start()
    assert bundle.status() == "running"
    bundle.call("kill", bundle.id, "KILL")
    wait_for(lambda: bundle.status() == "stopped")


def test_create_must_generate_an_error_without_id_or_bundle(bundle):
    bundle.save()
    assert bundle.call("create", "--bundle", bundle.path).returncode != 0
    assert bundle.call("create", "--bundle", bundle.path / "missing", bundle.id).returncode != 0
    (bundle.path / "empty").mkdir()
    assert bundle.call("create", "--bundle", bundle.path / "empty", bundle.id).returncode != 0
    assert not list(bundle.states.glob("*"))


def test_create_with_an_id_that_is_taken_must_generate_an_error_and_no_container(bundle):
    bundle.create("sleep", "1000")
    pid = bundle.pid()
    again = bundle.call("create", "--bundle", bundle.path, bundle.id)
    assert again.returncode != 0 and "already exists" in again.stderr
    assert (bundle.pid(), bundle.status()) == (pid, "created")
    assert pathlib.Path(bundle.cgroups()[0]).is_dir()


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../x", "a b", "ä", "x" * 1025])
def test_create_with_an_id_that_is_not_valid_must_generate_an_error(bundle, name):
    bundle.save()
    assert bundle.call("create", "--bundle", bundle.path, name).returncode != 0
    assert not list(bundle.states.glob("*"))


def test_create_must_not_run_the_program_and_start_must(bundle):
    bundle.create("touch", "/tmp/ran")
    assert not (bundle.root / "tmp/ran").exists()
    bundle.start()
    wait_for(lambda: (bundle.root / "tmp/ran").exists())


def test_updates_of_the_config_after_create_must_not_affect_the_container(bundle):
    bundle.create("touch", "/tmp/first")
    bundle.process["args"] = ["touch", "/tmp/second"]
    bundle.config["annotations"] = {"late": "yes"}
    bundle.config["hooks"] = {"poststop": [{"path": "/bin/sh", "args": ["sh", "-c", f"touch {bundle.path}/hooked"]}]}
    bundle.save()
    bundle.start()
    wait_for(lambda: bundle.status() == "stopped")
    assert "annotations" not in bundle.state() or not bundle.state()["annotations"]
    assert bundle.call("delete", bundle.id).returncode == 0
    assert (bundle.root / "tmp/first").exists() and not (bundle.root / "tmp/second").exists()
    assert not (bundle.path / "hooked").exists()


def test_create_must_create_all_resources(bundle):
    bundle.mount("/made/for/it", "tmpfs")
    bundle.linux["cgroupsPath"] = f"/{bundle.id}"
    bundle.create("true")
    mounts = pathlib.Path(f"/proc/{bundle.pid()}/mounts").read_text()
    assert "/made/for/it tmpfs" in mounts
    assert str(bundle.pid()) in (pathlib.Path(bundle.cgroups()[0]) / "cgroup.procs").read_text().split()


def test_an_environment_that_cannot_be_created_must_generate_an_error_and_leave_nothing(bundle):
    bundle.mount("/x", "nosuchfs")
    bundle.refuse("nosuchfs")
    bundle.mounts.pop()
    bundle.mount("/x", "bind", "/nowhere/at/all", ["bind"])
    bundle.refuse("/nowhere/at/all")
    bundle.mounts.pop()
    assert bundle.run("echo", "fine") == "fine\n"


def test_start_must_generate_an_error_without_an_id_or_for_one_that_does_not_exist(bundle):
    assert bundle.call("start").returncode != 0
    assert bundle.call("start", "nobody").returncode != 0


def test_start_of_a_running_container_must_have_no_effect_and_generate_an_error(bundle):
    pid = bundle.started()
    assert bundle.call("start", bundle.id).returncode != 0
    assert (bundle.pid(), bundle.status()) == (pid, "running")


def test_start_of_a_stopped_container_must_have_no_effect_and_generate_an_error(bundle):
    bundle.started("sh", "-c", "echo x >> /tmp/runs")
    wait_for(lambda: bundle.status() == "stopped")
    assert bundle.call("start", bundle.id).returncode != 0
    assert bundle.status() == "stopped"
    assert (bundle.root / "tmp/runs").read_text() == "x\n"


def test_create_without_a_process_is_allowed_and_start_must_generate_an_error(bundle):
    del bundle.config["process"]
    bundle.create()
    assert bundle.status() == "created"
    done = bundle.call("start", bundle.id)
    assert done.returncode != 0 and "process" in done.stderr


def test_kill_must_generate_an_error_without_an_id_or_for_one_that_does_not_exist(bundle):
    assert bundle.call("kill").returncode != 0
    assert bundle.call("kill", "nobody", "KILL").returncode != 0


def test_kill_of_a_stopped_container_must_have_no_effect_and_generate_an_error(bundle):
    bundle.started("true")
    wait_for(lambda: bundle.status() == "stopped")
    assert bundle.call("kill", bundle.id, "KILL").returncode != 0
    assert bundle.status() == "stopped"


@pytest.mark.parametrize("name, number", [("TERM", 15), ("SIGUSR1", 10), ("12", 12), ("RTMIN+1", 35)])
def test_kill_must_send_the_specified_signal(bundle, name, number):
    bundle.started("sh", "-c", f"trap 'echo got > /tmp/got; exit' {number}; touch /tmp/ready; while :; do sleep 0.01; done")
    wait_for(lambda: (bundle.root / "tmp/ready").exists())
    assert bundle.call("kill", bundle.id, name).returncode == 0
    wait_for(lambda: bundle.status() == "stopped")
    assert (bundle.root / "tmp/got").read_text() == "got\n"


def test_kill_reaches_a_created_container(bundle):
    bundle.create("true")
    assert bundle.call("kill", bundle.id, "KILL").returncode == 0
    wait_for(lambda: bundle.status() == "stopped")


def test_kill_with_an_unknown_signal_is_an_error(bundle):
    bundle.started()
    assert bundle.call("kill", bundle.id, "NOSUCH").returncode != 0
    assert bundle.status() == "running"


def test_delete_must_generate_an_error_without_an_id_or_for_one_that_does_not_exist(bundle):
    assert bundle.call("delete").returncode != 0
    assert bundle.call("delete", "nobody").returncode != 0


def test_delete_of_a_created_container_must_have_no_effect_and_generate_an_error(bundle):
    bundle.create("true")
    pid = bundle.pid()
    assert bundle.call("delete", bundle.id).returncode != 0
    assert (bundle.pid(), bundle.status()) == (pid, "created")
    bundle.start()


def test_delete_of_a_running_container_must_have_no_effect_and_generate_an_error(bundle):
    pid = bundle.started()
    assert bundle.call("delete", bundle.id).returncode != 0
    assert (bundle.pid(), bundle.status()) == (pid, "running")


def test_delete_must_delete_what_create_made_and_free_the_id(bundle):
    bundle.linux["cgroupsPath"] = f"/{bundle.id}"
    bundle.started("true")
    wait_for(lambda: bundle.status() == "stopped")
    assert bundle.cgroups()
    assert bundle.call("delete", bundle.id).returncode == 0
    assert bundle.cgroups() == [] and not list(bundle.states.glob("*"))
    assert bundle.call("state", bundle.id).returncode != 0
    assert bundle.run("echo", "again") == "again\n"


def test_delete_must_not_delete_what_the_container_did_not_create(bundle):
    holder = subprocess.Popen(["unshare", "-n", "sleep", "1000"])
    try:
        wait_for(lambda: os.readlink(f"/proc/{holder.pid}/ns/net") != os.readlink("/proc/self/ns/net"))
        space = os.readlink(f"/proc/{holder.pid}/ns/net")
        bundle.namespace("network", f"/proc/{holder.pid}/ns/net")
        shared = bundle.path / "shared"
        shared.mkdir()
        bundle.mount("/shared", "bind", shared, ["bind"])
        assert bundle.run("sh", "-c", "echo kept > /shared/file; readlink /proc/self/ns/net").strip() == space
        assert holder.poll() is None and os.readlink(f"/proc/{holder.pid}/ns/net") == space
        assert (shared / "file").read_text() == "kept\n"
    finally:
        holder.kill()
        holder.wait()


def test_delete_of_a_container_must_leave_no_process_of_it(bundle):
    bundle.drop_namespace("pid")
    bundle.started("sh", "-c", "sleep 1234 & echo $! > /tmp/child; wait")
    wait_for(lambda: (bundle.root / "tmp/child").exists() and (bundle.root / "tmp/child").read_text().strip())
    child = int((bundle.root / "tmp/child").read_text())
    os.kill(bundle.pid(), signal.SIGKILL)
    wait_for(lambda: bundle.status() == "stopped")
    assert pathlib.Path(f"/proc/{child}").exists()
    assert bundle.call("delete", bundle.id).returncode == 0
    wait_for(lambda: not pathlib.Path(f"/proc/{child}").exists())


def test_the_pid_file_holds_the_pid_that_state_tells(bundle):
    bundle.create("true", options=("--pid-file", bundle.path / "pid"))
    assert int((bundle.path / "pid").read_text()) == bundle.pid()


def test_an_error_is_told_to_the_log_that_the_caller_names(bundle):
    bundle.mount("/x", "nosuchfs")
    bundle.save()
    log = bundle.path / "log"
    bundle.call("--log", log, "--log-format", "json", "create", "--bundle", bundle.path, bundle.id)
    line = json.loads(log.read_text().splitlines()[-1])
    assert line["level"] == "error" and "nosuchfs" in line["msg"]
