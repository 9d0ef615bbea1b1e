"""runtime-spec 1.2, config.md and config-linux.md: namespaces, names, devices, sysctls, hidden paths, labels. One test for each MUST."""
import json
import os
import pathlib
import stat
import subprocess

import pytest

from test_network import wait_for

KINDS = {"pid": "pid", "network": "net", "mount": "mnt", "ipc": "ipc", "uts": "uts", "cgroup": "cgroup", "time": "time"}


def spaces_of(pid):
    return {kind: os.readlink(f"/proc/{pid}/ns/{name}") for kind, name in KINDS.items()}


@pytest.fixture
def other():
    """A process in namespaces of its own, for a container to join."""
    process = subprocess.Popen(["unshare", "-n", "-i", "-u", "-p", "-C", "-T", "--fork", "sleep", "1000"])
    wait_for(lambda: pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().strip())
    child = int(pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text())
    wait_for(lambda: pathlib.Path(f"/proc/{child}/comm").read_text() == "sleep\n")
    yield child
    os.kill(child, 9)
    process.wait()


@pytest.mark.parametrize("version", ["", "1", "1.0", "2.0.0", "0.5.0", "1.0.0.0", "01.0.0", "1.x.0", "1.2.0-", "v1.2.0", 1, None])
def test_oci_version_must_be_semver_and_supported(bundle, version):
    bundle.config["ociVersion"] = version
    bundle.refuse("ociVersion")


@pytest.mark.parametrize("version", ["1.0.0", "1.0.2-dev", "1.1.0+build.5", "1.2.1", "1.3.0-rc.1"])
def test_oci_versions_of_the_same_major_are_taken(bundle, version):
    bundle.config["ociVersion"] = version
    bundle.run("true")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{} {}", '{"ociVersion": "1.2.0"', "\0", "x" * 100])
def test_a_config_that_is_no_json_object_must_generate_an_error(bundle, text):
    (bundle.path / "config.json").write_text(text)
    assert bundle.call("create", "--bundle", bundle.path, bundle.id).returncode != 0
    assert not list(bundle.states.glob("*"))


def test_unknown_properties_must_be_ignored(bundle):
    for place in (bundle.config, bundle.process, bundle.linux, bundle.process["user"], bundle.config["root"], bundle.mounts[0]):
        place["org.example.unknown"] = {"deep": [1, {"x": None}]}
    bundle.config.update(solaris={"milestone": "x"}, windows={"layerFolders": []}, vm={"kernel": {"path": "/x"}}, zos={})
    assert bundle.run("echo", "fine") == "fine\n"


@pytest.mark.parametrize("annotations", [{"": "x"}, {"key": 1}, {"key": None}, ["key"], "key"])
def test_annotations_must_be_strings_with_keys(bundle, annotations):
    bundle.config["annotations"] = annotations
    bundle.refuse("annotations")


def test_unknown_annotations_must_not_generate_an_error(bundle):
    bundle.config["annotations"] = {"com.example.anything": "", "run.oci.keep_original_groups": "x"}
    bundle.run("true")


def test_hostname_and_domainname_are_set_in_the_uts_namespace(bundle):
    bundle.config.update(hostname="some-host", domainname="example.org")
    assert bundle.sh("hostname; cat /proc/sys/kernel/domainname").split() == ["some-host", "example.org"]
    assert os.uname().nodename != "some-host"


@pytest.mark.parametrize("field", ["hostname", "domainname"])
def test_names_without_a_uts_namespace_must_generate_an_error(bundle, field):
    bundle.drop_namespace("uts")
    bundle.config[field] = "some-host"
    bundle.refuse(field)


def test_each_namespace_without_a_path_must_be_new(bundle):
    for kind in ("cgroup", "time"):
        bundle.namespace(kind)
    inside = spaces_of(bundle.started())
    outside = spaces_of("self")
    assert [kind for kind in KINDS if inside[kind] == outside[kind]] == []


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "mount"])
def test_a_namespace_that_is_not_listed_must_be_inherited(bundle, kind):
    bundle.drop_namespace(kind)
    if kind == "network":  # a new sysfs would need it
        bundle.mounts[:] = [one for one in bundle.mounts if one["destination"] != "/sys"]
    pid = bundle.started()
    assert spaces_of(pid)[kind] == spaces_of("self")[kind]


