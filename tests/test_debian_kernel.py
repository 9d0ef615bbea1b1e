"""The whole engine on the kernel of a fresh Debian 12 (6.1, cgroup v2), in a guest: what the project promises to run on."""
import pytest

import guest
from daemon import BUILD
from images import busybox_archive

SCRIPT = """
export PATH=/bin DOCKER_HOST=unix:///run/w.sock
ip link set lo up
start() {
  wharfd -H $DOCKER_HOST --data-root /run/data --exec-root /run/exec --pidfile /run/w.pid >>/run/log 2>&1 &
  for i in $(seq 100); do wharf version >/dev/null 2>&1 && break; sleep 0.2; done
}
start
wharf load -i /busybox.tar
echo "hello: $(wharf run --rm busybox echo from a container)"
echo "limits: $(wharf run --rm -m 64m --cpus 0.5 --pids-limit 33 busybox cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max /sys/fs/cgroup/pids.max | tr '\\n' ' ')"
echo "device: $(wharf run --rm busybox sh -c 'mknod /d b 254 0; cat /d' 2>&1)"
wharf run --rm busybox sh -c 'exit 7'; echo "code: $?"
wharf run -d --name web -p 8080:80 busybox sh -c 'while :; do echo served | nc -l -p 80; done' >/dev/null
sleep 1
echo "port: $(nc 127.0.0.1 8080 </dev/null)"
echo "exec: $(wharf exec web sh -c 'echo in $(hostname -i)')"
kill -9 $(cat /run/w.pid); start
echo "after: $(wharf ps --format '{{.Names}} {{.State}}')"
echo "again: $(wharf exec web echo still there)"
wharf rm -f web >/dev/null; echo "removed: $(wharf ps -aq | wc -l)"
echo "left: $(ls /sys/fs/cgroup/docker | grep -c -v '\\.')"
tail -n 20 /run/log
"""

MODULES = ("fs/overlayfs", "net/802", "net/llc", "net/bridge", "net/netfilter", "net/ipv4/netfilter", "net/ipv6/netfilter", "drivers/net/veth.ko", "lib")


@pytest.fixture(scope="module")
def console(scratch):
    work = scratch / "debian"
    work.mkdir()
    image = guest.kernel(work)
    if image is None:
        pytest.skip("Debian's linux-image-cloud-amd64 cannot be downloaded here")
    busybox_archive(work / "busybox.tar")
    files = {f"bin/{name}": BUILD / name for name in ("wharfd", "wharf", "wharf-runtime")}
    files |= guest.libraries(BUILD / "wharfd") | {"busybox.tar": work / "busybox.tar"}
    return guest.boot(image, guest.initramfs(work, SCRIPT, files, MODULES), megabytes=1024)


@pytest.mark.parametrize("line", [
    "hello: from a container", f"limits: {64 << 20} 50000 100000 33", "device: cat: can't open '/d': Operation not permitted", "code: 7", "port: served",
    "exec: in 172.17.0.2", "after: web running", "again: still there", "removed: 0", "left: 0"])
def test_a_fresh_debian_runs_it(console, line):
    assert line in console, console[-4000:]
