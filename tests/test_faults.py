"""Every system call of the daemon made to fail, or to be its last, in turn: nothing leaks, the same works afterwards.

Needs a build with the fault hook (src/os/fault.h); the debug preset has it."""
import os
import subprocess
import time

import pytest

from daemon import Daemon
from inventory import settle, supervisors

STEPS = int(os.environ.get("WHARF_FAULT_STEPS", "12"))


@pytest.fixture(scope="module")
def prepared(scratch, archive):
    daemon = Daemon(scratch / "faults", bridge="wharf-test3", subnet="172.28.0.1/16")
    daemon.start()
    daemon.docker("load", "-q", "-i", archive)
    daemon.docker("run", "--rm", "busybox", "true")
    yield daemon
    if daemon.process.poll() is not None:
        daemon.start()
    daemon.destroy()


def leftovers(daemon):
    """What a restart and a removal of everything leave behind, but for the image."""
    daemon.remove_containers()
    deadline = time.monotonic() + 5
    while supervisors(daemon) and time.monotonic() < deadline:
        time.sleep(0.05)
    return supervisors(daemon), sorted(p.name for p in (daemon.data / "writable").iterdir()) if (daemon.data / "writable").exists() else []


@pytest.mark.parametrize("call", ["openat", "open", "mkdir", "mkdirat", "rename", "fsopen", "fsmount", "fsconfig", "sendmsg", "pipe2", "socketpair", "posix_spawn"])
@pytest.mark.parametrize("failure", ["EIO", "KILL"])
def test_a_run_with_call_n_failing_leaves_nothing(prepared, call, failure):
    daemon = prepared
    daemon.stop()
    for number in range(1, STEPS + 1, 3):
        daemon.start(env={"WHARF_FAULT": f"{number}:{failure}", "WHARF_FAULT_CALLS": call}, wait=False)
        try:
            daemon.wait_until_up(3)
            subprocess.run(["docker", "run", "--rm", "busybox", "true"], env=daemon.environment(), capture_output=True, timeout=30)
        except RuntimeError:
            pass  # The fault hit the start itself.
        daemon.process.kill()
        daemon.process.wait()
        daemon.start()
        assert daemon.docker("run", "--rm", "busybox", "echo", "ok").stdout == "ok\n"
        assert leftovers(daemon) == ([], [])
        daemon.stop()
    daemon.start()
