"""Builds, whole path: the stock client library, the language by a table of small Dockerfiles, the cache, attacks, crashes."""
import http.client
import io
import json
import pathlib
import re
import socket
import subprocess
import tarfile
import threading
import time
import urllib.parse

import pytest

from inventory import at_rest, settle

CASES = pathlib.Path(__file__).parent / "dockerfiles"


def context(files):
    """A tar of {name: text, bytes, or TarInfo with its content}."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in files.items():
            if isinstance(content, tarfile.TarInfo):
                tar.addfile(content)
                continue
            data = content if isinstance(content, bytes) else content.encode()
            info = tarfile.TarInfo(name)
            info.size = len(data)
            info.mode = 0o755 if name.endswith(".sh") else 0o644
            info.mtime = 1_700_000_000
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


class Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=120)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(120)
        self.sock.connect(self.path)


def build(daemon, files, headers=None, **query):
    """Status, and the lines of the answer."""
    connection = Connection(daemon.socket)
    query = {key: json.dumps(value) if isinstance(value, (dict, list)) and key != "t" else value for key, value in query.items()}
    body = files if isinstance(files, bytes) else context(files)
    connection.request("POST", "/v1.51/build?" + urllib.parse.urlencode(query, doseq=True), body,
                       {"Content-Type": "application/x-tar", **(headers or {})})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, [json.loads(line) for line in text.splitlines() if line.strip()]


def text_of(lines):
    return "".join(line.get("stream", "") for line in lines)


def error_of(lines):
    return next((line.get("error") or line.get("message") for line in lines if "error" in line or "message" in line), None)


def image_of(lines):
    ids = [line["aux"]["ID"] for line in lines if isinstance(line.get("aux"), dict) and "ID" in line["aux"]]
    return ids[-1] if ids else None


def built(daemon, files, **query):
    status, lines = build(daemon, files, **query)
    assert status == 200 and error_of(lines) is None, (status, lines)
    return image_of(lines), text_of(lines)


def run(daemon, image, *command):
    return daemon.docker("run", "--rm", image, *command).stdout


@pytest.fixture
def tidy(daemon):
    """The shared daemon; images and caches that a test made go."""
    before = set(daemon.docker("images", "-aq", "--no-trunc").stdout.split())
    yield daemon
    daemon.remove_containers()
    for image in set(daemon.docker("images", "-aq", "--no-trunc").stdout.split()) - before:
        daemon.docker("rmi", "-f", image, check=False)
    daemon.curl("/v1.51/build/prune?all=1", "-X", "POST")


def cases():
    """tests/dockerfiles/*.txt: cases parted by lines of '=== name'. A case is a Dockerfile, then sections '--- kind argument':
    file NAME, query JSON, error TEXT, config POINTER (JSON below), run COMMAND (output below), classic, graph."""
    for path in sorted(CASES.glob("*.txt")):
        for case in re.split(r"^=== ", path.read_text(), flags=re.M)[1:]:
            name, _, rest = case.partition("\n")
            parts = re.split(r"^--- ?", rest, flags=re.M)
            sections = [(part.split("\n", 1)[0].split(" ", 1), part.split("\n", 1)[1] if "\n" in part else "") for part in parts[1:]]
            yield pytest.param(path.stem, parts[0], sections, id=f"{path.stem}: {name.strip()}")


def pick(document, pointer):
    for key in [k for k in pointer.split("/") if k]:
        document = document[int(key)] if isinstance(document, list) else (document or {}).get(key)
    return document


@pytest.mark.parametrize("kind,dockerfile,sections", list(cases()))
def test_a_small_dockerfile(tidy, kind, dockerfile, sections):
    files = {"Dockerfile": dockerfile}
    query, error, modes = {}, None, ["1", "2"]
    for (word, *argument), text in sections:
        if word == "file":
            files[argument[0]] = text.replace("\\t", "\t")
        elif word == "query":
            query = json.loads(text)
        elif word == "error":
            error = text.strip()
        elif word in ("classic", "graph"):
            modes = ["1" if word == "classic" else "2"]
    for mode in modes:
        status, lines = build(tidy, files, **{**query, "version": mode})
        found = error_of(lines)
        if error is not None:
            assert found is not None and error in found, (mode, status, lines)
            continue
        assert status == 200 and found is None, (mode, lines)
        image = image_of(lines)
        for (word, *argument), text in sections:
            if word == "config":
                document = json.loads(tidy.docker("image", "inspect", image).stdout)[0]
                assert pick(document, argument[0]) == json.loads(text), (mode, argument[0])
            elif word == "run":
                assert run(tidy, image, "sh", "-c", argument[0]).strip() == text.strip(), (mode, argument[0])
            elif word == "says":
                assert mode == "2" or text.strip() in text_of(lines), text_of(lines)


def test_a_build_again_is_all_cache_and_the_same_image(tidy):
    files = {"Dockerfile": "FROM busybox\nENV A=1\nCOPY a /a\nRUN echo $RANDOM > /r\nWORKDIR /w\nCMD [\"x\"]\n", "a": "1"}
    first, _ = built(tidy, files)
    second, text = built(tidy, files)
    assert first == second
    assert text.count("Using cache") == 5
    third, text = built(tidy, {**files, "a": "2"})
    assert third != first and text.count("Using cache") == 1
    assert built(tidy, files, nocache=1)[1].count("Using cache") == 0


def test_the_cache_knows_content_and_not_times(tidy):
    files = {"Dockerfile": "FROM busybox\nCOPY a /a\n", "a": "1"}
    first, _ = built(tidy, files)
    late = io.BytesIO()
    with tarfile.open(fileobj=late, mode="w") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.mode = len(text), 1_800_000_000, 0o644
            tar.addfile(info, io.BytesIO(text.encode()))
    assert built(tidy, late.getvalue())[0] == first


def test_the_cache_goes_with_the_image_and_with_prune(tidy):
    files = {"Dockerfile": "FROM busybox\nRUN echo kept > /k\n"}
    image, _ = built(tidy, files, t="goes")
    assert "Using cache" in built(tidy, files, t="goes")[1]
    tidy.docker("rmi", "goes")
    assert "Using cache" not in built(tidy, files, t="goes")[1]
    usage = json.loads(tidy.curl("/v1.51/system/df?type=build-cache").stdout)["BuildCache"]
    assert len(usage) == 1 and usage[0]["Description"] == "RUN echo kept > /k"
    tidy.docker("rmi", "goes")
    assert json.loads(tidy.curl("/v1.51/system/df?type=build-cache").stdout)["BuildCache"] == []


def test_a_command_that_changes_nothing_makes_no_layer(tidy):
    base = json.loads(tidy.docker("image", "inspect", "busybox").stdout)[0]["RootFS"]["Layers"]
    image, _ = built(tidy, {"Dockerfile": "FROM busybox\nRUN true\nRUN --mount=target=/c,type=cache --mount=target=/b cat /c /b; true\n"}, version=2)
    assert json.loads(tidy.docker("image", "inspect", image).stdout)[0]["RootFS"]["Layers"] == base


def test_one_step_of_two_builds_runs_once(tidy):
    files = {"Dockerfile": "FROM busybox\nRUN sleep 1; cat /proc/sys/kernel/random/uuid > /u\n"}
    found = []
    threads = [threading.Thread(target=lambda: found.append(built(tidy, files))) for _ in range(3)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len({image for image, _ in found}) == 1
    assert sum("Using cache" in text for _, text in found) == 2


def test_stages_of_a_graph_run_at_once_and_unused_ones_do_not(tidy):
    text = "FROM busybox AS a\nRUN sleep 2; echo a > /a\nFROM busybox AS b\nRUN sleep 2; echo b > /b\nFROM busybox AS never\nRUN false\n"
    text += "FROM busybox\nCOPY --from=a /a /\nCOPY --from=b /b /\nRUN cat /a /b > /ab\n"
    begun = time.monotonic()
    image, _ = built(tidy, {"Dockerfile": text}, version=2)
    assert time.monotonic() - begun < 3.8
    assert run(tidy, image, "cat", "/ab") == "a\nb\n"


def test_the_client_library_builds(tidy):
    import docker
    client = docker.DockerClient(base_url=tidy.host)
    image, logs = client.images.build(fileobj=io.BytesIO(context({"Dockerfile": "FROM busybox\nARG V=1\nRUN echo v$V > /v\nLABEL a=b\n"})),
                                      custom_context=True, tag="by-library", buildargs={"V": "2"}, labels={"x": "y"})
    assert "Successfully built" in "".join(line.get("stream", "") for line in logs)
    assert image.labels["x"] == "y" and image.labels["a"] == "b"
    assert client.containers.run("by-library", "cat /v", remove=True) == b"v2\n"
    with pytest.raises(docker.errors.BuildError, match="returned a non-zero code: 7"):
        client.images.build(fileobj=io.BytesIO(b"FROM busybox\nRUN exit 7\n"))


def test_the_classic_command_line_builds(tidy, tmp_path):
    (tmp_path / "Dockerfile").write_text("FROM busybox\nCOPY . /src\nRUN ls /src > /list\n")
    (tmp_path / "kept").write_text("1")
    (tmp_path / "left-out").write_text("1")
    (tmp_path / ".dockerignore").write_text("left-out\n")
    result = subprocess.run(["docker", "-H", tidy.host, "build", "-t", "by-command", str(tmp_path)], capture_output=True, text=True,
                            env={"PATH": "/usr/bin:/bin", "DOCKER_BUILDKIT": "0", "HOME": str(tmp_path)})
    assert result.returncode == 0, result.stderr + result.stdout
    assert run(tidy, "by-command", "cat", "/list").split() == ["Dockerfile", "kept"]


def test_a_client_that_vanishes_stops_the_build_and_leaves_nothing(tidy):
    tidy.docker("run", "--rm", "busybox", "true")
    before = at_rest(tidy)
    body = context({"Dockerfile": "FROM busybox\nRUN sleep 300\nRUN echo never\n"})
    client = socket.socket(socket.AF_UNIX)
    client.connect(str(tidy.socket))
    client.sendall(b"POST /v1.51/build HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-tar\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    seen = b""
    while b"Running in" not in seen:
        seen += client.recv(4096)
    client.close()
    deadline = time.monotonic() + 10
    while tidy.docker("ps", "-aq").stdout.strip() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert tidy.docker("ps", "-aq").stdout.strip() == ""
    assert settle(tidy, before) == {}


def test_a_failed_command_leaves_its_container_unless_forced(tidy):
    build(tidy, {"Dockerfile": "FROM busybox\nRUN echo x > /x; exit 3\n"}, forcerm=1)
    assert tidy.docker("ps", "-aq").stdout.strip() == ""
    build(tidy, {"Dockerfile": "FROM busybox\nRUN echo x > /x; exit 3\n"})
    left = tidy.docker("ps", "-aq").stdout.split()
    assert len(left) == 1
    assert tidy.docker("diff", left[0]).stdout.strip() == "A /x"


def test_secrets_of_arguments_are_where_docker_has_them_and_nowhere_else(tidy):
    text = "FROM busybox\nARG TOKEN\nRUN echo $TOKEN > /dev/null\nRUN echo $HTTP_PROXY > /dev/null\n"
    image, said = built(tidy, {"Dockerfile": text}, buildargs={"TOKEN": "t0k", "HTTP_PROXY": "http://u:s3cret@p"})
    history = tidy.docker("history", "--no-trunc", image).stdout
    assert "|1 TOKEN=t0k" in history and "s3cret" not in history
    assert "s3cret" not in tidy.docker("image", "inspect", image).stdout
    assert "s3cret" not in tidy.log.read_text(errors="replace")


def test_a_context_cannot_lead_out(tidy, canary):
    link = tarfile.TarInfo("link")
    link.type, link.linkname = tarfile.SYMTYPE, canary
    climbing = tarfile.TarInfo("climb")
    climbing.type, climbing.linkname = tarfile.SYMTYPE, "../../../../../.." + canary
    for name in ("link", "climb"):
        for source in (f"{name}/victim", name):
            status, lines = build(tidy, {"Dockerfile": f"FROM busybox\nCOPY {source} /x\n", "a": link, "b": climbing})
            assert "file does not exist" in error_of(lines), lines
    # A link of the image is followed inside of it.
    image, _ = built(tidy, {"Dockerfile": f"FROM busybox\nRUN ln -s {canary} /out\nCOPY a /out/a\nRUN cat {canary}/a\n", "a": "inside"})
    assert run(tidy, image, "cat", f"{canary}/a") == "inside"


def test_a_context_that_climbs_is_refused(tidy, canary):
    bad = tarfile.TarInfo("../../../../../../../../.." + canary + "/new")
    status, lines = build(tidy, {"Dockerfile": "FROM busybox\n", "x": bad})
    assert status == 500 and error_of(lines)


def test_special_files_of_a_context_stop_nobody(tidy):
    fifo = tarfile.TarInfo("fifo")
    fifo.type = tarfile.FIFOTYPE
    begun = time.monotonic()
    status, lines = build(tidy, {"Dockerfile": "FROM busybox\nCOPY fifo /x\n", "f": fifo})
    assert "neither a file nor a directory" in error_of(lines)
    status, lines = build(tidy, {"Dockerfile": "FROM busybox\nCOPY . /all\n", "f": fifo})
    assert error_of(lines) is None
    named = tarfile.TarInfo("Dockerfile")
    named.type = tarfile.FIFOTYPE
    status, lines = build(tidy, {"x": named})
    assert status == 500 and "Cannot locate specified Dockerfile" in error_of(lines)
    assert time.monotonic() - begun < 20


def test_kill_9_in_the_middle_of_a_build_leaves_nothing(own_daemon):
    daemon = own_daemon
    daemon.docker("run", "--rm", "busybox", "true")
    before = at_rest(daemon)
    body = context({"Dockerfile": "FROM busybox\nRUN echo one > /1\nRUN sleep 300\n"})
    for _ in range(2):
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(daemon.socket))
        client.sendall(b"POST /v1.51/build HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-tar\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        seen = b""
        while seen.count(b"Running in") < 2:
            seen += client.recv(4096)
        daemon.kill()
        client.close()
        daemon.start()
        deadline = time.monotonic() + 10
        while daemon.docker("ps", "-aq").stdout.strip() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert daemon.docker("ps", "-aq").stdout.strip() == ""
    assert settle(daemon, before) == {}
    image, text = built(daemon, {"Dockerfile": "FROM busybox\nRUN echo one > /1\n"})
    assert run(daemon, image, "cat", "/1") == "one\n"


def test_a_long_dockerfile_ends_with_its_client(tidy):
    lines = "".join(f"ENV A{i}=1\n" for i in range(15_000))
    body = context({"Dockerfile": "FROM busybox\n" + lines})
    client = socket.socket(socket.AF_UNIX)
    client.connect(str(tidy.socket))
    client.sendall(b"POST /v1.51/build HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-tar\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    client.recv(4096)
    images = tidy.docker("images", "-aq").stdout
    client.close()
    time.sleep(1)
    busy = sum(int(x) for x in pathlib.Path(f"/proc/{tidy.process.pid}/stat").read_text().split()[13:15])
    time.sleep(1)
    after = sum(int(x) for x in pathlib.Path(f"/proc/{tidy.process.pid}/stat").read_text().split()[13:15])
    assert after - busy < 50
    assert tidy.docker("images", "-aq").stdout == images


def wharf(daemon, *words, **kwargs):
    return subprocess.run([daemon.build / "wharf", "-H", daemon.host, "build", *words], capture_output=True, text=True, timeout=120, **kwargs)


def test_wharf_build_shows_its_steps_and_names_the_image(tidy, tmp_path):
    written = tmp_path / "id-of-the-image"
    tmp_path = tmp_path / "context"
    tmp_path.mkdir()
    (tmp_path / "Dockerfile").write_text("FROM busybox\nARG V\nCOPY . /src\nRUN echo hello $V; ls -A /src > /list\n")
    (tmp_path / "kept").write_text("1")
    (tmp_path / "left-out").write_text("1")
    (tmp_path / ".dockerignore").write_text("left-out\n.dockerignore\nDockerfile\n")
    done = wharf(tidy, "-t", "by-wharf", "--build-arg", "V=5", "--iidfile", str(written), str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "[stage-0 1/3] FROM busybox" in done.stderr and "[stage-0 3/3] RUN echo hello" in done.stderr
    assert re.search(r"^#3 \d+\.\d{3} hello 5$", done.stderr, re.M), done.stderr
    assert run(tidy, "by-wharf", "cat", "/list") == "kept\n"
    assert written.read_text().startswith("sha256:")
    again = wharf(tidy, "-q", "--build-arg", "V=5", str(tmp_path))
    assert again.stdout.strip() == written.read_text()
    assert "CACHED" in wharf(tidy, "--build-arg", "V=5", str(tmp_path)).stderr


def test_wharf_build_takes_a_dockerfile_from_elsewhere(tidy, tmp_path):
    (tmp_path / "context").mkdir()
    (tmp_path / "context" / "a").write_text("1")
    (tmp_path / "Other").write_text("FROM busybox\nCOPY . /src\n")
    done = wharf(tidy, "-q", "-f", str(tmp_path / "Other"), str(tmp_path / "context"))
    assert done.returncode == 0, done.stderr
    assert run(tidy, done.stdout.strip(), "ls", "-A", "/src") == "a\n"


def test_wharf_build_says_what_failed(tidy, tmp_path):
    (tmp_path / "Dockerfile").write_text("FROM busybox\nRUN echo out; exit 3\n")
    done = wharf(tidy, str(tmp_path))
    assert done.returncode == 1
    assert "did not complete successfully: exit code: 3" in done.stderr
    assert wharf(tidy, str(tmp_path / "none")).returncode == 1
