"""docker commit: what a container changed, as an image."""
import json
import threading
import time

import pytest


def images(daemon):
    return set(daemon.out("images", "-aq", "--no-trunc").split())


@pytest.fixture(autouse=True)
def no_images_left(daemon):
    before = images(daemon)
    yield
    daemon.remove_containers()
    for image in images(daemon) - before:
        daemon.docker("rmi", "-f", image, check=False)


def commit(daemon, name, image=None, *args):
    return daemon.out("commit", *args, name, *([image] if image else []))


def test_changes_deletions_links_and_modes_are_in_the_image(daemon):
    name = daemon.out("run", "-d", "busybox", "sh", "-c", """
        rm /etc/group; rm -r /root; mkdir /root; echo r > /root/new; mkdir -p /a/b; echo 1 > /a/b/f; ln /a/b/f /a/hard; ln -s b/f /a/soft
        chmod 4711 /a/b/f; chown 5:6 /a/b; mkfifo /a/pipe; mknod /a/null c 1 3; chmod 1770 /home; touch -d '2001-02-03 04:05:06' /a/old; sleep 1000""")
    daemon.docker("exec", name, "sh", "-c", "while [ ! -e /a/old ]; do sleep 0.1; done")
    commit(daemon, name, "made")
    assert daemon.inspect(name)["State"]["Status"] == "running"
    out = daemon.out("run", "--rm", "made", "sh", "-c", """
        ls /etc/group 2>&1; ls /root; cat /a/soft; stat -c '%a %u %g' /a/b/f /a/b /home; [ /a/b/f -ef /a/hard ] && echo same; test -p /a/pipe && echo pipe
        stat -c '%t %T' /a/null; stat -c %y /a/old""").split("\n")
    assert "No such file" in out[0]
    assert out[1:] == ["new", "1", "4711 0 0", "755 5 6", "1770 0 0", "same", "pipe", "1 3", "2001-02-03 04:05:06.000000000 +0000"]


def test_a_directory_made_anew_hides_what_the_image_had(daemon):
    first = daemon.out("create", "busybox", "sh", "-c", "rm -r /etc; mkdir -p /etc/sub; echo x > /etc/sub/f")
    daemon.docker("start", "-a", first)
    commit(daemon, first, "anew")
    out = daemon.out("run", "--rm", "anew", "sh", "-c", "find /etc | sort")
    assert "/etc/passwd" not in out and "/etc/sub/f" in out


def test_layers_of_commits_stack_and_survive_save_and_load(daemon, tmp_path):
    tag = "busybox"
    for number in range(3):
        name = daemon.out("create", tag, "sh", "-c", f"echo {number} > /{number}; rm -f /{number - 1}")
        daemon.docker("start", "-a", name)
        tag = f"stack:{number}"
        commit(daemon, name, tag, "-a", "me", "-m", f"step {number}")
        daemon.docker("rm", name)
    history = daemon.out("history", "--format", "{{.Comment}}", tag).split("\n")
    assert history[:3] == ["step 2", "step 1", "step 0"]
    assert len(daemon.inspect(tag)["RootFS"]["Layers"]) == 4 and daemon.inspect(tag)["Author"] == "me"
    daemon.docker("save", "-o", tmp_path / "s.tar", tag)
    daemon.docker("rmi", "stack:0", "stack:1", "stack:2")
    daemon.docker("load", "-i", tmp_path / "s.tar")
    assert daemon.out("run", "--rm", tag, "sh", "-c", "ls -d /0 /1 /2 2> /dev/null; true") == "/2"


def test_an_unchanged_container_adds_no_layer(daemon):
    name = daemon.out("create", "busybox", "true")
    daemon.docker("start", "-a", name)
    commit(daemon, name, "same")
    assert daemon.inspect("same")["RootFS"] == daemon.inspect("busybox")["RootFS"]
    assert daemon.out("run", "--rm", "same", "echo", "runs") == "runs"


def test_what_the_engine_mounted_is_not_in_the_image(daemon, tmp_path):
    name = daemon.out("run", "-d", "-v", "/vol", "-v", f"{tmp_path}:/bind", "--hostname", "secret-host", "busybox", "sleep", "1000")
    daemon.docker("exec", name, "sh", "-c", "echo v > /vol/f; echo b > /bind/f; echo kept > /kept")
    commit(daemon, name, "clean")
    out = daemon.out("run", "--rm", "clean", "sh", "-c", "cat /kept; cat /etc/hostname; ls /bind; ls /vol")
    assert out.startswith("kept") and "secret-host" not in out and "f" not in out.split("\n")[2:]


