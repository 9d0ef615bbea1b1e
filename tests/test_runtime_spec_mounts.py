"""runtime-spec 1.2, config.md "root" and "mounts": one test for each MUST, and each option that a runtime MUST implement."""
import os
import pathlib
import subprocess

import pytest

from test_network import wait_for


def mounts_of(bundle, destination):
    """The lines of mountinfo at a place, as (options, propagation, type, options of the file system)."""
    lines = [line.split() for line in bundle.sh("cat /proc/self/mountinfo").splitlines()]
    found = []
    for words in lines:
        dash = words.index("-")
        if words[4] == destination:
            found.append((set(words[5].split(",")), words[6:dash], words[dash + 1], set(words[dash + 3].split(","))))
    return found


def flags_of(bundle, destination):
    return mounts_of(bundle, destination)[-1][0]


@pytest.fixture
def tree(bundle):
    """A directory of the host with another file system below it, in a mount namespace that ends with the tests."""
    tree = bundle.path / "tree"
    (tree / "below").mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "tree", tree], check=True)
    (tree / "below").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "below", tree / "below"], check=True)
    yield tree
    subprocess.run(["umount", tree / "below", tree], check=True)


def test_root_path_may_be_absolute_or_relative_to_the_bundle(bundle):
    assert bundle.run("echo", "relative") == "relative\n"
    bundle.config["root"]["path"] = str(bundle.root)
    assert bundle.run("echo", "absolute") == "absolute\n"


@pytest.mark.parametrize("root", [{"path": "missing"}, {"path": "/etc/passwd"}, {}, {"path": ""}, {"path": 1}, {"path": "rootfs", "readonly": "yes"}, "rootfs"])
def test_a_directory_must_exist_at_the_path_of_the_root(bundle, root):
    bundle.config["root"] = root
    bundle.refuse()


def test_root_must_be_read_only_when_readonly_is_true_and_else_not(bundle):
    bundle.sh("touch /written")
    bundle.config["root"]["readonly"] = True
    bundle.sh("touch /more 2>/dev/null", code=1)
    assert (bundle.root / "written").exists() and not (bundle.root / "more").exists()


def test_mounts_must_be_made_in_the_listed_order(bundle):
    bundle.mount("/m", "tmpfs", "first")
    bundle.mount("/m/inner", "tmpfs", "second")
    bundle.mount("/m/inner", "tmpfs", "third")
    assert [line.split()[0] for line in bundle.sh("grep ' /m' /proc/mounts").splitlines()] == ["first", "second", "third"]


def test_a_relative_destination_must_be_interpreted_relative_to_the_root(bundle):
    bundle.mount("some/place", "tmpfs", "relative")
    assert "relative /some/place tmpfs" in bundle.sh("cat /proc/mounts")


@pytest.mark.parametrize("mount", [{"type": "tmpfs"}, {"destination": "", "type": "tmpfs"}, {"destination": 1, "type": "tmpfs"}, {"destination": "/x", "type": 1},
                                   {"destination": "/x", "type": "tmpfs", "options": "ro"}, {"destination": "/x", "type": "tmpfs", "options": [1]},
                                   {"destination": "/x", "type": "tmpfs", "options": ["nosuchoption"]}, {"destination": "/x", "type": "tmpfs", "options": ["size=x"]},
                                   {"destination": "/x", "type": "bind"}, {"destination": "/x", "type": "bind", "source": "/etc", "options": ["bind", "nosuchoption"]},
                                   {"destination": "/x", "type": "tmpfs", "options": ["idmap"]}, {"destination": "/x", "type": "ramfs", "options": ["tmpcopyup"]}])
def test_invalid_mounts_must_generate_an_error_and_leave_nothing(bundle, mount):
    bundle.mounts.append(mount)
    bundle.refuse()


def test_a_destination_that_does_not_exist_is_made(bundle):
    file = bundle.path / "file"
    file.write_text("content")
    bundle.mount("/a/b/file", "bind", file, ["bind"])
    bundle.mount("/c/d", "tmpfs")
    assert bundle.sh("cat /a/b/file; [ -d /c/d ]") == "content"


def test_a_relative_source_of_a_bind_mount_is_of_the_bundle(bundle):
    (bundle.path / "data").mkdir()
    (bundle.path / "data/file").write_text("here")
    bundle.mount("/data", "none", "data", ["rbind"])
    assert bundle.run("cat", "/data/file") == "here"


@pytest.mark.parametrize("option, flag", [("ro", "ro"), ("nosuid", "nosuid"), ("nodev", "nodev"), ("noexec", "noexec"), ("noatime", "noatime"), ("nodiratime", "nodiratime"),
                                          ("relatime", "relatime"), ("nosymfollow", "nosymfollow")])
@pytest.mark.parametrize("kind", ["bind", "tmpfs"])
def test_option_sets_an_attribute_of_the_mount(bundle, kind, option, flag):
    source = bundle.path / "source"
    source.mkdir()
    bundle.mount("/m", kind, source if kind == "bind" else "tmpfs", [option, *(["bind"] if kind == "bind" else [])])
    assert flag in flags_of(bundle, "/m")


