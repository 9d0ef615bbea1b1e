"""runtime-spec 1.2, config-linux.md "seccomp": actions, arguments, flags, and the agent of SCMP_ACT_NOTIFY. One test for each MUST."""
import array
import ctypes
import fcntl
import json
import os
import socket
import struct
import threading

import pytest

from test_network import wait_for

LIBC = ctypes.CDLL(None, use_errno=True)
RECEIVE, SEND = 0xC0502100, 0xC0182101
CONTINUE = 1
MKDIR = 83


def profile(*rules, action="SCMP_ACT_ALLOW", **more):
    return {"defaultAction": action, "architectures": ["SCMP_ARCH_X86_64"], "syscalls": list(rules), **more}


def rule(name, action, **more):
    return {"names": [name], "action": action, **more}


def test_a_call_with_the_errno_action_gets_its_errno(bundle):
    bundle.linux["seccomp"] = profile(rule("mkdir", "SCMP_ACT_ERRNO", errnoRet=28))
    assert "No space left on device" in bundle.sh("mkdir /tmp/x 2>&1 || true")
    bundle.linux["seccomp"] = profile(rule("mkdir", "SCMP_ACT_ERRNO"))
    assert "Operation not permitted" in bundle.sh("mkdir /tmp/x 2>&1 || true")


def test_the_default_action_holds_for_what_no_rule_names(bundle):
    names = bundle.sh("true") or ["mkdir"]
    bundle.linux["seccomp"] = profile({"names": ["mkdir", *names], "action": "SCMP_ACT_ALLOW"}, action="SCMP_ACT_LOG")
    bundle.sh("mkdir /tmp/x")


@pytest.mark.parametrize("action, code", [("SCMP_ACT_KILL", 159), ("SCMP_ACT_KILL_THREAD", 159), ("SCMP_ACT_KILL_PROCESS", 159), ("SCMP_ACT_TRAP", 159)])
def test_actions_that_end_the_process(bundle, action, code):
    bundle.linux["seccomp"] = profile(rule("mkdir", action))
    bundle.run("mkdir", "/tmp/x", code=code)


def test_trace_without_a_tracer_and_log(bundle):
    bundle.linux["seccomp"] = profile(rule("mkdir", "SCMP_ACT_TRACE", errnoRet=7), rule("rmdir", "SCMP_ACT_LOG"))
    assert "Function not implemented" in bundle.sh("mkdir /tmp/x 2>&1 || true")
    os.mkdir(bundle.root / "tmp/y")
    bundle.sh("rmdir /tmp/y")


@pytest.mark.parametrize("op, value, two, refused", [("SCMP_CMP_EQ", 0o700, 0, [0o700]), ("SCMP_CMP_NE", 0o700, 0, [0o600, 0o755]), ("SCMP_CMP_LT", 0o700, 0, [0o600]),
                                                     ("SCMP_CMP_LE", 0o700, 0, [0o600, 0o700]), ("SCMP_CMP_GT", 0o700, 0, [0o755]), ("SCMP_CMP_GE", 0o700, 0, [0o700, 0o755]),
                                                     ("SCMP_CMP_MASKED_EQ", 0o070, 0o050, [0o755])])
def test_arguments_are_compared_by_the_operator(bundle, op, value, two, refused):
    bundle.linux["seccomp"] = profile(rule("chmod", "SCMP_ACT_ERRNO", args=[{"index": 1, "value": value, "valueTwo": two, "op": op}]))
    (bundle.root / "tmp/f").touch()
    script = "; ".join(f"chmod {mode:o} /tmp/f 2>/dev/null || echo {mode}" for mode in (0o600, 0o700, 0o755))
    assert [int(line) for line in bundle.sh(script).split()] == refused


def test_all_arguments_of_a_rule_have_to_match(bundle):
    bundle.linux["seccomp"] = profile(rule("mknod", "SCMP_ACT_ERRNO", args=[{"index": 1, "value": 0o170000, "valueTwo": 0o010000, "op": "SCMP_CMP_MASKED_EQ"},
                                                                            {"index": 2, "value": 0, "op": "SCMP_CMP_NE"}]))
    bundle.sh("mkfifo /tmp/pipe")


