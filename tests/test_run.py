"""docker run: what a container gets, and what its exit says."""
import json
import subprocess
import time

import pytest


def run(daemon, *args, **kwargs):
    return daemon.docker("run", "--rm", *args, **kwargs)


def test_output_and_exit_code_of_a_command(daemon):
    result = run(daemon, "busybox", "sh", "-c", "echo out; echo err >&2; exit 7", check=False)
    assert (result.stdout, result.stderr, result.returncode) == ("out\n", "err\n", 7)


@pytest.mark.parametrize("command, code", [
    (["/nonexistent"], 127), (["nonexistent"], 127), (["/etc/passwd"], 126), (["/etc"], 126), (["sh", "-c", "exit 42"], 42), (["false"], 1),
])
def test_exit_codes_are_dockers(daemon, command, code):
    assert run(daemon, "busybox", *command, check=False).returncode == code


def test_a_flag_the_daemon_refuses_gives_125(daemon):
    assert run(daemon, "--memory", "1m", "busybox", "true", check=False).returncode == 125


def test_environment_workdir_user_hostname_entrypoint_labels(daemon):
    out = run(daemon, "-e", "A=b", "-w", "/var/x", "-h", "box", "-u", "u", "--entrypoint", "/bin/sh", "-l", "k=v", "busybox", "-c",
              "echo $A; pwd; hostname; id -u; id -G; echo $HOME").stdout.split("\n")
    assert out[:6] == ["b", "/var/x", "box", "1000", "1000 2000", "/home"]


@pytest.mark.parametrize("user, groups, uid", [
    ("u", "1000 2000", 1000), ("u:u", "1000", 1000), ("1000", "1000 2000", 1000), ("1000:1000", "1000", 1000), ("5:6", "6", 5), ("0", "0", 0),
])
def test_groups_are_exactly_those_of_the_user(daemon, user, groups, uid):
    out = run(daemon, "-u", user, "busybox", "sh", "-c", "id -u; id -G").stdout.split("\n")
    assert (int(out[0]), out[1]) == (uid, groups)


@pytest.mark.parametrize("user", ["2147483648", "4294967295", "4294967296", "-1", "0x0", "1e3", "1000:4294967296", "nosuch"])
def test_a_user_that_is_no_user_is_refused(daemon, user):
    assert run(daemon, f"--user={user}", "busybox", "true", check=False).returncode in (125, 126)


def test_group_add_adds(daemon):
    assert run(daemon, "-u", "1000:1000", "--group-add", "3000", "busybox", "id", "-G").stdout.split() == ["1000", "3000"]


def test_read_only_root_with_a_tmpfs(daemon):
    out = run(daemon, "--read-only", "--tmpfs", "/t:size=1m", "busybox", "sh", "-c",
              "touch /x 2>&1; touch /t/x && echo yes; df -k /t | tail -n 1").stdout
    assert "Read-only file system" in out and "yes" in out and "1024" in out


def test_bind_mounts_read_write_and_read_only(daemon, tmp_path):
    (tmp_path / "in").write_text("hello")
    out = run(daemon, "-v", f"{tmp_path}:/m:ro", "-v", f"{tmp_path}/made:/made", "busybox", "sh", "-c",
              "cat /m/in; touch /m/x 2>&1; echo y > /made/f").stdout
    assert out.startswith("hello") and "Read-only file system" in out
    assert (tmp_path / "made" / "f").read_text() == "y\n"


def test_default_capabilities_and_what_adds_and_drops_change(daemon):
    def caps(*flags):
        text = run(daemon, *flags, "busybox", "grep", "Cap", "/proc/self/status").stdout
        return dict(line.split(":\t") for line in text.strip().split("\n"))
    default = caps()
    assert default == {"CapInh": "0000000000000000", "CapPrm": "00000000a80425fb", "CapEff": "00000000a80425fb",
                       "CapBnd": "00000000a80425fb", "CapAmb": "0000000000000000"}
    assert caps("--cap-drop", "ALL")["CapBnd"] == "0000000000000000"
    assert caps("--cap-drop", "ALL", "--cap-add", "CHOWN")["CapEff"] == "0000000000000001"
    assert caps("--cap-add", "NET_ADMIN")["CapEff"] == "00000000a80435fb"
    user = caps("-u", "1000")
    assert user["CapEff"] == "0000000000000000" and user["CapAmb"] == "0000000000000000"
    assert int(caps("--privileged")["CapEff"], 16) > 0x1ffffffffff >> 1


