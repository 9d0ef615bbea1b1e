"""UsernsMode "auto": a range of ids of its own for one container; docs/user-namespaces.md."""
import pytest

from remapped import REFUSED, get_archive, owners_on_host, put_archive


def create_auto(daemon, name, mode="auto", command=("sleep", "1000"), **host):
    body = {"Image": "busybox", "Cmd": list(command), "HostConfig": {"UsernsMode": mode, **host}}
    status, made = daemon.api("POST", f"/containers/create?name={name}", body)
    return (status, made.get("message", ""))


def start_auto(daemon, name, **kwargs):
    assert create_auto(daemon, name, **kwargs) == (201, "")
    daemon.docker("start", name)
    first, count = map(int, daemon.out("exec", name, "cat", "/proc/self/uid_map").split()[1:])
    assert owners_on_host(daemon, name) == [first, first]
    return range(first, first + count)


def test_two_automatic_ranges_are_disjoint_and_come_back(daemon):
    a, b = start_auto(daemon, "aa"), start_auto(daemon, "bb")
    assert len(a) == len(b) == 65536 and not set(a) & set(b)
    assert daemon.out("exec", "aa", "stat", "-c", "%u", "/bin/busybox") == "0"
    daemon.docker("rm", "-f", "aa")
    assert start_auto(daemon, "cc") == a
    assert daemon.inspect("cc")["HostConfig"]["UsernsMode"] == "auto"


def test_an_automatic_range_stays_the_containers_until_it_is_removed(own_daemon):
    a = start_auto(own_daemon, "aa", RestartPolicy={"Name": "always"})
    assert create_auto(own_daemon, "bb") == (201, "")
    own_daemon.docker("exec", "aa", "sh", "-c", "touch /f; chown 7 /f")
    own_daemon.restart()
    c = start_auto(own_daemon, "cc")
    own_daemon.docker("start", "bb")
    assert len({owners_on_host(own_daemon, name)[0] for name in ("aa", "bb", "cc")}) == 3
    own_daemon.docker("restart", "-t", "0", "aa")
    assert owners_on_host(own_daemon, "aa")[0] == a.start
    assert own_daemon.out("exec", "aa", "stat", "-c", "%u", "/f") == "7"
    assert {name: each.uid for name, each in get_archive(own_daemon, "aa", "/f").items()} == {"f": 7}
    own_daemon.docker("rm", "-f", "aa", "bb", "cc")
    assert start_auto(own_daemon, "dd") == a
    assert c.start != a.start


def test_many_at_once_have_ranges_of_their_own(own_daemon):
    import concurrent.futures
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        ranges = list(pool.map(lambda n: start_auto(Shared(own_daemon, n), f"c{n}"), range(16)))
    assert len({each.start for each in ranges}) == 16


class Shared:
    """The daemon for one of several threads: bodies of requests in a file of its own."""
    def __init__(self, daemon, number):
        self.daemon, self.home = daemon, daemon.home / f"thread{number}"
        self.home.mkdir()

    def __getattr__(self, name):
        return getattr(self.daemon, name)

    def api(self, *args, **kwargs):
        return type(self.daemon).api(self, *args, **kwargs)


def test_the_size_of_a_range_can_be_said(daemon):
    assert len(start_auto(daemon, "aa", mode="auto:size=1000")) == 1000
    refused = daemon.docker("exec", "-u", "1000", "aa", "true", check=False)
    assert refused.returncode != 0


@pytest.mark.parametrize("mode", ["auto:", "auto:size=", "auto:size=0", "auto:size=x", "auto:size=99999999999"])
def test_sizes_that_are_none_are_refused(daemon, mode):
    assert create_auto(daemon, "aa", mode=mode) == (400, f"invalid USER mode: {mode}")


def test_words_that_mean_nothing_are_taken_as_docker_takes_them(daemon, remapped):
    for each in (daemon, remapped):
        assert create_auto(each, "aa", mode="bogus", command=["awk", "{print $3}", "/proc/self/uid_map"]) == (201, "")
    assert (daemon.out("start", "-a", "aa"), remapped.out("start", "-a", "aa")) == ("4294967295", "65536")


def test_more_than_there_is_is_refused_and_leaves_nothing(daemon):
    status, text = create_auto(daemon, "aa", mode="auto:size=4294967295")
    assert (status, text.startswith("no 4294967295 ids in a row are free")) == (503, True)
    assert daemon.out("ps", "-aq") == ""
    assert create_auto(daemon, "aa") == (201, "")


@pytest.mark.parametrize("what", ["privileged", "network", "pid"])
def test_an_automatic_range_cannot_be_had_with_the_hosts_namespaces(daemon, what):
    host = {"privileged": {"Privileged": True}, "network": {"NetworkMode": "host"}, "pid": {"PidMode": "host"}}[what]
    assert create_auto(daemon, "aa", **host) == (400, REFUSED[what][1])


def test_our_client_asks_for_a_range(daemon):
    said = daemon.wharf("run", "--rm", "--userns=auto", "busybox", "cat", "/proc/self/uid_map").stdout.split()
    assert said[0] == "0" and int(said[1]) >= 1 << 31 and said[2] == "65536"
    assert daemon.wharf("run", "--rm", "--userns=auto:size=5", "busybox", "id", "-u").stdout == "0\n"


def test_a_volume_goes_from_range_to_range(daemon):
    for script in ("touch /v/f; chown 7:8 /v/f", "stat -c %u:%g /v/f"):
        said = daemon.wharf("run", "--rm", "--userns=auto", "-v", "shared:/v", "busybox", "sh", "-c", script).stdout.strip()
    assert said == "7:8"
    daemon.docker("volume", "rm", "shared")


def test_nothing_is_left_of_it(clean):
    start_auto(clean, "aa")
    get_archive(clean, "aa", "/bin/busybox")
    assert put_archive(clean, "aa", "/", [("put", 3, 4)]) == (200, "")
    clean.docker("kill", "aa")
    get_archive(clean, "aa", "/put")
    clean.docker("rm", "-f", "aa")
    assert create_auto(clean, "bb", command=["/no/such/program"]) == (201, "")
    assert clean.docker("start", "bb", check=False).returncode != 0
    clean.docker("rm", "bb")
