"""Traffic that other programs make: curl, wrk, and ten thousand short connections."""
import collections
import json
import os

from lab.case import APP_PORT, LabCase, main, wait_until
from lab.namespaces import DEV4, POD4, POD6
from lab.stream import FrameReader
from lab.traffic import MIB, request


class Traffic(LabCase):
    def requests_by_peer(self, nginx):
        found = collections.defaultdict(list)
        for line in nginx.log().splitlines():
            record = json.loads(line)
            found[(record["peer"], record["port"])].append(record)
        return found

    def curl(self, *arguments):
        done = self.lab.dev.run(["curl", "-sS", "--fail", *arguments])
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_curl(self):
        nginx = self.nginx()
        program = self.recorder()
        sidecar = self.sidecar()
        mirror = self.push(sidecar)
        stream = FrameReader(sidecar, f"port={APP_PORT}", caller="ben")
        body = self.directory / "body"
        body.write_bytes(os.urandom(2 * MIB))
        for host in (POD4, f"[{POD6}]"):
            base = f"http://{host}:{APP_PORT}"
            self.curl("-T", str(body), f"{base}/put-{len(host)}")
            self.curl("--data-binary", f"@{body}", f"{base}/post")
            self.curl("-H", "Transfer-Encoding: chunked", "-T", str(body), f"{base}/chunked")
            self.curl(*(f"{base}/get/{n}" for n in range(20)))
            self.curl("-Z", *(f"{base}/parallel/{n}" for n in range(20)))
            self.assertEqual(nginx.file(f"put-{len(host)}").read_bytes(), body.read_bytes())
        sidecar.wait_settled(mirror, 8)
        self.delete(sidecar, stream.mirror, caller="ben")
        stream.wait_end()
        wait_until(lambda: sum(map(len, self.requests_by_peer(nginx).values())) == 86,
                   "nginx's log holds all requests")
        logged = {peer: sum(r["bytes"] for r in records)
                  for peer, records in self.requests_by_peer(nginx).items()}
        flows = stream.by_client()
        self.assertEqual({peer: len(f.data) for peer, f in flows.items()}, logged)
        puts = [f for f in flows.values() if f.data.startswith(b"PUT /put")]
        for flow in puts:
            self.assertEqual(bytes(flow.data).split(b"\r\n\r\n", 1)[1], body.read_bytes())
        self.assertEqual(len(puts), 2)
        wait_until(lambda: len(program.ended()) == len(flows), "the program saw every end")
        self.assert_same(program.payloads(), sorted(bytes(f.data) for f in flows.values()))

    def test_wrk(self):
        nginx = self.nginx()
        program = self.recorder()
        sidecar = self.sidecar()
        mirror = self.push(sidecar)
        stream = FrameReader(sidecar, f"port={APP_PORT}", caller="ben")
        for address in (POD4, POD6):
            load, served = self.load(address=address, path="/wrk"), nginx.served()
            wait_until(lambda: nginx.served() > served + 2000, "requests are served", 60)
            self.finish(load)
        sidecar.wait_settled(mirror, 34)
        sidecar.wait_settled(stream.mirror, 34)
        self.delete(sidecar, stream.mirror, caller="ben")
        stream.wait_end()
        logged = {peer: len(records) for peer, records in self.requests_by_peer(nginx).items()}
        flows = stream.by_client()
        self.assertEqual(set(flows) >= set(logged), True)
        for peer, flow in flows.items():
            data = bytes(flow.data)
            one = data[:data.index(b"\r\n\r\n") + 4]
            count = len(data) // len(one)
            self.assertEqual(data, one * count)
            # wrk's end resets its connections: a last request may have come that nginx never read.
            self.assertIn(count - logged.get(peer, 0), (0, 1), peer)
        self.assertGreater(sum(logged.values()), 1000)
        wait_until(lambda: len(program.ended()) == len(flows), "the program saw every end")
        self.assert_same(program.payloads(), sorted(bytes(f.data) for f in flows.values()))

    def test_ten_thousand_short_connections(self):
        self.nginx()
        program = self.recorder()
        sidecar = self.sidecar()
        mirror = self.push(sidecar)
        stream = FrameReader(sidecar, f"port={APP_PORT}", caller="ben")
        sent = []
        for number in range(10_000):
            # A receiver that lags by more than --max-push-connections has the rest shed, and this one
            # is a thread of the process that sends.
            if number % 250 == 0:
                wait_until(lambda: number - len(program.ended()) < 500, "the program keeps up")
            app = self.http()
            app.ask(request("GET", f"/short/{number}"))
            app.close()
            sent.append(bytes(app.sent))
        sent.sort()
        report = sidecar.wait_settled(mirror, len(sent), 30)
        self.assertEqual(report["verdict"], "10000 of 10000 connections delivered")
        wait_until(lambda: len(program.ended()) >= len(sent), "the program saw every end")
        self.assert_same(program.payloads(), sent)
        self.delete(sidecar, stream.mirror, caller="ben")
        self.assertEqual(stream.wait_end()["ledger"]["connections"]["delivered"], len(sent))
        self.assert_same([bytes(f.data) for f in stream.flows.values()], sent)

    def test_source_filter(self):
        self.nginx()
        sidecar = self.sidecar()
        stream = FrameReader(sidecar, f"port={APP_PORT}&source={DEV4}/32,fd00:1::/32")
        self.http().close()  # Empty: probes have no payload.
        for address in ((POD4, APP_PORT), (POD6, APP_PORT)):
            app = self.http(address)
            app.ask(request("GET", "/filtered"))
            app.close()
        sidecar.wait_settled(stream.mirror, 3)
        report = self.delete(sidecar, stream.mirror)
        stream.wait_end()
        connections = report["ledger"]["connections"]
        self.assertEqual((connections["delivered"], connections["skipped"]),
                         (1, {"filtered": 1, "empty": 1}))
        self.assertEqual([f.client[0] for f in stream.flows.values()], [DEV4])

    def test_several_ports(self):
        self.nginx(listen=("8080", "8081", "8082"))
        sidecar = self.sidecar()
        stream = FrameReader(sidecar, "port=8080,8082")
        for port in (8080, 8081, 8082):
            app = self.http((POD4, port))
            app.ask(request("GET", f"/{port}"))
            app.close()
        sidecar.wait_settled(stream.mirror, 2)
        self.delete(sidecar, stream.mirror)
        stream.wait_end()
        self.assertEqual(sorted(f.server for f in stream.flows.values()),
                         [(POD4, 8080), (POD4, 8082)])


if __name__ == "__main__":
    main()
