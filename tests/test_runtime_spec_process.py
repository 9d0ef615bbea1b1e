"""runtime-spec 1.2, config.md "process": one test for each MUST of what a Linux process is given."""
import array
import fcntl
import os
import pathlib
import socket
import struct
import termios

import pytest

from bundle import CAPABILITIES
from test_network import wait_for


def status_of(text, *names):
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return [fields[name].split() for name in names]


def test_args_cwd_and_env_are_those_of_the_config(bundle):
    (bundle.root / "some/where").mkdir(parents=True)
    bundle.process.update(cwd="/some/where", env=["PATH=/bin", "HOME=/h", "EMPTY=", "A=b=c d"])
    shown = bundle.run("sh", "-c", "pwd; echo $0 \"$1\" $#; tr '\\0' '\\n' < /proc/self/environ; true", "zero", "one two", "three").splitlines()
    assert shown[:2] == ["/some/where", "zero one two 2"]
    assert set(shown[2:]) - {"PWD=/some/where", "SHLVL=1", "OLDPWD=/"} == {"PATH=/bin", "HOME=/h", "EMPTY=", "A=b=c d"}


@pytest.mark.parametrize("cwd", ["", "relative", "./x"])
def test_cwd_must_be_absolute(bundle, cwd):
    bundle.process["cwd"] = cwd
    bundle.refuse("cwd")


def test_cwd_that_is_no_directory_is_an_error(bundle):
    bundle.process["cwd"] = "/etc/passwd"
    bundle.refuse()


@pytest.mark.parametrize("change", [{"args": []}, {"args": None}, {"args": "true"}, {"args": [1]}, {"env": "A=b"}, {"env": {"A": "b"}}, {"cwd": 1},
                                    {"user": []}, {"user": {"uid": -1}}, {"user": {"uid": 4294967296}}, {"user": {"gid": "0"}},
                                    {"user": {"additionalGids": [-1]}}, {"user": {"additionalGids": "1"}}, {"terminal": "yes"},
                                    {"noNewPrivileges": 1}, {"oomScoreAdj": "x"}, {"oomScoreAdj": 1001}, {"oomScoreAdj": -1001},
                                    {"rlimits": [{"type": "RLIMIT_NOSUCH", "soft": 1, "hard": 1}]}, {"rlimits": [{"soft": 1, "hard": 1}]},
                                    {"rlimits": [{"type": "RLIMIT_NOFILE", "soft": -1, "hard": 1}]}, {"rlimits": {}},
                                    {"capabilities": {"bounding": "CAP_KILL"}}, {"capabilities": []},
                                    {"ioPriority": {"class": "IOPRIO_CLASS_X", "priority": 1}}, {"ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 8}},
                                    {"ioPriority": {"priority": 1}},
                                    {"scheduler": {"policy": "SCHED_X"}}, {"scheduler": {}}, {"scheduler": {"policy": "SCHED_OTHER", "nice": 20}},
                                    {"scheduler": {"policy": "SCHED_OTHER", "flags": ["SCHED_FLAG_X"]}}, {"scheduler": {"policy": "SCHED_FIFO", "priority": 100}}])
def test_invalid_values_must_generate_an_error_and_leave_nothing(bundle, change):
    bundle.process.update(change)
    bundle.refuse()


def test_program_that_does_not_exist_is_an_error_of_create(bundle):
    bundle.process["args"] = ["/no/such/program"]
    bundle.refuse("/no/such/program")


def test_user_is_the_uid_gid_and_additional_gids_in_the_container(bundle):
    bundle.process["user"] = {"uid": 1000, "gid": 2000, "additionalGids": [5, 3000]}
    uids, gids, groups = status_of(bundle.run("cat", "/proc/self/status"), "Uid", "Gid", "Groups")
    assert (uids, gids, groups) == (["1000"] * 4, ["2000"] * 4, ["5", "3000"])


def test_umask_is_that_of_the_user_and_else_unchanged_from_the_runtimes_default(bundle):
    bundle.process["user"]["umask"] = 0o77
    assert bundle.sh("umask") == "0077\n"
    del bundle.process["user"]["umask"]
    assert bundle.sh("umask") == "0022\n"


def test_rlimits_are_set_by_prlimit(bundle):
    bundle.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}, {"type": "RLIMIT_CORE", "soft": 0, "hard": 4096}]
    limits = bundle.run("cat", "/proc/self/limits").splitlines()
    assert next(line for line in limits if line.startswith("Max open files")).split()[3:5] == ["100", "200"]
    assert next(line for line in limits if line.startswith("Max core file")).split()[4:6] == ["0", "4096"]


