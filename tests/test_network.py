"""The default bridge: addresses, published ports in all forms, what a neighbour can and cannot reach."""
import concurrent.futures
import os
import pathlib
import re
import socket
import subprocess
import time

import pytest

# Not wget: the one of busybox-static crashes on some machines.
GET = "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 3 {} {}"
SERVE = "mkdir -p /w && echo page > /w/index.html && httpd -f -p {} -h /w"


def serve(daemon, name, *flags, port=80):
    daemon.docker("run", "-d", "--name", name, *flags, "busybox", "sh", "-c", SERVE.format(port))
    address = daemon.inspect(name)["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
    wait_for(lambda: fetch(address, port) == "page")
    return address


def fetch(host, port, seconds=2):
    result = subprocess.run(["curl", "-s", "--max-time", str(seconds), f"http://{host}:{port}/"], capture_output=True, text=True)
    return result.stdout.strip()


def wait_for(condition, seconds=5):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.05)


def ports(daemon, name):
    return daemon.inspect(name)["NetworkSettings"]["Ports"]


def test_a_container_has_an_address_a_route_and_a_gateway(daemon):
    out = daemon.docker("run", "--rm", "busybox", "sh", "-c", "ip addr show eth0; ip route; cat /etc/hosts; cat /etc/resolv.conf; ping -c1 -W2 172.29.0.1").stdout
    assert "inet 172.29." in out and "default via 172.29.0.1 dev eth0" in out and "127.0.0.1\tlocalhost" in out and "1 packets received" in out


def test_two_containers_reach_each_other(daemon):
    address = serve(daemon, "one")
    assert "page" in daemon.docker("run", "--rm", "busybox", "sh", "-c", GET.format(address, 80)).stdout


def test_published_on_every_address(daemon, remote):
    serve(daemon, "web", "-p", "18080:80")
    assert ports(daemon, "web")["80/tcp"][0]["HostPort"] == "18080"
    assert fetch("127.0.0.1", 18080) == "page"
    assert fetch("172.29.0.1", 18080) == "page"
    assert remote.inside("curl", "-s", "--max-time", "3", f"http://{remote.HOST}:18080/").stdout == "page\n"


def test_published_on_loopback_answers_only_the_host(daemon, remote):
    address = serve(daemon, "local", "-p", "127.0.0.1:18081:80")
    assert fetch("127.0.0.1", 18081) == "page"
    remote.route("172.29.0.0/16")
    remote.inside("sysctl", "-qw", "net.ipv4.conf.all.route_localnet=1")
    remote.inside("ip", "route", "add", "127.0.0.5", "via", remote.HOST, check=False)
    for target in (f"{remote.HOST}:18081", f"{address}:80", "127.0.0.5:18081"):
        assert remote.inside("curl", "-s", "--max-time", "1", f"http://{target}/", check=False).returncode != 0


def test_a_neighbour_that_routes_to_the_bridge_reaches_nothing_unpublished(daemon, remote):
    """CVE-2025-54388: direct routing."""
    address = serve(daemon, "direct", "-p", "18082:80")
    remote.route("172.29.0.0/16")
    assert remote.inside("curl", "-s", "--max-time", "1", f"http://{address}:80/", check=False).returncode != 0
    assert remote.inside("curl", "-s", "--max-time", "3", f"http://{remote.HOST}:18082/").stdout == "page\n"


def test_random_ports_ranges_and_host_addresses(daemon):
    serve(daemon, "random", "-p", "80")
    assert fetch("127.0.0.1", int(ports(daemon, "random")["80/tcp"][0]["HostPort"])) == "page"
    daemon.docker("run", "-d", "--name", "range", "-p", "18090-18092:18090-18092", "-p", "172.29.0.1:18093:93", "busybox", "sleep", "60")
    found = ports(daemon, "range")
    assert [found[f"{p}/tcp"][0]["HostPort"] for p in (18090, 18091, 18092)] == ["18090", "18091", "18092"]
    assert found["93/tcp"] == [{"HostIp": "172.29.0.1", "HostPort": "18093"}]
    assert re.search(r"18090-18092->18090-18092/tcp", daemon.out("ps", "--filter", "name=range", "--format", "{{.Ports}}"))


