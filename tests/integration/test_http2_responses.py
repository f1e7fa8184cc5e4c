"""The pod's answers of HTTP/2 and gRPC: in ndjson, and beside a local program's (--compare)."""
from lab import dissection, http2
from lab.case import APP_PORT, LOCAL_PORT, main, wait_until
from lab.http2 import CAUTIOUS, GrpcServer
from lab.http2_case import Http2Case
from lab.namespaces import POD4
from lab.requests import CurlStream


class Http2Responses(Http2Case):
    def responses(self, stream):
        return [record for record in stream.records() if record["type"] == "response"]

    def wait_responses(self, sidecar, stream, count):
        """Their lines, and the final report."""
        wait_until(lambda: len(self.responses(stream)) == count, f"{count} responses", 30)
        report = self.delete(sidecar, stream.mirror)
        self.assertEqual(report["ledger"]["responses"],
                         {"seen": count, "open": 0, "delivered": count, "skipped": {}})
        return self.responses(stream)

    def test_each_request_has_its_response_and_tshark_finds_the_same(self):
        self.app()
        sidecar = self.sidecar()
        capture = CurlStream(self, sidecar, port=APP_PORT, format="pcap")
        stream = CurlStream(self, sidecar, port=APP_PORT, format="ndjson", responses="1")
        sent = self.traffic()
        responses = self.wait_responses(sidecar, stream, len(sent))
        packets = self.delete(sidecar, capture.mirror)["ledger"]["packets"]
        self.assertEqual(packets["delivered"], packets["seen"], packets)
        capture.wait_end()
        stream.wait_end()
        clients = {(one["connection"], one["request"]): one["client"]
                   for one in stream.requests()}
        self.assertEqual(len(clients), len(sent))
        ours = []
        for one in responses:
            client = clients[(one["connection"], one["request"])]
            ours.append((int(client.rpartition(":")[2]), one["status"], one["body_bytes"]))
            self.assertGreaterEqual(one["latency_ms"], 0)
            if one["method"] == "POST":
                self.assertEqual(one["status"], 200)
        self.assertEqual(sorted(ours), dissection.http2_responses(capture.path, APP_PORT))
        echoed = sorted(one["body_bytes"] for one in responses if one["path"].startswith("/post"))
        self.assertEqual(echoed, [0, 1, 5000, 300_000])

    def test_trailers_padding_and_pushed_ones(self):
        self.app("--trailer=x-end: here", "--padding=200", "--push=/index=/pushed")
        sidecar = self.sidecar()
        stream = CurlStream(self, sidecar, port=APP_PORT, format="ndjson", responses="1")
        done = self.lab.dev.run(["nghttp", "-n", "-m", "3", self.url("/index")])
        self.assertEqual(done.returncode, 0, done.stderr)
        for one in self.wait_responses(sidecar, stream, 3):
            self.assertEqual((one["status"], one["body"], one["trailers"]),
                             (200, "here it is", {"x-end": "here"}))

    def test_grpc_answers_have_their_messages_and_their_status(self):
        GrpcServer(self, self.lab.pod, (POD4, APP_PORT))
        sidecar = self.sidecar()
        stream = CurlStream(self, sidecar, port=APP_PORT, format="ndjson", responses="1")
        sent = http2.grpc_calls(self.lab.dev, (POD4, APP_PORT), 20)
        http2.grpc_failure(self.lab.dev, (POD4, APP_PORT))
        responses = self.wait_responses(sidecar, stream, len(sent) + 1)
        failed = [one for one in responses if one["path"] == "/lab.Echo/Missing"]
        self.assertEqual([one["headers"]["grpc-status"] for one in failed], ["12"])
        self.assertEqual({one["trailers"]["grpc-status"] for one in responses
                          if one not in failed}, {"0"})
        got = sorted((one["path"], http2.messages(http2.content(one))) for one in responses
                     if one not in failed and not one.get("body_truncated"))
        self.assertEqual(got, [call for call in sent if sum(len(m) + 5 for m in call[1]) <= 65536])

    def compare(self, sidecar, *flags):
        return self.client(sidecar, "--compare", f"{APP_PORT}:{LOCAL_PORT}", *flags)

    def test_compare_of_a_program_with_a_small_difference(self):
        self.app()
        program = self.program(self.lab.pod, "127.0.0.1", *CAUTIOUS)
        (self.directory / f"files{LOCAL_PORT}" / "index").write_text("here it was")
        sidecar = self.sidecar()
        client = self.compare(sidecar)
        mirror = self.active(sidecar)[0]["id"]
        sent = self.traffic()
        self.curl(self.url("/index"))
        self.wait_requests(sidecar, mirror, len(sent) + 1)
        wait_until(lambda: len(program.requests()) == len(sent) + 1, "the program got them", 30)
        code, output = client.interrupt()
        self.assertEqual(code, 5, output)
        self.assertIn("GET /index:\n  body: pod 10 bytes, from byte 8 on: is, local 11 bytes", output)
        # nghttpd's page for what is not there names its port.
        different = 1 + sum(1 for method, _, _ in sent if method == "GET")
        self.assertIn(f"{len(sent) + 1} responses compared: {len(sent) + 1 - different} equal, "
                      f"{different} different", output)

    def test_compare_of_grpc(self):
        GrpcServer(self, self.lab.pod, (POD4, APP_PORT))
        program = GrpcServer(self, self.lab.pod, ("127.0.0.1", LOCAL_PORT), "--fail-empty")
        sidecar = self.sidecar()
        client = self.compare(sidecar)
        sent = http2.grpc_calls(self.lab.dev, (POD4, APP_PORT), 20)
        wait_until(lambda: len(program.calls()) >= len(sent), "the program got every call")
        code, output = client.interrupt()
        self.assertEqual(code, 5, output)
        empty = sum(1 for method, messages in sent if messages == [b""])
        self.assertGreater(empty, 0)
        self.assertIn("grpc-status: pod 0, local 9", output)
        self.assertIn(f"{len(sent)} responses compared: {len(sent) - empty} equal, "
                      f"{empty} different", output)


if __name__ == "__main__":
    main()