def test_rlimits_of_the_same_type_must_generate_an_error(bundle):
    bundle.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}, {"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}]
    bundle.refuse("RLIMIT_NOFILE")


def test_a_soft_limit_above_the_hard_one_cannot_be_mapped_and_must_generate_an_error(bundle):
    bundle.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 300, "hard": 200}]
    bundle.refuse()


def mask(*names):
    numbers = {"CAP_CHOWN": 0, "CAP_DAC_OVERRIDE": 1, "CAP_KILL": 5, "CAP_SETGID": 6, "CAP_SETUID": 7, "CAP_NET_RAW": 13}
    return f"{sum(1 << numbers[name] for name in names):016x}"


def test_capabilities_are_the_five_sets_of_the_config(bundle):
    bundle.process["capabilities"] = {
        "bounding": ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_KILL", "CAP_SETUID"], "permitted": ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_KILL"],
        "effective": ["CAP_CHOWN"], "inheritable": ["CAP_KILL", "CAP_DAC_OVERRIDE"], "ambient": ["CAP_KILL"]}
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    sets = status_of(bundle.run("cat", "/proc/self/status"), "CapBnd", "CapInh", "CapPrm", "CapEff", "CapAmb")
    # execve(2) as a user other than root leaves what is ambient; of inheritable and bounding it takes nothing away.
    assert [one[0] for one in sets] == [mask("CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_KILL", "CAP_SETUID"), mask("CAP_KILL", "CAP_DAC_OVERRIDE"),
                                        mask("CAP_KILL"), mask("CAP_KILL"), mask("CAP_KILL")]


def test_capabilities_of_root_are_bounded(bundle):
    bundle.process["capabilities"] = {name: ["CAP_CHOWN", "CAP_KILL"] for name in ("bounding", "permitted", "effective")}
    sets = status_of(bundle.run("cat", "/proc/self/status"), "CapBnd", "CapPrm", "CapEff")
    assert [one[0] for one in sets] == [mask("CAP_CHOWN", "CAP_KILL")] * 3


def test_a_capability_that_cannot_be_mapped_must_be_logged_as_a_warning_and_not_fail(bundle):
    bundle.process["capabilities"]["bounding"] = [*CAPABILITIES, "CAP_NO_SUCH"]
    bundle.process["args"] = ["echo", "fine"]
    bundle.save()
    log = bundle.path / "log"
    done = bundle.call("--log", log, "run", "--bundle", bundle.path, bundle.id)
    assert (done.returncode, done.stdout) == (0, "fine\n")
    assert "CAP_NO_SUCH" in log.read_text() and "level=warning" in log.read_text()


def test_no_new_privileges_is_set_when_asked_for_and_else_not(bundle):
    bundle.process["noNewPrivileges"] = True
    assert status_of(bundle.run("cat", "/proc/self/status"), "NoNewPrivs") == [["1"]]
    bundle.process["noNewPrivileges"] = False
    assert status_of(bundle.run("cat", "/proc/self/status"), "NoNewPrivs") == [["0"]]


def test_oom_score_adj_must_be_set_and_unchanged_when_absent(bundle):
    bundle.process["oomScoreAdj"] = 321
    assert bundle.run("cat", "/proc/self/oom_score_adj") == "321\n"
    bundle.process["oomScoreAdj"] = 0
    assert bundle.run("cat", "/proc/self/oom_score_adj") == "0\n"
    del bundle.process["oomScoreAdj"]
    own = pathlib.Path("/proc/self/oom_score_adj").read_text()
    pathlib.Path("/proc/self/oom_score_adj").write_text("77")
    try:
        assert bundle.run("cat", "/proc/self/oom_score_adj") == "77\n"
    finally:
        pathlib.Path("/proc/self/oom_score_adj").write_text(own)


def scheduling(pid):
    return os.sched_getscheduler(pid), os.sched_getparam(pid).sched_priority, os.getpriority(os.PRIO_PROCESS, pid)


