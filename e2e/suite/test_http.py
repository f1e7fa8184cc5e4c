"""Mirrors that understand HTTP: the developer's requests, whole, and from open connections too."""

import http.client
import http.server
import json
import threading
import time

from harness.local_program import LocalProgram
from harness.mirror import kubectl_mirror
from harness.request_stream import request_stream
from harness.run import run, wait_until
from harness.websocket import WebSocket


class KeepAlive:
    """One connection to the app, on which requests follow each other."""

    def __init__(self, target):
        self._connection = http.client.HTTPConnection(target.ip, 8080, timeout=20)

    def ask(self, path, body=None, **headers):
        self._connection.request("POST", path, body or b"the body of " + path.encode(), headers)
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


def test_grpc_calls_are_requests(installed, on_node, pair, tmp_path):
    target = pair[0]
    message = b"\0\0\0\0\x05hello"  # Not compressed, five bytes.
    (tmp_path / "message").write_bytes(message)
    with target.sidecar() as sidecar, request_stream(sidecar, path="^/echo.Echo/") as stream:
        for number in range(5):
            run("curl", "-sS", "--fail", "--http2-prior-knowledge", "-H", "te: trailers",
                "-H", "content-type: application/grpc", "-H", f"x-number: {number}",
                "--data-binary", f"@{tmp_path}/message", "-o", tmp_path / "answer",
                f"{target.url}/echo.Echo/Say")
            assert (tmp_path / "answer").read_bytes() == message
        found = stream.wait(5)
        ended = sidecar.sleep(stream.mirror)
    assert [each["headers"]["x-number"] for each in found] == [str(n) for n in range(5)]
    for each in found:
        assert (each["version"], each["method"], each["path"]) == ("2", "POST", "/echo.Echo/Say")
        assert each["body"].encode() == message
    assert ended["verdict"] == "5 of 5 requests delivered"


def test_what_is_redacted_never_leaves_the_pod(installed, on_node, pair):
    target = pair[0]
    app = KeepAlive(target)
    with target.sidecar() as sidecar, \
            request_stream(sidecar, redact="x-key,json:$.password") as stream:
        app.ask("/secret", json.dumps({"user": "ana", "password": "pa55word"}),
                **{"X-Key": "k3y", "Content-Type": "application/json"})
        found, = stream.wait(1)
        ended = sidecar.sleep(stream.mirror)
        everything = json.dumps(stream.records()) + json.dumps(sidecar.mirrors())
    app.close()
    assert found["headers"]["x-key"] == "redacted"
    assert json.loads(found["body"]) == {"user": "ana", "password": "redacted"}
    assert ended["verdict"] == "1 of 1 request delivered"
    assert "pa55word" not in everything and "k3y" not in everything


class Twin(http.server.BaseHTTPRequestHandler):
    """Answers as the app does, as seen from elsewhere; and wrongly below /wrong."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        count = len(self.rfile.read(int(self.headers["Content-Length"])))
        count += 1 if self.path.startswith("/wrong") else 0
        text = json.dumps({"bytes": count, "method": "POST", "path": self.path,
                           "remote": "%s:%d" % self.client_address}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


def test_answers_are_compared(installed, on_node, pair):
    target = pair[0]
    twin = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Twin)
    threading.Thread(target=twin.serve_forever, daemon=True).start()
    try:
        with kubectl_mirror(installed, f"pod/{target.name}", f"8080:{twin.server_port}", "-n",
                            target.namespace, "--as", "ana", "--compare", "--ignore",
                            "$.remote") as mirror:
            mirror.said(": port 8080 to 127.0.0.1:")
            app = KeepAlive(target)
            for path in ("/right/1", "/wrong/2", "/right/3"):
                app.ask(path)
            app.close()
            mirror.said("/wrong/2")
            code = mirror.interrupt()
            assert code == 5, mirror.text()
            assert "3 responses compared: 2 equal, 1 different" in mirror.text(), mirror.text()
    finally:
        twin.shutdown()
        twin.server_close()
