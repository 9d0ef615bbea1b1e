"""Logging drivers that send the log somewhere, against a receiver on loopback: what arrives, and what a start that
cannot connect or has bad options says."""
import json
import re
import socket
import time

import pytest

from daemon import Daemon
from receivers import Collector, Datagrams, Streams, certificate, forwarded, gelf_message, journal_fields

DRIVER_NAMES = ["awslogs", "fluentd", "gelf", "journald", "json-file", "local", "none", "splunk", "syslog"]


@pytest.fixture
def opened():
    """Receivers to be closed after the test."""
    receivers = []

    def remember(receiver):
        receivers.append(receiver)
        return receiver
    yield remember
    for receiver in receivers:
        receiver.close()


def options(driver, **given):
    flags = ["--log-driver", driver]
    for name, value in given.items():
        name = name.replace("_", "-")
        known = ("tag", "mode", "env", "labels", "max-buffer-size", "env-regex", "labels-regex")
        own = name in known or name.startswith("cache-")
        flags += ["--log-opt", f"{name if own else f'{driver}-{name}'}={value}"]
    return flags


def run(daemon, flags, script, *more, **kwargs):
    return daemon.docker("run", *flags, *more, "busybox", "sh", "-c", script, **kwargs)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def lines(receiver):
    return receiver.bytes.decode().splitlines()


# syslog

def test_syslog_over_udp_has_the_tag_the_streams_and_the_facility(daemon, opened):
    udp = opened(Datagrams())
    run(daemon, options("syslog", address=f"udp://127.0.0.1:{udp.port}", facility="local3", tag="t/{{.Name}}"),
        "echo out; echo; echo err >&2", "--name", "sysudp")
    udp.wait(lambda r: len(r.messages) >= 2)
    stamp = r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d"
    found = sorted(m.decode() for m in udp.messages)
    assert re.fullmatch(rf"<155>{stamp} t/sysudp\[\d+\]: err\n", found[0])
    assert re.fullmatch(rf"<158>{stamp} t/sysudp\[\d+\]: out\n", found[1]) and len(found) == 2
    assert daemon.docker("logs", "sysudp").stdout == "out\n\n"


@pytest.mark.parametrize("form,expected", [
    ("rfc3164", r"<30>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d HOST ID\[\d+\]: hello"),
    ("rfc5424", r"<30>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d) HOST ID \d+ ID - hello"),
    ("rfc5424micro", r"<30>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d) HOST ID \d+ ID - hello")])
def test_syslog_formats_over_tcp(daemon, opened, form, expected):
    tcp = opened(Streams())
    run(daemon, options("syslog", address=f"tcp://127.0.0.1:{tcp.port}", format=form), "echo hello", "--name", "form")
    tcp.wait(lambda r: b"hello" in r.bytes)
    expected = expected.replace("HOST", re.escape(socket.gethostname())).replace("ID", daemon.inspect("form")["Id"][:12])
    assert re.fullmatch(expected + "\n", tcp.bytes.decode())


def test_syslog_over_tls_counts_its_messages(daemon, opened, tmp_path):
    cert, context = certificate(tmp_path)
    tls = opened(Streams(tls=context))
    flags = options("syslog", address=f"tcp+tls://127.0.0.1:{tls.port}", format="rfc5424", tls_ca_cert=cert)
    run(daemon, flags, "echo secret")
    tls.wait(lambda r: b"secret" in r.bytes)
    size, _, message = tls.bytes.partition(b" ")
    assert int(size) == len(message) and message.endswith(b"secret\n")
    other = options("syslog", address=f"tcp+tls://127.0.0.1:{tls.port}", format="rfc5424")
    refused = run(daemon, other, "echo x", check=False)
    assert "failed to initialize logging driver" in refused.stderr and "certificate" in refused.stderr
    run(daemon, [*other, "--log-opt", "syslog-tls-skip-verify=true"], "echo unverified")
    tls.wait(lambda r: b"unverified" in r.bytes)


@pytest.mark.parametrize("scheme,kind", [("unix", Streams), ("unixgram", Datagrams)])
def test_syslog_over_unix_sockets(daemon, opened, tmp_path, scheme, kind):
    receiver = opened(kind(path=tmp_path / "log"))
    run(daemon, options("syslog", address=f"{scheme}://{tmp_path}/log"), "echo hello")
    receiver.wait(lambda r: b"hello" in r.bytes + b"".join(r.messages))


