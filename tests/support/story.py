"""Do the API, SQLite and the kernel tell the same story? Every disagreement is a line of text."""
import collections
import os
import pathlib
import sqlite3
import time

from inventory import cgroups, lines, supervisors


def rows(daemon, query):
    connection = sqlite3.connect(f"file:{daemon.data / 'wharf.db'}?mode=ro", uri=True)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def differ(what, *named):
    """A line where the sets of (who says it, what) are not all equal."""
    (first, expected), *others = [(name, set(value)) for name, value in named]
    for name, value in others:
        if value != expected:
            yield f"{what}: only {first}: {sorted(expected - value)[:5]}; only {name}: {sorted(value - expected)[:5]}"


def processes_of(group):
    try:
        return {int(line) for line in (pathlib.Path(group) / "cgroup.procs").read_text().split()}
    except OSError:
        return set()


def freezer_says(group):
    for name in ("freezer.state", "cgroup.freeze"):
        path = pathlib.Path(group) / name
        if path.exists():
            return path.read_text().strip() in ("FROZEN", "1")
    return None


def memory_limit(group):
    for name in ("memory.limit_in_bytes", "memory.max"):
        path = pathlib.Path(group) / name
        if path.exists():
            text = path.read_text().strip()
            return 0 if text == "max" or int(text) > 1 << 50 else int(text)
    return None


def has_processes(container):
    """Between two runs a container is "running" for the API alone."""
    return container["State"]["Running"] and not container["State"]["Restarting"]


def disagreements_of(container, groups):
    """Of one container's state with its cgroups and its first process."""
    name, state = container["Name"], container["State"]
    if not has_processes(container):
        if state["Pid"] or groups:
            yield f"{name} is {state['Status']} with pid {state['Pid']} and cgroups {groups[:2]}"
        return
    held = set().union(*map(processes_of, groups)) if groups else set()
    if state["Pid"] not in held:
        yield f"{name} is {state['Status']}, its pid {state['Pid']} is in none of its cgroups {groups[:2]}"
    frozen = {freezer_says(group) for group in groups} - {None}
    if frozen != {state["Paused"]}:
        yield f"{name}: Paused is {state['Paused']}, the freezers say {frozen}"
    limits = {memory_limit(group) for group in groups} - {None}
    if limits != {container["HostConfig"]["Memory"]}:
        yield f"{name}: Memory is {container['HostConfig']['Memory']}, the cgroup says {limits}"


def links_of(bridge):
    return [line.split(":")[1].strip() for line in lines("ip", "-o", "link", "show", "master", bridge)]


def network_disagreements(daemon, containers):
    networks = [daemon.api("GET", f"/networks/{n['Id']}")[1] for n in daemon.api("GET", "/networks")[1]]
    yield from differ("networks", ("API", [n["Name"] for n in networks if n["Driver"] == "bridge" and n["Name"] != "bridge"]),
                      ("SQLite", [n for n, in rows(daemon, "SELECT name FROM networks") if n not in ("bridge", "host", "none")]))
    running = [c for c in containers if has_processes(c)]
    for network in networks:
        members = [c["Id"] for c in running if network["Name"] in c["NetworkSettings"]["Networks"]]
        yield from differ(f"endpoints of {network['Name']}", ("the network", network["Containers"] or {}), ("running containers", members))
        if network["Driver"] == "bridge":
            bridge = network["Options"].get("com.docker.network.bridge.name") or f"br-{network['Id'][:12]}"
            links = links_of(bridge)
            if len(links) != len(members):
                yield f"bridge {bridge} has {len(links)} links for {len(members)} running containers"
    addresses = collections.Counter(e["IPAddress"] for c in running for e in c["NetworkSettings"]["Networks"].values() if e["IPAddress"])
    yield from (f"address {address} is held {count} times" for address, count in addresses.items() if count > 1)
    published = {b["HostPort"] for c in running for bs in (c["NetworkSettings"]["Ports"] or {}).values() for b in bs or []}
    rules = "\n".join(lines("nft", "list", "ruleset"))
    yield from (f"port {port} is published and in no rule" for port in published if f" {port} " not in rules)


def once(daemon):
    status, listed = daemon.api("GET", "/containers/json?all=1")
    assert status == 200, listed
    containers = [daemon.api("GET", f"/containers/{c['Id']}/json")[1] for c in listed]
    ids = {c["Id"] for c in containers}
    yield from differ("containers", ("API", {(c["Id"], c["Name"].lstrip("/")) for c in containers}), ("SQLite", rows(daemon, "SELECT id, name FROM containers")))
    groups = collections.defaultdict(list)
    for path in cgroups(daemon):
        if (name := os.path.basename(path)) in ids:
            groups[name].append(path)
        elif len(name) == 64:
            yield f"cgroup {path} of no container"
    for container in containers:
        yield from disagreements_of(container, groups[container["Id"]])
    yield from differ("directories", ("API", ids), ("data/containers", os.listdir(daemon.data / "containers")))
    yield from differ("writable layers", ("API", ids), ("data/writable", os.listdir(daemon.data / "writable")))
    running = {c["Id"] for c in containers if has_processes(c)}
    yield from differ("supervisors' directories", ("API", running), ("run/c", os.listdir(daemon.run_dir / "c") if (daemon.run_dir / "c").exists() else []))
    if len(found := supervisors(daemon)) != len(running):
        yield f"{len(found)} supervisors hold {len(running)} running containers"
    volumes = {v["Name"] for v in daemon.api("GET", "/volumes")[1]["Volumes"] or []}
    yield from differ("volumes", ("API", volumes), ("SQLite", [n for n, in rows(daemon, "SELECT name FROM volumes")]),
                      ("data/volumes", [n for n in os.listdir(daemon.data / "volumes") if not n.startswith(".")]))
    used = {m["Name"] for c in containers for m in c["Mounts"] if m["Type"] == "volume"}
    yield from (f"volume {name} is used and not there" for name in used - volumes)
    yield from network_disagreements(daemon, containers)


def disagreements(daemon, seconds=10):
    """What they still disagree on after `seconds`: containers go on ending and restarting while this looks."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            found = list(once(daemon))
        except (KeyError, TypeError, FileNotFoundError) as gone:  # A container that was listed and is gone.
            found = [f"gone while looking: {gone!r}"]
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.3)


