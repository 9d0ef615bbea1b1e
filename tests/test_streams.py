"""attach, run -i, TTYs, exec: bytes in both directions, half-closes, detach keys, resizes."""
import fcntl
import os
import pty
import select
import socket
import struct
import subprocess
import termios
import time

from test_network import wait_for


def test_stdin_reaches_the_container_and_half_close_ends_it(daemon):
    assert daemon.docker("run", "--rm", "-i", "busybox", "cat", input="one\ntwo\n").stdout == "one\ntwo\n"


def test_a_megabyte_goes_through_both_ways_unchanged(daemon):
    data = bytes(range(256)) * 8192
    result = daemon.docker("run", "--rm", "-i", "busybox", "cat", input=data, text=False)
    assert result.stdout == data


def test_stdout_and_stderr_stay_apart(daemon):
    result = daemon.docker("run", "--rm", "busybox", "sh", "-c", "for i in 1 2 3; do echo o$i; echo e$i >&2; done")
    assert (result.stdout, result.stderr) == ("o1\no2\no3\n", "e1\ne2\ne3\n")


def test_attach_to_a_running_container_sees_what_comes(daemon):
    daemon.docker("run", "-d", "--name", "ticks", "busybox", "sh", "-c", "for i in 1 2 3 4 5 6 7 8; do echo t$i; sleep 0.2; done; exit 4")
    result = daemon.docker("attach", "ticks", check=False)
    assert "t8" in result.stdout and result.returncode == 4


class Terminal:
    """A client on a real terminal of `rows` x `columns`."""

    def __init__(self, daemon, *args, rows=30, columns=90, program="docker"):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process = daemon.spawn(*args, program=program, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                                    preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)
        self.seen = b""

    def send(self, text):
        os.write(self.master, text)

    def until(self, text, seconds=10):
        deadline = time.monotonic() + seconds
        while text not in self.seen:
            left = deadline - time.monotonic()
            assert left > 0, f"{text!r} not in {self.seen!r}"
            if select.select([self.master], [], [], left)[0]:
                try:
                    self.seen += os.read(self.master, 65536)
                except OSError:
                    assert text in self.seen, f"{text!r} not in {self.seen!r}"
        return self.seen

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def end(self, seconds=10):
        code = self.process.wait(seconds)
        os.close(self.master)
        return code


def test_an_interactive_shell_with_size_resize_and_exit_code(daemon):
    terminal = Terminal(daemon, "run", "--rm", "-it", "busybox", "sh")
    terminal.until(b"# ")
    terminal.send(b"stty size\n")
    terminal.until(b"30 90")
    terminal.resize(40, 100)
    time.sleep(0.3)
    terminal.send(b"stty size\n")
    terminal.until(b"40 100")
    terminal.send(b"exit 5\n")
    assert terminal.end() == 5


def test_detach_keys_leave_the_container_running(daemon):
    terminal = Terminal(daemon, "run", "-it", "--name", "left", "busybox", "sh")
    terminal.until(b"# ")
    terminal.send(b"\x10\x11")
    assert terminal.end() == 0
    assert daemon.inspect("left")["State"]["Running"] is True
    again = Terminal(daemon, "attach", "--detach-keys", "ctrl-a,x", "left")
    again.send(b"echo again$((1+1))\n")
    again.until(b"again2")
    again.send(b"\x01x")
    again.end()
    assert daemon.inspect("left")["State"]["Running"] is True


def test_wharf_runs_the_same_shell(daemon):
    terminal = Terminal(daemon, "run", "--rm", "-it", "busybox", "sh", program=daemon.build / "wharf")
    terminal.until(b"# ")
    terminal.send(b"stty size; exit 6\n")
    terminal.until(b"30 90")
    assert terminal.end() == 6


def test_exec_runs_in_the_container_with_its_own_streams(daemon):
    daemon.docker("run", "-d", "--name", "host1", "-e", "A=1", "busybox", "sleep", "100")
    result = daemon.docker("exec", "-i", "-e", "B=2", "-w", "/tmp", "-u", "u", "host1", "sh", "-c", "cat; echo $A $B; pwd; id -u; echo e >&2; exit 9",
                           input="in\n", check=False)
    assert result.stdout == "in\n1 2\n/tmp\n1000\n" and result.stderr == "e\n" and result.returncode == 9


def test_exec_with_a_tty(daemon):
    daemon.docker("run", "-d", "--name", "host2", "busybox", "sleep", "100")
    terminal = Terminal(daemon, "exec", "-it", "host2", "sh")
    terminal.until(b"# ")
    terminal.send(b"stty size; exit 3\n")
    terminal.until(b"30 90")
    assert terminal.end() == 3


def test_exec_of_what_cannot_run(daemon):
    daemon.docker("run", "-d", "--name", "host3", "busybox", "sleep", "100")
    assert daemon.docker("exec", "host3", "nosuch", check=False).returncode == 127
    assert daemon.docker("exec", "host3", "/etc/passwd", check=False).returncode == 126
    assert daemon.docker("exec", "-u", "nosuch", "host3", "true", check=False).returncode in (1, 126)


