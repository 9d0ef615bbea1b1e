"""The API itself: headers on every answer, versions, error shapes, endpoints that are not there yet."""
import json
import subprocess

import pytest


def head(daemon, path, *args):
    text = daemon.curl(path, "-i", *args).stdout
    lines = text.split("\r\n\r\n")[0].split("\r\n")
    return int(lines[0].split()[1]), {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:])}, text.partition("\r\n\r\n")[2]


@pytest.mark.parametrize("path", ["/_ping", "/version", "/nosuch", "/containers/nosuch/json"])
def test_every_answer_has_the_headers(daemon, path):
    _, headers, _ = head(daemon, path)
    assert headers["server"].startswith("Docker/") and headers["ostype"] == "linux" and headers["docker-experimental"] in ("true", "false")
    assert tuple(map(int, headers["api-version"].split("."))) >= (1, 51)


def test_ping(daemon):
    status, headers, body = head(daemon, "/_ping")
    assert (status, body) == (200, "OK") and headers["cache-control"] == "no-cache, no-store, must-revalidate" and headers["pragma"] == "no-cache"
    assert "builder-version" in headers and headers["swarm"] == "inactive"
    status, headers, _ = head(daemon, "/_ping", "-I")
    assert status == 200 and headers["content-length"] == "0"


def answers(daemon, version):
    status, body = daemon.api("GET", f"/v{version}/version")
    assert status == 200 and body["ApiVersion"]
    client = subprocess.run(["docker", "ps"], env={**daemon.environment(), "DOCKER_API_VERSION": version}, capture_output=True, text=True)
    assert client.returncode == 0, client.stderr


@pytest.mark.parametrize("version", ["1.40", "1.44", "1.47", "1.51"])
def test_versions_are_negotiated(daemon, version):
    answers(daemon, version)


def test_old_versions_are_spoken_where_the_configuration_asks_for_them(own_daemon):
    """Docker: the lowest is 1.40 unless min-api-version says less; 1.24 is the floor."""
    own_daemon.stop()
    (own_daemon.home / "daemon.json").write_text('{"min-api-version": "1.24"}')
    own_daemon.start()
    for version in ("1.24", "1.30", "1.39"):
        answers(own_daemon, version)


def test_too_new_and_too_old(daemon):
    status, body = daemon.api("GET", "/v1.99/version")
    assert status == 400 and body["message"].startswith("client version 1.99 is too new. Maximum supported API version is ")
    status, _ = daemon.api("GET", "/v1.12/version")
    assert status == 400


def test_an_unknown_path_and_a_wrong_method_are_not_found(daemon):
    assert daemon.api("GET", "/nosuch") == (404, {"message": "page not found"})
    assert daemon.api("DELETE", "/version") == (404, {"message": "page not found"})


@pytest.mark.parametrize("method, path", [("POST", "/build"), ("GET", "/containers/x/checkpoints"), ("POST", "/plugins/pull?remote=x")])
def test_an_endpoint_that_is_not_there_yet_says_so(daemon, method, path):
    status, body = daemon.api(method, path)
    assert status == 501 and len(body["message"]) > 10


def test_a_start_from_a_checkpoint_is_experimental(daemon):
    status, body = daemon.api("POST", "/containers/nope/start?checkpoint=first")
    assert (status, body["message"]) == (400, "checkpoint is only supported in experimental mode")


def test_info_and_version_tell_the_truth(daemon):
    info = json.loads(daemon.out("info", "--format", "{{json .}}"))
    assert info["Driver"] == "overlayfs" and ["driver-type", "io.containerd.snapshotter.v1"] in info["DriverStatus"]
    assert info["NCPU"] >= 1 and info["MemTotal"] > 1 << 28 and info["DockerRootDir"] == str(daemon.data)
    version = json.loads(daemon.out("version", "--format", "{{json .Server}}"))
    assert version["Os"] == "linux" and version["MinAPIVersion"] == "1.40"


def test_the_stock_clients_info_and_system_commands_work(daemon):
    assert "Server Version" in daemon.out("info")
    assert daemon.docker("ps").stdout.startswith("CONTAINER ID")
