"""A stand-in of systemd's manager: its private socket and a bus's, transient scopes in the real v1 hierarchies, jobs, and what may go wrong."""
import os
import pathlib
import signal
import socket
import struct
import threading
import time

MANAGED = ("systemd", "cpu", "cpuacct", "memory", "blkio", "devices", "pids")
TOP = pathlib.Path("/sys/fs/cgroup")
ERROR = "org.freedesktop.systemd1."


class Reader:
    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def align(self, to):
        self.at = (self.at + to - 1) // to * to

    def fixed(self, code):
        size = struct.calcsize(code)
        self.align(size)
        value, = struct.unpack_from("<" + code, self.data, self.at)
        self.at += size
        return value

    def string(self, size):
        text = self.data[self.at:self.at + size].decode()
        assert self.data[self.at + size] == 0
        self.at += size + 1
        return text

    def value(self, kind):
        """One complete type at the front of `kind`: (value, the rest of the signature)."""
        code, rest = kind[0], kind[1:]
        if code in "so":
            return self.string(self.fixed("I")), rest
        if code == "g":
            return self.string(self.fixed("B")), rest
        if code == "v":
            return self.value(self.string(self.fixed("B")))[0], rest
        if code == "(":
            self.align(8)
            fields = []
            while rest[0] != ")":
                field, rest = self.value(rest)
                fields.append(field)
            return tuple(fields), rest[1:]
        if code == "a":
            size = self.fixed("I")
            self.align(8 if rest[0] in "(xtd" else 1 if rest[0] in "ygv" else 4)
            end, items, after = self.at + size, [], skip(rest)
            while self.at < end:
                items.append(self.value(rest)[0])
            assert self.at == end
            return items, after
        number = self.fixed({"y": "B", "b": "I", "u": "I", "i": "i", "t": "Q", "x": "q"}[code])
        return (bool(number) if code == "b" else number), rest

    def all(self, kinds):
        values = []
        while kinds:
            value, kinds = self.value(kinds)
            values.append(value)
        assert self.at == len(self.data), "bytes after the body"
        return values


def skip(kind):
    """What follows the first complete type."""
    if kind[0] == "a":
        return skip(kind[1:])
    if kind[0] != "(":
        return kind[1:]
    depth = 0
    for at, letter in enumerate(kind):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return kind[at + 1:]


def pad(data, to):
    return data + bytes(-len(data) % to)


def text(value):
    return struct.pack("<I", len(value.encode())) + value.encode() + b"\0"


def message(kind, fields, signature="", values=(), serial=1):
    """Strings, object paths and u32 are all that is ever sent."""
    body = b""
    for code, value in zip(signature, values):
        body = pad(body, 4) + (struct.pack("<I", value) if code == "u" else text(value))
    head = b""
    for code, (type_, value) in {**fields, **({8: ("g", signature)} if signature else {})}.items():
        head = pad(head, 8) + bytes([code, 1]) + type_.encode() + b"\0"
        head += struct.pack("<I", value) if type_ == "u" else bytes([len(value)]) + value.encode() + b"\0" if type_ == "g" else text(value)
    return pad(struct.pack("<cBBBIII", b"l", kind, 0, 1, len(body), serial, len(head)) + head, 8) + body