def test_exec_ends_with_its_process_though_a_child_holds_the_pipe(daemon):
    daemon.docker("run", "-d", "--name", "host4", "busybox", "sleep", "100")
    started = time.monotonic()
    result = daemon.docker("exec", "host4", "sh", "-c", "sleep 25 & exit 4", check=False)
    assert result.returncode == 4 and time.monotonic() - started < 5


def test_wait_returns_at_once_though_a_grandchild_holds_the_pipe(daemon):
    started = time.monotonic()
    result = daemon.docker("run", "--rm", "busybox", "sh", "-c", "(sleep 1000 &); echo tail; exit 5", check=False)
    assert (result.returncode, result.stdout) == (5, "tail\n") and time.monotonic() - started < 5


def test_a_container_that_closes_its_streams_still_gives_its_code(daemon):
    assert daemon.docker("run", "--rm", "busybox", "sh", "-c", "exec >&- 2>&-; sleep 0.3; exit 7", check=False).returncode == 7


def test_a_slow_reader_of_attach_does_not_stop_the_container(daemon):
    reader = daemon.spawn("run", "--name", "flood", "busybox", "sh", "-c", "yes | head -c 30000000; echo done >&2; exit 2")
    wait_for(lambda: daemon.docker("inspect", "flood", check=False).returncode == 0)
    daemon.docker("wait", "flood", timeout=40)
    assert daemon.inspect("flood")["State"]["ExitCode"] == 2
    out, err = reader.communicate(timeout=40)
    assert len(out) == 30000000 and err == b"done\n"


def test_a_client_that_vanishes_leaves_no_thread_and_no_descriptor(daemon):
    daemon.docker("run", "-d", "--name", "steady", "busybox", "sleep", "100")
    count = lambda what: len(os.listdir(f"/proc/{daemon.pid}/{what}"))
    daemon.docker("exec", "steady", "true")
    time.sleep(0.5)
    before = count("fd"), count("task")
    clients = [daemon.spawn(*args) for _ in range(8) for args in (("attach", "steady"), ("logs", "-f", "steady"), ("events",), ("wait", "steady"))]
    time.sleep(1.5)
    for client in clients:
        client.kill()
        client.wait()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and (count("fd"), count("task")) > before:
        time.sleep(0.1)
    assert count("fd") <= before[0] + 1 and count("task") <= before[1] + 1


class WebSocket:
    """A client of RFC 6455, as small as can be."""

    def __init__(self, d, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(5)
        self.socket.connect(str(d.socket))
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode())
        self.bytes = self.socket.makefile("rb")
        head = b"".join(iter(self.bytes.readline, b"\r\n")).decode()
        assert head.startswith("HTTP/1.1 101") and "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head, head

    def send(self, payload, code=2):
        self.socket.sendall(bytes([0x80 | code, 0x80 | len(payload)]) + b"\0\0\0\0" + payload)

    def read(self):
        """The next frame: its code and payload; None at the end."""
        head = self.bytes.read(2)
        if len(head) < 2:
            return None
        length = head[1] if head[1] < 126 else int.from_bytes(self.bytes.read(2 if head[1] == 126 else 8), "big")
        return head[0] & 15, self.bytes.read(length)


def test_a_websocket_carries_the_streams_without_frames_of_stdcopy(shared_daemon):
    d = shared_daemon
    cid = d.docker("create", "-i", "busybox", "sh", "-c", "read a; echo got $a; echo bad >&2; read b || echo end").stdout.strip()
    ws = WebSocket(d, f"/v1.51/containers/{cid}/attach/ws?stream=1&stdin=1&stdout=1&stderr=1")
    d.docker("start", cid)
    ws.send(b"hello\n")
    got = b""
    while b"bad\n" not in got:
        code, payload = ws.read()
        assert code == 2
        got += payload
    assert got == b"got hello\nbad\n"
    ws.send(b"\n")
    assert ws.read() == (8, b"\x03\xe8") and ws.read() is None
    d.docker("rm", "-f", cid)


def test_nothing_comes_with_the_head_of_an_answer_that_becomes_a_stream(daemon):
    # docker-py reads the head through a buffer and the stream past it: what came with the head would be lost.
    daemon.docker("run", "-d", "--name", "quick", "busybox", "sleep", "100")
    _, made = daemon.api("POST", "/containers/quick/exec", {"Cmd": ["echo", "out"], "AttachStdout": True})
    client = socket.socket(socket.AF_UNIX)
    client.connect(str(daemon.socket))
    body = b'{"Detach":false}'
    client.sendall(f"POST /v1.47/exec/{made['Id']}/start HTTP/1.1\r\nHost: d\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n"
                   f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    time.sleep(0.4)
    head = client.recv(65536)
    assert head.startswith(b"HTTP/1.1 101") and head.endswith(b"\r\n\r\n")
    rest = b""
    while more := client.recv(65536):
        rest += more
    assert rest == b"\x01\0\0\0\0\0\0\x04out\n"