@pytest.mark.parametrize("seccomp", [{}, profile(action="SCMP_ACT_NOSUCH"), profile(rule("mkdir", "SCMP_ACT_NOSUCH")), profile({"action": "SCMP_ACT_ALLOW"}),
                                     profile({"names": "mkdir", "action": "SCMP_ACT_ERRNO"}), profile(rule("mkdir", "SCMP_ACT_ERRNO", errnoRet="x")),
                                     profile(rule("mkdir", "SCMP_ACT_ERRNO", errnoRet=65536)), profile(rule("mkdir", "SCMP_ACT_ERRNO", args=[{"index": 6, "value": 1, "op": "SCMP_CMP_EQ"}])),
                                     profile(rule("mkdir", "SCMP_ACT_ERRNO", args=[{"index": 0, "value": 1, "op": "SCMP_CMP_X"}])), profile(flags=["SECCOMP_FILTER_FLAG_X"]),
                                     {**profile(rule("mkdir", "SCMP_ACT_ERRNO")), "architectures": ["X86"]}, "x"])
def test_profiles_that_are_not_valid_must_generate_an_error(bundle, seccomp):
    bundle.linux["seccomp"] = seccomp
    bundle.refuse("seccomp")


@pytest.mark.parametrize("flag", ["SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"])
def test_flags_are_taken(bundle, flag):
    bundle.linux["seccomp"] = profile(rule("mkdir", "SCMP_ACT_ERRNO"), flags=[flag])
    bundle.sh("mkdir /tmp/x 2>/dev/null", code=1)


def test_another_architecture_than_those_named_is_killed(bundle):
    bundle.linux["seccomp"] = profile(rule("mkdir", "SCMP_ACT_ERRNO"))
    assert "Seccomp:\t2" in bundle.run("cat", "/proc/self/status")


def test_the_filter_is_loaded_as_late_as_can_be(bundle):
    # setresuid, chdir and the like are the runtime's and not the program's.
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    bundle.linux["seccomp"] = profile({"names": ["setresuid", "setresgid", "setgroups", "chdir", "mount", "pivot_root", "close_range"], "action": "SCMP_ACT_KILL_PROCESS"})
    assert bundle.run("busybox", "echo", "fine") == "fine\n"


class Agent:
    """A seccomp agent: takes the state and the descriptor, and answers mkdir(2) as it is told."""

    def __init__(self, path, answer):
        self.path, self.answer, self.states, self.calls = str(path), answer, [], []
        self.ends = []
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(self.path)
        self.listener.listen()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            text, ancillary, _, _ = connection.recvmsg(65536, socket.CMSG_SPACE(4))
            fds = array.array("i", ancillary[0][2])
            # The runtime closes the connection after one state.
            self.ends.append(connection.recv(1))
            connection.close()
            self.states.append((json.loads(text), len(fds)))
            threading.Thread(target=self.decide, args=(fds[0],), daemon=True).start()

    def decide(self, fd):
        while True:
            request = bytearray(80)
            try:
                fcntl.ioctl(fd, RECEIVE, request)
            except OSError:
                os.close(fd)
                return
            number, pid, _, call = struct.unpack_from("=QIIi", request)
            self.calls.append(call)
            value, error, flags = self.answer(call)
            try:
                fcntl.ioctl(fd, SEND, struct.pack("=QqiI", number, value, error, flags))
            except OSError:
                pass

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


@pytest.fixture
def agent(bundle, request):
    agent = Agent(bundle.path / "agent", lambda call: (0, -38, 0) if call == MKDIR else (0, 0, CONTINUE))
    yield agent
    agent.close()


def test_notify_must_send_the_state_and_the_descriptor_once_and_close(bundle, agent):
    bundle.config["annotations"] = {"key": "value"}
    bundle.linux["seccomp"] = profile(rule("mkdir", "SCMP_ACT_NOTIFY"), listenerPath=agent.path, listenerMetadata='for "the agent"')
    bundle.create("sh", "-c", "mkdir /tmp/x 2>&1; echo $?")
    assert agent.states == []
    pid = bundle.pid()
    bundle.start()
    wait_for(lambda: bundle.status() == "stopped")
    assert "Function not implemented" in bundle.output.read_text() and agent.calls == [MKDIR]
    (state, descriptors), = agent.states
    assert (state["fds"], descriptors, state["pid"], state["metadata"], agent.ends) == (["seccompFd"], 1, pid, 'for "the agent"', [b""])
    assert state["ociVersion"].startswith("1.")
    inner = state["state"]
    assert (inner["id"], inner["pid"], inner["bundle"], inner["annotations"]) == (bundle.id, pid, str(bundle.path.resolve()), {"key": "value"})
    assert inner["status"] in ("creating", "created", "running")


