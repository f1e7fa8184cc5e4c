"""Case 3: a sleeping sidecar holds nothing and disturbs nobody."""

import re

from harness import node
from harness.local_program import LocalProgram

KIB = 1024


def anonymous_kib(pid):
    """RssAnon: memory that is the process's own."""
    return int(re.match(r"(\d+) kB", node.fields(pid)["RssAnon"])[1])


def holds_nothing(target):
    assert node.packet_sockets(node.processes(target.pod, "app")[0]) == 0
    with target.sidecar() as sidecar:
        assert sidecar.status()["state"] == "asleep"


def test_there_is_no_packet_socket_and_traffic_flows(pair, on_node):
    target, client = pair
    holds_nothing(target)
    client.load(target, 200)
    holds_nothing(target)


def test_it_takes_little_memory(pair, on_node):
    parent, worker = node.sidecar_processes(pair[0].pod)
    assert anonymous_kib(worker) <= 1 * KIB
    assert anonymous_kib(parent) + anonymous_kib(worker) <= 2 * KIB


def test_awake_there_is_a_packet_socket_and_afterwards_none(pair, installed, on_node):
    target, client = pair
    with LocalProgram("0.0.0.0") as program, target.sidecar() as sidecar:
        mirror = sidecar.wake(f"{installed.address_of_this_machine()}:{program.port}")
        assert sidecar.status()["state"] == "awake"
        assert node.packet_sockets(node.processes(target.pod, "app")[0]) > 0
        client.load(target, 10)
        sidecar.sleep(mirror)
    holds_nothing(target)
