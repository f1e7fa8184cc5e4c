"""The requests that Dormouse finds are those that tshark finds, in the traffic of real clients."""
import base64
import hashlib
import random

from lab import dissection, websocket
from lab.case import APP_PORT, LabCase, main, wait_until
from lab.namespaces import POD4
from lab.requests import CurlStream
from lab.traffic import request

CHAT_PORT = 8088  # One of the ports on which tshark expects HTTP.
SHOWN = 64 << 10  # Of a body, what ndjson shows.
# Fifty requests a second on each connection: tshark has to dissect them all.
PACED = 'function delay() return 20 end wrk.path = "/wrk?a=b"'


def digest(content):
    return len(content), hashlib.sha256(content[:SHOWN]).hexdigest()


class Dissection(LabCase):
    def setUp(self):
        super().setUp()
        self.nginx()
        self.chance = random.Random(4711)
        sidecar = self.sidecar()
        ports = [APP_PORT, CHAT_PORT]
        self.capture = CurlStream(self, sidecar, port=ports, format="pcap")
        self.stream = CurlStream(self, sidecar, port=ports, format="ndjson")
        self.sidecar_program = sidecar

    def url(self, path):
        return f"http://{POD4}:{APP_PORT}{path}"

    def curl(self, *arguments):
        done = self.lab.dev.run(["curl", "-sS", "-o", "/dev/null", *arguments])
        self.assertEqual(done.returncode, 0, done.stderr)

    def file(self, size):
        path = self.directory / f"body{size}"
        path.write_bytes(self.chance.randbytes(size))
        return path

    def check(self, least):
        """Both opinions agree, on at least so many requests."""
        def whole():
            account = self.sidecar_program.report(self.stream.mirror)["ledger"]["requests"]
            return account["open"] == 0 and account["delivered"] >= least
        wait_until(whole, "all requests are delivered")
        wait_until(lambda: self.sidecar_program.connections(self.stream.mirror)["open"] == 0,
                   "all connections have ended")
        shown = sum(one["body_bytes"] for one in self.stream.requests())
        self.wait_written(self.sidecar_program, self.capture.mirror, shown)
        report = self.delete(self.sidecar_program, self.stream.mirror)
        packets = self.delete(self.sidecar_program, self.capture.mirror)["ledger"]["packets"]
        self.assertEqual(packets["delivered"], packets["seen"], packets)
        self.stream.wait_end()
        self.capture.wait_end()
        ours = {}
        for one in self.stream.requests():
            content = base64.b64decode(one["body_base64"]) if "body_base64" in one else \
                one.get("body", "").encode()
            port = int(one["client"].rpartition(":")[2])
            ours.setdefault(port, []).append(
                (one["method"], one["target"],
                 (one["body_bytes"], hashlib.sha256(content).hexdigest())))
        theirs = {port: [(method, target, digest(content)) for method, target, content in found]
                  for port, found in dissection.requests(self.capture.path).items()}
        self.assertEqual(ours, theirs)
        count = sum(map(len, ours.values()))
        self.assertGreaterEqual(count, least)
        self.assertEqual(report["verdict"], f"{count} of {count} requests delivered")

    def test_curl(self):
        self.curl(self.url("/1"), "-o", "/dev/null", self.url("/2?q=%20&r=a+b"))  # One connection.
        self.curl("-I", self.url("/head"))
        self.curl("-0", self.url("/old"))
        self.curl("-X", "OPTIONS", self.url("/options"))
        for size in (1, 1000, 65535, 70_000, 300_000):
            self.curl("--data-binary", f"@{self.file(size)}", self.url(f"/post/{size}"))
        self.curl("-H", "Content-Type: application/json", "-d", '{"a": [1, "ü"]}', self.url("/json"))
        self.curl("-F", f"file=@{self.file(5000)}", self.url("/form"))
        self.check(12)

    def test_chunked_uploads_and_continue(self):
        for size in (1, 5000, 100_000):
            body = str(self.file(size))
            self.curl("-T", body, "-H", "Transfer-Encoding: chunked", self.url(f"/chunked/{size}"))
            self.curl("-T", body, "-H", "Expect: 100-continue", self.url(f"/continue/{size}"))
            self.curl("-T", body, "-H", "Expect: 100-continue", "-H", "Transfer-Encoding: chunked",
                      self.url(f"/both/{size}"))
        self.check(9)

    def test_wrk(self):
        script = self.directory / "paced.lua"
        script.write_text(PACED)
        done = self.lab.dev.run(["wrk", "-t1", "-c4", "-d1s", "-s", str(script), self.url("/")])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.check(50)

    def test_pipelines_cut_anywhere(self):
        for number in range(5):
            app = self.http()
            bodies = [self.chance.randbytes(self.chance.choice([0, 1, 300, 5000])) for _ in range(12)]
            data = b"".join(request("POST", f"/{number}/{k}", body) if body else
                            request("GET", f"/{number}/{k}") for k, body in enumerate(bodies))
            while data:
                cut = self.chance.randint(1, 3000)
                app.send(data[:cut])
                data = data[cut:]
            for _ in bodies:
                self.assertEqual(app.answer()[0], 200)
            app.close()
        self.check(60)

    def test_bodies_full_of_requests(self):
        fakes = request("GET", "/fake") * 50
        app = self.http()
        for number in range(5):
            self.assertEqual(app.ask(request("POST", f"/{number}", fakes))[0], 200)
        chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(fakes), fakes)
        head = b"PUT /chunked HTTP/1.1\r\nHost: pod\r\nTransfer-Encoding: chunked\r\n\r\n"
        self.assertEqual(app.ask(head + chunks)[0], 201)
        app.close()
        self.check(6)

    def test_websocket(self):
        service = websocket.Service(self.lab.pod.socket(), (POD4, CHAT_PORT))
        self.addCleanup(service.stop)
        for number in range(3):
            client = websocket.Client(self.lab.dev.socket(), (POD4, CHAT_PORT), f"/chat/{number}")
            fake = request("GET", "/fake")
            self.assertEqual(client.ask(b"hello" * 100), b"hello" * 100)
            self.assertEqual(client.ask(fake, mask=bytes(4)), fake)  # As plain bytes on the wire.
            client.close()
        self.check(3)


if __name__ == "__main__":
    main()