def test_a_mount_namespace_that_is_not_listed_must_be_inherited_and_its_mounts_taken_away(bundle):
    before = pathlib.Path("/proc/self/mounts").read_text()
    bundle.drop_namespace("mount")
    bundle.mount("/m/inner", "tmpfs", "mine")
    pid = bundle.started()
    assert spaces_of(pid)["mount"] == spaces_of("self")["mount"]
    assert os.readlink(f"/proc/{pid}/root") == str(bundle.root.resolve())
    assert f"mine {bundle.root}/m/inner tmpfs" in pathlib.Path("/proc/self/mounts").read_text()
    inside = bundle.call("exec", bundle.id, "sh", "-c", "ls /; pwd").stdout.split()
    assert "bin" in inside and "usr" not in inside and inside[-1] == "/"
    assert bundle.call("delete", "--force", bundle.id).returncode == 0
    assert pathlib.Path("/proc/self/mounts").read_text() == before
    bundle.mounts[-1]["type"] = "nosuchfs"
    bundle.refuse("nosuchfs")
    assert pathlib.Path("/proc/self/mounts").read_text() == before


@pytest.mark.parametrize("change", [{"root": {"path": "rootfs", "readonly": True}}, {"linux": {"maskedPaths": ["/x"]}}, {"linux": {"readonlyPaths": ["/x"]}}, {"linux": {"rootfsPropagation": "shared"}}])
def test_what_would_change_the_hosts_mounts_needs_a_mount_namespace(bundle, change):
    bundle.drop_namespace("mount")
    bundle.config["root"].update(change.get("root", {}))
    bundle.linux.update(change.get("linux", {}))
    bundle.refuse("mount namespace")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "mount"])
def test_a_namespace_with_a_path_must_be_joined(bundle, other, kind):
    bundle.namespace(kind, f"/proc/{other}/ns/{KINDS[kind]}")
    if kind == "network":
        bundle.mounts[:] = [one for one in bundle.mounts if one["destination"] != "/sys"]
    pid = bundle.started()
    assert spaces_of(pid)[kind] == spaces_of(other)[kind] != spaces_of("self")[kind]


def test_a_mount_namespace_with_a_path_must_be_joined(bundle):
    process = subprocess.Popen(["unshare", "-m", "sleep", "1000"])
    try:
        wait_for(lambda: pathlib.Path(f"/proc/{process.pid}/comm").read_text() == "sleep\n")
        bundle.namespace("mount", f"/proc/{process.pid}/ns/mnt")
        pid = bundle.started()
        assert os.readlink(f"/proc/{pid}/ns/mnt") == os.readlink(f"/proc/{process.pid}/ns/mnt") != os.readlink("/proc/self/ns/mnt")
        assert os.path.exists(f"/proc/{pid}/root/bin/busybox") and not os.path.exists(f"/proc/{pid}/root/usr")
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("kind", KINDS)
def test_a_path_that_is_no_namespace_of_the_type_must_generate_an_error(bundle, kind):
    wrong = "uts" if kind != "uts" else "ipc"
    bundle.namespace(kind, f"/proc/self/ns/{wrong}")
    bundle.refuse()
    bundle.namespace(kind, "/etc/passwd")
    bundle.refuse()
    bundle.namespace(kind, "/no/such/namespace")
    bundle.refuse("/no/such/namespace")


def test_a_namespace_path_must_be_absolute(bundle):
    bundle.namespace("network", "proc/self/ns/net")
    bundle.refuse("proc/self/ns/net")


@pytest.mark.parametrize("namespaces", [[{"type": "nosuch"}], [{}], [{"type": "pid"}, {"type": "pid"}], {"type": "pid"}, [{"type": 1}], ["pid"]])
def test_namespaces_that_are_unknown_or_given_twice_must_generate_an_error(bundle, namespaces):
    bundle.linux["namespaces"] = [{"type": "mount"}, *namespaces] if isinstance(namespaces, list) else namespaces
    bundle.refuse()


def test_time_offsets_are_those_of_the_time_namespace(bundle):
    bundle.namespace("time")
    bundle.linux["timeOffsets"] = {"boottime": {"secs": 1000000}, "monotonic": {"secs": 500, "nanosecs": 7}}
    shown = bundle.sh("cat /proc/self/timens_offsets; cut -d. -f1 /proc/uptime")
    assert shown.split()[:6] == ["monotonic", "500", "7", "boottime", "1000000", "0"]
    assert int(shown.split()[6]) >= 1000000


@pytest.mark.parametrize("offsets", [{"realtime": {"secs": 1}}, {"boottime": {"secs": "1"}}, {"boottime": {"nanosecs": 1000000000}}, []])
def test_time_offsets_that_the_kernel_does_not_have_must_generate_an_error(bundle, offsets):
    bundle.namespace("time")
    bundle.linux["timeOffsets"] = offsets
    bundle.refuse()


def test_time_offsets_without_a_time_namespace_must_generate_an_error(bundle):
    bundle.linux["timeOffsets"] = {"boottime": {"secs": 10}}
    bundle.refuse("timeOffsets")