class Systemd:
    def __init__(self, path, bus=False):
        self.path, self.bus = str(path), bus
        self.units, self.calls, self.lock = {}, [], threading.RLock()
        self.refuse = {}        # member -> (error name, words), for each call of it
        self.silent = set()     # members that get no answer
        self.job_result = "done"
        self.tidy = True        # Scopes end when they are empty.
        self.old = False        # As a release before 244.
        self.jobs = 0
        self.subscribed = set()
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(self.path)
        self.socket.listen(64)
        self.open = True
        for target in (self.accept, self.watch):
            threading.Thread(target=target, daemon=True).start()

    def close(self):
        self.open = False
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        os.unlink(self.path)

    def accept(self):
        while self.open:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with client, client.makefile("rb") as stream:
            try:
                uid, = struct.unpack_from("4xI4x", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
                assert stream.read(1) == b"\0"
                if stream.readline() != b"AUTH EXTERNAL " + str(uid).encode().hex().encode() + b"\r\n":
                    return client.sendall(b"REJECTED EXTERNAL\r\n")
                client.sendall(b"OK 0123456789abcdef0123456789abcdef\r\n")
                assert stream.readline() == b"BEGIN\r\n"
                greeted = not self.bus
                while head := stream.read(16):
                    _, kind, _, version, size, serial, fields_size = struct.unpack("<cBBBIII", head)
                    assert kind == 1 and version == 1
                    head += stream.read(-(-fields_size // 8) * 8)
                    reader = Reader(head[:16 + fields_size], 12)
                    fields = {code: value for code, value in reader.value("a(yv)")[0]}
                    arguments = Reader(stream.read(size)).all(fields.get(8, ""))
                    member = fields[3]
                    assert greeted or member == "Hello"
                    assert fields[6] == ("org.freedesktop.DBus" if member in ("Hello", "AddMatch") else "org.freedesktop.systemd1")
                    greeted = True
                    self.answer(client, serial, member, arguments)
            except (OSError, EOFError, struct.error):
                pass  # The client is gone.

    def answer(self, client, serial, member, arguments):
        with self.lock:
            self.calls.append((member, arguments))
        if member in self.silent:
            return
        if member in ("Hello", "AddMatch", "Subscribe"):
            self.subscribed.add((client.fileno(), member))
            return self.reply(client, serial, "s" if member == "Hello" else "", [":1.7"])
        # Others' news, short and long, come between.
        noise = {1: ("o", "/org/freedesktop/systemd1/unit/x"), 2: ("s", "org.freedesktop.DBus.Properties"), 3: ("s", "PropertiesChanged")}
        client.sendall(message(4, noise, "s", ["y" * 9000]) + message(4, noise, "s", ["z"]))
        if member in self.refuse:
            return self.error(client, serial, *self.refuse[member])
        try:
            done = getattr(self, member)(*arguments)
        except Refusal as refusal:
            return self.error(client, serial, *refusal.args)
        if done is None:
            return self.reply(client, serial, "", [])
        with self.lock:
            self.jobs += 1
            job = f"/org/freedesktop/systemd1/job/{self.jobs}"
        told = message(4, {1: ("o", "/org/freedesktop/systemd1"), 2: ("s", "org.freedesktop.systemd1.Manager"), 3: ("s", "JobRemoved")}, "uoss",
                       [self.jobs, job, done, self.job_result])
        other = message(4, {1: ("o", "/org/freedesktop/systemd1"), 2: ("s", "org.freedesktop.systemd1.Manager"), 3: ("s", "JobRemoved")}, "uoss",
                        [9999, "/org/freedesktop/systemd1/job/9999", "other.service", "failed"])
        self.reply(client, serial, "o", [job])
        if self.bus:
            assert {(client.fileno(), "AddMatch"), (client.fileno(), "Subscribe")} <= self.subscribed
        client.sendall(other + told)

    def reply(self, client, serial, signature, values):
        client.sendall(message(2, {5: ("u", serial)}, signature, values))

    def error(self, client, serial, name, words):
        client.sendall(message(3, {4: ("s", name), 5: ("u", serial)}, "s", [words]))

    # The manager's methods: they return the unit whose job they are, or None.

    def StartTransientUnit(self, name, mode, properties, auxiliary):
        assert mode == "replace" and auxiliary == [] and name.endswith(".scope")
        properties = dict(properties)
        if self.old and {"CollectMode", "AllowedCPUs", "CPUQuotaPeriodUSec"} & set(properties):
            raise Refusal("org.freedesktop.DBus.Error.PropertyReadOnly", "Cannot set property CollectMode, or unknown property.")
        with self.lock:
            if name in self.units:
                raise Refusal(ERROR + "UnitExists", f"Unit {name} was already loaded or has a fragment file.")
            self.units[name] = properties
            for group in self.groups(name):
                group.mkdir(parents=True, exist_ok=True)
                for pid in properties["PIDs"]:
                    (group / "cgroup.procs").write_text(str(pid))
        return name

    def StopUnit(self, name, mode):
        self.known(name)
        deadline = time.monotonic() + 10
        while (pids := self.pids(name)) and time.monotonic() < deadline:
            for pid in pids:
                os.kill(pid, signal.SIGTERM)
            time.sleep(0.01)
        self.forget(name)
        return name

    def ResetFailedUnit(self, name):
        self.known(name)

    def SetUnitProperties(self, name, runtime, properties):
        self.known(name)
        assert runtime is True
        self.units[name].update(dict(properties))

    def known(self, name):
        if name not in self.units:
            raise Refusal(ERROR + "NoSuchUnit", f"Unit {name} not loaded.")

    def groups(self, name):
        parts = self.units[name]["Slice"].removesuffix(".slice").split("-")
        slices = ["-".join(parts[:i + 1]) + ".slice" for i in range(len(parts))]
        return [TOP.joinpath(top, *slices, name) for top in MANAGED]

    def pids(self, name):
        try:
            return [int(pid) for pid in (self.groups(name)[0] / "cgroup.procs").read_text().split()]
        except FileNotFoundError:
            return []

    def forget(self, name):
        with self.lock:
            groups = self.groups(name) if name in self.units else []
            self.units.pop(name, None)
        deadline = time.monotonic() + 2
        for group in groups:
            while group.exists() and time.monotonic() < deadline:
                try:
                    group.rmdir()
                except OSError:
                    time.sleep(0.01)  # Its last process has not left yet.

    def watch(self):
        while self.open:
            time.sleep(0.1)
            for name in self.empty() if self.tidy else []:
                self.forget(name)

    def empty(self):
        with self.lock:
            return [name for name in self.units if self.groups(name)[0].exists() and not self.pids(name)]

    def called(self, member):
        return [arguments for name, arguments in self.calls if name == member]


class Refusal(Exception):
    pass
