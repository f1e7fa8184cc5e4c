"""The pod cannot notice that it is mirrored."""

import http.client
import queue
import threading

import pytest

from harness import node
from harness.local_program import LocalProgram
from harness.run import wait_until
from harness.websocket import WebSocket

BLOCKS = 60


class Download(threading.Thread):
    """A slow download that reads no further than it may, so that it spans what it is to span; what
    came, and what ended it."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.blocks, self.error = 0, None
        self._connection = http.client.HTTPConnection(address, 8080, timeout=20)
        self._connection.request("GET", f"/download?blocks={BLOCKS}&every=150ms")
        self._answer = self._connection.getresponse()
        self._ends = queue.Queue()
        self.start()

    def read_up_to(self, blocks):
        self._ends.put(blocks)

    def run(self):
        try:
            while self.blocks < BLOCKS:
                for number in range(self.blocks, self._ends.get(timeout=300)):
                    block = self._answer.read(65536)
                    assert block == bytes([number]) * 65536, f"block {number} is not as it was sent"
                    self.blocks += 1
        except Exception as error:  # Reported by the test.
            self.error = error


@pytest.fixture(scope="module")
def story(installed, pair, on_node):
    """One mirror from before its wake to after its sleep, and all that could be noticed of it."""
    target, client = pair
    app = node.processes(target.pod, "app")[0]
    seen = {"rules": {}, "counters": {}, "echoes": []}

    def look(when):
        seen["rules"][when] = node.rules(app)
        seen["counters"][when] = node.counters(app)

    look("before")
    websocket, download = WebSocket(target.ip), Download(target.ip)
    download.read_up_to(BLOCKS // 3)
    seen["echoes"].append(websocket.echo(b"before") == b"before")
    with LocalProgram("0.0.0.0") as program, target.sidecar() as sidecar:
        mirror = sidecar.wake(f"{installed.address_of_this_machine()}:{program.port}")
        seen["blocks at the wake"] = download.blocks
        seen["echoes"].append(websocket.echo(b"during") == b"during")
        seen["load"] = client.load(target, 300)
        look("during")
        sidecar.settled(mirror, 30)
        download.read_up_to(2 * BLOCKS // 3)
        wait_until(lambda: download.error or download.blocks == 2 * BLOCKS // 3,
                   "the download goes on while the mirror lives")
        seen["ended"] = sidecar.sleep(mirror)
        seen["blocks at the sleep"] = download.blocks
    seen["echoes"].append(websocket.echo(b"after") == b"after")
    download.read_up_to(BLOCKS)
    download.join(30)
    look("after")
    seen["connections"] = target.connections()
    seen["websocket"] = next(each for each in seen["connections"]
                             if each["remote"] == websocket.local_address())
    websocket.close()
    seen["download"] = download
    return seen


def test_the_mirror_did_something(story):
    connections = story["ended"]["ledger"]["connections"]
    assert connections["delivered"] == 30
    assert connections["skipped"].get("joined-late", 0) >= 1  # The WebSocket.


def test_no_packet_filter_rule_comes_or_goes(story):
    rules = story["rules"]
    assert rules["before"] == rules["during"] == rules["after"]


def test_nothing_is_reset(story):
    counters = story["counters"]
    for name in ("OutRsts", "EstabResets"):
        assert counters["before"]["Tcp"][name] == counters["after"]["Tcp"][name], name
    assert not any(each["reset"] for each in story["connections"])


def test_a_websocket_that_was_open_before_survives(story):
    assert story["echoes"] == [True, True, True]
    assert story["websocket"]["open"] and not story["websocket"]["reset"]


def test_a_download_that_began_before_survives(story):
    download = story["download"]
    assert download.error is None and download.blocks == BLOCKS
    # It did span the mirror's life.
    assert story["blocks at the wake"] < story["blocks at the sleep"] < BLOCKS


def test_the_app_sees_its_clients_real_addresses(installed, pair, story):
    client_ip = installed.pod(pair[1].namespace, pair[1].name).status.pod_ip
    addresses = story["load"]["addresses"]
    assert {address.rsplit(":", 1)[0] for address in addresses} == {client_ip}
    assert set(addresses) <= {each["remote"] for each in story["connections"]}


def test_no_container_has_restarted(pair, story):
    assert pair[0].restarts() == {"dormouse": 0, "app": 0}
