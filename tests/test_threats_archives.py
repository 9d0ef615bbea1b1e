"""Attacks by archives: load, import and pull of tars that lie about names, sizes, digests and each other's layers.

The rows (A24 ...) are those of docs/threats.md. What one layer alone can do is in test_bad_input.py and in the unit tests of
src/archive and src/layer."""
import gzip
import hashlib
import io
import json
import os
import pathlib
import struct
import subprocess
import tarfile
import time

import pytest

import images
from inventory import rss
from test_bad_input import bad_layers


def sha(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def save(path, entries):
    path.write_bytes(images.layer([images.entry(name, data) for name, data in entries]))
    return path


def docker_archive(path, layers, manifest=None, diff_ids=None, tags=("threat:1",), config=None):
    """A docker-archive of which every part may lie."""
    ids = diff_ids if diff_ids is not None else [sha(data) for data in layers]
    text = json.dumps({"architecture": "amd64", "os": "linux", "config": {"Cmd": ["sh"], "Env": [images.PATH]},
                       "rootfs": {"type": "layers", "diff_ids": ids}, **(config or {})}).encode()
    names = [f"{number}.tar" for number in range(len(layers))]
    listing = [{"Config": "c.json", "RepoTags": list(tags), "Layers": names, **(manifest or {})}]
    return save(path, [*zip(names, layers), ("c.json", text), ("manifest.json", json.dumps(listing).encode())])


def refused(daemon, path, seconds=5, memory=64 << 20, tag="threat:1"):
    """Loads it: an error that says why, in time, in bounded memory, and no tag."""
    before, started = rss(daemon), time.monotonic()
    result = daemon.docker("load", "-i", path, check=False)
    assert result.returncode == 1 and len(result.stderr) > 10, result
    assert time.monotonic() - started < seconds
    assert rss(daemon) - before < memory
    assert daemon.out("images", "-q", tag) == ""
    return result.stderr


def test_a24_bad_archives_that_are_imported_touch_nothing_outside(clean, canary, scratch):
    path = scratch / "import.tar"
    for name, entries in bad_layers(canary).items():
        path.write_bytes(images.layer(entries))
        result = clean.docker("import", path, "threat:1", check=False)
        assert result.returncode == 0 or len(result.stderr) > 10, name
        assert (clean.out("images", "-q", "threat:1") != "") == (result.returncode == 0), name
        clean.docker("rmi", "-f", "threat:1", check=False)


def test_a25_a_link_in_a_lower_layer_leads_nowhere(clean, canary, scratch):
    base = images.layer(images.busybox_entries())
    for target in (canary, "../" * 10 + canary[1:]):
        lower = images.layer([images.link("s", target), images.directory("turn")])
        uppers = {
            "file": [images.entry("s/evil", b"x"), images.entry("s/victim", b"x")],
            "parent": [images.directory("s"), images.entry("s/victim", b"x")],
            "whiteout": [images.entry("s/.wh.victim", b""), images.entry("s/.wh..wh..opq", b"")],
            "hard": [images.entry("h", kind=tarfile.LNKTYPE, link="s/victim")],
            "turns": [images.link("turn", target), images.entry("turn", b"f"), images.directory("turn"), images.link("turn", target)],
        }
        for name, entries in uppers.items():
            path = docker_archive(scratch / "across.tar", [base, lower, images.layer(entries)])
            if clean.docker("load", "-q", "-i", path, check=False).returncode == 0:
                shown = clean.docker("run", "--rm", "threat:1", "sh", "-c", "cat /s/victim /h 2>/dev/null; true").stdout
                assert "untouched" not in shown, name
                clean.docker("rmi", "-f", "threat:1")


def test_a26_absolute_hard_links_inside_work(clean, scratch):
    extra = [images.entry("bin/hard", kind=tarfile.LNKTYPE, link="/bin/busybox"), images.link("var/run", "/run"), images.entry("var/run/pid", b"1")]
    clean.docker("load", "-q", "-i", images.busybox_archive(scratch / "hard.tar", "threat:1", extra=extra))
    out = clean.docker("run", "--rm", "threat:1", "sh", "-c", "[ /bin/hard -ef /bin/busybox ] && echo same; cat /run/pid").stdout
    clean.docker("rmi", "threat:1")
    assert out == "same\n1"


def test_a27_odd_entries_are_as_gnu_tar_has_them_or_refused(clean, scratch, tmp_path):
    entries = [images.directory("d", 0o1750, uid=7, gid=8), images.entry("p", kind=tarfile.FIFOTYPE), images.entry("c", kind=tarfile.CHRTYPE, devmajor=1, devminor=3),
               images.entry("hole", b"x" * 600, mode=0o6711), images.link("l", "nowhere"), images.entry("u", b"1", uid=2097152, gid=3000000)]
    data = images.layer(images.busybox_entries() + [(e[0], e[1]) for e in entries])
    clean.docker("load", "-q", "-i", docker_archive(scratch / "odd.tar", [data]))
    names = ["d", "p", "c", "hole", "l", "u"]
    ours = clean.docker("run", "--rm", "threat:1", "stat", "-c", "%n %f %u %g %s %t:%T", *names).stdout.splitlines()
    subprocess.run(["tar", "-C", tmp_path, "--numeric-owner", "-xp", *names], input=data, check=True)
    theirs = subprocess.run(["stat", "-c", "%n %f %u %g %s %t:%T", *names], cwd=tmp_path, capture_output=True, text=True).stdout.splitlines()
    clean.docker("rmi", "threat:1")
    skip_size = [line.split() for line in ours if not line.startswith("d ")], [line.split() for line in theirs if not line.startswith("d ")]
    assert skip_size[0] == skip_size[1]
    for device in (0o7777777 << 20, 1 << 40):
        block = bytearray(images.layer([images.entry("dev", kind=tarfile.CHRTYPE)]))
        block[329:337] = b"\x80" + device.to_bytes(7, "big")
        block[148:156] = b"        "
        block[148:156] = b"%06o\0 " % sum(block[:512])
        refused(clean, docker_archive(scratch / "device.tar", [bytes(block)]))


def header(name=b"f", size=b"0" * 11 + b"\0", flag=b"0"):
    block = bytearray(512)
    block[0:len(name)] = name
    block[100:108], block[108:116], block[116:124] = b"0000644\0", b"0000000\0", b"0000000\0"
    block[124:136], block[136:148], block[156:157], block[257:265] = size, b"0" * 11 + b"\0", flag, b"ustar\x0000"
    block[148:156] = b"        "
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


LIES = {
    "a gigabyte that is not there": header(size=b"10000000000\0"),
    "a negative size": header(size=b"\xff" * 12),
    "a PAX header of 4 GiB": header(flag=b"x", size=b"40000000000\0"),
    "a name of 64 MiB": header(flag=b"L", size=b"00400000000\0") + bytes(1 << 20),
    "random": bytes(range(256)) * 8,
    "a bad checksum": header().replace(b"ustar", b"USTAR"),
    "sizes on a directory": header(flag=b"5", size=b"00000001000\0") + bytes(512),
    "type V": header(flag=b"V"), "type M": header(flag=b"M"), "type S": header(flag=b"S"),
}


@pytest.mark.parametrize("lie", sorted(LIES))
def test_a28_headers_that_lie_are_refused_at_once(clean, scratch, lie):
    base = images.layer(images.busybox_entries())
    refused(clean, docker_archive(scratch / "lie.tar", [base, LIES[lie]]), seconds=3, memory=16 << 20)
    (scratch / "lie-outer.tar").write_bytes(LIES[lie])
    refused(clean, scratch / "lie-outer.tar", seconds=3, memory=16 << 20)


def test_a29_windows_and_members_are_bounded(clean, scratch):
    """zstd --long=31, an xz dictionary of 1.5 GiB, a hundred thousand empty members, garbage after the last."""
    plain = images.layer([images.entry("zeros", bytes(4 << 20))])
    long = subprocess.run(["zstd", "-q", "--ultra", "--long=31", "-c"], input=bytes(1 << 20) + plain, capture_output=True).stdout
    wide = subprocess.run(["xz", "-c", "--format=xz", "--lzma2=dict=1536MiB"], input=plain, capture_output=True).stdout
    cases = {"zstd": long, "xz": wide, "garbage": gzip.compress(plain) + b"garbage" * 100, "members": gzip.compress(b"") * 100_000}
    for name, data in cases.items():
        if data:  # What this machine's tools could make.
            refused(clean, docker_archive(scratch / f"{name}.tar", [data], diff_ids=[sha(plain)]), seconds=6)


def test_a30_a_refused_name_leaves_no_half_image(clean, scratch):
    deep = "d/" * 1500 + "f"
    path = docker_archive(scratch / "deep.tar", [images.layer(images.busybox_entries()), images.layer([images.entry(deep, b"deep")])])
    clean.docker("load", "-q", "-i", path)  # 3,000 characters deep: an openat chain.
    assert clean.docker("run", "--rm", "threat:1", "cat", deep).stdout == "deep"
    clean.docker("rmi", "-f", "threat:1")
    for name in ("n" * 256, "/".join(["d" * 200] * 30), "d/" * 3000 + "f"):
        assert "name" in refused(clean, docker_archive(scratch / "name.tar", [images.layer(images.busybox_entries()), images.layer([images.entry(name, b"x")])]))


def test_a31_a_failed_load_leaves_the_tag_where_it_was(clean, scratch):
    base = images.layer(images.busybox_entries())
    layers = [base] + [images.layer([images.entry(f"f{n}", os.urandom(20000))]) for n in range(4)]
    clean.docker("load", "-q", "-i", docker_archive(scratch / "old.tar", [base]))
    old = clean.out("images", "-q", "--no-trunc", "threat:1")
    ids = [sha(layer) for layer in layers]
    bad = {
        "wrong diff id": docker_archive(scratch / "a.tar", layers, diff_ids=ids[:4] + ["sha256:" + "0" * 64]),
        "layers missing": docker_archive(scratch / "b.tar", layers[:2], diff_ids=ids[:3]),
        "layers surplus": docker_archive(scratch / "c.tar", layers, diff_ids=ids[:4]),
        "order": docker_archive(scratch / "d.tar", layers, diff_ids=[ids[0], *reversed(ids[1:])]),
        "cut layer": docker_archive(scratch / "e.tar", [*layers[:3], layers[3][:11000], layers[4]], diff_ids=ids),
        "no layer": docker_archive(scratch / "f.tar", layers, manifest={"Layers": ["0.tar", "nosuch"]}, diff_ids=ids[:2]),
    }
    for name, path in bad.items():
        assert clean.docker("load", "-i", path, check=False).returncode == 1, name
        assert clean.out("images", "-q", "--no-trunc", "threat:1") == old, name
    assert clean.docker("run", "--rm", "threat:1", "echo", "whole").stdout == "whole\n"
    clean.docker("rmi", "threat:1")


def test_a33_manifests_that_point_elsewhere_are_refused(clean, canary, scratch):
    base = images.layer(images.busybox_entries())
    up = "../" * 10
    for field in ({"Config": up + canary[1:] + "/victim"}, {"Config": canary + "/victim"}, {"Layers": [up + canary[1:] + "/victim"]}, {"Config": None},
                  {"Layers": [None]}, {"Layers": None}, {"Layers": "0.tar"}, {"RepoTags": ["../../x:1"]}, {"RepoTags": ["UPPER:1"]}, {"RepoTags": ["a:b:c"]},
                  {"RepoTags": ["a\nb:1"]}, {"RepoTags": [f"many:{n}" for n in range(10_001)]}):
        refused(clean, docker_archive(scratch / "point.tar", [base], manifest=field))
        assert clean.out("images", "-q", "many") == ""
    for text in (b"[null]", b'{"a":1}', b"[" * 100_000, b"null", b"", b"[{}]", b"\xff\xfe"):
        refused(clean, save(scratch / "text.tar", [("0.tar", base), ("c.json", b"{}"), ("manifest.json", text)]))
    linked = [images.link("0.tar", canary + "/victim"), images.entry("c.json", json.dumps({"rootfs": {"type": "layers", "diff_ids": [sha(b"untouched")]}}).encode()),
              images.entry("manifest.json", json.dumps([{"Config": "c.json", "RepoTags": ["threat:1"], "Layers": ["0.tar"]}]).encode())]
    (scratch / "linked.tar").write_bytes(images.layer(linked))
    assert "untouched" not in refused(clean, scratch / "linked.tar")


def test_a34_no_program_of_an_image_runs_while_bytes_are_unpacked(clean, canary, scratch):
    """Decompressors and libraries of the image, for layers in every compression on top of them and in copying up."""
    marker = f"#!/bin/sh\necho ran > /pwned; echo ran > {canary}/pwned\n".encode()
    names = ("unpigz", "pigz", "xz", "unxz", "zstd", "bzip2", "gzip", "tar")
    traps = [images.entry(f"{where}/{name}", marker, 0o755) for where in ("usr/bin", "usr/sbin", "sbin") for name in names]
    traps += [images.directory("data"), images.entry("data/f", b"x"), images.entry("etc/ld.so.preload", b"/lib/libtrap.so\n"), images.entry("lib/libnss_files.so.2", marker)]
    base = images.layer(images.busybox_entries() + traps)
    top = images.layer([images.entry("top", b"t")])
    for command in (["gzip", "-c"], ["bzip2", "-c"], ["xz", "-c"], ["zstd", "-q", "-c"]):
        packed = subprocess.run(command, input=top, capture_output=True, check=True).stdout
        clean.docker("load", "-q", "-i", docker_archive(scratch / "trap.tar", [base, packed], diff_ids=[sha(base), sha(top)]))
        out = clean.docker("run", "--rm", "-v", "/data", "-u", "u", "threat:1", "sh", "-c", "ls /pwned 2>/dev/null; cat /top; ls /data").stdout
        clean.docker("rmi", "threat:1")
        assert out == "tf\n"


def test_a36_odd_names_and_sparse_files_are_told_and_cost_their_data(clean):
    script = ("mkdir /t; cd /t; truncate -s 8000G big; touch \"$(printf 'new\\nline')\" \"$(printf 'esc\\033[31m')\" \"$(printf 'bad\\377utf')\" "
              "$(printf '%0255d' 0); mkfifo pipe")
    clean.docker("run", "--name", "odd", "busybox", "sh", "-c", script)
    started = time.monotonic()
    changes = clean.api("GET", "/containers/odd/changes")[1]
    assert time.monotonic() - started < 2
    paths = [change["Path"] for change in changes]
    assert "/t/new\nline" in paths and "/t/esc\x1b[31m" in paths and "/t/" + "0" * 255 in paths and "/t/big" in paths and len(paths) == 7
    size = clean.api("GET", "/containers/odd/json?size=1")[1]["SizeRw"]
    assert size < 1 << 20, "a hole is no data"