# gelf

def check_gelf(daemon, name, message):
    inspect = daemon.inspect(name)
    assert message["version"] == "1.1" and message["host"] == socket.gethostname()
    assert message["_container_id"] == inspect["Id"] and message["_container_name"] == name
    assert message["_image_name"] == "busybox" and message["_command"].startswith("sh -c")
    assert message["_created"] == inspect["Created"] and message["_tag"] == inspect["Id"][:12]
    assert abs(message["timestamp"] - time.time()) < 60


@pytest.mark.parametrize("compression", ["gzip", "zlib", "none", None])
def test_gelf_over_udp(daemon, opened, compression):
    udp = opened(Datagrams())
    more = {"compression_type": compression} if compression else {}
    run(daemon, options("gelf", address=f"udp://127.0.0.1:{udp.port}", env="A,B", labels="l", **more), "echo hi; sleep 0.2; echo err >&2",
        "--name", "gelf", "-e", "A=1", "--label", "l=x")
    udp.wait(lambda r: len(r.messages) >= 2)
    out, err = (gelf_message([m]) for m in udp.messages)
    check_gelf(daemon, "gelf", out)
    assert (out["short_message"], out["level"], out["_A"], out["_l"]) == ("hi", 6, "1", "x") and "_B" not in out
    assert (err["short_message"], err["level"]) == ("err", 3)
    first = {"gzip": b"\x1f\x8b", "zlib": b"\x78", "none": b"{", None: b"\x1f\x8b"}[compression]
    assert udp.messages[0].startswith(first)


def test_gelf_cuts_long_messages_into_chunks(daemon, opened):
    udp = opened(Datagrams())
    run(daemon, options("gelf", address=f"udp://127.0.0.1:{udp.port}", compression_type="none"),
        "head -c 5000 /dev/zero | tr '\\0' x; echo", "--name", "chunks")
    udp.wait(lambda r: r.messages and len(r.messages) == r.messages[0][11])
    assert len(udp.messages) == 4 and all(len(m) <= 1420 for m in udp.messages)
    assert gelf_message(udp.messages)["short_message"] == "x" * 5000


def test_gelf_over_tcp_ends_each_message_with_a_zero_byte(daemon, opened):
    tcp = opened(Streams())
    run(daemon, options("gelf", address=f"tcp://127.0.0.1:{tcp.port}"), "echo one; echo two", "--name", "gelftcp")
    tcp.wait(lambda r: r.bytes.count(b"\0") == 2)
    messages = [json.loads(part) for part in tcp.bytes.split(b"\0")[:-1]]
    check_gelf(daemon, "gelftcp", messages[0])
    assert [m["short_message"] for m in messages] == ["one", "two"]


# fluentd

def test_fluentd_gets_messages_of_the_forward_protocol(daemon, opened):
    tcp = opened(Streams())
    run(daemon, options("fluentd", address=f"127.0.0.1:{tcp.port}", tag="docker.{{.Name}}", labels="l"), "echo hi; sleep 0.2; echo err >&2",
        "--name", "fluent", "--label", "l=x")
    tcp.wait(lambda r: len(forwarded(r.bytes)) == 2)
    (tag, seconds, record), (_, _, err) = forwarded(tcp.bytes)
    assert tag == "docker.fluent" and abs(seconds - time.time()) < 60
    assert record == {"container_id": daemon.inspect("fluent")["Id"], "container_name": "/fluent", "source": "stdout", "log": "hi", "l": "x"}
    assert err["source"] == "stderr" and err["log"] == "err"


