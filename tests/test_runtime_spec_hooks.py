"""runtime-spec 1.2, config.md "POSIX-platform Hooks" and the lifecycle of runtime.md. One test for each MUST."""
import json
import os
import pathlib
import time

import pytest

from test_network import wait_for

STAGES = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]
AT_CREATE = STAGES[:3]


class Hooks:
    """Hooks of a bundle that write down what they see."""

    def __init__(self, bundle):
        self.bundle = bundle
        bundle.config["hooks"] = self.all = {}
        self.record = bundle.path / "record"
        self.record.mkdir()
        # The same path inside the container, for hooks that run there.
        bundle.mount(str(self.record), "bind", self.record, ["bind"])

    def add(self, stage, script, **more):
        self.all.setdefault(stage, []).append({"path": "/bin/sh", "args": ["sh", "-c", script], "env": ["PATH=/bin:/usr/bin"], **more})

    def note(self, stage, text=""):
        self.add(stage, f"echo {text or stage} >> {self.record}/order")

    def order(self):
        return (self.record / "order").read_text().split() if (self.record / "order").exists() else []

    def read(self, name):
        return (self.record / name).read_text().strip()


@pytest.fixture
def hooks(bundle):
    return Hooks(bundle)


def whole_life(bundle, *args):
    bundle.create(*args)
    bundle.start()
    wait_for(lambda: bundle.status() == "stopped")
    done = bundle.call("delete", bundle.id)
    assert done.returncode == 0, done.stderr


def test_hooks_must_be_invoked_in_the_order_of_the_lifecycle_and_of_their_array(bundle, hooks):
    for stage in STAGES:
        hooks.note(stage, f"{stage}-1")
        hooks.note(stage, f"{stage}-2")
    whole_life(bundle, "true")
    assert hooks.order() == [f"{stage}-{n}" for stage in STAGES for n in (1, 2)]


def test_hooks_of_run_are_those_of_create_start_and_delete(bundle, hooks):
    for stage in STAGES:
        hooks.note(stage)
    bundle.run("true")
    assert hooks.order() == STAGES


def test_hooks_must_be_invoked_by_the_operation_they_belong_to(bundle, hooks):
    for stage in STAGES:
        hooks.note(stage)
    bundle.create("sh", "-c", f"while [ ! -e {hooks.record}/go ]; do sleep 0.01; done")
    assert hooks.order() == AT_CREATE
    bundle.start()
    assert hooks.order() == STAGES[:5]
    (hooks.record / "go").touch()
    wait_for(lambda: bundle.status() == "stopped")
    assert hooks.order() == STAGES[:5]
    bundle.call("delete", bundle.id)
    assert hooks.order() == STAGES


def test_prestart_create_runtime_and_poststart_must_execute_in_the_runtime_namespace(bundle, hooks):
    stages = ["prestart", "createRuntime", "poststart", "poststop"]
    for stage in stages:
        hooks.add(stage, f"readlink /proc/self/ns/mnt /proc/self/ns/net /proc/self/ns/uts > {hooks.record}/{stage}")
    whole_life(bundle, "true")
    host = [os.readlink(f"/proc/self/ns/{kind}") for kind in ("mnt", "net", "uts")]
    assert {stage: hooks.read(stage).split() for stage in stages} == {stage: host for stage in stages}


def test_create_container_must_execute_in_the_container_namespace_with_its_path_of_the_runtime(bundle, hooks):
    program = bundle.path / "hook"
    program.write_text(f"#!/bin/sh\nreadlink /proc/self/ns/net /proc/self/ns/uts /proc/self/ns/mnt > {hooks.record}/seen\n")
    program.chmod(0o755)
    hooks.all["createContainer"] = [{"path": str(program), "env": ["PATH=/bin:/usr/bin"]}]
    bundle.create("true")
    expected = [os.readlink(f"/proc/{bundle.pid()}/ns/{kind}") for kind in ("net", "uts", "mnt")]
    assert hooks.read("seen").split() == expected
    assert os.readlink("/proc/self/ns/net") not in expected


