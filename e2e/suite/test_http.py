"""Mirrors that understand HTTP: the developer's requests, whole, and from open connections too."""

import http.client
import threading
import time

from harness.local_program import LocalProgram
from harness.request_stream import request_stream
from harness.run import wait_until
from harness.websocket import WebSocket


class KeepAlive:
    """One connection to the app, on which requests follow each other."""

    def __init__(self, target):
        self._connection = http.client.HTTPConnection(target.ip, 8080, timeout=20)

    def ask(self, path):
        self._connection.request("POST", path, b"the body of " + path.encode())
        answer = self._connection.getresponse()
        assert answer.status == 200, answer.read()
        answer.read()

    def close(self):
        self._connection.close()


def bodies(requests):
    return {each["path"]: each["body"] for each in requests}


def test_only_the_requests_that_were_asked_for(installed, pair):
    target, client = pair
    with target.sidecar() as sidecar, request_stream(sidecar, path=r"^/request/1\d?$") as stream:
        client.load(target, 40)
        found = stream.wait(11)
        wait_until(lambda: sidecar.mirror(stream.mirror)["ledger"]["requests"]["seen"] == 40,
                   "all requests are seen", 20)
        ended = sidecar.sleep(stream.mirror)
    assert {each["path"] for each in found} == {f"/request/{n}" for n in (1, *range(10, 20))}
    assert {each["method"] for each in found} == {"POST"}
    assert ended["ledger"]["requests"] == {"seen": 40, "open": 0, "delivered": 11,
                                           "skipped": {"filtered": 29}}
    assert ended["verdict"] == "11 of 40 requests delivered; 29 requests were filtered out"


def test_selected_requests_reach_the_local_program_whole(installed, pair):
    target, client = pair
    with LocalProgram("0.0.0.0") as program, target.sidecar() as sidecar:
        mirror = sidecar.wake(f"{installed.address_of_this_machine()}:{program.port}",
                              filter={"methods": ["POST"], "path": "^/request/7$"})
        client.load(target, 10, per_connection=10)
        wait_until(program.connections, "the connection has come", 20)
        ended = sidecar.sleep(mirror)
    received, = program.connections()
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /request/7 HTTP/1.1\r\n")
    length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n")
                  if line.lower().startswith(b"content-length:"))
    assert len(body) == length
    assert ended["verdict"] == "1 of 10 requests delivered; 9 requests were filtered out"


def test_an_open_connection_is_joined(installed, on_node, pair):
    target = pair[0]
    idle, busy = KeepAlive(target), KeepAlive(target)
    idle.ask("/idle/before")
    sent, over = [], threading.Event()

    def keep_busy():
        while not over.is_set():
            sent.append(f"/busy/{len(sent)}")
            busy.ask(sent[-1])
            time.sleep(0.02)

    worker = threading.Thread(target=keep_busy)
    worker.start()
    try:
        with target.sidecar() as sidecar, request_stream(sidecar) as stream:
            live = len(sent)
            time.sleep(1.2)  # The rule wants a second of silence.
            later = [f"/idle/{number}" for number in range(20)]
            for path in later:
                idle.ask(path)
            over.set()
            worker.join(20)
            # At most the one that was out when the mirror woke, and the one that shows its answer.
            wanted = sent[live + 1:]
            wait_until(lambda: set(wanted + later) <= bodies(stream.requests()).keys(),
                       "all later requests have come", 20)
            found = stream.requests()
    finally:
        over.set()
        worker.join(20)
        for connection in (idle, busy):
            connection.close()
    assert [each["path"] for each in found if each["path"].startswith("/idle")] == later
    assert all(body == f"the body of {path}" for path, body in bodies(found).items())


def test_a_websocket_is_delivered_with_its_handshake(installed, on_node, pair):
    target = pair[0]
    before = len(target.connections())
    with LocalProgram("0.0.0.0") as program, target.sidecar() as sidecar:
        mirror = sidecar.wake(f"{installed.address_of_this_machine()}:{program.port}",
                              filter={"path": "^/websocket$"})
        chat = WebSocket(target.ip)
        for number in range(10):
            text = b"GET /fake/%d HTTP/1.1" % number
            assert chat.echo(text) == text
        chat.close()
        sidecar.settled(mirror, 1)
        ended = sidecar.sleep(mirror)
        wait_until(lambda: program.digests() == target.digests(before), "its bytes are the same", 20)
    assert ended["verdict"] == "1 of 1 request delivered"


def test_a_filter_that_matches_nothing_says_so(installed, pair):
    target, client = pair
    with target.sidecar() as sidecar, request_stream(sidecar, path="^/nothing") as stream:
        client.load(target, 20)
        wait_until(lambda: sidecar.mirror(stream.mirror)["ledger"]["requests"]["seen"] == 20,
                   "all requests are seen", 20)
        assert sidecar.sleep(stream.mirror)["verdict"] == "filter matched 0 of 20 requests"
