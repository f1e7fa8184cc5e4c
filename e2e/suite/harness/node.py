"""What only the node knows of a container: its processes and the pod's network namespace.

Needs root on the node. Processes are found by the container's id in their cgroup's path, which any
container runtime writes there.
"""

import pathlib
import subprocess

from .run import run, wait_until

PROC = pathlib.Path("/proc")
CAP_NET_RAW = 1 << 13


def processes(pod, container):
    """The process ids in a container of the pod (an object of the API), parents first."""
    statuses = (pod.status.init_container_statuses or []) + (pod.status.container_statuses or []) \
        + (pod.status.ephemeral_container_statuses or [])
    identifier = next(each.container_id for each in statuses if each.name == container)
    identifier = identifier.split("//")[1]
    found = []
    for path in PROC.glob("[0-9]*/cgroup"):
        try:
            if identifier in path.read_text():
                pid = int(path.parent.name)
                found.append((fields(pid)["NSpid"].split()[-1] != "1", pid))
        except OSError:
            continue  # It has ended meanwhile.
    return [pid for _, pid in sorted(found)]


def session(leader):
    """The process ids of a session that are still there, the dead that nobody has reaped aside."""
    found = []
    for path in PROC.glob("[0-9]*/stat"):
        try:
            state, _, _, number = path.read_text().rsplit(")", 1)[1].split()[:4]
        except OSError:
            continue
        if int(number) == leader and state != "Z":
            found.append(int(path.parent.name))
    return found


def sidecar_processes(pod):
    """PID 1 of the sidecar's container, and its worker."""
    def both():
        found = processes(pod, "dormouse")
        assert len(found) == 2, found
        return found
    return wait_until(both, "the sidecar's two processes", 10)


def fields(pid):
    """/proc/PID/status as a dictionary of text."""
    lines = (PROC / str(pid) / "status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def packet_sockets(pid):
    """How many packet sockets there are in the process's network namespace."""
    return len((PROC / str(pid) / "net/packet").read_text().splitlines()) - 1


def counters(pid):
    """The kernel's network counters of that namespace, as {"Tcp": {"OutRsts": 0, …}, …}."""
    table = {}
    for name in ("snmp", "netstat"):
        lines = (PROC / str(pid) / "net" / name).read_text().splitlines()
        for names, values in zip(lines[::2], lines[1::2]):
            group = names.split(":")[0]
            table[group] = dict(zip(names.split()[1:], map(int, values.split()[1:])))
    return table


def inside(pid, *command):
    """Runs a program of this machine in the process's network namespace; what it printed."""
    return run("nsenter", "-t", pid, "-n", *command).stdout


def rules(pid):
    """All packet filter rules there, without the comments that hold times."""
    saved = inside(pid, "iptables-save") + inside(pid, "ip6tables-save")
    lines = [line for line in saved.splitlines() if not line.startswith("#")]
    return "\n".join(lines) + "\n" + inside(pid, "nft", "list", "ruleset")


def runs_here(pod):
    """True if the pod's containers are processes of this machine and we may look into them."""
    try:
        found = processes(pod, pod.spec.containers[0].name)
        return bool(found) and subprocess.run(
            ["nsenter", "-t", str(found[0]), "-n", "true"], capture_output=True).returncode == 0
    except OSError:
        return False
