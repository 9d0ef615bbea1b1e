"""Where logs are sent to, played on loopback: byte streams, datagrams, fluentd, Splunk's event collector."""
import gzip
import http.server
import json
import os
import socket
import ssl
import struct
import subprocess
import threading
import time
import zlib


class Receiver:
    """Gathers what arrives: `messages` of datagrams, `bytes` of all streams together."""

    def __init__(self):
        self.bytes = b""
        self.messages = []
        self.connections = []
        self.reading = threading.Event()
        self.reading.set()

    def wait(self, done, seconds=15):
        deadline = time.monotonic() + seconds
        while not done(self):
            assert time.monotonic() < deadline, f"never came; so far: {self.bytes[-500:]!r} {self.messages[-3:]!r}"
            time.sleep(0.02)
        return self

    def serve(self, target, *args):
        threading.Thread(target=target, args=args, daemon=True).start()

    def close(self):
        self.socket.close()
        for connection in self.connections:
            connection.close()


class Datagrams(Receiver):
    def __init__(self, path=None, port=0):
        super().__init__()
        self.socket = socket.socket(socket.AF_UNIX if path else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(str(path) if path else ("127.0.0.1", port))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.port = None if path else self.socket.getsockname()[1]
        self.serve(self.run)

    def run(self):
        while True:
            try:
                data, files, _, _ = socket.recv_fds(self.socket, 1 << 20, 1)
            except OSError:
                return
            for file in files:
                data = os.pread(file, 1 << 24, 0)
                os.close(file)
            self.messages.append(data)


class Streams(Receiver):
    """TCP (or TLS, or a unix socket); `answer` may look at the bytes so far and say what to send back."""

    def __init__(self, path=None, port=0, tls=None, answer=None):
        super().__init__()
        self.answer = answer
        self.tls = tls
        self.socket = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
        if not path:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(str(path) if path else ("127.0.0.1", port))
        self.socket.listen()
        self.port = None if path else self.socket.getsockname()[1]
        self.serve(self.accept)

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
                if self.tls:
                    connection = self.tls.wrap_socket(connection, server_side=True)
            except ssl.SSLError:
                continue
            except OSError:
                return
            self.connections.append(connection)
            self.serve(self.read, connection)

    def read(self, connection):
        while True:
            self.reading.wait()
            try:
                data = connection.recv(65536)
            except OSError:
                return
            if not data:
                return
            self.bytes += data
            if self.answer:
                back = self.answer(self)
                if back:
                    connection.sendall(back)

    def hang_up(self):
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)  # A thread still reads: close() alone would end nothing.
            except OSError:
                pass
            connection.close()
        self.connections.clear()


class Collector(Receiver):
    """Splunk's HTTP event collector: `requests` are (method, path, headers, events)."""

    def __init__(self, status=200):
        super().__init__()
        self.requests = []
        self.status = status
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def do_OPTIONS(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                collector.requests.append((self.command, self.path, dict(self.headers), json_values(body.decode())))
                self.send_response(collector.status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            do_POST = do_OPTIONS

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.serve(self.server.serve_forever)

    @property
    def events(self):
        return [event for _, _, _, events in self.requests for event in events]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def json_values(text):
    decoder, values, at = json.JSONDecoder(), [], 0
    while at < len(text):
        value, at = decoder.raw_decode(text, at)
        values.append(value)
    return values


def certificate(folder):
    """A self-signed one for 127.0.0.1, and a server's TLS context with it."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2",
                    "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return cert, context


def gelf_message(datagrams):
    """One message of its chunks, whichever way it is compressed."""
    if datagrams[0][:2] == b"\x1e\x0f":
        datagrams = sorted(datagrams, key=lambda chunk: chunk[10])
        assert all(chunk[11] == len(datagrams) for chunk in datagrams)
        data = b"".join(chunk[12:] for chunk in datagrams)
    else:
        data, = datagrams
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    elif data[:1] == b"\x78":
        data = zlib.decompress(data)
    return json.loads(data)


def journal_fields(message):
    fields = {}
    while message:
        line, _, message = message.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            size, = struct.unpack_from("<Q", message)
            value, message = message[8:8 + size], message[9 + size:]
        fields[name.decode()] = value.decode()
    return fields


def unpack(data, at=0):
    """(value, next position) of one MessagePack value; IndexError or struct.error where it is cut."""
    kind = data[at]
    at += 1
    if kind < 0x80:
        return kind, at
    if kind < 0x90:
        return unpack_pairs(data, at, kind & 15)
    if kind < 0xa0:
        return unpack_list(data, at, kind & 15)
    if kind < 0xc0:
        return unpack_text(data, at, kind & 31)
    sizes = {0xd9: ">B", 0xda: ">H", 0xdb: ">I", 0xce: ">I", 0xcf: ">Q", 0xdc: ">H", 0xde: ">H"}
    if kind == 0xd7:
        extension, seconds, nanoseconds = struct.unpack_from(">BII", data, at)
        assert extension == 0
        return (seconds, nanoseconds), at + 9
    number, = struct.unpack_from(sizes[kind], data, at)
    at += struct.calcsize(sizes[kind])
    if kind in (0xce, 0xcf):
        return number, at
    return {0xdc: unpack_list, 0xde: unpack_pairs}.get(kind, unpack_text)(data, at, number)


def unpack_text(data, at, size):
    if at + size > len(data):
        raise IndexError
    return data[at:at + size].decode(), at + size


def unpack_list(data, at, count):
    values = []
    for _ in range(count):
        value, at = unpack(data, at)
        values.append(value)
    return values, at


def unpack_pairs(data, at, count):
    values, at = unpack_list(data, at, 2 * count)
    return dict(zip(values[::2], values[1::2])), at


def forwarded(data):
    """All whole messages of fluentd's forward protocol."""
    messages, at = [], 0
    while at < len(data):
        try:
            message, at = unpack(data, at)
        except (IndexError, struct.error):
            break
        messages.append(message)
    return messages