@pytest.mark.parametrize("scheduler, expected", [({"policy": "SCHED_BATCH", "nice": 7}, (os.SCHED_BATCH, 0, 7)), ({"policy": "SCHED_OTHER", "nice": 3}, (os.SCHED_OTHER, 0, 3)),
                                                 ({"policy": "SCHED_IDLE"}, (os.SCHED_IDLE, 0, 0)), ({"policy": "SCHED_FIFO", "priority": 10}, (os.SCHED_FIFO, 10, 0)),
                                                 ({"policy": "SCHED_RR", "priority": 5, "flags": ["SCHED_FLAG_RESET_ON_FORK"]}, (os.SCHED_RR | os.SCHED_RESET_ON_FORK, 5, 0))])
def test_scheduler_is_that_of_the_config(bundle, scheduler, expected):
    # A real-time policy needs a share of the cgroup's real time.
    bundle.linux["resources"] = {"cpu": {"realtimePeriod": 1000000, "realtimeRuntime": 10000}}
    bundle.process["scheduler"] = scheduler
    pid = bundle.started("sleep", "1000")
    assert scheduling(pid) == expected


def test_scheduler_takes_the_deadline_policy(bundle):
    bundle.process["scheduler"] = {"policy": "SCHED_DEADLINE", "runtime": 1000000, "deadline": 10000000, "period": 20000000}
    pid = bundle.started("sleep", "1000")
    assert os.sched_getscheduler(pid) == 6


def test_io_priority_is_that_of_the_config(bundle):
    bundle.process["ioPriority"] = {"class": "IOPRIO_CLASS_IDLE", "priority": 4}
    assert bundle.run("ionice").strip().startswith("idle")
    bundle.process["ioPriority"] = {"class": "IOPRIO_CLASS_BE", "priority": 6}
    assert bundle.run("ionice").strip() == "best-effort: prio 6"


def test_an_apparmor_profile_without_apparmor_must_generate_an_error(bundle):
    if pathlib.Path("/sys/kernel/security/apparmor").exists():
        pytest.skip("this kernel has AppArmor")
    bundle.process["apparmorProfile"] = "some-profile"
    bundle.refuse("apparmor")


class Terminal:
    """The socket on which the runtime hands over a terminal (--console-socket)."""

    def __init__(self, path):
        self.path = path
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()

    def take(self):
        connection, _ = self.listener.accept()
        _, ancillary, _, _ = connection.recvmsg(4096, socket.CMSG_SPACE(4))
        connection.close()
        return array.array("i", ancillary[0][2])[0]


def read_all(master):
    text = b""
    try:
        while piece := os.read(master, 4096):
            text += piece
    except OSError:
        pass
    os.close(master)
    return text.decode().replace("\r\n", "\n")


def test_terminal_is_attached_and_console_size_applied_to_it(bundle):
    bundle.process.update(terminal=True, consoleSize={"height": 33, "width": 99}, args=["sh", "-c", "tty; [ -c /dev/console ] && echo console; readlink /proc/self/fd/0 > /dev/console"])
    terminal = Terminal(bundle.path / "s")
    bundle.create(options=("--console-socket", terminal.path))
    master = terminal.take()
    rows, columns, _, _ = struct.unpack("HHHH", fcntl.ioctl(master, termios.TIOCGWINSZ, b"\0" * 8))
    assert (rows, columns) == (33, 99)
    bundle.start()
    assert read_all(master).split() == ["/dev/pts/0", "console", "/dev/pts/0"]


def test_console_size_must_be_ignored_without_a_terminal(bundle):
    bundle.process["consoleSize"] = {"height": 33, "width": 99}
    assert bundle.sh("tty || true") == "not a tty\n"


def test_terminal_without_a_console_socket_is_an_error(bundle):
    bundle.process["terminal"] = True
    bundle.refuse("tty")


def test_home_is_added_where_the_config_has_none(bundle):
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    assert bundle.sh("echo $HOME") == "/home/u\n"


def test_standard_streams_are_the_runtimes_own(bundle):
    bundle.process["args"] = ["sh", "-c", "echo out; echo err >&2"]
    bundle.create()
    bundle.start()
    wait_for(lambda: bundle.status() == "stopped")
    assert (bundle.output.read_text(), (bundle.path / "errors").read_text()) == ("out\n", "err\n")


def test_no_descriptor_of_the_runtime_is_left_open(bundle):
    # 3 is the directory that ls reads.
    assert bundle.sh("ls /proc/self/fd").split() == ["0", "1", "2", "3"]