@pytest.mark.parametrize("call", ["execve", "capset", "write", "sendmsg", "recvmsg", "read", "close", "mmap", "futex", "nanosleep"])
def test_notify_of_a_call_that_the_runtime_itself_makes_stops_nobody(bundle, agent, call):
    bundle.linux["seccomp"] = profile({"names": [call, "mkdir"], "action": "SCMP_ACT_NOTIFY"}, listenerPath=agent.path)
    assert bundle.sh("echo fine") == "fine\n"
    wait_for(lambda: len(agent.states) == 1)


def test_notify_holds_for_exec_with_a_state_of_its_own(bundle, agent):
    bundle.linux["seccomp"] = profile(rule("mkdir", "SCMP_ACT_NOTIFY"), listenerPath=agent.path)
    pid = bundle.started()
    done = bundle.call("exec", bundle.id, "mkdir", "/tmp/x")
    assert done.returncode == 1 and "Function not implemented" in done.stderr
    states = [state for state, _ in agent.states]
    assert len(states) == 2 and states[0]["pid"] == pid != states[1]["pid"]
    assert states[1]["state"]["pid"] == pid and states[1]["state"]["status"] == "running"


def test_an_agent_that_cannot_be_reached_must_generate_an_error(bundle):
    bundle.linux["seccomp"] = profile(rule("mkdir", "SCMP_ACT_NOTIFY"), listenerPath=str(bundle.path / "nobody"))
    bundle.create("touch", "/tmp/ran")
    done = bundle.call("start", bundle.id)
    assert done.returncode != 0 and "nobody" in done.stderr
    wait_for(lambda: bundle.status() == "stopped")
    assert not (bundle.root / "tmp/ran").exists()
    bundle.call("delete", bundle.id)
    bundle.run("touch", "/tmp/ran", code=1)


def test_notify_without_a_listener_path_must_generate_an_error(bundle):
    bundle.linux["seccomp"] = profile(rule("mkdir", "SCMP_ACT_NOTIFY"))
    bundle.refuse("listenerPath")


def test_a_listener_path_must_be_ignored_without_notify(bundle):
    bundle.linux["seccomp"] = profile(rule("mkdir", "SCMP_ACT_ERRNO"), listenerPath="/nobody/there")
    bundle.sh("mkdir /tmp/x 2>/dev/null", code=1)


def test_notify_as_the_default_action_must_generate_an_error(bundle, agent):
    bundle.linux["seccomp"] = profile(action="SCMP_ACT_NOTIFY", listenerPath=agent.path)
    bundle.refuse("SCMP_ACT_NOTIFY")


def test_a_container_of_the_daemon_has_an_agent_too(daemon, scratch):
    path = scratch / "agent"
    agent = Agent(path, lambda call: (0, -38, 0))
    try:
        profile_file = scratch / "notify.json"
        profile_file.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": str(path), "listenerMetadata": "m", "syscalls": [rule("mkdir", "SCMP_ACT_NOTIFY")]}))
        shown = daemon.docker("run", "-d", "--name", "watched", "--security-opt", f"seccomp={profile_file}", "busybox", "sh", "-c", "mkdir /x; sleep 100")
        wait_for(lambda: "Function not implemented" in daemon.docker("logs", "watched").stderr)
        inside = daemon.docker("exec", "watched", "mkdir", "/y", check=False)
        assert "Function not implemented" in inside.stderr and agent.calls == [MKDIR, MKDIR]
        assert [state["state"]["id"] for state, _ in agent.states] == [shown.stdout.strip()] * 2
        assert agent.states[0][0]["metadata"] == "m"
    finally:
        agent.close()
