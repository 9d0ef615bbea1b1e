"""The real systemd of Debian 12 as PID 1 of a guest with cgroup v2: the engine chooses its manager by itself, and scopes come and go."""
import os

import pytest

import guest
from daemon import BUILD
from images import busybox_archive

SYSTEMD = "/lib/systemd/systemd"
UNIT = """[Unit]
Description=the test
DefaultDependencies=no
[Service]
Type=oneshot
ExecStart=/bin/busybox sh /test.sh
StandardOutput=file:/dev/ttyS0
StandardError=file:/dev/ttyS0
"""
# As PID 1 by then; `boot` hands over to it.
BOOT = f"echo guest > /etc/hostname; : > /etc/machine-id; exec {SYSTEMD} --log-target=console --log-level=warning --show-status=no"
SCRIPT = """
export PATH=/bin DOCKER_HOST=unix:///run/w.sock HOME=/
ip link set lo up
start() {
  wharfd -H $DOCKER_HOST -H tcp://127.0.0.1:2375 --data-root /run/data --exec-root /run/exec --pidfile /run/w.pid --bridge none >>/run/log 2>&1 &
  for i in $(seq 100); do wharf version >/dev/null 2>&1 && break; sleep 0.2; done
}
start
wharf load -i /busybox.tar
wharf info | grep -i 'cgroup driver'
run="wharf run --network none"
echo "hello: $($run --rm busybox echo from a scope)"
id=$($run -d --name box -m 64m --cpus 0.5 --pids-limit 33 --cpuset-cpus 0 busybox sleep 1000)
g=/sys/fs/cgroup/system.slice/docker-$id.scope
limits() { echo $(cat $g/memory.max $g/cpu.max $g/pids.max $g/cpuset.cpus); }
echo "limits: $(limits)"
systemctl show -p ActiveState -p Delegate -p MemoryMax -p TasksMax -p CPUQuotaPerSecUSec -p DevicePolicy docker-$id.scope | sed 's/^/show: /'
systemctl daemon-reload
echo "reloaded: $(limits)"
echo "device: $(wharf exec box sh -c 'mknod /d b 254 0; cat /d' 2>&1)"
echo "exec: $(wharf exec box cat /proc/self/cgroup) $(grep -c . $g/cgroup.procs)"
wget -q -O - --header 'Content-Type: application/json' --post-data '{"Memory":134217728,"MemorySwap":134217728}' http://127.0.0.1:2375/v1.51/containers/box/update
systemctl daemon-reload
echo "updated: $(cat $g/memory.max) $(systemctl show -p MemoryMax docker-$id.scope)"
wharf pause box >/dev/null; echo "paused: $(cat $g/cgroup.freeze)"; wharf unpause box >/dev/null
wharf stop -t 0 box >/dev/null; echo "stopped: $(ls -d $g 2>&1 | grep -c 'No such') $(systemctl list-units --all --no-legend 'docker-*' | wc -l)"
wharf start box >/dev/null; echo "again: $(cat $g/pids.max)"
kill -9 $(cat /run/w.pid); start
kill -9 $(cut -d ' ' -f 4 /proc/$(head -n 1 $g/cgroup.procs)/stat); sleep 1
echo "killed: $(wharf ps -a --format '{{.State}}') $(systemctl list-units --all --no-legend 'docker-*' | wc -l)"
$run --rm --cgroup-parent /docker busybox true 2>&1 | grep -o 'cgroup-parent for systemd.*'
echo "nested: $($run --rm --cgroup-parent a-b.slice --cgroupns host busybox cat /proc/self/cgroup)"
wharf rm -f box >/dev/null; echo "left: $(find /sys/fs/cgroup -name 'docker-*' | wc -l)"
tail -n 20 /run/log
poweroff -f
"""
MODULES = ("fs/overlayfs", "net/802", "net/llc", "net/bridge", "net/netfilter", "net/ipv4/netfilter", "net/ipv6/netfilter", "drivers/net/veth.ko", "lib")


@pytest.fixture(scope="module")
def console(scratch):
    work = scratch / "systemd-guest"
    work.mkdir()
    if not os.path.exists(SYSTEMD):
        pytest.skip("Debian's systemd is not installed here")
    image = guest.kernel(work)
    if image is None:
        pytest.skip("Debian's linux-image-cloud-amd64 cannot be downloaded here")
    busybox_archive(work / "busybox.tar")
    (work / "test.sh").write_text(SCRIPT)
    (work / "unit").write_text(UNIT)
    programs = {f"bin/{name}": BUILD / name for name in ("wharfd", "wharf", "wharf-runtime")}
    system = {SYSTEMD.lstrip("/"): SYSTEMD, "bin/systemctl": "/usr/bin/systemctl"}
    files = {**programs, **system, "busybox.tar": work / "busybox.tar", "test.sh": work / "test.sh",
             "etc/systemd/system/test.service": work / "unit"}
    for program in (BUILD / "wharfd", SYSTEMD, "/usr/bin/systemctl"):
        files |= guest.libraries(program)
    return guest.boot(image, guest.initramfs(work, BOOT + " --unit=test.service", files, MODULES), megabytes=1024)


@pytest.mark.parametrize("line", [
    "Cgroup Driver: systemd", "hello: from a scope", f"limits: {64 << 20} 50000 100000 33 0", "show: ActiveState=active", "show: Delegate=yes",
    f"show: MemoryMax={64 << 20}", "show: TasksMax=33", "show: CPUQuotaPerSecUSec=500ms", "show: DevicePolicy=strict",
    f"reloaded: {64 << 20} 50000 100000 33 0", "device: cat: can't open '/d': Operation not permitted", "exec: 0::/ 1",
    f"updated: {128 << 20} MemoryMax={128 << 20}", "paused: 1", "stopped: 1 0", "again: 33", "killed: exited 0",
    'cgroup-parent for systemd cgroup should be a valid slice named as "xxx.slice"', "nested: 0::/a.slice/a-b.slice/docker-", "left: 0"])
def test_a_debian_booted_with_systemd_manages_the_containers(console, line):
    assert line in console, console[-6000:]