def test_changes_are_lines_of_a_dockerfile(daemon):
    name = daemon.out("create", "-e", "A=b", "-l", "x=y", "busybox", "sleep", "5")
    commit(daemon, name, "changed", "-c", "ENV C=d", "-c", 'CMD ["echo", "hi"]', "-c", "LABEL z=w", "-c", "EXPOSE 80", "-c", "USER 5", "-c", "WORKDIR /tmp")
    config = daemon.inspect("changed")["Config"]
    assert config["Cmd"] == ["echo", "hi"] and "A=b" in config["Env"] and "C=d" in config["Env"] and config["Labels"] == {"x": "y", "z": "w"}
    assert config["ExposedPorts"] == {"80/tcp": {}} and config["User"] == "5" and config["WorkingDir"] == "/tmp"
    assert daemon.out("run", "--rm", "changed") == "hi"


def test_a_body_is_the_config_and_lacks_what_the_container_has(daemon):
    name = daemon.out("create", "-e", "A=b", "busybox", "sleep", "5")
    status, answer = daemon.api("POST", f"/v1.51/commit?container={name}&repo=body", {"Env": ["N=1"], "Labels": {"only": "this"}})
    assert status == 201 and answer["Id"].startswith("sha256:")
    config = daemon.inspect("body")["Config"]
    assert config["Env"][0] == "N=1" and "A=b" in config["Env"] and config["Cmd"] == ["sleep", "5"] and config["Labels"] == {"only": "this"}


def test_the_image_names_the_one_it_was_made_from(daemon):
    image = commit(daemon, daemon.out("create", "busybox"))
    assert daemon.inspect(image)["Parent"] == daemon.inspect("busybox:latest")["Id"]
    assert daemon.inspect("busybox:latest").get("Parent", "") == ""
    daemon.docker("rmi", image)


def test_without_a_name_the_image_dangles(daemon):
    image = commit(daemon, daemon.out("create", "busybox"))
    assert image in daemon.out("images", "-q", "--no-trunc", "-f", "dangling=true").split()
    daemon.docker("rmi", image)


def test_the_image_below_may_be_gone(daemon):
    name = daemon.out("create", "busybox", "sh", "-c", "echo 1 > /new")
    daemon.docker("start", "-a", name)
    tagged = daemon.inspect("busybox")["Id"]
    commit(daemon, name, "between")
    other = daemon.out("create", "between", "sh", "-c", "echo 2 >> /new")
    daemon.docker("start", "-a", other)
    daemon.docker("rmi", "-f", "between")
    commit(daemon, other, "after")
    assert daemon.out("run", "--rm", "after", "cat", "/new").split() == ["1", "2"]
    assert tagged == daemon.inspect("busybox")["Id"]


@pytest.mark.parametrize("query, body, status", [
    ("container=none", None, 404), ("", None, 400), ("container=box&repo=UP", None, 400), ("container=box&repo=x&tag=a%20b", None, 400),
    ("container=box&changes=RUN%20x", None, 400), ("container=box&changes=ENV", None, 400), ("container=box", "{bad", 400), ("container=box", {"Cmd": 5}, 400),
    ("container=box", {"Env": [1]}, 400), ("container=box&repo=x@sha256:" + "a" * 64, None, 400),
])
def test_bad_requests_leave_nothing(daemon, query, body, status):
    daemon.docker("create", "--name", "box", "busybox")
    before = images(daemon)
    assert daemon.api("POST", f"/v1.51/commit?{query}", body)[0] == status
    assert images(daemon) == before and daemon.inspect("box")["State"]["Status"] == "created"


def test_a_busy_container_is_paused_meanwhile_and_goes_on(daemon):
    name = daemon.out("run", "-d", "busybox", "sh", "-c", "i=0; while true; do i=$((i+1)); echo $i > /t; mv /t /a; echo $i > /t; mv /t /b; done")
    # With --since, as what happens before the client is there must not be missed.
    wanted = [word for event in ("pause", "unpause", "commit") for word in ("--filter", f"event={event}")]
    watcher = daemon.spawn("events", "--since", str(int(time.time()) - 5), "--filter", f"container={name}", *wanted, "--format", "{{.Action}}", text=True)
    for number in range(3):
        commit(daemon, name, f"busy:{number}")
    assert [watcher.stdout.readline().strip() for _ in range(9)] == ["pause", "unpause", "commit"] * 3
    watcher.kill()
    watcher.wait()
    first = daemon.out("exec", name, "cat", "/a")
    assert daemon.inspect(name)["State"]["Status"] == "running"
    a, b = daemon.out("run", "--rm", "busy:2", "cat", "/a", "/b").split()
    assert int(a) - int(b) in (0, 1) and first


def test_commit_pause_and_removal_at_once_end(daemon):
    name = daemon.out("run", "-d", "busybox", "sleep", "1000")
    threads = [threading.Thread(target=daemon.docker, args=args, kwargs={"check": False}) for args in
               [("commit", name), ("commit", "--pause=false", name), ("pause", name), ("unpause", name), ("rm", "-f", name)]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    daemon.docker("rm", "-f", name, check=False)
    assert json.loads(daemon.curl("/v1.51/containers/json?all=1").stdout) == []