@pytest.fixture(scope="session")
def udp_echo(scratch):
    """A static program, as busybox has no UDP server."""
    path = scratch / "udp_echo"
    source = pathlib.Path(__file__).parent / "support" / "udp_echo.c"
    subprocess.run(["musl-gcc", "-static", "-O1", "-o", str(path), str(source)], check=True)
    return path


def echoed(host, port, text=b"ping"):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(3)
        client.sendto(text, (host, port))
        return client.recv(100)


def test_udp_is_published(daemon, remote, udp_echo):
    daemon.docker("run", "-d", "--name", "udp", "-p", "18100:100/udp", "-v", f"{udp_echo}:/udp_echo", "busybox", "/udp_echo", "100")
    time.sleep(0.3)
    assert echoed("127.0.0.1", 18100) == b"ping"
    assert echoed("172.29.0.1", 18100, b"again") == b"again"
    program = f"import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(3); s.sendto(b'far', ('{remote.HOST}', 18100)); print(s.recv(9))"
    assert "far" in remote.inside("python3", "-c", program).stdout


def test_publish_all_takes_the_exposed_ports(daemon):
    serve(daemon, "all", "-P", "--expose", "80")
    assert fetch("127.0.0.1", int(ports(daemon, "all")["80/tcp"][0]["HostPort"])) == "page"


def test_a_container_reaches_itself_and_others_through_the_published_port(daemon):
    serve(daemon, "hair", "-p", "18083:80")
    assert "page" in daemon.docker("exec", "hair", "sh", "-c", GET.format("172.29.0.1", 18083)).stdout
    assert "page" in daemon.docker("run", "--rm", "busybox", "sh", "-c", GET.format("172.29.0.1", 18083)).stdout


def test_the_source_address_is_kept(daemon, remote):
    daemon.docker("run", "-d", "--name", "who", "-p", "18084:84", "busybox", "httpd", "-f", "-vv", "-p", "84", "-h", "/etc")
    time.sleep(0.3)
    remote.inside("curl", "-s", "--max-time", "3", f"http://{remote.HOST}:18084/passwd")
    logs = daemon.docker("logs", "who")
    assert remote.ADDRESS in logs.stdout + logs.stderr


def test_a_port_that_is_taken_is_refused_and_leaves_nothing(daemon):
    serve(daemon, "first", "-p", "18085:80")
    second = daemon.docker("run", "-d", "--name", "second", "-p", "18085:80", "busybox", "sleep", "60", check=False)
    assert second.returncode == 125 and "port is already allocated" in second.stderr
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("0.0.0.0", 18086))
        taken.listen()
        third = daemon.docker("run", "-d", "--name", "third", "-p", "18086:80", "busybox", "sleep", "60", check=False)
        assert third.returncode == 125 and "address already in use" in third.stderr
    daemon.docker("start", "third")
    assert daemon.inspect("second")["State"]["Status"] == "created"


def test_fifty_at_once_for_one_port_and_one_wins(daemon):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda n: daemon.docker("run", "-d", "-p", "18087:80", "busybox", "sleep", "60", check=False).returncode, range(24)))
    assert results.count(0) == 1


def test_none_host_and_container_networks(daemon):
    assert daemon.docker("run", "--rm", "--network", "none", "busybox", "ip", "-o", "link").stdout.count("\n") == 1
    assert daemon.bridge in daemon.docker("run", "--rm", "--network", "host", "busybox", "ip", "-o", "link").stdout
    address = serve(daemon, "shared")
    assert address in daemon.docker("run", "--rm", "--network", "container:shared", "busybox", "ip", "addr").stdout