def test_fluentd_with_acknowledgements_and_fine_time_marks_pieces(daemon, opened):
    def answer(receiver):
        chunks = [m[3]["chunk"] for m in forwarded(receiver.bytes) if len(m) == 4]
        new, receiver.acked = chunks[len(receiver.acked):], chunks
        return b"".join(b"\x81\xa3ack" + bytes([0xa0 + len(c)]) + c.encode() for c in new)
    tcp = opened(Streams(answer=answer))
    tcp.acked = []
    flags = options("fluentd", address=f"tcp://127.0.0.1:{tcp.port}", request_ack="true", sub_second_precision="true")
    run(daemon, flags, "head -c 40000 /dev/zero | tr '\\0' x; echo; echo short")
    tcp.wait(lambda r: len(forwarded(r.bytes)) == 4)
    records = [m[2] for m in forwarded(tcp.bytes)]
    assert "".join(r["log"] for r in records[:3]) == "x" * 40000
    assert [(r["partial_ordinal"], r["partial_last"]) for r in records[:3]] == [("1", "false"), ("2", "false"), ("3", "true")]
    assert len({r["partial_id"] for r in records[:3]}) == 1 and "partial_id" not in records[3]
    assert isinstance(forwarded(tcp.bytes)[0][1], tuple) and tcp.acked


def test_fluentd_over_a_unix_socket(daemon, opened, tmp_path):
    receiver = opened(Streams(path=tmp_path / "fluent"))
    run(daemon, options("fluentd", address=f"unix://{tmp_path}/fluent"), "echo hi")
    receiver.wait(lambda r: forwarded(r.bytes))
    assert forwarded(receiver.bytes)[0][2]["log"] == "hi"


def test_async_fluentd_may_come_later(daemon, opened):
    port = free_port()
    run(daemon, options("fluentd", address=f"127.0.0.1:{port}", retry_wait="100ms", **{"async": "true"}), "echo early; sleep 30", "-d", "--name", "later")
    time.sleep(0.5)
    tcp = opened(Streams(port=port))
    tcp.wait(lambda r: forwarded(r.bytes))
    assert forwarded(tcp.bytes)[0][2]["log"] == "early"


def test_fluentd_gives_up_after_its_retries_and_the_count_is_told(daemon):
    flags = options("fluentd", address=f"127.0.0.1:{free_port()}", retry_wait="10ms", max_retries="2", **{"async": "true"})
    run(daemon, flags, "echo a; echo b", "--name", "giveup")
    deadline = time.monotonic() + 10
    while f"container {daemon.inspect('giveup')['Id']}: logging driver fluentd dropped 2 log records" not in daemon.log.read_text():
        assert time.monotonic() < deadline, daemon.tail()
        time.sleep(0.05)


# splunk

def test_splunk_gets_events(daemon, opened):
    hec = opened(Collector())
    flags = options("splunk", url=f"http://127.0.0.1:{hec.port}", token="T-1", source="s", sourcetype="st", index="main", env="A")
    run(daemon, flags, "echo hi", "-e", "A=1", "--name", "splunk")
    hec.wait(lambda r: r.events)
    assert [(method, path) for method, path, _, _ in hec.requests] == [("OPTIONS", "/services/collector/event/1.0"), ("POST", "/services/collector/event/1.0")]
    assert hec.requests[1][2]["Authorization"] == "Splunk T-1"
    event, = hec.events
    assert abs(float(event.pop("time")) - time.time()) < 60
    assert event == {"host": socket.gethostname(), "source": "s", "sourcetype": "st", "index": "main",
                     "event": {"line": "hi", "source": "stdout", "tag": daemon.inspect("splunk")["Id"][:12], "attrs": {"A": "1"}}}


@pytest.mark.parametrize("form,expected", [("json", [{"a": 1}, "no json"]), ("raw", ["T k=v {\"a\": 1}", "T k=v no json"])])
def test_splunk_formats_and_compression(daemon, opened, form, expected):
    hec = opened(Collector())
    flags = options("splunk", url=f"http://127.0.0.1:{hec.port}", token="T", format=form, gzip="true", gzip_level="9",
                    index_acknowledgment="true", tag="T", labels="k")
    run(daemon, flags, "echo '{\"a\": 1}'; echo no json; [ $0 = raw ] && echo '  '; true", "--label", "k=v")
    hec.wait(lambda r: len(r.events) >= 2)
    assert [e["event"] if form == "raw" else e["event"]["line"] for e in hec.events] == expected
    assert hec.requests[1][2]["Content-Encoding"] == "gzip" and len(hec.requests[1][2]["X-Splunk-Request-Channel"]) == 36