def test_seccomp_is_on_and_mount_is_refused_by_default(daemon):
    assert "Seccomp:\t2" in run(daemon, "busybox", "grep", "Seccomp:", "/proc/self/status").stdout
    assert "Seccomp:\t0" in run(daemon, "--security-opt", "seccomp=unconfined", "busybox", "grep", "Seccomp:", "/proc/self/status").stdout
    assert run(daemon, "busybox", "mount", "-t", "tmpfs", "x", "/tmp", check=False).returncode != 0
    assert run(daemon, "busybox", "unshare", "-U", "true", check=False).returncode != 0
    assert run(daemon, "--privileged", "busybox", "mount", "-t", "tmpfs", "x", "/tmp").returncode == 0


def test_no_new_privileges(daemon):
    assert "NoNewPrivs:\t1" in run(daemon, "--security-opt", "no-new-privileges", "busybox", "grep", "NoNewPrivs", "/proc/self/status").stdout


@pytest.mark.parametrize("path", ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/interrupts", "/proc/1/root/proc/timer_list"])
def test_masked_files_read_empty(daemon, path):
    assert run(daemon, "busybox", "cat", path, check=False).stdout == ""


def test_read_only_paths_refuse_writes(daemon):
    out = run(daemon, "busybox", "sh", "-c", "echo 1 > /proc/sys/kernel/panic; echo b > /proc/irq/default_smp_affinity; mkdir /sys/x", check=False)
    assert out.stderr.count("Read-only file system") == 3


def test_limits_reach_the_cgroups(daemon):
    out = run(daemon, "-m", "32m", "--cpus", "0.5", "--pids-limit", "50", "--cpu-shares", "512", "busybox", "sh", "-c",
              "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/cpu/cpu.shares")
    assert out.stdout.split() == [str(32 << 20), "50000", "50", "512"]


def test_cgroup_files_cannot_be_changed_from_inside(daemon):
    out = run(daemon, "busybox", "sh", "-c", "echo $$ > /sys/fs/cgroup/pids/cgroup.procs; mkdir /sys/fs/cgroup/memory/x; echo -1 > /sys/fs/cgroup/pids/pids.max", check=False)
    assert out.stderr.count("Read-only file system") == 3


def test_a_container_over_its_memory_is_killed_and_says_so(daemon):
    daemon.docker("run", "--name", "oom", "-m", "20m", "busybox", "tail", "/dev/zero", check=False)
    state = daemon.inspect("oom")["State"]
    assert (state["OOMKilled"], state["ExitCode"]) == (True, 137)


def test_ulimits_and_shm_size_and_oom_score(daemon):
    out = run(daemon, "--ulimit", "nofile=100:200", "--shm-size", "2m", "--oom-score-adj", "77", "busybox", "sh", "-c",
              "ulimit -n; ulimit -Hn; df -k /dev/shm | tail -n 1 | awk '{print $2}'; cat /proc/self/oom_score_adj").stdout.split()
    assert out == ["100", "200", "2048", "77"]


def test_a_fork_bomb_stays_within_its_limit_and_stops(daemon):
    daemon.docker("run", "-d", "--name", "bomb", "--pids-limit", "64", "busybox", "sh", "-c", "f(){ f|f& };f; sleep 60")
    time.sleep(0.5)
    started = time.monotonic()
    daemon.docker("rm", "-f", "bomb")
    assert time.monotonic() - started < 3


def test_devices_and_namespaces(daemon):
    out = run(daemon, "busybox", "sh", "-c", "ls /dev; echo $$; ls -l /proc/self/fd | wc -l").stdout.split()
    for name in ("null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts", "shm", "mqueue", "stdin", "stdout", "stderr", "fd"):
        assert name in out
    assert "1" in out


def test_only_the_standard_descriptors_reach_the_container(daemon):
    out = run(daemon, "busybox", "ls", "/proc/self/fd").stdout.split()
    assert out == ["0", "1", "2", "3"]  # 3 is the directory that ls itself reads.


@pytest.mark.parametrize("n", range(3, 31, 3))
def test_a_working_directory_through_a_descriptor_leads_nowhere(daemon, n):
    """CVE-2024-21626."""
    result = run(daemon, "-w", f"/proc/self/fd/{n}", "busybox", "readlink", "/proc/self/cwd", check=False)
    assert result.returncode != 0 or not result.stdout.startswith("(unreachable)")


def test_mknod_of_a_disk_is_made_but_not_opened(daemon):
    out = run(daemon, "busybox", "sh", "-c", "mknod /d b 254 0 && dd if=/d of=/dev/null count=1", check=False)
    assert "Operation not permitted" in out.stderr


def test_a_device_that_was_asked_for_is_there(daemon):
    assert run(daemon, "--device", "/dev/fuse", "busybox", "ls", "/dev/fuse").stdout.strip() == "/dev/fuse"


def test_sysctl_is_applied(daemon):
    assert run(daemon, "--sysctl", "net.ipv4.ip_forward=0", "busybox", "cat", "/proc/sys/net/ipv4/ip_forward").stdout.strip() == "0"


def test_inherited_environment_and_init(daemon):
    assert "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" in run(daemon, "busybox", "env").stdout


def test_detached_container_lifecycle(daemon):
    cid = daemon.out("run", "-d", "--name", "life", "busybox", "sleep", "100")
    assert len(cid) == 64
    assert daemon.out("ps", "-q", "--no-trunc") == cid
    assert "life" in daemon.out("ps", "--format", "{{.Names}}")
    assert daemon.inspect("life")["State"]["Running"] is True
    assert "sleep 100" in daemon.out("top", "life")
    daemon.docker("rename", "life", "living")
    started = time.monotonic()
    daemon.docker("stop", "-t", "1", "living")
    assert 0.5 < time.monotonic() - started < 4
    assert daemon.inspect("living")["State"]["ExitCode"] == 137
    daemon.docker("start", "living")
    daemon.docker("restart", "-t", "0", "living")
    assert daemon.inspect("living")["State"]["Running"] is True
    daemon.docker("kill", "-s", "KILL", "living")
    assert daemon.out("wait", "living") == "137"
    daemon.docker("rm", "living")
    assert daemon.docker("inspect", "living", check=False).returncode == 1


def test_pid_one_that_traps_term_ends_with_its_own_code(daemon):
    daemon.docker("run", "-d", "--name", "trap", "busybox", "sh", "-c", "trap 'exit 3' TERM; while :; do sleep 0.1; done")
    time.sleep(0.3)
    daemon.docker("stop", "trap")
    assert daemon.inspect("trap")["State"]["ExitCode"] == 3


def test_rm_removes_at_exit_and_wait_removed_returns(daemon):
    daemon.docker("run", "--rm", "--name", "gone", "busybox", "true")
    assert daemon.out("ps", "-aq", "--filter", "name=gone") == ""


def test_ps_filters(daemon):
    daemon.docker("run", "-d", "--name", "f1", "-l", "color=red", "busybox", "sleep", "60")
    daemon.docker("run", "--name", "f2", "-l", "color=blue", "busybox", "sh", "-c", "exit 3", check=False)
    names = lambda *flags: sorted(daemon.out("ps", "-a", "--format", "{{.Names}}", *flags).split())
    assert names("--filter", "label=color=red") == ["f1"]
    assert names("--filter", "label=color") == ["f1", "f2"]
    assert names("--filter", "status=exited") == ["f2"]
    assert names("--filter", "exited=3") == ["f2"]
    assert names("--filter", "ancestor=busybox") == ["f1", "f2"]
    assert names("--filter", "name=^f2$") == ["f2"]


def test_events_tell_the_life_of_a_container_in_order(daemon):
    since = str(int(time.time()))
    daemon.docker("run", "--rm", "--name", "told", "busybox", "true")
    lines = daemon.out("events", "--since", since, "--until", str(int(time.time()) + 1), "--filter", "container=told",
                       "--format", "{{.Action}}").split("\n")
    assert lines == ["create", "attach", "start", "die", "destroy"]


def test_a_tty_is_a_terminal_of_its_own(daemon):
    out = subprocess.run(["script", "-qec", f"docker run --rm -it busybox sh -c 'tty; stty size; test -t 0 && echo yes'", "/dev/null"],
                         env=daemon.environment(), capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=30).stdout
    assert "/dev/pts/0" in out or "/dev/console" in out
    assert "yes" in out


def test_labels_and_image_settings_reach_inspect(daemon):
    daemon.docker("create", "--name", "made", "-l", "a=b", "busybox")
    info = daemon.inspect("made")
    assert info["Config"]["Labels"]["a"] == "b" and info["State"]["Status"] == "created" and info["Config"]["Cmd"] == ["sh"]
    assert json.dumps(info["HostConfig"])


def test_pid_ipc_uts_and_network_of_another_container(daemon):
    daemon.docker("run", "-d", "--name", "first", "--ipc", "shareable", "busybox", "sleep", "60")
    out = run(daemon, "--network", "container:first", "--pid", "container:first", "--ipc", "container:first", "busybox", "sh", "-c",
              "ps | grep 'sleep 60' | grep -v grep; hostname")
    assert "sleep 60" in out.stdout


def test_host_namespaces(daemon):
    import os
    out = run(daemon, "--network", "host", "--pid", "host", "--uts", "host", "--ipc", "host", "busybox", "sh", "-c",
              "for n in net pid uts ipc; do readlink /proc/self/ns/$n; done").stdout.split()
    assert out == [os.readlink(f"/proc/self/ns/{n}") for n in ("net", "pid", "uts", "ipc")]
