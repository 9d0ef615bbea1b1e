"""Images that suites of other clients ask for by name, made of this machine's programs: python:*, registry:2."""
import glob
import os
import pathlib
import subprocess

from images import archive, busybox_entries, directory, entry, layer

# Parts of the standard library that no test needs and that are large.
LEFT_OUT = {"__pycache__", "test", "idlelib", "dist-packages", "ensurepip", "lib2to3", "tkinter", "config-3.11-x86_64-linux-gnu"}


def program(source, target):
    """A dynamic program and the libraries it names."""
    words = subprocess.run(["ldd", source], capture_output=True, text=True).stdout.split()
    return [(target, source), *((word.lstrip("/"), word) for word in words if word.startswith("/"))]


def tree(top):
    for path, folders, names in os.walk(top):
        folders[:] = [name for name in folders if name not in LEFT_OUT]
        yield from ((os.path.join(path, name).lstrip("/"), os.path.join(path, name)) for name in names)


def entries_of(files):
    """Each file once, with the directories it is in."""
    made, seen = [], {"bin", "etc", "root", "proc", "sys", "dev", "var", "home", "tmp"}
    for target, source in files:
        for folder in reversed([str(p) for p in pathlib.PurePath(target).parents if str(p) != "."]):
            if folder not in seen:
                made.append(directory(folder))
                seen.add(folder)
        if target not in seen and os.path.isfile(source):
            made.append(entry(target, pathlib.Path(source).read_bytes(), os.stat(source).st_mode & 0o777))
            seen.add(target)
    return made


def python_archive(path, tag):
    """The machine's python3 as `python`, with its standard library, over busybox."""
    real = os.path.realpath("/usr/bin/python3")
    library = f"/usr/lib/{pathlib.Path(real).name}"
    files = program(real, "usr/bin/python")
    for extension in glob.glob(f"{library}/lib-dynload/*.so"):
        files += program(extension, extension.lstrip("/"))
    return archive(path, [layer(busybox_entries() + entries_of([*files, *tree(library)]))], tag, {"Cmd": ["python"]})


def script(path, tag, name, text, *more):
    """busybox and one script at `name`."""
    return archive(path, [layer(busybox_entries() + [directory("usr"), directory("usr/sbin"), *more, entry(name, text.encode(), 0o755)])], tag)


def hello_archive(path, tag="hello-world:linux"):
    """Docker's usual greeting."""
    return script(path, tag, "hello", "#!/bin/sh\necho\necho 'Hello from Docker!'\necho 'This message shows that it works.'\n")


def uhttpd_archive(path, tag="uhttpd:latest"):
    """A small web server that understands the options of OpenWrt's."""
    page = [directory("www"), entry("www/index.html", b"<html>hello</html>\n"), directory("etc/config"),
            entry("etc/config/uhttpd", b"\nconfig uhttpd main\n")]
    return script(path, tag, "usr/sbin/run_uhttpd", '#!/bin/sh\nexec /bin/busybox httpd "$@"\n', *page)


REGISTRY_CONFIG = b"""version: 0.1
storage: {filesystem: {rootdirectory: /var/lib/registry}, delete: {enabled: true}}
http: {addr: ':5000'}
"""


def registry_archive(path, tag="registry:2"):
    """Debian's docker-registry, with the settings that the usual image of that name takes from its environment."""
    made = entries_of(program("/usr/bin/docker-registry", "usr/bin/registry"))
    made += [directory("var/lib"), directory("var/lib/registry"), entry("etc/registry.yml", REGISTRY_CONFIG)]
    config = {"Cmd": ["registry", "serve", "/etc/registry.yml"], "ExposedPorts": {"5000/tcp": {}}}
    return archive(path, [layer(busybox_entries() + made)], tag, config)