def test_dns_and_extra_hosts(daemon):
    out = daemon.docker("run", "--rm", "--dns", "192.0.2.53", "--dns-search", "example.test", "--dns-option", "ndots:3", "--add-host", "a:192.0.2.1",
                        "--add-host", "h:host-gateway", "busybox", "cat", "/etc/resolv.conf", "/etc/hosts").stdout
    assert "nameserver 192.0.2.53" in out and "search example.test" in out and "options ndots:3" in out
    assert "192.0.2.1\ta" in out and "172.29.0.1\th" in out


def test_addresses_come_back(daemon):
    before = len(os.listdir("/sys/class/net"))
    for _ in range(20):
        daemon.docker("run", "--rm", "busybox", "true")
    time.sleep(1)
    assert abs(len(os.listdir("/sys/class/net")) - before) <= 1


def test_the_neighbour_sees_the_host_as_the_source(daemon, remote):
    server = subprocess.Popen(["ip", "netns", "exec", remote.name, "nc", "-l", "-v", "-n", "-p", "7777"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    time.sleep(0.3)
    daemon.docker("run", "--rm", "busybox", "sh", "-c", f"echo x | nc -w 2 {remote.ADDRESS} 7777", check=False)
    out = server.communicate(timeout=10)[0]
    assert remote.HOST in out


def test_no_process_per_port(daemon):
    daemon.docker("run", "-d", "--name", "many", "-p", "19000-19099:9000-9099/udp", "busybox", "sleep", "60")
    assert subprocess.run(["pgrep", "-P", str(daemon.pid)], capture_output=True, text=True).stdout.count("\n") <= 6


def names_seen(d, container, *arguments):
    """The addresses that busybox's nslookup prints for a name."""
    out = d.docker("exec", container, "nslookup", *arguments, check=False).stdout
    return sorted(line.split()[1] for line in out.split("\n\n", 1)[-1].splitlines() if line.startswith("Address:"))


def test_containers_of_a_network_find_each_other_by_name(shared_daemon):
    d = shared_daemon
    for net in ("dn1", "dn2"):
        d.docker("network", "create", net)
    try:
        d.docker("run", "-d", "--name", "dns-a", "--network", "dn1", "--network-alias", "both", "busybox", "sleep", "100")
        d.docker("run", "-d", "--name", "dns-b", "--network", "dn1", "--network-alias", "both", "--hostname", "bee", "busybox", "sleep", "100")
        d.docker("run", "-d", "--name", "dns-c", "--network", "dn2", "busybox", "sleep", "100")
        a, b, c = (next(iter(d.inspect(n)["NetworkSettings"]["Networks"].values()))["IPAddress"] for n in ("dns-a", "dns-b", "dns-c"))
        assert names_seen(d, "dns-a", "dns-b") == [b] == names_seen(d, "dns-a", "bee") == names_seen(d, "dns-a", "DNS-B.dn1")
        assert names_seen(d, "dns-b", "both") == sorted([a, b])
        assert names_seen(d, "dns-c", "dns-a") == [], "another network's names are nobody's business"
        d.docker("network", "connect", "--alias", "late", "dn1", "dns-c")
        assert names_seen(d, "dns-c", "dns-a") == [a]
        assert len(names_seen(d, "dns-a", "late")) == 1
        d.docker("rename", "dns-b", "dns-b2")
        assert names_seen(d, "dns-a", "dns-b2") == [b] and names_seen(d, "dns-a", "dns-b") == []
        d.docker("stop", "-t", "0", "dns-b2")
        assert names_seen(d, "dns-a", "both") == [a]
    finally:
        d.docker("rm", "-f", "dns-a", "dns-b", "dns-b2", "dns-c", check=False)
        d.docker("network", "rm", "dn1", "dn2")


def test_names_are_found_after_a_kill_of_the_daemon(own_daemon):
    d = own_daemon
    d.docker("network", "create", "kn")
    d.docker("run", "-d", "--name", "kn-a", "--network", "kn", "busybox", "sleep", "100")
    d.docker("run", "-d", "--name", "kn-b", "--network", "kn", "busybox", "sleep", "100")
    before = names_seen(d, "kn-a", "kn-b")
    d.restart()
    assert before and names_seen(d, "kn-a", "kn-b") == before
