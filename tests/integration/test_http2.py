"""HTTP/2 and gRPC, mirrored request by request."""
import signal
import subprocess

from lab import dissection, http2
from lab.case import APP_PORT, LOCAL_PORT, main, wait_until
from lab.http2 import CAUTIOUS, GrpcServer
from lab.http2_case import Http2Case
from lab.namespaces import DEV4, POD4
from lab.requests import CurlStream
from lab.stream import FrameReader


class Http2(Http2Case):
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
        wait_until(lambda: stream.output().endswith(b"\r\n\r\nbody"), "curl has written them")
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
        self.wait_written(sidecar, capture.mirror, sum(size for _, _, size in sent))
        packets = self.delete(sidecar, capture.mirror)["ledger"]["packets"]
        self.assertEqual(packets["delivered"], packets["seen"], packets)
        self.delete(sidecar, stream.mirror)
        capture.wait_end()
        stream.wait_end()
        ours = sorted((int(one["client"].rpartition(":")[2]), one["method"], one["target"],
                       one["body_bytes"]) for one in stream.requests())
        self.assertEqual(ours, dissection.http2_requests(capture.path, APP_PORT))
        self.assertEqual(len(ours), len(sent))

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
        shown = sorted((one["path"], http2.messages(http2.content(one))) for one in stream.requests()
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
        self.assert_got(program, [("GET", "/new", 0)])
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


if __name__ == "__main__":
    main()