def test_start_container_must_execute_in_the_container_namespace_with_its_path_of_the_container(bundle, hooks):
    (bundle.root / "bin/only-inside").write_text(f"#!/bin/sh\nreadlink /proc/self/ns/mnt /proc/self/ns/net > {hooks.record}/seen; hostname >> {hooks.record}/seen\n")
    (bundle.root / "bin/only-inside").chmod(0o755)
    bundle.config["hostname"] = "inner"
    hooks.all["startContainer"] = [{"path": "/bin/only-inside", "env": ["PATH=/bin"]}]
    bundle.create("sh", "-c", "readlink /proc/self/ns/mnt /proc/self/ns/net; hostname")
    bundle.start()
    wait_for(lambda: bundle.status() == "stopped")
    assert hooks.read("seen") == bundle.output.read_text().strip()


def test_hooks_of_create_must_run_after_the_namespaces_and_before_pivot_root(bundle, hooks):
    for stage in ("prestart", "createRuntime"):
        hooks.add(stage, f"pid=$(sed 's/.*\"pid\":\\([0-9]*\\).*/\\1/'); readlink /proc/$pid/ns/mnt > {hooks.record}/{stage}; readlink /proc/$pid/root >> {hooks.record}/{stage}")
    bundle.create("true")
    space = os.readlink(f"/proc/{bundle.pid()}/ns/mnt")
    for stage in ("prestart", "createRuntime"):
        assert hooks.read(stage).split() == [space, "/"]


def test_create_container_must_run_after_the_mounts_and_before_pivot_root(bundle, hooks):
    bundle.mount("/made", "tmpfs", "made-by-config")
    hooks.add("createContainer", f"cat /proc/self/mounts > {hooks.record}/mounts; ls / > {hooks.record}/root")
    bundle.create("true")
    assert "made-by-config" in hooks.read("mounts")
    assert "usr" in hooks.read("root").split()  # of the host, not of busybox's root


def test_start_container_must_run_before_the_program(bundle, hooks):
    hooks.note("startContainer", "hook")
    whole_life(bundle, "sh", "-c", f"echo program >> {hooks.record}/order")
    assert hooks.order() == ["hook", "program"]


def test_poststart_must_run_after_the_program_started_and_before_start_returns(bundle, hooks):
    hooks.add("poststart", f"pid=$(sed 's/.*\"pid\":\\([0-9]*\\).*/\\1/'); tr '\\0' ' ' < /proc/$pid/cmdline > {hooks.record}/running")
    bundle.started("sleep", "1234")
    assert hooks.read("running") == "sleep 1234"


def test_poststop_must_run_after_the_container_is_deleted_and_before_delete_returns(bundle, hooks):
    bundle.linux["cgroupsPath"] = f"/{bundle.id}"
    hooks.add("poststop", f"ls {bundle.states} > {hooks.record}/states; ls -d /sys/fs/cgroup/*/{bundle.id} > {hooks.record}/groups 2>/dev/null; true")
    whole_life(bundle, "true")
    assert hooks.read("states") == "" and hooks.read("groups") == ""


@pytest.mark.parametrize("stage, status", zip(STAGES, ["creating", "creating", "creating", "created", "running", "stopped"]))
def test_the_state_must_be_passed_to_hooks_over_stdin(bundle, hooks, stage, status):
    bundle.config["annotations"] = {"key": "value"}
    hooks.add(stage, f"cat > {hooks.record}/state")
    bundle.create("sleep", "1000")
    pid = bundle.pid()
    bundle.start()
    bundle.call("kill", bundle.id, "KILL")
    wait_for(lambda: bundle.status() == "stopped")
    bundle.call("delete", bundle.id)
    state = json.loads(hooks.read("state"))
    assert (state["id"], state["status"], state["bundle"], state["annotations"]) == (bundle.id, status, str(bundle.path.resolve()), {"key": "value"})
    assert state["ociVersion"].startswith("1.")
    inside = stage in ("createContainer", "startContainer")
    assert state.get("pid", 0) == {"stopped": 0}.get(status, 1 if inside else pid)


def test_hooks_get_the_args_and_env_of_the_config_and_no_others(bundle, hooks):
    for stage in ("prestart", "poststart"):
        hooks.all[stage] = [{"path": "/bin/sh", "args": ["as-named", "-c", f'echo $0 "$@" > {hooks.record}/{stage}; tr "\\0" "\\n" < /proc/$$/environ >> {hooks.record}/{stage}', "zero", "one two"],
                             "env": ["PATH=/bin:/usr/bin", "A=b c"]}]
    whole_life(bundle, "true")
    for stage in ("prestart", "poststart"):
        assert hooks.read(stage).splitlines() == ["zero one two", "PATH=/bin:/usr/bin", "A=b c"]


