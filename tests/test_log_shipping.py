"""Logs on their way to a receiver: what is read meanwhile, receivers that hang up, are away or do not read, a daemon
that is killed, and what the daemon's own options say."""
import json
import pathlib
import re
import socket
import time

from receivers import Datagrams, Streams
from test_log_drivers import opened, options, run  # noqa: F401 (opened is a fixture)


def test_logs_are_read_from_the_cache_unless_it_is_disabled(daemon, opened):
    udp = opened(Datagrams())
    flags = options("syslog", address=f"udp://127.0.0.1:{udp.port}")
    run(daemon, flags, "echo cached", "--name", "cached")
    assert daemon.docker("logs", "--tail", "1", "cached").stdout == "cached\n"
    run(daemon, [*flags, "--log-opt", "cache-disabled=true"], "echo sent", "--name", "uncached")
    assert "does not support reading" in daemon.docker("logs", "uncached", check=False).stderr
    udp.wait(lambda r: len(r.messages) == 2)


def test_a_receiver_that_hangs_up_gets_the_rest_on_the_next_connection(daemon, opened):
    tcp = opened(Streams())
    run(daemon, options("gelf", address=f"tcp://127.0.0.1:{tcp.port}"), "i=0; while [ $i -lt 60 ]; do echo $i; i=$((i+1)); sleep 0.02; done",
        "-d", "--name", "hangup")
    tcp.wait(lambda r: r.bytes.count(b"\0") >= 10)
    tcp.hang_up()
    tcp.wait(lambda r: b'"short_message":"59"' in r.bytes)
    seen = {int(n) for n in re.findall(rb'"short_message":"(\d+)"', tcp.bytes)}
    assert seen == set(range(60))


def numbers(receiver):
    return [int(n) for n in re.findall(r": (\d+)$", receiver.bytes.decode(), re.MULTILINE)]


def test_no_line_is_lost_when_the_daemon_is_killed(own_daemon, opened):
    tcp = opened(Streams())
    flags = [*options("syslog", address=f"tcp://127.0.0.1:{tcp.port}"), "--log-opt", "cache-max-size=64k", "--log-opt", "cache-max-file=50"]
    run(own_daemon, flags, "i=0; while [ $i -lt 20000 ]; do echo $i; i=$((i+1)); done; sleep 1; echo 20000", "-d", "--name", "killed")
    for seen in (10, 4000, 9000):
        tcp.wait(lambda r: r.bytes.count(b"\n") >= seen)
        own_daemon.restart()
    tcp.wait(lambda r: r.bytes.rstrip().endswith(b": 20000"), 30)
    got = numbers(tcp)
    assert sorted(set(got)) == list(range(20001))
    assert len(got) < 20001 + 4 * 1000, "each kill may repeat one batch, no more"


def test_what_a_stopped_container_wrote_is_sent_when_the_receiver_comes_back(own_daemon, opened):
    tcp = Streams()
    port = tcp.port
    run(own_daemon, options("syslog", address=f"tcp://127.0.0.1:{port}"), "echo 1; sleep 1; echo 2", "-d", "--name", "away")
    tcp.wait(lambda r: b": 1\n" in r.bytes)
    tcp.hang_up()
    tcp.socket.shutdown(socket.SHUT_RDWR)
    tcp.close()
    own_daemon.docker("wait", "away")
    own_daemon.restart()
    later = opened(Streams(port=port))
    later.wait(lambda r: b": 2\n" in r.bytes, 30)
    assert numbers(later) == [2]


def test_a_receiver_that_does_not_read_holds_nobody_up_and_what_is_dropped_is_counted(own_daemon, opened):
    tcp = opened(Streams())
    tcp.reading.clear()
    flags = options("syslog", address=f"tcp://127.0.0.1:{tcp.port}", mode="non-blocking", max_buffer_size="200k")
    started = time.monotonic()
    run(own_daemon, flags, "i=0; while [ $i -lt 200000 ]; do echo $i; i=$((i+1)); done; echo last", "--name", "slow")
    assert time.monotonic() - started < 30
    tcp.reading.set()
    tcp.wait(lambda r: r.bytes.endswith(b": last\n"), 30)
    told = f"container {own_daemon.inspect('slow')['Id']}: logging driver syslog dropped "
    tcp.wait(lambda r: told in own_daemon.log.read_text())
    dropped = int(own_daemon.log.read_text().split(told)[1].split()[0])
    assert dropped > 0 and dropped + len(set(numbers(tcp))) == 200000


def test_a_removed_container_has_sent_its_log(daemon, opened):
    tcp = opened(Streams())
    run(daemon, options("syslog", address=f"tcp://127.0.0.1:{tcp.port}"), "i=0; while [ $i -lt 5000 ]; do echo $i; i=$((i+1)); done", "--rm")
    assert numbers(tcp)[-1] == 4999 and len(numbers(tcp)) == 5000


def test_containers_that_ship_their_log_cost_no_thread(daemon, opened):
    udp = opened(Datagrams())
    for i in range(4):
        run(daemon, options("syslog", address=f"udp://127.0.0.1:{udp.port}"), "echo x; sleep 60", "-d", "--name", f"idle{i}")
    udp.wait(lambda r: len(r.messages) == 4)
    deadline = time.monotonic() + 15
    while threads(daemon) > 16 and time.monotonic() < deadline:
        time.sleep(0.2)
    before = threads(daemon)
    for i in range(4, 10):
        run(daemon, options("syslog", address=f"udp://127.0.0.1:{udp.port}"), "echo x; sleep 60", "-d", "--name", f"idle{i}")
    time.sleep(7)
    assert threads(daemon) <= before


def threads(daemon):
    return len(list(pathlib.Path(f"/proc/{daemon.pid}/task").iterdir()))


# The defaults

def test_the_default_turns_over_at_100_mb_and_keeps_three(daemon):
    daemon.docker("run", "--name", "default", "busybox", "true")
    assert daemon.inspect("default")["HostConfig"]["LogConfig"] == {"Type": "json-file", "Config": {}}


def test_the_daemons_options_are_those_of_its_driver(own_daemon, opened):
    udp = opened(Datagrams())
    own_daemon.stop()
    config = own_daemon.home / "daemon.json"
    config.write_text(json.dumps({"log-driver": "syslog", "log-opts": {"syslog-address": f"udp://127.0.0.1:{udp.port}", "tag": "d/{{.Name}}",
                                                                       "cache-max-file": "2"}}))
    own_daemon.start()
    assert own_daemon.api("GET", "/info")[1]["LoggingDriver"] == "syslog"
    own_daemon.docker("run", "--name", "plain", "busybox", "echo", "hi")
    udp.wait(lambda r: r.messages)
    assert b" d/plain[" in udp.messages[0]
    run(own_daemon, options("syslog", tag="own"), "echo hi", "--name", "merged")
    udp.wait(lambda r: len(r.messages) == 2)
    assert b" own[" in udp.messages[1]
    own_daemon.docker("create", "--name", "other", "--log-driver", "json-file", "busybox")
    assert own_daemon.inspect("other")["HostConfig"]["LogConfig"]["Config"] == {"cache-max-file": "2"}
    own_daemon.stop()
    config.write_text(json.dumps({"log-opts": {"bogus": "1"}}))
    own_daemon.start(wait=False)
    assert own_daemon.process.wait(10) != 0
    assert "failed to set log opts: unknown log opt 'bogus' for json-file log driver" in own_daemon.log.read_text()
    config.write_text("{}")
    own_daemon.start()
