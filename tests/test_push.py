"""push: digests kept, nothing sent twice; login, logout, push, history, prune and search by wharf itself."""
import json
import re
import subprocess

import pytest

import images
from test_registry_hosts import htpasswd, serve  # noqa: F401  (fixtures)


def digest_at(registry, name, *flags):
    out = subprocess.run(["skopeo", "--insecure-policy", "inspect", "--tls-verify=false", "--format", "{{.Digest}}", *flags,
                          f"docker://{registry.address}/{name}"], capture_output=True, text=True, check=True)
    return out.stdout.strip()


def test_a_pulled_image_keeps_its_digest_at_another_registry(own_daemon, serve, archive):  # noqa: F811
    here, there = serve(), serve()
    here.put(archive, "a/box:1")
    name = f"{here.address}/a/box:1"
    own_daemon.docker("pull", name)
    own_daemon.docker("tag", name, f"{there.address}/b/box:2")
    own_daemon.docker("push", f"{there.address}/b/box:2")
    assert digest_at(there, "b/box:2") == digest_at(here, "a/box:1")
    # Where the source is gone, it is compressed here, under a digest of its own, and comes back.
    here.stop()
    third = serve()
    own_daemon.docker("tag", name, f"{third.address}/c/box:3")
    own_daemon.docker("push", f"{third.address}/c/box:3")
    config = own_daemon.inspect(name)["RootFS"]
    own_daemon.docker("rmi", "-f", own_daemon.inspect(name)["Id"])
    own_daemon.docker("rmi", "-f", "busybox")
    own_daemon.docker("pull", f"{third.address}/c/box:3")
    assert own_daemon.inspect(f"{third.address}/c/box:3")["RootFS"] == config
    here.start()


def test_what_is_there_is_not_sent_again(own_daemon, serve, scratch):  # noqa: F811
    registry = serve()
    path = scratch / "layers.tar"
    layers = [images.layer(images.busybox_entries()), images.layer([images.entry("big", b"0123456789" * 300000)]),
              images.layer([images.entry("one", b"1")])]
    images.archive(path, layers, "several:1")
    own_daemon.docker("load", "-q", "-i", path)
    name = f"{registry.address}/several:1"
    own_daemon.docker("tag", "several:1", name)
    first = own_daemon.docker("push", name).stdout
    assert first.count("Pushed") == 3 and "digest: sha256:" in first
    second = own_daemon.docker("push", name).stdout
    assert second.count("Layer already exists") == 3 and second.splitlines()[-1] == first.splitlines()[-1]
    own_daemon.restart()
    assert own_daemon.docker("push", name).stdout.count("Layer already exists") == 3
    copied = subprocess.run(["skopeo", "--insecure-policy", "copy", "-q", "--src-tls-verify=false", f"docker://{name}",
                             f"docker-archive:{scratch}/copied.tar"], capture_output=True, text=True)
    assert copied.returncode == 0, copied.stderr


def test_a_registry_that_goes_away_ends_a_push_with_its_name(own_daemon, serve):  # noqa: F811
    registry = serve()
    name = f"{registry.address}/x:1"
    own_daemon.docker("tag", "busybox", name)
    registry.stop()
    gone = own_daemon.docker("push", name, check=False)
    assert gone.returncode == 1 and "connection refused" in gone.stderr
    registry.start()


def test_wharf_logs_in_pushes_and_logs_out(own_daemon, serve, htpasswd):  # noqa: F811
    registry = serve(auth=htpasswd)
    name = f"{registry.address}/w/box:1"
    own_daemon.docker("tag", "busybox", name)
    refused = own_daemon.wharf("push", name, check=False)
    assert refused.returncode == 1 and "no basic auth credentials" in refused.stderr
    nobody = own_daemon.wharf("login", registry.address, check=False)
    assert nobody.returncode == 1 and "non TTY device" in nobody.stderr
    wrong = own_daemon.wharf("login", "-u", "u", "--password-stdin", registry.address, input="wrong\n", check=False)
    assert wrong.returncode == 1 and "401 Unauthorized" in wrong.stderr
    config = own_daemon.home / "docker-config/config.json"
    config.write_text(json.dumps({"psFormat": "{{.ID}}"}))
    assert own_daemon.wharf("login", "-u", "u", "--password-stdin", registry.address, input="p\n").stdout == "Login Succeeded\n"
    kept = json.loads(config.read_text())
    assert kept["psFormat"] == "{{.ID}}" and list(kept["auths"]) == [registry.address] and config.stat().st_mode & 0o777 == 0o600
    assert "digest: sha256:" in own_daemon.wharf("push", name).stdout
    assert own_daemon.wharf("push", "-q", name).stdout == name + "\n"
    # Docker's client has the same configuration, and again.
    own_daemon.docker("push", name)
    assert own_daemon.wharf("login", registry.address).stdout == "Authenticating with existing credentials...\nLogin Succeeded\n"
    out = own_daemon.wharf("logout", registry.address).stdout
    assert out == f"Removing login credentials for {registry.address}\n" and json.loads(config.read_text())["auths"] == {}
    assert own_daemon.wharf("push", name, check=False).returncode == 1
    assert "Not logged in" in own_daemon.wharf("logout", registry.address).stdout


def test_wharf_uses_a_credential_program(own_daemon, serve, htpasswd, tmp_path, monkeypatch):  # noqa: F811
    registry = serve(auth=htpasswd)
    program = tmp_path / "docker-credential-test"
    program.write_text(f"#!/bin/sh\ncase $1 in store) cat >{tmp_path}/kept;; get) cat >/dev/null; cat {tmp_path}/kept;; erase) rm {tmp_path}/kept;; esac\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin:/usr/sbin:/sbin")
    config = own_daemon.home / "docker-config"
    config.mkdir(exist_ok=True)
    (config / "config.json").write_text('{"credsStore": "test"}')
    own_daemon.wharf("login", "-u", "u", "--password-stdin", registry.address, input="p")
    assert json.loads((tmp_path / "kept").read_text()) == {"ServerURL": registry.address, "Username": "u", "Secret": "p"}
    assert "auths" not in json.loads((config / "config.json").read_text())
    own_daemon.docker("tag", "busybox", f"{registry.address}/x:1")
    own_daemon.wharf("push", f"{registry.address}/x:1")
    own_daemon.wharf("logout", registry.address)
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize("flags", [(), ("--no-trunc",), ("-q",), ("-H=false",), ("--format", "{{.ID}} {{.CreatedBy}} {{.Size}}"), ("--format", "json")])
def test_history_is_dockers(daemon, flags):
    assert daemon.wharf("history", *flags, "busybox").stdout == daemon.docker("history", *flags, "busybox").stdout


def test_prune_is_dockers(own_daemon, scratch):
    def dangling():
        own_daemon.docker("import", scratch / "busybox.tar")

    own_daemon.docker("rmi", "busybox")
    for flags in (("-f",), ("-a", "-f"), ("-f", "--filter", "label=none")):
        dangling()
        first = own_daemon.docker("image", "prune", *flags).stdout
        own_daemon.docker("rmi", *own_daemon.out("images", "-q", "-f", "dangling=true").split(), check=False)
        dangling()
        # An import's id has the time in it.
        plain = lambda text: re.sub(r"[0-9a-f]{64}", "ID", text)  # noqa: E731
        assert plain(own_daemon.wharf("image", "prune", *flags).stdout) == plain(first)
    refused = own_daemon.wharf("image", "prune", input="n\n", check=False)
    assert refused.returncode == 1 and "cancelled" in refused.stderr
