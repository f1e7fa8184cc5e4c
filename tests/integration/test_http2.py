"""HTTP/2 and gRPC, mirrored request by request."""
import base64
import signal
import subprocess

from lab import dissection, http2
from lab.case import APP_PORT, LOCAL_PORT, LabCase, main, wait_until
from lab.http2 import CAUTIOUS, GrpcServer, Nghttpd
from lab.namespaces import DEV4, POD4
from lab.requests import CurlStream
from lab.stream import FrameReader


class Http2(LabCase):
    def app(self, *flags):
        return Nghttpd(self, self.lab.pod, (POD4, APP_PORT), "--echo-upload", *flags)

    def program(self, namespace=None, host=DEV4, *flags):
        return Nghttpd(self, namespace or self.lab.dev, (host, LOCAL_PORT), "--echo-upload", *flags)

    def url(self, path):
        return f"http://{POD4}:{APP_PORT}{path}"

    def curl(self, *arguments):
        done = self.lab.dev.run(["curl", "-sS", "--http2-prior-knowledge", "-o", "/dev/null", "-w",
                                 "%{http_version}\n", *arguments], text=True)
        self.assertEqual((done.returncode, set(done.stdout.split())), (0, {"2"}), done.stderr)

    def h2load(self, requests, clients, streams, *arguments):
        done = self.lab.dev.run(["h2load", "-n", str(requests), "-c", str(clients), "-m",
                                 str(streams), *arguments, self.url("/load")], text=True)
        self.assertIn(f"{requests} done", done.stdout, done.stderr)
        self.assertIn(" 0 errored", done.stdout)

    def body(self, size):
        path = self.directory / f"body{size}"
        path.write_bytes(bytes(i * 7 % 251 for i in range(size)))
        return path

    def traffic(self):
        """Requests by curl and h2load; [(method, path, body bytes)]."""
        sent = []
        done = self.lab.dev.run(["nghttp", "-n", *(self.url(f"/get?n={n}") for n in range(10))])
        self.assertEqual(done.returncode, 0, done.stderr)
        sent += [("GET", f"/get?n={n}", 0) for n in range(10)]
        for size in (0, 1, 5000, 300_000):
            self.curl("--data-binary", f"@{self.body(size)}", self.url(f"/post{size}"))
            sent.append(("POST", f"/post{size}", size))
        self.h2load(300, 3, 20)
        sent += [("GET", "/load", 0)] * 300
        self.h2load(40, 2, 10, "-d", str(self.body(20_000)))
        sent += [("POST", "/load", 20_000)] * 40
        return sorted(sent)

    def account(self, sidecar, mirror):
        return sidecar.report(mirror)["ledger"]["requests"]

    def wait_requests(self, sidecar, mirror, count):
        def settled():
            account = self.account(sidecar, mirror)
            return account["open"] == 0 and account["seen"] == count
        wait_until(settled, f"{count} requests have their fate", 30)

    def assert_got(self, program, sent):
        wait_until(lambda: len(program.requests()) >= len(sent), "the program got every request", 30)
        self.assertEqual([request[:3] for request in program.requests()], sent)
        self.assertEqual(program.complaints(), [])

    def assert_all_delivered(self, report, count):
        self.assertEqual(report["ledger"]["requests"],
                         {"seen": count, "open": 0, "delivered": count, "skipped": {}})

    # --- push

    def test_push_to_a_cautious_program(self):
        self.app()
        program = self.program(None, DEV4, *CAUTIOUS)
        sidecar = self.sidecar()
        mirror = self.push(sidecar)
        sent = self.traffic()
        self.wait_requests(sidecar, mirror, len(sent))
        self.assert_got(program, sent)
        report = self.delete(sidecar, mirror)
        self.assert_all_delivered(report, len(sent))
        self.assertIn(f"{len(sent)} of {len(sent)} requests delivered", report["verdict"])

    def test_push_selects_among_requests(self):
        self.app()
        program = self.program()
        sidecar = self.sidecar()
        mirror = self.push(sidecar, filter={"path": "^/mine", "methods": ["POST"],
                                            "headers": {"x-user": "^ana$", "host": POD4}})
        for path, user in (("/mine/1", "ana"), ("/other", "ana"), ("/mine/2", "eve")):
            self.curl("-H", f"x-user: {user}", "-d", "body", self.url(path))
        self.wait_requests(sidecar, mirror, 3)
        self.assert_got(program, [("POST", "/mine/1", 4)])
        report = self.delete(sidecar, mirror)
        self.assertEqual(report["verdict"],
                         "1 of 3 requests delivered; 2 requests were filtered out")

    def test_a_program_that_goes_and_comes_back(self):
        self.app()
        program = self.program()
        sidecar = self.sidecar()
        mirror = self.push(sidecar)
        with self.lab.dev.entered():
            client = subprocess.Popen(["nghttp", "-v", "-n", self.url("/first")],
                                      stdout=subprocess.DEVNULL)
        client.wait(30)
        self.wait_requests(sidecar, mirror, 1)
        program.process.send_signal(signal.SIGKILL)
        program.process.wait()
        self.curl(self.url("/lost"))
        self.wait_requests(sidecar, mirror, 2)
        report = self.delete(sidecar, mirror)
        self.assertEqual(report["ledger"]["requests"]["skipped"], {"sink-refused": 1})
        self.assertIn(f"nothing listens on {DEV4}:{LOCAL_PORT}", report["verdict"])

    def test_a_program_that_speaks_http1_alone(self):
        self.app()
        self.recorder(answer=b"HTTP/1.1 400 Bad Request\r\n\r\n")
        sidecar = self.sidecar()
        mirror = self.push(sidecar)
        self.curl(self.url("/"))
        self.wait_requests(sidecar, mirror, 1)
        self.assertIn("does not speak HTTP/2", self.delete(sidecar, mirror)["verdict"])

    # --- frames and the client

    def test_the_client_speaks_to_a_cautious_program(self):
        self.app()
        program = self.program(self.lab.pod, "127.0.0.1", *CAUTIOUS)
        sidecar = self.sidecar()
        client = self.client(sidecar, f"{APP_PORT}:{LOCAL_PORT}")
        mirror = self.active(sidecar)[0]["id"]
        sent = self.traffic()
        self.wait_requests(sidecar, mirror, len(sent))
        self.assert_got(program, sent)
        code, output = client.interrupt()
        self.assertEqual(code, 0, output)
        self.assertIn(f"{len(sent)} of {len(sent)} requests delivered", output)

    def test_raw_frames_hold_the_bytes(self):
        self.app()
        sidecar = self.sidecar()
        reader = FrameReader(sidecar, f"port={APP_PORT}&h2=raw")
        self.curl(self.url("/raw"))
        wait_until(lambda: any(flow.closed for flow in reader.flows.values()), "its end")
        self.delete(sidecar, reader.mirror)
        reader.wait_end()
        flow, = reader.flows.values()
        self.assertTrue(bytes(flow.data).startswith(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
        self.assertEqual(reader.report["ledger"]["requests"]["seen"], 0)

    def test_frames_hold_the_requests(self):
        self.app()
        sidecar = self.sidecar()
        reader = FrameReader(sidecar, f"port={APP_PORT}")
        sent = self.traffic()
        self.wait_requests(sidecar, reader.mirror, len(sent))
        self.delete(sidecar, reader.mirror)
        report = reader.wait_end()
        self.assert_all_delivered(report, len(sent))
        got = []
        for flow in reader.flows.values():
            self.assertEqual((flow.flags, bytes(flow.data)), (3, b""))
            for request in flow.requests.values():
                self.assertEqual(request.end, "")
                fields = dict(request.fields)
                got.append((fields[":method"], fields[":path"], len(request.body)))
        self.assertEqual(sorted(got), sent)

    # --- ndjson and http

    def test_ndjson_shows_them_like_others(self):
        self.app()
        sidecar = self.sidecar()
        stream = CurlStream(self, sidecar, port=APP_PORT, format="ndjson")
        self.curl("-H", "X-A: 1", "-H", "Cookie: a=b", "--data-binary", "grüß", self.url("/p?q=1"))
        wait_until(lambda: len(stream.requests()) == 1, "the request")
        request, = stream.requests()
        shown = {key: request[key] for key in ("method", "target", "path", "query", "version",
                                               "scheme", "authority", "body")}
        self.assertEqual(shown, {"method": "POST", "target": "/p?q=1", "path": "/p", "query": "q=1",
                                 "version": "2", "scheme": "http",
                                 "authority": f"{POD4}:{APP_PORT}", "body": "grüß"})
        self.assertEqual((request["headers"]["x-a"], request["headers"]["cookie"]), ("1", "a=b"))
        self.delete(sidecar, stream.mirror)

    def test_http_format_puts_them_into_http1(self):
        self.app()
        taken = self.recorder()
        sidecar = self.sidecar()
        stream = CurlStream(self, sidecar, port=APP_PORT, format="http")
        self.curl(self.url("/get"))
        self.curl("-d", "body", self.url("/post"))
        self.curl("-H", "content-type: application/grpc", "-d", "x", self.url("/grpc"))
        self.wait_requests(sidecar, stream.mirror, 3)
        text = stream.output().decode()
        self.assertTrue(text.startswith(f"GET /get HTTP/1.1\r\nHost: {POD4}:{APP_PORT}\r\n"), text)
        self.assertIn("\r\n\r\nPOST /post HTTP/1.1\r\n", text)
        self.assertTrue(text.endswith("\r\n\r\nbody"), text)
        report = self.delete(sidecar, stream.mirror)
        self.assertEqual(report["ledger"]["requests"]["skipped"], {"filtered": 1})
        del taken

    def test_tshark_finds_the_same(self):
        self.app()
        sidecar = self.sidecar()
        capture = CurlStream(self, sidecar, port=APP_PORT, format="pcap")
        stream = CurlStream(self, sidecar, port=APP_PORT, format="ndjson")
        sent = self.traffic()
        self.wait_requests(sidecar, stream.mirror, len(sent))
        packets = self.delete(sidecar, capture.mirror)["ledger"]["packets"]
        self.assertEqual(packets["delivered"], packets["seen"], packets)
        self.delete(sidecar, stream.mirror)
        capture.wait_end()
        stream.wait_end()
        ours = sorted((int(one["client"].rpartition(":")[2]), one["method"], one["target"],
                       one["body_bytes"]) for one in stream.requests())
        self.assertEqual(ours, dissection.http2_requests(capture.path, APP_PORT))
        self.assertEqual(len(ours), len(sent))

    # --- responses

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
        done = self.lab.dev.run(["nghttp", "-n", *(self.url("/index") for _ in range(3))])
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
        got = sorted((one["path"], http2.messages(content(one))) for one in responses
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
        self.assertIn("GET /index:", output)
        self.assertIn(f"{len(sent) + 1} responses compared: {len(sent)} equal, 1 different", output)

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

    # --- gRPC

    def test_grpc_by_push(self):
        GrpcServer(self, self.lab.pod, (POD4, APP_PORT))
        program = GrpcServer(self, self.lab.dev, (DEV4, LOCAL_PORT))
        sidecar = self.sidecar()
        mirror = self.push(sidecar)
        sent = http2.grpc_calls(self.lab.dev, (POD4, APP_PORT), 40)
        self.wait_requests(sidecar, mirror, len(sent))
        wait_until(lambda: len(program.calls()) >= len(sent), "the program got every call")
        self.assertEqual(program.calls(), sent)
        self.assert_all_delivered(self.delete(sidecar, mirror), len(sent))

    def test_grpc_by_the_client_and_in_ndjson(self):
        GrpcServer(self, self.lab.pod, (POD4, APP_PORT))
        program = GrpcServer(self, self.lab.pod, ("127.0.0.1", LOCAL_PORT))
        sidecar = self.sidecar()
        stream = CurlStream(self, sidecar, port=APP_PORT, format="ndjson", path="/Unary$")
        client = self.client(sidecar, f"{APP_PORT}:{LOCAL_PORT}")
        sent = http2.grpc_calls(self.lab.dev, (POD4, APP_PORT), 40)
        wait_until(lambda: len(program.calls()) >= len(sent), "the program got every call")
        self.assertEqual(program.calls(), sent)
        unary = sorted(call for call in sent if call[0].endswith("Unary"))
        wait_until(lambda: len(stream.requests()) == len(unary), "ndjson has every unary call")
        small = [call for call in unary if len(call[1][0]) < 60_000]
        shown = sorted((one["path"], http2.messages(content(one))) for one in stream.requests()
                       if not one.get("body_truncated"))
        self.assertEqual(shown, small)
        self.assertEqual({one["headers"]["x-lab"] for one in stream.requests()}, {"1"})
        code, output = client.interrupt()
        self.assertEqual(code, 0, output)
        self.delete(sidecar, stream.mirror)

    # --- the edges

    def test_an_open_connection_is_too_late_and_the_next_one_is_seen(self):
        self.app()
        program = self.program()
        sidecar = self.sidecar()
        with self.lab.dev.entered():
            # One request every 0.3 s on one connection.
            early = subprocess.Popen(["h2load", "-n", "30", "-c", "1", "--rps", "3",
                                      self.url("/early")], stdout=subprocess.DEVNULL)
        self.addCleanup(early.kill)
        wait_until(lambda: self.established(), "the connection is there")
        mirror = self.push(sidecar)
        self.curl(self.url("/new"))
        def too_late():
            return sidecar.connections(mirror)["skipped"].get("joined-late") == 1
        wait_until(too_late, "the open connection is skipped")
        self.wait_requests(sidecar, mirror, 1)
        self.assertIn("1 connection was open before the mirror; new connections will be seen",
                      sidecar.report(mirror)["verdict"])
        self.assertEqual(program.paths(), ["/new"])
        self.delete(sidecar, mirror)

    def established(self):
        done = self.lab.dev.run(["ss", "-Htn", "state", "established", "dport",
                                 f"= :{APP_PORT}"], text=True)
        return bool(done.stdout.strip())

    def test_a_reader_that_is_killed(self):
        self.app()
        sidecar = self.sidecar()
        stream = CurlStream(self, sidecar, port=APP_PORT, format="frames")
        self.h2load(200, 4, 10)
        stream.kill()
        self.h2load(200, 4, 10, "-d", str(self.body(20_000)))
        wait_until(lambda: not self.active(sidecar), "the mirror has ended")
        report = sidecar.report(stream.mirror)
        self.check_final(report)

    def test_h2c_upgrade(self):
        nginx = self.nginx()
        del nginx
        sidecar = self.sidecar()
        stream = CurlStream(self, sidecar, port=APP_PORT, format="ndjson")
        done = self.lab.dev.run(["curl", "-sS", "--http2", "-o", "/dev/null", "-w",
                                 "%{http_version}", self.url("/asked")], text=True)
        self.assertEqual(done.stdout, "1.1", done.stderr)  # nginx does not grant it.
        wait_until(lambda: len(stream.requests()) == 1, "the request")
        self.assertNotIn("upgrade", stream.requests()[0]["headers"])
        self.delete(sidecar, stream.mirror)


def content(request):
    if "body_base64" in request:
        return base64.b64decode(request["body_base64"])
    return request.get("body", "").encode()


if __name__ == "__main__":
    main()