@pytest.mark.parametrize("option, flag", [("rw", "ro"), ("suid", "nosuid"), ("dev", "nodev"), ("exec", "noexec"), ("diratime", "nodiratime"), ("atime", "noatime"),
                                          ("symfollow", "nosymfollow"), ("strictatime", "noatime")])
def test_option_clears_an_attribute_of_the_mount(bundle, tree, option, flag):
    subprocess.run(["mount", "-o", f"remount,bind,{flag}", tree], check=True)
    bundle.mount("/m", "bind", tree, ["bind"])
    assert flag in flags_of(bundle, "/m")
    bundle.mounts[-1]["options"] = ["bind", option]
    assert flag not in flags_of(bundle, "/m")


@pytest.mark.parametrize("option", ["norelatime", "strictatime"])
def test_option_asks_for_every_access_time(bundle, option):
    bundle.mount("/m", "tmpfs", "tmpfs", [option])
    assert not flags_of(bundle, "/m") & {"relatime", "noatime"}


@pytest.mark.parametrize("option", ["nostrictatime"])
def test_option_asks_for_relative_access_times(bundle, option):
    bundle.mount("/m", "tmpfs", "tmpfs", ["strictatime", option])
    assert "relatime" in flags_of(bundle, "/m")


@pytest.mark.parametrize("option, flag", [("sync", "sync"), ("dirsync", "dirsync"), ("lazytime", "lazytime")])
def test_option_sets_a_flag_of_the_file_system(bundle, option, flag):
    bundle.mount("/m", "tmpfs", "tmpfs", [option])
    assert flag in mounts_of(bundle, "/m")[-1][3]


@pytest.mark.parametrize("option", ["async", "defaults", "nolazytime", "loud", "silent", "iversion", "noiversion", "mand", "nomand", "remount,bind", "size=1m", "rw"])
def test_option_is_understood(bundle, option):
    bundle.mount("/m", "tmpfs", "tmpfs")
    if option == "remount,bind":
        bundle.mount("/m", "tmpfs", "tmpfs", ["remount", "bind", "ro"])
        return bundle.sh("touch /m/x 2>/dev/null", code=1)
    bundle.mounts[-1]["options"] = [option]
    bundle.run("touch", "/m/x")


@pytest.mark.parametrize("option", ["async", "sync", "dirsync", "defaults", "lazytime", "nolazytime", "loud", "silent", "iversion", "noiversion", "mand", "nomand"])
def test_option_is_understood_of_a_bind_mount(bundle, option):
    (bundle.path / "source").mkdir()
    bundle.mount("/m", "bind", bundle.path / "source", ["bind", option])
    bundle.run("touch", "/m/x")


def test_bind_shows_one_file_system_and_rbind_all_below(bundle, tree):
    bundle.mount("/m", "bind", tree, ["bind"])
    assert mounts_of(bundle, "/m/below") == []
    bundle.mounts[-1]["options"] = ["rbind"]
    assert len(mounts_of(bundle, "/m/below")) == 1


@pytest.mark.parametrize("option, flag", [("rro", "ro"), ("rnosuid", "nosuid"), ("rnodev", "nodev"), ("rnoexec", "noexec"), ("rnoatime", "noatime"), ("rnodiratime", "nodiratime"),
                                          ("rnosymfollow", "nosymfollow")])
def test_recursive_option_must_be_set_on_the_whole_tree(bundle, tree, option, flag):
    bundle.mount("/m", "bind", tree, ["rbind", option])
    assert flag in flags_of(bundle, "/m") and flag in flags_of(bundle, "/m/below")


@pytest.mark.parametrize("option, flag", [("rrw", "ro"), ("rsuid", "nosuid"), ("rdev", "nodev"), ("rexec", "noexec"), ("rdiratime", "nodiratime"), ("ratime", "noatime"),
                                          ("rsymfollow", "nosymfollow"), ("rstrictatime", "noatime"), ("rrelatime", "noatime"), ("rnorelatime", "relatime"),
                                          ("rnostrictatime", "noatime")])
def test_recursive_option_must_be_cleared_on_the_whole_tree(bundle, tree, option, flag):
    for place in (tree, tree / "below"):
        subprocess.run(["mount", "-o", f"remount,bind,{flag}", place], check=True)
    bundle.mount("/m", "bind", tree, ["rbind", option])
    assert flag not in flags_of(bundle, "/m") and flag not in flags_of(bundle, "/m/below")


@pytest.mark.parametrize("option, words", [("shared", ["shared"]), ("slave", ["master"]), ("private", []), ("unbindable", ["unbindable"])])
@pytest.mark.parametrize("recursive", ["", "r"])
def test_propagation_option_is_that_of_the_mount(bundle, tree, recursive, option, words):
    for place in (tree, tree / "below"):
        subprocess.run(["mount", "--make-shared", place], check=True)
    bundle.mount("/m", "bind", tree, ["rbind", recursive + option])
    seen = [one.split(":")[0] for one in mounts_of(bundle, "/m")[-1][1]]
    below = [one.split(":")[0] for one in mounts_of(bundle, "/m/below")[-1][1]]
    assert [word for word in words if word not in seen] == []
    if option == "private":
        assert "shared" not in seen
    if recursive:
        assert [word for word in words if word not in below] == []
    for place in (tree / "below", tree):
        subprocess.run(["mount", "--make-private", place], check=True)


