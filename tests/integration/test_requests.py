"""Mirrors of HTTP requests: selecting them, and the formats that hold nothing else."""
import concurrent.futures
import json
import os
import signal
import socket
import subprocess
import time

from lab.case import APP_PORT, LabCase, main, wait_until
from lab.namespaces import POD4
from lab.nginx import Nginx
from lab.requests import CurlStream
from lab.stream import FrameReader
from lab.traffic import request


class Requests(LabCase):
    def ask(self, app, path, method="GET", body=b"", headers=()):
        """One request that nginx must answer; its bytes."""
        data = request(method, path, body, headers)
        self.assertIn(app.ask(data)[0], (200, 201, 204))
        return data

    def account(self, sidecar, mirror):
        return next(m for m in sidecar.mirrors() if m["id"] == mirror)["ledger"]["requests"]

    def test_ndjson_by_path_through_jq(self):
        self.nginx()
        sidecar = self.sidecar()
        stream = CurlStream(self, sidecar, ["jq", "--unbuffered", "-r", ".path"], port=APP_PORT,
                            format="ndjson", path="^/api")
        app = self.http()
        for path in ("/api/1", "/other", "/api/2?x=1", "/v1/api", "/api/3"):
            self.ask(app, path)
        wait_until(lambda: stream.output().count(b"\n") == 3, "three paths")
        self.assertEqual(stream.output(), b"/api/1\n/api/2\n/api/3\n")
        # The connection is still open: what was delivered is known all the same.
        wait_until(lambda: self.account(sidecar, stream.mirror)["delivered"] == 3, "the ledger")
        report = self.delete(sidecar, stream.mirror)
        self.assertEqual(report["ledger"]["requests"], {
            "seen": 5, "open": 0, "delivered": 3, "skipped": {"filtered": 2}})
        self.assertEqual(report["verdict"],
                         "3 of 5 requests delivered; 2 requests were filtered out")
        app.close()

    def test_ndjson_shows_a_request_whole_and_ends_with_the_ledger(self):
        self.nginx()
        sidecar = self.sidecar()
        stream = CurlStream(self, sidecar, port=APP_PORT, format="ndjson")
        app = self.http()
        self.ask(app, "/p?q=%20", "POST", "grüß\n\"".encode(), ["X-A: 1", "x-a: 2", "Cookie: c=d"])
        self.ask(app, "/bin", "POST", b"\xff\x00")
        self.ask(app, "/big", "POST", b"z" * 100_000)
        app.close()
        wait_until(lambda: len(stream.records()) == 3, "three requests")
        first, second, third = stream.requests()
        self.assertEqual(first["client"], "%s:%d" % app.local)
        self.assertEqual(
            {k: first[k] for k in ("method", "target", "path", "query", "version", "body")},
            {"method": "POST", "target": "/p?q=%20", "path": "/p", "query": "q=%20",
             "version": "1.1", "body": "grüß\n\""})
        self.assertEqual(first["headers"]["x-a"], "1, 2")
        self.assertEqual(first["headers"]["cookie"], "c=d")
        self.assertEqual(second["body_base64"], "/wA=")
        self.assertEqual((third["body_bytes"], len(third["body"]), third["body_truncated"]),
                         (100_000, 65536, True))
        self.delete(sidecar, stream.mirror)
        stream.wait_end()
        last = stream.records()[-1]
        self.assertEqual(last["type"], "ledger")
        self.assertEqual(last["verdict"], "3 of 3 requests delivered")

    def test_nothing_matches(self):
        self.nginx()
        sidecar = self.sidecar()
        stream = CurlStream(self, sidecar, port=APP_PORT, format="ndjson", method="PUT,DELETE")
        app = self.http()
        for n in range(7):
            self.ask(app, f"/{n}")
        app.close()
        wait_until(lambda: self.account(sidecar, stream.mirror)["seen"] == 7, "seven requests")
        self.assertEqual(self.delete(sidecar, stream.mirror)["verdict"],
                         "filter matched 0 of 7 requests")

    def test_probes_and_mirrored_requests_are_left_out(self):
        self.nginx()
        sidecar = self.sidecar()
        plain = CurlStream(self, sidecar, port=APP_PORT, format="ndjson")
        probes = CurlStream(self, sidecar, port=APP_PORT, format="ndjson", probes="true")
        app = self.http()
        self.ask(app, "/healthz", headers=["User-Agent: kube-probe/1.31"])
        self.ask(app, "/loop", headers=["X-Mirrored-By: dormouse/m-0"])
        self.ask(app, "/real")
        app.close()
        wait_until(lambda: len(probes.requests()) == 2 and plain.requests(), "the requests")
        self.assertEqual([r["path"] for r in plain.requests()], ["/real"])
        self.assertEqual([r["path"] for r in probes.requests()], ["/healthz", "/real"])

    def test_frames_hold_the_selected_requests_byte_for_byte(self):
        self.nginx()
        sidecar = self.sidecar()
        stream = FrameReader(sidecar, f"port={APP_PORT}&method=POST,PUT")
        sent = []
        for n in range(3):
            app = self.http()
            here = b""
            for k, method in enumerate(("GET", "POST", "GET", "PUT")):
                data = self.ask(app, f"/{n}/{k}", method, bytes([n]) * 70_000 if k % 2 else b"")
                here += data if k % 2 else b""
            sent.append(here)
            app.close()
        wait_until(lambda: self.account(sidecar, stream.mirror)["delivered"] == 6, "six requests")
        self.delete(sidecar, stream.mirror)
        report = stream.wait_end()
        self.assert_same([bytes(flow.data) for flow in stream.flows.values()], sent)
        self.assertEqual({flow.closed for flow in stream.flows.values()}, {(0, "")})
        self.assertEqual(report["ledger"]["requests"]["skipped"], {"filtered": 6})
        self.assertEqual(report["ledger"]["connections"]["delivered"], 3)

    def test_push_brings_selected_requests_and_counts_them_at_once(self):
        self.nginx()
        program = self.recorder()
        sidecar = self.sidecar()
        mirror = self.push(sidecar, filter={"headers": {"x-user": "^ana$"}})
        app = self.http()
        mine = self.ask(app, "/1", headers=["X-User: ana"])
        self.ask(app, "/2", headers=["X-User: bob"])
        mine += self.ask(app, "/3", "POST", b"body" * 1000, ["x-user: ana"])
        wait_until(lambda: self.account(sidecar, mirror)["delivered"] == 2, "two are delivered")
        app.close()
        wait_until(lambda: program.ended(), "the local connection ends")
        self.assertEqual(program.payloads(), [mine])
        self.assertEqual(self.delete(sidecar, mirror)["verdict"],
                         "2 of 3 requests delivered; 1 request was filtered out")

    def test_a_sample_keeps_sessions_whole(self):
        self.nginx()
        sidecar = self.sidecar()
        one, other = (CurlStream(self, sidecar, port=APP_PORT, format="ndjson", percent=40,
                                 by="cookie:sid") for _ in range(2))
        app = self.http()
        for turn in range(3):
            for sid in range(30):
                self.ask(app, f"/{turn}", headers=[f"Cookie: a=b; sid={sid}"])
        app.close()
        for stream in (one, other):
            wait_until(lambda: self.account(sidecar, stream.mirror)["open"] == 0 and
                       self.account(sidecar, stream.mirror)["seen"] == 90, "all are decided")
            delivered = self.account(sidecar, stream.mirror)["delivered"]
            wait_until(lambda: len(stream.requests()) == delivered, "curl has written them")
        chosen = [r["headers"]["cookie"] for r in one.requests()]
        self.assertEqual(chosen, [r["headers"]["cookie"] for r in other.requests()])
        self.assertTrue(0 < len(set(chosen)) < 30)
        self.assertEqual(sorted(chosen), sorted(list(set(chosen)) * 3), "each session whole")
        skipped = self.delete(sidecar, one.mirror)["ledger"]["requests"]["skipped"]
        self.assertEqual(skipped, {"sampled-out": 90 - len(chosen)})

    def test_a_rate_is_not_exceeded(self):
        self.nginx()
        sidecar = self.sidecar()
        stream = CurlStream(self, sidecar, port=APP_PORT, format="ndjson", rate=5)
        app = self.http()
        for n in range(60):
            self.ask(app, f"/{n}")
        app.close()
        wait_until(lambda: self.account(sidecar, stream.mirror)["seen"] == 60, "all are seen")
        requests = self.delete(sidecar, stream.mirror)["ledger"]["requests"]
        self.assertGreaterEqual(requests["delivered"], 5)
        self.assertEqual(requests["delivered"] + requests["skipped"]["rate-capped"], 60)

    def test_other_protocols_have_no_requests(self):
        echo = self.recorder((POD4, APP_PORT), self.lab.pod)
        sidecar = self.sidecar()
        # Without a selection ndjson shows such connections as they are.
        stream = CurlStream(self, sidecar, port=APP_PORT, format="ndjson", path="^/")
        for data in (b"EHLO mail\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET / HTTP/1.1\nbare\n\n"):
            with self.lab.dev.socket() as peer:
                peer.connect((POD4, APP_PORT))
                peer.sendall(data)
        wait_until(lambda: len(echo.ended()) == 3, "three connections")
        wait_until(lambda: sidecar.connections(stream.mirror)["open"] == 0 and
                   sidecar.connections(stream.mirror)["seen"] == 3, "three are seen")
        report = self.delete(sidecar, stream.mirror)
        self.assertEqual(report["ledger"]["connections"]["skipped"], {"filtered": 3})

    def shell(self, sidecar, query, pipe):
        """The pipeline of README as a developer types it; its output and its mirror."""
        output = self.directory / f"shell{len(list(self.directory.glob('shell*')))}"
        header = f"Authorization: Bearer {sidecar.tokens['ana']}"
        command = (f"curl -sN -H '{header}' 'http://127.0.0.1:{sidecar.port}/v1/stream?{query}' "
                   f"| {pipe} >{output}")
        before = {mirror["id"] for mirror in sidecar.mirrors()}
        shell = subprocess.Popen(["bash", "-c", command], start_new_session=True)
        self.addCleanup(lambda: (os.killpg(shell.pid, signal.SIGKILL), shell.wait()))
        mirror = wait_until(lambda: {m["id"] for m in self.active(sidecar)} - before, "it is live")
        return output, mirror.pop()

    def test_paths_through_curl_and_jq_during_traffic(self):
        self.nginx()
        sidecar = self.sidecar()
        output, mirror = self.shell(sidecar, f"port={APP_PORT}&format=ndjson&path=^/api",
                                    "jq --unbuffered -r .path")
        wanted = []
        app = self.http()
        for n in range(100):
            path = f"/api/{n}" if n % 3 == 0 else f"/other/{n}"
            wanted += [path] if n % 3 == 0 else []
            self.ask(app, path)
        wait_until(lambda: output.read_text().count("\n") == len(wanted), "all paths are shown")
        self.assertEqual(output.read_text().splitlines(), wanted)
        app.close()
        self.assertEqual(self.delete(sidecar, mirror)["verdict"],
                         "34 of 100 requests delivered; 66 requests were filtered out")

    def test_http_feeds_a_local_nginx_through_netcat(self):
        self.nginx()
        local = Nginx(self.directory / "local", listen=("127.0.0.1:3000",),
                      keepalive_requests=100_000)
        self.addCleanup(local.stop)
        wait_until(lambda: self.listens(("127.0.0.1", 3000)), "the local nginx listens")
        sidecar = self.sidecar()
        _, mirror = self.shell(sidecar, f"port={APP_PORT}&format=http", "nc 127.0.0.1 3000")
        count, clients = 5000, 4

        def client(first):
            app = self.http()
            for n in range(first, count, clients):
                if n % 50 < clients:  # Of these, each is its connection's last.
                    self.ask(app, f"/{n}", "POST", b"b" * n, ["Connection: close"])
                    app.close()
                    app = self.http()
                else:
                    self.ask(app, f"/{n}")
            app.close()
        with concurrent.futures.ThreadPoolExecutor(clients) as pool:
            list(pool.map(client, range(clients)))
        wait_until(lambda: self.account(sidecar, mirror)["delivered"] == count, "all", 30)
        wait_until(lambda: local.log().count("\n") == count, "nginx logs every request", 30)
        uris = [json.loads(line)["uri"] for line in local.log().splitlines()]
        self.assert_same(uris, [f"/{n}" for n in range(count)])
        for first in range(clients):  # Those of one client in their order.
            mine = [uri for uri in uris if int(uri[1:]) % clients == first]
            self.assertEqual(mine, [f"/{n}" for n in range(first, count, clients)])
        self.assertEqual(self.delete(sidecar, mirror)["verdict"],
                         f"{count} of {count} requests delivered")

    def test_http_leaves_out_what_it_cannot_carry(self):
        self.nginx()
        sidecar = self.sidecar()
        stream = CurlStream(self, sidecar, port=APP_PORT, format="http")
        app = self.http()
        self.ask(app, "/chat", headers=["Connection: Upgrade", "Upgrade: websocket"])
        self.ask(app, "/plain", headers=["Connection: keep-alive", "Keep-Alive: timeout=5"])
        app.close()
        wait_until(lambda: self.account(sidecar, stream.mirror)["delivered"] == 1, "one request")
        wait_until(lambda: stream.output().endswith(b"\r\n\r\n"), "curl has written it")
        self.assertEqual(stream.output(), b"GET /plain HTTP/1.1\r\nHost: pod.example\r\n\r\n")
        requests = self.delete(sidecar, stream.mirror)["ledger"]["requests"]
        self.assertEqual(requests["skipped"], {"filtered": 1})

    def listens(self, address):
        with socket.socket() as probe:
            return probe.connect_ex(address) == 0

    def test_an_idle_connection_is_joined_from_its_next_request_on(self):
        self.nginx()
        app = self.http()
        self.ask(app, "/before")
        sidecar = self.sidecar()
        requests = CurlStream(self, sidecar, port=APP_PORT, format="ndjson")
        frames = FrameReader(sidecar, f"port={APP_PORT}")
        time.sleep(1.2)  # The rule wants a second of silence after the wake.
        sent = b"".join(self.ask(app, f"/{n}", "POST", b"x" * 5000) for n in range(3))
        wait_until(lambda: self.account(sidecar, requests.mirror)["delivered"] == 3, "three")
        app.close()
        wait_until(lambda: sidecar.connections(frames.mirror)["delivered"] == 1, "the frames")
        for reader in (requests, frames):
            self.delete(sidecar, reader.mirror)
            reader.wait_end()
        self.assertEqual([r["path"] for r in requests.requests()], ["/0", "/1", "/2"])
        flow, = frames.flows.values()
        self.assertEqual((bytes(flow.data), flow.flags), (sent, 0))

    def test_a_busy_connection_is_joined_once_it_was_answered(self):
        self.nginx()
        app = self.http()
        self.ask(app, "/before")
        # The mirror wakes within a body, the rest of which is full of what could pass for requests.
        fakes = request("GET", "/fake") * 200
        upload = request("POST", "/first", b"x" * 5000 + fakes)
        app.send(upload[:1000])
        sidecar = self.sidecar()
        requests = CurlStream(self, sidecar, port=APP_PORT, format="ndjson")
        app.send(upload[1000:-len(fakes)])
        self.assertEqual(app.ask(fakes), (200, b"taken"))
        sent = ["/second", "/third"]
        for path in sent:
            self.ask(app, path)
        wait_until(lambda: self.account(sidecar, requests.mirror)["delivered"] == 2, "two")
        app.close()
        wait_until(lambda: sidecar.connections(requests.mirror)["open"] == 0, "its end")
        self.delete(sidecar, requests.mirror)
        requests.wait_end()
        self.assertEqual([r["path"] for r in requests.requests()], sent)

    def test_an_open_connection_of_another_protocol_is_never_joined(self):
        echo = self.recorder((POD4, APP_PORT), self.lab.pod, answer=b"hello")
        with self.lab.dev.socket() as peer:
            peer.connect((POD4, APP_PORT))
            peer.sendall(b"first")
            wait_until(lambda: echo.connections and echo.connections[0].data, "it is open")
            sidecar = self.sidecar()
            stream = FrameReader(sidecar, f"port={APP_PORT}")
            peer.sendall(b"second")
            wait_until(lambda: sidecar.connections(stream.mirror)["open"] == 1, "it is seen")
            report = next(m for m in sidecar.mirrors() if m["id"] == stream.mirror)
            self.assertIn("1 connection was open before the mirror", report["verdict"])
        wait_until(lambda: sidecar.connections(stream.mirror)["open"] == 0, "its end")
        self.assertEqual(self.delete(sidecar, stream.mirror)["verdict"],
                         "1 connection was open before the mirror; new connections will be seen")


if __name__ == "__main__":
    main()
