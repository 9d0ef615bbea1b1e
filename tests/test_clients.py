"""Other clients against wharfd, as they come from their registries: aiodocker's own tests, dockerode by a script of ours.

`./dev venv` installs them into build/clients; what could not be had is skipped."""
import json
import os
import pathlib
import shutil
import subprocess
import xml.etree.ElementTree as tree

import pytest

from client_images import hello_archive, python_archive, registry_archive, uhttpd_archive
from daemon import ROOT, Daemon

CLIENTS = ROOT / "build" / "clients"
AIODOCKER = CLIENTS / "aiodocker-0.27.0"
AIODOCKER_FILES = ["containers", "execs", "networks", "volumes", "system", "events", "docker_close", "integration", "images"]
BOLLARD = CLIENTS / "bollard-0.21.1"
# The only ones left out, and why.
BOLLARD_LEFT_OUT = {
    "container_test": {"integration_test_mount_volume_containers": "wants an exposed port shown as it was asked; Docker since 29 adds its protocol"},
    "version_test": {"test_downversioning": "talks to the machine's own Docker, whatever DOCKER_HOST says"},
}
NO_BUILD = "images are not built here yet"
# The only ones left out, and why.
DESELECTED = {
    "test_images.py::test_build_from_remote_file": "needs the internet",
    "test_images.py::test_build_from_remote_tar": "needs the internet",
    "test_images.py::test_build_from_tar": NO_BUILD,
    "test_images.py::test_build_from_tar_stream": NO_BUILD,
    "test_images.py::test_build_image_invalid_platform": NO_BUILD,
    "test_images.py::test_prune_images": NO_BUILD,
    "test_images.py::test_prune_builds_with_options": NO_BUILD,
    "test_images.py::test_prune_builds_default_options": NO_BUILD,
}


@pytest.fixture(scope="module")
def stocked(scratch, registry):
    """A daemon to which docker.io is a registry on loopback that has the images these suites ask for."""
    python = python_archive(scratch / "python.tar", "python:latest")
    for tag in ("latest", "3.13-alpine", "3.14-alpine"):
        registry.put(python, f"library/python:{tag}")
    registry.put(registry_archive(scratch / "registry-image.tar"), "library/registry:2")
    daemon = Daemon(scratch / "stocked", bridge="wharf-test4", subnet="172.27.0.1/16")
    # The suites reach a registry they run themselves by the address of the bridge.
    config = {"registry-mirrors": [f"http://{registry.address}"], "insecure-registries": ["172.27.0.0/16"]}
    (daemon.home / "daemon.json").write_text(json.dumps(config))
    daemon.start()
    for tag in ("latest", "3.13-alpine"):
        daemon.docker("pull", "-q", f"python:{tag}")
    yield daemon
    daemon.destroy()


@pytest.mark.timeout(300)
def test_aiodockers_own_tests_pass(stocked, tmp_path):
    python = CLIENTS / "aiodocker" / "bin" / "python"
    if not python.exists() or not AIODOCKER.exists():
        pytest.skip("aiodocker 0.27.0 or its source is not installed in build/clients (./dev venv)")
    results = tmp_path / "results.xml"
    left_out = [f"--deselect=tests/{name}" for name in DESELECTED]
    # Its plugins for coverage and for warnings at the end of the process are not what is tested.
    run = subprocess.run([str(python), "-m", "pytest", "-q", "--timeout=60", "-o", "addopts=", "-p", "no:cacheprovider", "-p", "no:unraisableexception",
                          f"--junitxml={results}", *left_out, *(f"tests/test_{name}.py" for name in AIODOCKER_FILES)],
                         cwd=AIODOCKER, env={**stocked.environment(), "TESTCONTAINERS_RYUK_DISABLED": "true"}, capture_output=True, text=True)
    bad = [f"{case.get('classname')}::{case.get('name')}: {reason.get('message')}" for case in tree.parse(results).iter("testcase")
           for reason in (*case.findall("failure"), *case.findall("error"))]
    assert bad == [], run.stdout[-6000:]
    assert len(list(tree.parse(results).iter("testcase"))) > 90


@pytest.mark.timeout(600)
@pytest.mark.parametrize("suite", ["container_test", "exec_test", "network_test", "race_test", "system_test", "version_test", "volume_test"])
def test_bollards_own_tests_pass(stocked, registry, archive, suite):
    cargo = shutil.which("cargo")
    if not cargo or not BOLLARD.exists():
        pytest.skip("bollard 0.21.1 is not in build/clients, or there is no cargo (./dev venv)")
    registry.put(hello_archive(stocked.home / "hello.tar"), "hello-world:linux")
    registry.put(uhttpd_archive(stocked.home / "uhttpd.tar"), "fussybeaver/uhttpd:latest")
    registry.put(archive, "alpine:latest")
    environment = {**stocked.environment(), "REGISTRY_HTTP_ADDR": registry.address, "REGISTRY_PASSWORD": "none", "RUST_BACKTRACE": "0"}
    left_out = [word for name in BOLLARD_LEFT_OUT.get(suite, ()) for word in ("--skip", name)]
    # One at a time: some count all containers there are, and some remove all that are not used.
    run = subprocess.run([cargo, "test", "-q", "--offline", "--target-dir", str(CLIENTS / "bollard-target"), "--test", suite, "--", "--test-threads=1", *left_out],
                         cwd=BOLLARD, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
    assert "test result: ok." in run.stdout and " 0 passed" not in run.stdout


def test_dockerode_finds_dockers_answers(daemon):
    modules = CLIENTS / "node_modules"
    if not (modules / "dockerode").exists():
        pytest.skip("dockerode is not installed in build/clients (./dev venv)")
    script = pathlib.Path(__file__).parent / "support" / "dockerode.js"
    run = subprocess.run(["node", str(script), str(daemon.socket), str(modules), "busybox"], capture_output=True, text=True, timeout=120, env=os.environ)
    lines = run.stdout.splitlines()
    assert [line for line in lines if not line.startswith("ok ")] == [], run.stdout + run.stderr
    assert len(lines) == 14
