"""docker-py, as it comes from its registry, against wharfd."""
import docker
import pytest


@pytest.fixture
def client(daemon):
    client = docker.DockerClient(base_url=f"unix://{daemon.socket}", version="auto", timeout=30)
    yield client
    client.close()


def test_run_returns_the_output(client):
    assert client.containers.run("busybox", ["echo", "hello"], remove=True) == b"hello\n"


def test_a_failing_command_raises_with_its_status(client):
    with pytest.raises(docker.errors.ContainerError) as error:
        client.containers.run("busybox", ["sh", "-c", "echo bad >&2; exit 3"], remove=True)
    assert error.value.exit_status == 3 and error.value.stderr == b"bad\n"


def test_detached_life(client):
    container = client.containers.run("busybox", ["sleep", "100"], detach=True, name="py", labels={"a": "b"}, environment={"K": "v"})
    assert container.status in ("created", "running")
    container.reload()
    assert container.status == "running" and container.labels["a"] == "b"
    assert container.exec_run(["sh", "-c", "echo $K; exit 4"]) == (4, b"v\n")
    code, (out, err) = container.exec_run(["sh", "-c", "echo o; echo e >&2"], demux=True)
    assert (code, out, err) == (0, b"o\n", b"e\n")
    assert [c.name for c in client.containers.list(filters={"label": "a=b"})] == ["py"]
    assert container.top()["Processes"]
    container.rename("py2")
    container.stop(timeout=0)
    assert container.wait()["StatusCode"] == 137
    container.remove()
    with pytest.raises(docker.errors.NotFound):
        client.containers.get("py2")


def test_logs_stream_and_attach(client):
    container = client.containers.run("busybox", ["sh", "-c", "for i in 1 2 3; do echo $i; sleep 0.1; done"], detach=True)
    assert b"".join(container.logs(stream=True, follow=True)) == b"1\n2\n3\n"
    assert container.logs(tail=1) == b"3\n"
    container.remove()


def test_attach_socket_both_ways(client):
    container = client.api.create_container("busybox", ["cat"], stdin_open=True)
    sock = client.api.attach_socket(container, params={"stdin": 1, "stdout": 1, "stream": 1})
    client.api.start(container)
    sock._sock.sendall(b"ping\n")
    data = b""
    while b"ping\n" not in data:
        data += sock.read(64)
    sock.close()
    client.api.remove_container(container, force=True)


def test_images(client, archive):
    with open(archive, "rb") as tar:
        assert client.images.load(tar.read())[0].tags == ["busybox:latest"]
    image = client.images.get("busybox")
    assert image.tag("py/box", "1")
    assert "py/box:1" in client.images.get("py/box:1").tags
    client.images.remove("py/box:1")
    assert any("busybox:latest" in i.tags for i in client.images.list())
    assert image.history()


def test_events_info_version_ping(client):
    assert client.ping() and client.version()["ApiVersion"] and client.info()["ID"]
    events = client.events(decode=True, filters={"type": "container"})
    client.containers.run("busybox", ["true"], remove=True)
    assert next(events)["Action"] == "create"
    events.close()


def test_errors_have_dockers_explanations(client):
    with pytest.raises(docker.errors.ImageNotFound):
        client.containers.create("nosuch:image")
    with pytest.raises(docker.errors.APIError) as error:
        client.containers.create("busybox", name="-x")
    assert error.value.status_code == 400 and "Invalid container name" in error.value.explanation


def test_published_ports(client):
    container = client.containers.run("busybox", ["sleep", "60"], detach=True, ports={"80/tcp": 18300, "81/udp": None})
    container.reload()
    assert container.ports["80/tcp"][0]["HostPort"] == "18300" and int(container.ports["81/udp"][0]["HostPort"]) > 0
    container.remove(force=True)