def test_a_hook_without_args_gets_its_path_as_the_first(bundle, hooks):
    program = bundle.path / "hook"
    program.write_text(f"#!/bin/sh\necho $0 $# > {hooks.record}/seen\n")
    program.chmod(0o755)
    hooks.all["prestart"] = [{"path": str(program)}]
    bundle.run("true")
    assert hooks.read("seen") == f"{program} 0"


@pytest.mark.parametrize("stage", AT_CREATE)
def test_a_failing_hook_of_create_must_generate_an_error_stop_the_container_and_run_poststop(bundle, hooks, stage):
    hooks.note(stage, "first")
    hooks.add(stage, "exit 7")
    hooks.note(stage, "never")
    for later in STAGES[STAGES.index(stage) + 1:5]:
        hooks.note(later)
    hooks.note("poststop")
    words = bundle.refuse(stage, "7")
    assert hooks.order() == ["first", "poststop"], words
    assert bundle.call("state", bundle.id).returncode != 0


def test_a_failing_start_container_hook_must_generate_an_error_stop_the_container_and_delete_it(bundle, hooks):
    bundle.linux["cgroupsPath"] = f"/{bundle.id}"
    hooks.add("startContainer", "exit 3")
    hooks.note("poststart")
    hooks.note("poststop")
    bundle.create("touch", "/tmp/ran")
    done = bundle.call("start", bundle.id)
    assert done.returncode != 0 and "startContainer" in done.stderr
    assert hooks.order() == ["poststop"]
    assert not (bundle.root / "tmp/ran").exists()
    assert bundle.call("state", bundle.id).returncode != 0 and bundle.cgroups() == []


def test_a_failing_poststart_hook_must_generate_an_error_stop_the_container_and_delete_it(bundle, hooks):
    hooks.add("poststart", "exit 4")
    hooks.note("poststart", "never")
    hooks.note("poststop")
    bundle.create("sleep", "1000")
    pid = bundle.pid()
    done = bundle.call("start", bundle.id)
    assert done.returncode != 0 and "poststart" in done.stderr
    assert hooks.order() == ["poststop"]
    wait_for(lambda: not pathlib.Path(f"/proc/{pid}").exists())
    assert bundle.call("state", bundle.id).returncode != 0


def test_a_failing_poststop_hook_must_log_a_warning_and_the_rest_go_on(bundle, hooks):
    hooks.add("poststop", "exit 5")
    hooks.note("poststop", "second")
    bundle.started("true")
    wait_for(lambda: bundle.status() == "stopped")
    log = bundle.path / "log"
    done = bundle.call("--log", log, "--log-format", "json", "delete", bundle.id)
    assert done.returncode == 0, done.stderr
    assert hooks.order() == ["second"]
    line = json.loads(log.read_text().splitlines()[-1])
    assert line["level"] == "warning" and "poststop" in line["msg"] and "5" in line["msg"]
    assert bundle.call("state", bundle.id).returncode != 0


@pytest.mark.parametrize("stage", AT_CREATE)
def test_a_hook_that_takes_longer_than_its_timeout_is_aborted_and_fails(bundle, hooks, stage):
    hooks.add(stage, "exec sleep 60", timeout=1)
    begun = time.monotonic()
    bundle.refuse(stage)
    assert time.monotonic() - begun < 10


def test_a_hook_that_does_not_read_its_stdin_stops_nobody(bundle, hooks):
    bundle.config["annotations"] = {f"key{n}": "x" * 100 for n in range(100)}
    hooks.add("prestart", "exec <&-; exit 0")
    hooks.add("createRuntime", "true")
    assert bundle.run("echo", "fine") == "fine\n"


def test_a_hook_that_does_not_exist_fails(bundle, hooks):
    hooks.all["createRuntime"] = [{"path": "/no/such/hook"}]
    bundle.refuse("/no/such/hook")


@pytest.mark.parametrize("hook", [{"path": "bin/true"}, {"path": ""}, {}, {"path": "/bin/true", "timeout": 0}, {"path": "/bin/true", "timeout": -1},
                                  {"path": "/bin/true", "args": "x"}, {"path": "/bin/true", "env": [1]}])
def test_hook_values_must_be_an_absolute_path_and_a_timeout_above_zero(bundle, hooks, hook):
    hooks.all["prestart"] = [hook]
    bundle.refuse()
