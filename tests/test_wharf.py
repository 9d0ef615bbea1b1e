"""The command line `wharf`: Docker's flags, outputs and exit codes, on the same daemon as the stock client."""
import json
import re
import subprocess

import pytest


def same(daemon, *args, check=True):
    """Both clients' (stdout, exit code); they must agree."""
    stock, ours = daemon.docker(*args, check=False), daemon.wharf(*args, check=False)
    assert (ours.stdout, ours.returncode) == (stock.stdout, stock.returncode)
    if check:
        assert ours.returncode == 0, ours.stderr
    return ours


def test_run_streams_and_codes(daemon):
    result = daemon.wharf("run", "--rm", "-i", "-e", "A=b", "busybox", "sh", "-c", "cat; echo $A; echo e >&2; exit 7", input="in\n", check=False)
    assert (result.stdout, result.stderr, result.returncode) == ("in\nb\n", "e\n", 7)


@pytest.mark.parametrize("args", [
    ["run", "--rm", "busybox", "nosuch"], ["run", "--rm", "busybox", "/etc/passwd"], ["run", "--rm", "nosuch:x"], ["run", "--rm", "-m", "1k", "busybox"],
    ["inspect", "nosuch"], ["logs", "nosuch"], ["rmi", "nosuch"], ["exec", "nosuch", "x"], ["nosuchcommand"],
])
def test_failures_have_the_same_exit_code(daemon, args):
    stock, ours = daemon.docker(*args, check=False), daemon.wharf(*args, check=False)
    assert ours.returncode == stock.returncode and ours.stderr.strip()


def test_listings_are_the_same(daemon):
    daemon.docker("run", "-d", "--name", "one", "-p", "18400:80", "-l", "k=v", "busybox", "sleep", "100")
    daemon.docker("create", "--name", "two", "busybox")
    for args in (["ps"], ["ps", "-a"], ["ps", "-aq"], ["ps", "--no-trunc", "-a"], ["images", "-q"], ["ps", "-a", "--filter", "name=two"],
                 ["ps", "-a", "--format", "{{.ID}} {{.Names}} {{.Image}} {{.Ports}} {{.Label \"k\"}}"], ["ps", "-a", "--format", "table {{.Names}}\t{{.Status}}"],
                 ["inspect", "-f", "{{.State.Status}} {{.Config.Image}}", "one"], ["inspect", "--format", "{{json .HostConfig.PortBindings}}", "one"],
                 ["port", "one"], ["images", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}"], ["container", "ls", "-q"], ["image", "ls", "-q"]):
        same(daemon, *args)
    assert json.loads(daemon.wharf("inspect", "one").stdout) == json.loads(daemon.docker("inspect", "one").stdout)


def test_life_by_wharf(daemon):
    cid = daemon.wharf("run", "-d", "--name", "ww", "busybox", "sh", "-c", "echo hi; sleep 100").stdout.strip()
    assert re.fullmatch("[0-9a-f]{64}", cid)
    assert daemon.wharf("exec", "ww", "echo", "in").stdout == "in\n"
    assert daemon.wharf("logs", "ww").stdout == "hi\n"
    assert daemon.wharf("stop", "-t", "0", "ww").stdout == "ww\n"
    assert daemon.wharf("start", "ww").stdout == "ww\n"
    assert daemon.wharf("kill", "ww").stdout == "ww\n"
    assert daemon.wharf("rm", "ww").stdout == "ww\n"


def test_images_by_wharf(daemon, archive, registry):
    assert daemon.wharf("load", "-i", archive).stdout == "Loaded image: busybox:latest\n"
    name = f"{registry.address}/library/busybox:latest"
    assert "Status: " in daemon.wharf("pull", name).stdout
    daemon.wharf("tag", "busybox", "w:1")
    assert "Untagged: w:1" in daemon.wharf("rmi", "w:1").stdout


def test_events_version_info(daemon):
    assert "ApiVersion" in daemon.wharf("version", "--format", "{{json .Server}}").stdout
    assert "Server Version" in daemon.wharf("info").stdout
    daemon.wharf("events", "--since", "1s", "--until", "0s")


def test_a_context_and_the_environment_name_the_daemon(daemon, tmp_path):
    import hashlib
    name = hashlib.sha256(b"mine").hexdigest()
    meta = tmp_path / "contexts" / "meta" / name
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text(json.dumps({"Name": "mine", "Metadata": {}, "Endpoints": {"docker": {"Host": daemon.host, "SkipTLSVerify": False}}}))
    (tmp_path / "config.json").write_text('{"currentContext":"mine"}')
    environment = {**daemon.environment(), "DOCKER_CONFIG": str(tmp_path)}
    environment.pop("DOCKER_HOST")
    result = subprocess.run([daemon.build / "wharf", "ps", "-q"], env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    result = subprocess.run([daemon.build / "wharf", "-H", daemon.host, "ps", "-q"], env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_a_daemon_that_is_not_there(tmp_path, daemon):
    result = subprocess.run([daemon.build / "wharf", "-H", f"unix://{tmp_path}/none", "ps"], capture_output=True, text=True)
    assert result.returncode == 1 and "Cannot connect to the Docker daemon at" in result.stderr
