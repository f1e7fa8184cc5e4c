"""Redaction, marks and the administrator's ceilings, from the pod's traffic to the developer."""
import json
import socket

from lab.case import APP_PORT, LabCase, main, wait_until
from lab.namespaces import POD4
from lab.nginx import Nginx
from lab.requests import CurlStream
from lab.stream import FrameReader
from lab.traffic import request

SECRETS = (b"tok-3n", b"c00kie-4d", b"k3y-7f", b"pa55-9x", b"tra1ler-2c", b"w3b-5s", b"ehl0-8p")
TOKEN, COOKIE, KEY, PASSWORD, TRAILER, SOCKET, OTHER = (secret.decode() for secret in SECRETS)
REDACT = ["x-api-key", "cookie:sid", "json:$.user.password", "json:$.cards[*].number", "x-signature"]


class Redaction(LabCase):
    def account(self, sidecar, mirror, kind="requests"):
        return sidecar.report(mirror)["ledger"][kind]

    def send_secrets(self, app):
        """Three requests with secrets in every place that is redacted, and two that are skipped."""
        body = json.dumps({"user": {"name": "ana", "password": PASSWORD},
                           "cards": [{"number": PASSWORD}, {"number": 7}]}).encode()
        auth = [f"AUTHORIZATION: Bearer {TOKEN}", f"Cookie: theme=dark; sid={COOKIE}"]
        self.assertIn(app.ask(request("POST", "/json", body, [
            *auth, "Content-Type: application/json", f"X-API-Key: {KEY}"]))[0], (200, 201))
        head = ("POST /chunked HTTP/1.1\r\nHost: pod.example\r\nTransfer-Encoding: chunked\r\n"
                "X-Public: seen\r\n\r\n").encode()
        app.send(head + b"5\r\nhe")  # Cut within a chunk.
        self.assertIn(app.ask(b"llo\r\n0\r\nX-Signature: " + TRAILER.encode() +
                              b"\r\nX-Open: seen\r\n\r\n")[0], (200, 201))
        self.assertEqual(app.ask(request("GET", "/plain", headers=auth))[0], 200)
        for broken in (b'{"user":{"password":"' + PASSWORD.encode(),
                       b'{"user":{"password":"' + PASSWORD.encode() + b"x" * 70_000 + b'"}}'):
            self.assertIn(app.ask(request("POST", "/broken", broken))[0], (200, 201))

    def expect_clean(self, *outputs):
        for output in outputs:
            for secret in SECRETS:
                self.assertNotIn(secret, output)

    def listens(self, address):
        with socket.socket() as probe:
            return probe.connect_ex(address) == 0

    def everything_said(self, sidecar):
        """Logs, audit lines, metrics, status and every mirror's report."""
        said = [sidecar.errors().encode()]
        for path in ("/metrics", "/v1/status", "/v1/mirrors"):
            said.append(sidecar.call("GET", path).body)
        return said

    def test_nothing_hidden_leaves_in_any_format(self):
        self.nginx()
        program = self.recorder()
        sidecar = self.sidecar("--redact-header", "authorization", "--log-level", "debug", ring=())
        ndjson, http1 = (CurlStream(self, sidecar, port=APP_PORT, format=name, redact=REDACT)
                         for name in ("ndjson", "http"))
        frames = FrameReader(sidecar, f"port={APP_PORT}&redact={','.join(REDACT[:3])}"
                             "&redact=json:$.cards%5B*%5D.number&redact=x-signature")
        push = self.push(sidecar, redact=REDACT)
        app = self.http()
        self.send_secrets(app)
        app.close()
        for mirror in (ndjson.mirror, http1.mirror, frames.mirror, push):
            wait_until(lambda: self.account(sidecar, mirror)["seen"] == 5 and
                       self.account(sidecar, mirror)["open"] == 0, "five requests are settled")
            account = self.account(sidecar, mirror)
            self.assertEqual((account["delivered"], account["skipped"]), (3, {"unredactable": 2}))
        wait_until(lambda: program.ended(), "the local connection ends")
        for reader in (ndjson, http1, frames):
            self.delete(sidecar, reader.mirror)
            reader.wait_end()
        first, chunked, plain = ndjson.requests()
        self.assertEqual(first["headers"]["authorization"], "redacted")
        self.assertEqual(first["headers"]["x-api-key"], "redacted")
        self.assertEqual(first["headers"]["cookie"], "theme=dark; sid=redacted")
        self.assertEqual(json.loads(first["body"]), {
            "user": {"name": "ana", "password": "redacted"},
            "cards": [{"number": "redacted"}, {"number": 0}]})
        self.assertEqual(first["headers"]["content-length"], str(first["body_bytes"]))
        self.assertEqual(chunked["body"], "hello")
        self.assertEqual(plain["headers"]["authorization"], "redacted")
        # The three formats that hold the requests themselves hold the same.
        pushed, = program.payloads()
        flow, = frames.flows.values()
        self.assertEqual(bytes(flow.data), pushed)
        self.assertEqual(http1.output(), pushed)
        self.assertIn(b"\r\n0\r\nX-Signature: redacted\r\nX-Open: seen\r\n\r\n", pushed)
        report = self.delete(sidecar, push)
        self.assertEqual(report["redact"], [*REDACT, "authorization"])
        self.assertEqual(report["verdict"], "3 of 5 requests delivered; 2 requests were left out: "
                         "nothing could be redacted in the body")
        self.assertEqual(sidecar.log_lines(audit="wake")[0]["redact"], [*REDACT, "authorization"])
        self.expect_clean(ndjson.output(), http1.output(), pushed, *self.everything_said(sidecar))

    def test_a_server_reads_what_was_redacted(self):
        """The local nginx takes each request: its framing is right."""
        self.nginx()
        local = Nginx(self.directory / "local", listen=("127.0.0.1:3000",))
        self.addCleanup(local.stop)
        wait_until(lambda: self.listens(("127.0.0.1", 3000)), "the local nginx listens")
        sidecar = self.sidecar()
        stream = CurlStream(self, sidecar, ["nc", "-N", "127.0.0.1", "3000"], port=APP_PORT,
                            format="http", redact=[*REDACT, "authorization"], mark="true")
        app = self.http()
        for _ in range(20):
            self.send_secrets(app)
        app.close()
        wait_until(lambda: self.account(sidecar, stream.mirror)["delivered"] == 60, "sixty")
        self.delete(sidecar, stream.mirror)
        stream.wait_end()
        wait_until(lambda: local.log().count("\n") == 60, "nginx logs every request")
        uris = [json.loads(line)["uri"] for line in local.log().splitlines()]
        self.assertEqual(uris, ["/json", "/chunked", "/plain"] * 20)

    def test_what_is_not_http_stays_in_the_pod(self):
        echo = self.recorder((POD4, APP_PORT), self.lab.pod)
        program = self.recorder()
        sidecar = self.sidecar("--redact-header", "authorization")
        frames = FrameReader(sidecar, f"port={APP_PORT}")
        push = self.push(sidecar)
        upgrade = ("GET /chat HTTP/1.1\r\nHost: pod.example\r\nConnection: Upgrade\r\n"
                   "Upgrade: websocket\r\n\r\n").encode()
        for data in (b"EHLO " + OTHER.encode() + b"\r\n", upgrade + b"\x81\x06" + SOCKET.encode()):
            with self.lab.dev.socket() as peer:
                peer.connect((POD4, APP_PORT))
                peer.sendall(data)
        wait_until(lambda: len(echo.ended()) == 2, "two connections")
        for mirror in (frames.mirror, push):
            wait_until(lambda: self.account(sidecar, mirror, "connections")["seen"] == 2 and
                       self.account(sidecar, mirror, "connections")["open"] == 0, "two are seen")
            self.assertEqual(self.account(sidecar, mirror, "connections")["skipped"],
                             {"redaction-needs-http": 2})
        self.delete(sidecar, frames.mirror)
        frames.wait_end()
        flow, = frames.flows.values()
        self.assertEqual(bytes(flow.data), upgrade)
        self.assertEqual(flow.closed[1], "redaction-needs-http")
        self.expect_clean(*program.payloads(), *self.everything_said(sidecar))

    def test_what_redaction_forbids(self):
        sidecar = self.sidecar("--redact-header", "Authorization")
        for query, key in (("format=pcap", "format"), ("protocol=udp", "protocol"),
                           ("midstream=raw", "midstream"), ("h2=raw", "h2"), ("header=AUTHORIZATION:x", "header"),
                           ("percent=5&by=header:authorization", "by"),
                           ("redact=cookie:a&header=cookie:a", "header"),
                           ("redact=cookie:a&percent=5&by=cookie:a", "by")):
            answer = sidecar.call("GET", f"/v1/stream?port={APP_PORT}&{query}")
            self.assertEqual((answer.status, answer.json()["key"]), (403, key), query)
            self.assertIn("redact", answer.json()["detail"])
        self.assertEqual(len(sidecar.log_lines(audit="refusal", status=403)), 8)

    def test_a_mark_is_never_mirrored_again(self):
        self.nginx()
        program = self.recorder()
        sidecar = self.sidecar()
        mirror = self.push(sidecar, mark=True)
        app = self.http()
        self.assertEqual(app.ask(request("GET", "/1"))[0], 200)
        self.assertEqual(app.ask(request("GET", "/2", headers=["x-mirrored-by: dormouse/m-9"]))[0], 200)
        app.close()
        wait_until(lambda: program.ended(), "the local connection ends")
        self.assertEqual(program.payloads(), [request("GET", "/1", headers=[
            f"x-mirrored-by: dormouse/{mirror}"])])
        report = self.delete(sidecar, mirror)
        self.assertTrue(report["mark"])
        self.assertEqual(report["ledger"]["requests"]["skipped"], {"filtered": 1})

    def test_the_ceiling_on_the_share(self):
        self.nginx()
        sidecar = self.sidecar("--max-percent", "25", ring=())
        answer = sidecar.call("GET", f"/v1/stream?port={APP_PORT}&percent=26")
        self.assertEqual((answer.status, answer.json()["key"]), (403, "percent"))
        ndjson = CurlStream(self, sidecar, port=APP_PORT, format="ndjson")
        frames, again = (FrameReader(sidecar, f"port={APP_PORT}") for _ in range(2))
        pcap = CurlStream(self, sidecar, port=APP_PORT, format="pcap")
        locals_of = {}
        for n in range(120):
            app = self.http()
            self.assertEqual(app.ask(request("GET", f"/{n}"))[0], 200)
            locals_of[app.local] = n
            app.close()
        wait_until(lambda: self.account(sidecar, ndjson.mirror)["seen"] == 120, "the requests")
        self.assertEqual(self.account(sidecar, ndjson.mirror)["skipped"], {"sampled-out": 90})
        for reader in (frames, again):
            wait_until(lambda: self.account(sidecar, reader.mirror, "connections")["seen"] == 120 and
                       self.account(sidecar, reader.mirror, "connections")["open"] == 0, "the rest")
        report = sidecar.report(frames.mirror)
        self.assertEqual(report["sample"], {"percent": 25, "of": "connections"})
        taken = report["ledger"]["connections"]["delivered"]
        self.assertTrue(10 <= taken <= 55, taken)
        self.assertEqual(report["ledger"]["connections"]["skipped"], {"sampled-out": 120 - taken})
        for reader in (frames, again):
            self.delete(sidecar, reader.mirror)
            reader.wait_end()
        self.assertEqual(set(frames.by_client()), set(again.by_client()), "the same for everybody")
        packets = self.delete(sidecar, pcap.mirror)["ledger"]["packets"]
        self.assertTrue(0 < packets["delivered"] < packets["skipped"]["sampled-out"], packets)
        self.assertEqual(len(locals_of), 120)

    def test_the_client_selects_and_redacts(self):
        self.nginx()
        program = self.recorder(("127.0.0.1", 3000), self.lab.pod)
        sidecar = self.sidecar()
        client = self.client(sidecar, f"{APP_PORT}:3000", "--method", "GET", "--path", "^/mine",
                             "--header", "x-user:^ana$", "--redact", "authorization")
        app = self.http()
        headers = ["X-User: ana", f"Authorization: Bearer {TOKEN}"]
        app.ask(request("GET", "/mine", headers=headers))
        app.ask(request("GET", "/mine"))
        app.ask(request("POST", "/mine", b"x", headers))
        app.close()
        wait_until(lambda: program.ended(), "the local connection ends")
        code, said = client.interrupt()
        self.assertEqual(code, 0, said)
        self.assertEqual(program.payloads(), [
            request("GET", "/mine", headers=["X-User: ana", "Authorization: redacted"])])
        self.expect_clean(said.encode(), *self.everything_said(sidecar))


if __name__ == "__main__":
    main()