def test_default_devices_and_links_must_be_supplied(bundle):
    shown = bundle.sh("for d in null zero full random urandom tty ptmx; do [ -c /dev/$d ] && echo $d; done; for l in fd stdin stdout stderr; do readlink /dev/$l; done; readlink /dev/ptmx")
    assert shown.split() == ["null", "zero", "full", "random", "urandom", "tty", "ptmx", "/proc/self/fd", "/proc/self/fd/0", "/proc/self/fd/1", "/proc/self/fd/2", "pts/ptmx"]


def test_default_devices_have_their_numbers_and_are_open_to_all(bundle):
    shown = bundle.sh("stat -c '%n %t:%T %a' /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty")
    assert shown.split("\n")[:-1] == ["/dev/null 1:3 666", "/dev/zero 1:5 666", "/dev/full 1:7 666", "/dev/random 1:8 666", "/dev/urandom 1:9 666", "/dev/tty 5:0 666"]


def test_devices_must_be_available_with_their_type_numbers_mode_and_owner(bundle):
    bundle.linux["devices"] = [{"path": "/dev/mine", "type": "c", "major": 10, "minor": 229, "fileMode": 0o640, "uid": 12, "gid": 34},
                               {"path": "/deep/er/block", "type": "b", "major": 7, "minor": 9, "fileMode": 0o600},
                               {"path": "/dev/pipe", "type": "p", "fileMode": 0o622}, {"path": "/dev/unbuffered", "type": "u", "major": 10, "minor": 200}]
    shown = bundle.sh("stat -c '%n|%F|%t:%T|%a|%u:%g' /dev/mine /deep/er/block /dev/pipe /dev/unbuffered").splitlines()
    assert shown == ["/dev/mine|character special file|a:e5|640|12:34", "/deep/er/block|block special file|7:9|600|0:0", "/dev/pipe|fifo|0:0|622|0:0",
                     "/dev/unbuffered|character special file|a:c8|666|0:0"]


def test_a_file_that_exists_and_is_another_device_must_generate_an_error(bundle):
    (bundle.root / "node").write_text("a file")
    bundle.linux["devices"] = [{"path": "/node", "type": "c", "major": 1, "minor": 3}]
    bundle.refuse("/node")
    (bundle.root / "node").unlink()
    os.mknod(bundle.root / "node", stat.S_IFCHR | 0o666, os.makedev(1, 5))
    bundle.refuse("/node")