def test_tmpcopyup_must_copy_what_the_root_has_there(bundle):
    folder = bundle.root / "filled"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub/file").write_text("content")
    (folder / "link").symlink_to("sub/file")
    os.chown(folder / "sub/file", 12, 34)
    folder.chmod(0o751)
    bundle.mount("/filled", "tmpfs", "tmpfs", ["tmpcopyup"])
    shown = bundle.sh("cat /filled/link; stat -c '%u:%g' /filled/sub/file; stat -c %a /filled; echo x > /filled/new")
    assert shown.split() == ["content12:34", "751"]
    assert not (folder / "new").exists()


ID_MAPS = {"uidMappings": [{"containerID": 0, "hostID": 5000, "size": 1000}], "gidMappings": [{"containerID": 0, "hostID": 6000, "size": 1000}]}


@pytest.fixture
def owned(bundle):
    """A mount of the host with files of uid 1 and 2, in it and below it."""
    tree = bundle.path / "owned"
    tree.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "owned", tree], check=True)
    (tree / "below").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "owned", tree / "below"], check=True)
    for place in (tree, tree / "below"):
        (place / "file").touch()
        os.chown(place / "file", 1, 2)
    yield tree
    subprocess.run(["umount", tree / "below", tree], check=True)


def test_idmap_must_map_the_mount_alone(bundle, owned):
    bundle.mount("/m", "bind", owned, ["rbind", "idmap"], **ID_MAPS)
    assert bundle.sh("stat -c %u:%g /m/file /m/below/file").split() == ["5001:6002", "1:2"]
    bundle.sh("touch /m/new 2>/dev/null", code=1)  # root is no owner that the mount knows


def test_ridmap_must_map_the_whole_tree(bundle, owned):
    bundle.mount("/m", "bind", owned, ["rbind", "ridmap"], **ID_MAPS)
    assert bundle.sh("stat -c %u:%g /m/file /m/below/file").split() == ["5001:6002", "5001:6002"]


def test_mappings_of_a_mount_without_the_option_map_it(bundle, owned):
    bundle.mount("/m", "bind", owned, ["bind"], **ID_MAPS)
    assert bundle.sh("stat -c %u:%g /m/file").split() == ["5001:6002"]


def test_mappings_of_one_kind_only_must_generate_an_error(bundle, owned):
    bundle.mount("/m", "bind", owned, ["bind"], uidMappings=ID_MAPS["uidMappings"])
    bundle.refuse("Mappings")


def test_idmap_without_mappings_and_without_a_user_namespace_must_generate_an_error(bundle, owned):
    bundle.mount("/m", "bind", owned, ["bind", "idmap"])
    bundle.refuse("mappings")


def test_mappings_of_a_mount_that_cannot_be_mapped_must_generate_an_error(bundle):
    bundle.mount("/m", "tmpfs", "tmpfs", [], **ID_MAPS)
    bundle.refuse("/m")


def test_mounts_of_the_container_are_not_seen_on_the_host(bundle):
    before = pathlib.Path("/proc/self/mountinfo").read_text()
    bundle.mount("/m", "tmpfs")
    bundle.started()
    assert pathlib.Path("/proc/self/mountinfo").read_text() == before


@pytest.mark.parametrize("value, word", [("shared", "shared"), ("slave", "master"), ("private", ""), ("unbindable", "unbindable")])
def test_rootfs_propagation_is_that_of_the_config(bundle, value, word):
    root = bundle.path / "rootfs"
    subprocess.run(["mount", "--bind", root, root], check=True)
    subprocess.run(["mount", "--make-shared", root], check=True)
    try:
        bundle.linux["rootfsPropagation"] = value
        seen = [one.split(":")[0] for one in mounts_of(bundle, "/")[-1][1]]
        if word:
            assert word in seen
        else:
            assert "shared" not in seen
    finally:
        subprocess.run(["umount", root], check=True)


def test_rootfs_propagation_that_is_unknown_must_generate_an_error(bundle):
    bundle.linux["rootfsPropagation"] = "sometimes"
    bundle.refuse("rootfsPropagation")


def test_rootfs_propagation_slave_lets_mounts_of_the_host_through(bundle):
    shared = bundle.path / "shared"
    shared.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "shared", shared], check=True)
    subprocess.run(["mount", "--make-shared", shared], check=True)
    try:
        (shared / "late").mkdir()
        bundle.mount("/m", "bind", shared, ["rbind", "rslave"])
        pid = bundle.started()
        subprocess.run(["mount", "-t", "tmpfs", "later", shared / "late"], check=True)
        wait_for(lambda: "later /m/late" in pathlib.Path(f"/proc/{pid}/mounts").read_text())
        subprocess.run(["umount", shared / "late"], check=True)
        bundle.call("delete", "--force", bundle.id)
    finally:
        subprocess.run(["umount", "-R", "-l", shared], check=True)
