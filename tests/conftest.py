"""What the whole-path tests share: a daemon of their own, images, a registry, a neighbour machine, an inventory."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent / "support"))

from bundle import Bundle  # noqa: E402
from daemon import Daemon  # noqa: E402
from images import busybox_archive  # noqa: E402
from inventory import at_rest, settle  # noqa: E402
from registry import Registry  # noqa: E402
from remapped import Remapped  # noqa: E402
from remote import Remote  # noqa: E402


@pytest.fixture(scope="session")
def scratch():
    """A directory on a file system of its own, so that nothing here shares the root's disk."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="wharf-test-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def archive(scratch):
    """busybox:latest as a docker-archive, made from the machine's static busybox."""
    return busybox_archive(scratch / "busybox.tar")


@pytest.fixture(scope="session")
def shared_daemon(scratch, archive):
    daemon = Daemon(scratch / "shared", bridge="wharf-test0", subnet="172.29.0.1/16")
    daemon.start()
    daemon.docker("load", "-q", "-i", archive)
    yield daemon
    daemon.destroy()


@pytest.fixture
def daemon(shared_daemon):
    """The shared daemon; every container that a test made is removed after it."""
    yield shared_daemon
    shared_daemon.remove_containers()


@pytest.fixture
def clean(daemon):
    """The shared daemon; what exists before and after the test must be the same."""
    daemon.docker("run", "--rm", "busybox", "true")
    before = at_rest(daemon)
    yield daemon
    daemon.remove_containers()
    assert settle(daemon, before) == {}


def snapshot(folder):
    return [(str(p.relative_to(folder)), p.lstat().st_mode, p.lstat().st_size, p.lstat().st_mtime_ns, p.lstat().st_nlink,
             p.read_bytes() if p.is_file() else b"") for p in sorted(folder.rglob("*"))]


@pytest.fixture
def canary():
    """A host directory that nothing may change, whose path exists in no image."""
    folder = pathlib.Path(f"/var/tmp/wharf-victim-{os.getpid()}")
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "sub").mkdir(parents=True)
    (folder / "victim").write_text("untouched")
    (folder / "victim").chmod(0o600)
    (folder / "ptmx").write_text("")
    (folder / "sub" / "s").write_text("untouched")
    before = snapshot(folder)
    yield str(folder)
    assert snapshot(folder) == before
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def program(scratch):
    """Compiles tests/support/NAME.c into a static program; its path."""
    def compiled(name, *flags):
        path = scratch / name
        if not path.exists():
            source = pathlib.Path(__file__).parent / "support" / f"{name}.c"
            subprocess.run(["gcc", "-O2", "-static", *flags, "-o", str(path), str(source)], check=True)
        return path
    return compiled


@pytest.fixture
def own_daemon(scratch, archive, request):
    """A daemon that a test may kill, restart and fill."""
    name = "own-" + "".join(c for c in request.node.name if c.isalnum())[:24]
    daemon = Daemon(scratch / name, bridge="wharf-test1", subnet="172.30.0.1/16")
    daemon.start()
    daemon.docker("load", "-q", "-i", archive)
    yield daemon
    daemon.destroy()


@pytest.fixture(scope="session")
def registry(scratch, archive):
    """Debian's docker-registry on loopback with library/busybox, put there by skopeo."""
    registry = Registry(scratch / "registry")
    registry.start()
    registry.put(archive, "library/busybox:latest")
    yield registry
    registry.stop()


@pytest.fixture
def remote(shared_daemon):
    """A network namespace on a veth pair that plays the neighbour machine."""
    remote = Remote()
    yield remote
    remote.close()


@pytest.fixture(scope="session")
def busybox(scratch):
    """The machine's static busybox, on the file system where bundles are made."""
    return shutil.copy(shutil.which("busybox"), scratch / "busybox")


@pytest.fixture
def bundle(scratch, busybox):
    """An OCI bundle; its container is deleted after the test."""
    bundle = Bundle(tempfile.mkdtemp(dir=scratch), busybox)
    yield bundle
    bundle.remove()


@pytest.fixture(scope="module")
def remapped_daemon(scratch, archive):
    daemon = Remapped(pathlib.Path(tempfile.mkdtemp(prefix="remapped-", dir=scratch)), bridge="wharf-test2", subnet="172.28.0.1/16")
    daemon.start()
    daemon.docker("load", "-q", "-i", archive)
    yield daemon
    daemon.destroy()


@pytest.fixture
def remapped(remapped_daemon):
    yield remapped_daemon
    remapped_daemon.remove_containers()