def test_a_device_that_exists_already_is_taken(bundle):
    os.mknod(bundle.root / "node", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    bundle.linux["devices"] = [{"path": "/node", "type": "c", "major": 1, "minor": 3}]
    bundle.sh("echo x > /node")


@pytest.mark.parametrize("device", [{"path": "/dev/x"}, {"path": "/dev/x", "type": "z"}, {"path": "dev/x", "type": "c", "major": 1, "minor": 3}, {"type": "c", "major": 1, "minor": 3},
                                    {"path": "/dev/x", "type": "c"}, {"path": "/dev/x", "type": "c", "major": 1}, {"path": "/dev/x", "type": "b", "minor": 1},
                                    {"path": "/dev/x", "type": "c", "major": "1", "minor": 3}, {"path": "/dev/x", "type": "c", "major": 1, "minor": 3, "fileMode": -1}])
def test_devices_must_have_a_path_a_type_and_numbers(bundle, device):
    bundle.linux["devices"] = [device]
    bundle.refuse()


def test_console_must_be_set_up_only_with_a_terminal(bundle):
    bundle.sh("[ ! -e /dev/console ]")


def test_sysctls_are_set_in_the_containers_namespaces(bundle):
    bundle.linux["sysctl"] = {"net.ipv4.ip_forward": "1", "kernel.msgmax": "9999", "net/ipv4/ip_default_ttl": "70", "kernel.domainname": "set.org"}
    shown = bundle.sh("cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax /proc/sys/net/ipv4/ip_default_ttl /proc/sys/kernel/domainname")
    assert shown.split() == ["1", "9999", "70", "set.org"]
    assert pathlib.Path("/proc/sys/kernel/msgmax").read_text().strip() != "9999"


@pytest.mark.parametrize("sysctl", [{"kernel.panic": "1"}, {"net.no.such": "1"}, {"net.ipv4.ip_forward": "word"}, {"net.ipv4.ip_forward": 1}, {"vm.swappiness": "1"}, {"net/../kernel/panic": "1"}, ["x"]])
def test_sysctls_of_the_host_or_that_do_not_exist_must_generate_an_error(bundle, sysctl):
    bundle.linux["sysctl"] = sysctl
    bundle.refuse()


def test_masked_paths_must_not_be_readable(bundle):
    (bundle.root / "secret").mkdir()
    (bundle.root / "secret/file").write_text("secret")
    (bundle.root / "file").write_text("secret")
    bundle.linux["maskedPaths"] = ["/secret", "/file", "/no/such/path", "/proc/keys"]
    assert bundle.sh("ls -A /secret; cat /file; cat /proc/keys") == ""
    bundle.sh("touch /secret/x 2>/dev/null", code=1)


def test_read_only_paths_must_not_be_writable(bundle):
    (bundle.root / "folder/sub").mkdir(parents=True)
    (bundle.root / "file").write_text("content")
    bundle.linux["readonlyPaths"] = ["/folder", "/file", "/no/such/path", "/proc/sys"]
    assert bundle.sh("cat /file") == "content"
    for what in ("/folder/x", "/folder/sub/x", "/file"):
        bundle.sh(f"(echo x > {what}) 2>/dev/null", code=1)
    bundle.sh("(echo 1 > /proc/sys/net/ipv4/ip_forward) 2>/dev/null", code=1)


@pytest.mark.parametrize("field", ["maskedPaths", "readonlyPaths"])
@pytest.mark.parametrize("value", [["relative"], [""], [1], "/x"])
def test_hidden_paths_must_be_absolute(bundle, field, value):
    bundle.linux[field] = value
    bundle.refuse(field)


def test_personality_is_that_of_the_config(bundle):
    assert bundle.run("uname", "-m") == "x86_64\n"
    bundle.linux["personality"] = {"domain": "LINUX32"}
    assert bundle.run("uname", "-m") == "i686\n"
    bundle.linux["personality"] = {"domain": "LINUX"}
    assert bundle.run("uname", "-m") == "x86_64\n"


@pytest.mark.parametrize("personality", [{"domain": "OS2"}, {}, {"domain": "LINUX", "flags": ["ADDR_NO_RANDOMIZE"]}, {"domain": 1}])
def test_a_personality_that_is_unknown_or_has_flags_must_generate_an_error(bundle, personality):
    bundle.linux["personality"] = personality
    bundle.refuse()


def test_a_mount_label_without_selinux_must_generate_an_error(bundle):
    if pathlib.Path("/sys/fs/selinux/enforce").exists():
        pytest.skip("this kernel has SELinux")
    bundle.linux["mountLabel"] = "system_u:object_r:svirt_sandbox_file_t:s0:c715,c811"
    bundle.refuse("label")
    bundle.linux["mountLabel"] = ""
    bundle.run("true")


@pytest.mark.parametrize("rdt", [{}, {"closID": "guaranteed"}, {"l3CacheSchema": "L3:0=7f0;1=1f"}, {"memBwSchema": "MB:0=20"}, {"enableCMT": True, "enableMBM": True}])
def test_intel_rdt_without_resctrl_must_generate_an_error_that_says_so(bundle, rdt):
    if pathlib.Path("/sys/fs/resctrl/schemata").exists():
        pytest.skip("this machine has resctrl")
    bundle.linux["intelRdt"] = rdt
    bundle.refuse("resctrl")


@pytest.mark.parametrize("rdt", [{"closID": 1}, {"closID": "a/b"}, {"closID": ".."}, {"l3CacheSchema": []}, "x"])
def test_intel_rdt_that_is_not_valid_must_generate_an_error(bundle, rdt):
    bundle.linux["intelRdt"] = rdt
    bundle.refuse()


def test_features_tells_all_that_the_specification_asks_for(bundle):
    features = json.loads(bundle.call("features").stdout)
    assert features["ociVersionMin"] == "1.0.0" and features["ociVersionMax"].startswith("1.2.")
    assert set(features["hooks"]) == {"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"}
    assert {"ro", "rro", "bind", "idmap", "ridmap", "tmpcopyup", "sync", "dirsync", "lazytime", "iversion", "mand", "nosymfollow"} <= set(features["mountOptions"])
    linux = features["linux"]
    assert set(linux["namespaces"]) == {"pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time"}
    assert {"CAP_CHOWN", "CAP_CHECKPOINT_RESTORE"} <= set(linux["capabilities"])
    assert linux["cgroup"]["v1"] and linux["cgroup"]["v2"] and linux["seccomp"]["enabled"]
    assert "SCMP_ACT_NOTIFY" in linux["seccomp"]["actions"] and "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV" in linux["seccomp"]["knownFlags"]
    assert set(linux["seccomp"]["supportedFlags"]) <= set(linux["seccomp"]["knownFlags"])
    assert linux["mountExtensions"]["idmap"]["enabled"] is True
    assert linux["intelRdt"]["enabled"] in (True, False) and linux["apparmor"]["enabled"] in (True, False) and linux["selinux"]["enabled"] in (True, False)
