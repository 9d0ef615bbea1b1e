"""Images made on the spot: docker-archive tars from this machine's static busybox, or from hand-made layers."""
import hashlib
import io
import json
import os
import pathlib
import subprocess
import tarfile

BUSYBOX = pathlib.Path("/bin/busybox")
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def entry(name, content=b"", mode=0o644, kind=tarfile.REGTYPE, link="", **fields):
    info = tarfile.TarInfo(name)
    info.size = len(content)
    info.mode = mode
    info.type = kind
    info.linkname = link
    info.mtime = 1704067200
    for key, value in fields.items():
        setattr(info, key, value)
    return info, content


def directory(name, mode=0o755, **fields):
    return entry(name, mode=mode, kind=tarfile.DIRTYPE, **fields)


def link(name, target):
    return entry(name, kind=tarfile.SYMTYPE, link=target, mode=0o777)


def layer(entries, fmt=tarfile.PAX_FORMAT):
    """The bytes of a tar of (TarInfo, content) pairs."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=fmt) as tar:
        for info, content in entries:
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def busybox_entries():
    entries = [directory(name) for name in ("bin", "etc", "root", "proc", "sys", "dev", "var", "home")]
    entries.append(directory("tmp", 0o1777))
    entries.append(entry("bin/busybox", BUSYBOX.read_bytes(), 0o755))
    applets = subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True).stdout.split()
    entries += [link(f"bin/{applet}", "busybox") for applet in applets if applet != "busybox"]
    entries.append(entry("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nu:x:1000:1000::/home:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"))
    entries.append(entry("etc/group", b"root:x:0:\nu:x:1000:\nextra:x:2000:u\nnobody:x:65534:\n"))
    return entries


def archive(path, layers, tag, config=None, diff_ids=None):
    """A docker-archive at `path` of raw layer tars; `config` is merged over {Cmd, Env}."""
    blobs = {}
    names = []
    for number, content in enumerate(layers):
        names.append(f"{number}/layer.tar")
        blobs[names[-1]] = content
    ids = diff_ids or ["sha256:" + hashlib.sha256(content).hexdigest() for content in layers]
    image = {
        "architecture": "amd64", "os": "linux", "created": "2024-01-01T00:00:00Z",
        "config": {"Cmd": ["sh"], "Env": [PATH], **(config or {})},
        "rootfs": {"type": "layers", "diff_ids": ids},
        "history": [{"created": "2024-01-01T00:00:00Z", "created_by": "test"} for _ in layers],
    }
    text = json.dumps(image).encode()
    name = hashlib.sha256(text).hexdigest() + ".json"
    blobs[name] = text
    blobs["manifest.json"] = json.dumps([{"Config": name, "RepoTags": [tag] if tag else None, "Layers": names}]).encode()
    pathlib.Path(path).write_bytes(layer([entry(key, value) for key, value in blobs.items()]))
    return pathlib.Path(path)


def busybox_archive(path, tag="busybox:latest", extra=(), config=None):
    return archive(path, [layer(busybox_entries() + list(extra))], tag, config)