def test_splunk_is_asked_before_the_start_unless_told_not_to(daemon, opened):
    hec = opened(Collector(status=403))
    flags = options("splunk", url=f"http://127.0.0.1:{hec.port}", token="T")
    refused = run(daemon, flags, "echo x", check=False)
    assert "failed to initialize logging driver: splunk: failed to verify connection - 403 Forbidden - {}" in refused.stderr
    run(daemon, [*flags, "--log-opt", "splunk-verify-connection=false"], "echo kept", "-d", "--name", "unverified")
    hec.wait(lambda r: r.events)
    hec.status = 200
    hec.wait(lambda r: len(r.requests) >= 3)


# journald

@pytest.fixture
def journal(opened, scratch, archive):
    """A daemon in a mount namespace of its own, where the journal's socket is ours; and that socket."""
    home = scratch / "journal"
    (home / "run" / "systemd" / "journal").mkdir(parents=True)
    receiver = opened(Datagrams(path=home / "run" / "systemd" / "journal" / "socket"))
    daemon = Daemon(home / "daemon", bridge="wharf-test5", subnet="172.25.0.1/16")
    plain = daemon.command
    daemon.command = lambda: ["unshare", "-m", "sh", "-c", f"mount --rbind {home}/run /run && exec \"$@\"", "sh", *plain()]
    daemon.start()
    daemon.docker("load", "-q", "-i", archive)
    yield daemon, receiver
    daemon.destroy()


def test_journald_gets_fields_as_docker_names_them(journal):
    daemon, receiver = journal
    run(daemon, options("journald", env="A", labels="my.label", tag="{{.Name}}"), "echo out; sleep 0.2; echo err >&2; head -c 20000 /dev/zero | tr '\\0' x; echo",
        "--name", "journal", "-e", "A=two\nlines", "--label", "my.label=x")
    receiver.wait(lambda r: len(r.messages) == 4)
    out, err, first, last = map(journal_fields, receiver.messages)
    inspect = daemon.inspect("journal")
    assert (out["CONTAINER_ID"], out["CONTAINER_ID_FULL"], out["CONTAINER_NAME"]) == (inspect["Id"][:12], inspect["Id"], "journal")
    assert (out["CONTAINER_TAG"], out["SYSLOG_IDENTIFIER"], out["IMAGE_NAME"]) == ("journal", "journal", "busybox")
    assert (out["MY_LABEL"], out["A"]) == ("x", "two\nlines")
    assert (out["MESSAGE"], out["PRIORITY"], err["MESSAGE"], err["PRIORITY"]) == ("out", "6", "err", "3")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", out["SYSLOG_TIMESTAMP"])
    assert [m["CONTAINER_LOG_ORDINAL"] for m in (out, err, first, last)] == ["1", "2", "3", "4"]
    assert first["MESSAGE"] + last["MESSAGE"] == "x" * 20000 and first["CONTAINER_PARTIAL_MESSAGE"] == "true"
    assert (first["CONTAINER_PARTIAL_LAST"], last["CONTAINER_PARTIAL_LAST"]) == ("false", "true")
    assert first["CONTAINER_PARTIAL_ID"] == last["CONTAINER_PARTIAL_ID"] and "CONTAINER_PARTIAL_MESSAGE" not in last
    assert daemon.docker("logs", "--tail", "1", "journal").stdout == "x" * 3616 + "\n"


# Everything's own words

@pytest.mark.parametrize("driver,given,message", [
    ("syslog", {"bogus": "1"}, "unknown log opt 'bogus' for syslog log driver"),
    ("syslog", {"syslog-address": "bogus"}, "unsupported scheme: ''"),
    ("syslog", {"syslog-address": "http://x"}, "unsupported scheme: 'http'"),
    ("syslog", {"syslog-address": "unix:///no/such"}, "stat /no/such: no such file or directory"),
    ("syslog", {"syslog-facility": "24"}, "invalid syslog facility"),
    ("syslog", {"syslog-format": "x"}, "Invalid syslog format"),
    ("gelf", {}, "gelf-address is a required parameter"),
    ("gelf", {"gelf-address": "x"}, "gelf-address should be in form proto://address, got x"),
    ("gelf", {"gelf-address": "unix:///x"}, "gelf: endpoint needs to be TCP or UDP"),
    ("gelf", {"gelf-address": "udp://x"}, "gelf: please provide gelf-address as proto://host:port"),
    ("gelf", {"gelf-address": "udp://x:1", "gelf-compression-type": "lz"}, 'unknown value "lz" for log opt "gelf-compression-type" for gelf log driver'),
    ("gelf", {"gelf-address": "tcp://x:1", "gelf-compression-level": "1"}, "compression is only supported on UDP"),
    ("gelf", {"gelf-address": "udp://x:1", "gelf-tcp-max-reconnect": "1"}, '"gelf-tcp-max-reconnect" is only valid for TCP'),
    ("gelf", {"gelf-address": "tcp://x:1", "gelf-tcp-max-reconnect": "-1"}, '"gelf-tcp-max-reconnect" must be a positive integer'),
    ("gelf", {"gelf-address": "udp://x:1", "x": "y"}, 'unknown log opt "x" for gelf log driver'),
    ("fluentd", {"x": "y"}, "unknown log opt 'x' for fluentd log driver"),
    ("fluentd", {"fluentd-address": "tcp://h/p"}, "invalid fluentd-address (tcp://h/p): should not contain a path element"),
    ("fluentd", {"fluentd-async": "maybe"}, 'strconv.ParseBool: parsing "maybe": invalid syntax'),
    ("fluentd", {"fluentd-buffer-limit": "x"}, "invalid size: 'x'"),
    ("journald", {"x": "y"}, "unknown log opt 'x' for journald log driver"),
    ("splunk", {"x": "y"}, "unknown log opt 'x' for splunk log driver"),
    ("json-file", {"mode": "non-blocking", "max-buffer-size": "x"}, "error parsing option max-buffer-size: invalid size: 'x'"),
    ("json-file", {"cache-disabled": "x"}, "invalid value for option cache-disabled: x"),
    ("bogus", {}, 'error looking up logging plugin bogus: plugin "bogus" not found')])
def test_options_are_refused_with_dockers_words(daemon, driver, given, message):
    body = {"Image": "busybox", "Cmd": ["true"], "HostConfig": {"LogConfig": {"Type": driver, "Config": given}}}
    assert daemon.api("POST", "/v1.51/containers/create", body) == (400, {"message": message})


@pytest.mark.parametrize("driver,given,words", [
    ("syslog", {"syslog-address": "tcp://127.0.0.1:PORT"}, "dial tcp 127.0.0.1:PORT: connect: connection refused"),
    ("gelf", {"gelf-address": "tcp://127.0.0.1:PORT"}, "dial tcp 127.0.0.1:PORT: connect: connection refused"),
    ("fluentd", {"fluentd-address": "127.0.0.1:PORT"}, "dial tcp 127.0.0.1:PORT: connect: connection refused"),
    ("splunk", {}, "splunk: splunk-url is expected"),
    ("splunk", {"splunk-url": "http://127.0.0.1:1/x", "splunk-token": "t"}, "splunk: expected format scheme://dns_name_or_ip:port for splunk-url"),
    ("splunk", {"splunk-url": "http://127.0.0.1:1"}, "splunk: splunk-token is expected"),
    ("journald", {}, "journald is not enabled on this host"),
    ("json-file", {"tag": "{{.Bogus}}"}, "failed to initialize logging driver: template: log-tag")])
def test_a_start_that_cannot_log_fails_and_leaves_nothing(clean, driver, given, words):
    port = str(free_port())
    config = {name: value.replace("PORT", port) for name, value in given.items()}
    body = {"Image": "busybox", "Cmd": ["true"], "HostConfig": {"LogConfig": {"Type": driver, "Config": config}}}
    status, created = clean.api("POST", "/v1.51/containers/create", body)
    assert status == 201
    status, answer = clean.api("POST", f"/v1.51/containers/{created['Id']}/start")
    assert status in (400, 500) and words.replace("PORT", port) in answer["message"]
    assert clean.inspect(created["Id"])["State"]["Status"] == "created"


def test_info_lists_what_works(daemon):
    assert daemon.api("GET", "/info")[1]["Plugins"]["Log"] == DRIVER_NAMES
