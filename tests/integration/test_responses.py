"""The pod's responses: with their requests in ndjson, and beside a local program's (--compare)."""
import itertools
import json
import random
import subprocess
import time

from lab.case import APP_PORT, LOCAL_PORT, LabCase, main, wait_until
from lab.namespaces import POD4
from lab.odd_app import OddApp
from lab.requests import CurlStream
from lab.traffic import request

KINDS = ("plain", "chunked", "none", "same", "early", "missing")


class Responses(LabCase):
    def app(self, address=(POD4, APP_PORT), **options):
        app = OddApp(address, **options)
        self.addCleanup(app.stop)
        self.watcher.resets()  # What the port answered before it was open.
        return app

    def stream(self, sidecar, **query):
        return CurlStream(self, sidecar, port=APP_PORT, format="ndjson", responses="1", **query)

    def account(self, sidecar, mirror):
        return sidecar.report(mirror)["ledger"]["responses"]

    @staticmethod
    def of(stream, kind="response"):
        return [record for record in stream.records() if record["type"] == kind]

    def pipeline(self, paths, method="GET", pieces=1):
        """Sends all requests before any answer is read, in several pieces, then waits for the app's
        end of the connection, which the last path must bring."""
        data = b"".join(request(method, path) for path in paths)
        with self.lab.dev.socket(self.family((POD4,))) as sock:
            sock.settimeout(30)
            sock.connect((POD4, APP_PORT))
            size = -(-len(data) // pieces)
            for at in range(0, len(data), size):
                sock.sendall(data[at:at + size])
                time.sleep(0.002)
            while sock.recv(1 << 16):
                pass
            return sock.getsockname()[1]

    # --- ndjson

    def test_each_request_has_its_response(self):
        self.app()
        sidecar = self.sidecar()
        stream = self.stream(sidecar)
        paths = [f"/{kind}/{n}" for n in range(4) for kind in KINDS] + ["/close/1"]
        self.pipeline(paths, pieces=5)
        self.pipeline(paths, method="HEAD")
        wait_until(lambda: self.account(sidecar, stream.mirror)["delivered"] == 2 * len(paths),
                   "all responses")
        wait_until(lambda: len(self.of(stream)) == 2 * len(paths), "their lines")
        asked = {(r["connection"], r["request"]): r for r in stream.requests()}
        statuses = {"none": 204, "same": 304, "missing": 404}
        for response in self.of(stream):
            of = asked.pop((response["connection"], response["request"]))
            self.assertEqual((response["method"], response["path"]), (of["method"], of["path"]))
            kind = of["path"].split("/")[1]
            self.assertEqual(response["status"], statuses.get(kind, 200), of["path"])
            empty = of["method"] == "HEAD" or kind in ("none", "same")
            self.assertEqual(response.get("body", ""), "" if empty else "body of " + of["path"])
            self.assertGreaterEqual(response["latency_ms"], 0)
            self.assertLess(response["latency_ms"], 30_000)
        self.assertEqual(asked, {})
        report = self.delete(sidecar, stream.mirror)
        self.assertEqual(report["verdict"], f"{2 * len(paths)} of {2 * len(paths)} requests delivered")

    def test_without_asking_the_kernel_passes_no_answer(self):
        self.nginx()
        sidecar = self.sidecar()
        stream = CurlStream(self, sidecar, port=APP_PORT, format="ndjson")
        app = self.http()
        for n in range(5):
            app.ask(request("GET", f"/{n}"))
        app.close()
        wait_until(lambda: len(stream.requests()) == 5, "the requests")
        ledger = sidecar.report(stream.mirror)["ledger"]
        self.assertNotIn("responses", ledger)
        self.assertEqual(self.of(stream), [])
        # SYN, five requests, FIN: nothing of the pod's own.
        self.assertLessEqual(ledger["packets"]["seen"], 8)

    def test_on_loopback_each_response_is_seen_once(self):
        self.app(("127.0.0.1", APP_PORT))
        sidecar = self.sidecar()
        stream = self.stream(sidecar)
        out = subprocess.run(["curl", "-s", *[f"http://127.0.0.1:{APP_PORT}/chunked/{n}"
                                              for n in range(5)]], capture_output=True, check=True)
        self.assertIn(b"body of /chunked/4", out.stdout)
        wait_until(lambda: len(self.of(stream)) == 5, "five responses")
        self.assertEqual([r["body"] for r in self.of(stream)],
                         [f"body of /chunked/{n}" for n in range(5)])
        self.assertEqual(self.account(sidecar, stream.mirror)["seen"], 5)

    def test_a_joined_connection_and_filtered_requests(self):
        self.nginx()
        app = self.http()
        app.ask(request("GET", "/before"))
        sidecar = self.sidecar()
        stream = self.stream(sidecar, path="^/yes")
        for path in ("/no/1", "/yes/1", "/no/2", "/yes/2"):
            app.ask(request("GET", path))
        wait_until(lambda: len(self.of(stream)) >= 1, "a response")
        app.ask(request("GET", "/yes/3"))
        wait_until(lambda: [r["path"] for r in self.of(stream)][-1:] == ["/yes/3"], "the last")
        self.assertEqual({r.get("body") for r in self.of(stream)}, {"here it is"})
        app.close()

    def test_what_is_cut_is_said_and_no_request_is_lost(self):
        self.app()
        sidecar = self.sidecar()
        stream = self.stream(sidecar)
        self.pipeline(["/plain/1", "/cut/1"])
        wait_until(lambda: len(self.of(stream)) == 2, "both")
        self.assertEqual(self.of(stream)[1]["missing"], "unanswered")
        report = self.delete(sidecar, stream.mirror)
        self.assertEqual(report["ledger"]["requests"]["delivered"], 2)
        self.assertEqual(report["ledger"]["responses"],
                         {"seen": 2, "open": 0, "delivered": 1, "skipped": {"unanswered": 1}})
        self.assertEqual(report["verdict"], "2 of 2 requests delivered; "
                                            "1 of 2 responses missing: unanswered 1")

    def test_responses_are_redacted(self):
        self.app(bodies=lambda path: json.dumps({"path": path, "token": "geheim"}).encode())
        sidecar = self.sidecar()
        streams = [self.stream(sidecar, redact="json:$.token"),
                   CurlStream(self, sidecar, port=APP_PORT, format="frames", responses="1",
                              redact="json:$..token")]
        self.pipeline(["/plain/1", "/chunked/2", "/close/3"])
        for stream in streams:
            wait_until(lambda: self.account(sidecar, stream.mirror)["delivered"] == 3, "three")
            self.delete(sidecar, stream.mirror)
            stream.wait_end()
            self.assertEqual(stream.output().count(b"redacted"), 3, stream.output())
            self.assertNotIn(b"geheim", stream.output())
        self.assertEqual([json.loads(r["body"])["path"] for r in self.of(streams[0])],
                         ["/plain/1", "/chunked/2", "/close/3"])

    def test_what_is_not_http_is_open_data_and_close(self):
        program = self.recorder((POD4, APP_PORT), namespace=self.lab.pod)
        sidecar = self.sidecar()
        stream = CurlStream(self, sidecar, port=APP_PORT, format="ndjson")
        with self.lab.dev.socket(self.family((POD4,))) as sock:
            sock.connect((POD4, APP_PORT))
            sock.sendall(b"*1\r\n$4\r\nPING\r\n")
            wait_until(lambda: self.of(stream, "data"), "a data line")
        wait_until(lambda: self.of(stream, "close"), "a close line")
        opened, = self.of(stream, "open")
        data, = self.of(stream, "data")
        self.assertEqual(data["connection"], opened["connection"])
        self.assertEqual(data["data"], "*1\r\n$4\r\nPING\r\n")
        self.assertEqual(opened["server"], f"{POD4}:{APP_PORT}")
        self.assertEqual(self.delete(sidecar, stream.mirror)["verdict"],
                         "1 of 1 connection delivered")
        del program

    def test_formats_that_have_none_refuse_by_name(self):
        sidecar = self.sidecar()
        for query in ("format=http", "format=pcap", "protocol=udp", "midstream=raw"):
            answer = sidecar.call("GET", f"/v1/stream?port={APP_PORT}&responses=1&{query}")
            self.assertEqual(answer.status, 400, answer)
        self.assertEqual(sidecar.call("GET", f"/v1/stream?port={APP_PORT}&responses=1&format=http")
                         .json()["key"], "responses")
        answer = sidecar.call("POST", "/v1/mirrors",
                              {"ports": [APP_PORT], "to": "127.0.0.1:1", "responses": True})
        self.assertEqual((answer.status, answer.json()["key"]), (400, "responses"))

    # --- against tshark

    def test_the_pairs_are_those_of_tshark(self):
        self.app()
        sidecar = self.sidecar()
        packets = CurlStream(self, sidecar, port=APP_PORT, format="pcap")
        stream = self.stream(sidecar)
        rng = random.Random(3)
        # After a 304 with Content-Length tshark takes the next response for its body.
        kinds = [kind for kind in KINDS if kind != "same"]
        pipelined = []
        for _ in range(6):
            paths = [f"/{rng.choice(kinds)}/{rng.randrange(100)}"
                     for _ in range(rng.randrange(9))]
            pipelined.append(self.pipeline([*paths, f"/close/{rng.randrange(100)}"],
                                           pieces=rng.randrange(1, 9)))
        self.lab.dev.run(["curl", "-s", "-o", "/dev/null",
                          *[f"http://{POD4}:{APP_PORT}/{kind}/7" for kind in KINDS]])
        self.lab.dev.run(["wrk", "-t1", "-c4", "-d1s", f"http://{POD4}:{APP_PORT}/slow/1"])
        def settled():
            account = self.account(sidecar, stream.mirror)
            return account["open"] == 0 and account["seen"] > 50
        wait_until(settled, "every response", 30)
        for mirror in (stream.mirror, packets.mirror):
            self.delete(sidecar, mirror)
        stream.wait_end()
        packets.wait_end()
        file = self.directory / "packets.pcap"
        file.write_bytes(packets.output())
        self.check_against_tshark(file, stream, pipelined)

    def check_against_tshark(self, file, stream, pipelined):
        """Of pipelines tshark names the last request of a frame for all its responses: there its
        requests and its responses are paired by their order."""
        fields = ("tcp.srcport", "tcp.dstport", "http.request.uri", "http.response.code",
                  "http.response_for.uri")
        listing = subprocess.run(
            ["tshark", "-r", str(file), "-Y", "http.request or http.response", "-T", "fields", "-E",
             "aggregator=|", *[word for field in fields for word in ("-e", field)]],
            capture_output=True, text=True, check=True).stdout
        requests, responses = {}, {}
        for line in listing.splitlines():
            source, port, uris, codes, of = line.split("\t")
            if uris:
                requests.setdefault(int(source), []).extend(uris.split("|"))
            for code, uri in itertools.zip_longest(codes.split("|"), of.split("|"), fillvalue=""):
                if code and not code.startswith("1"):
                    path = "/" + uri.split("/", 3)[3] if uri else None
                    responses.setdefault(int(port), []).append((int(code), path))
        clients = {(r["connection"], r["request"]): int(r["client"].rsplit(":", 1)[1])
                   for r in stream.requests()}
        ours = {}
        for r in self.of(stream):
            if "status" in r:
                ours.setdefault(clients[r["connection"], r["request"]], []).append(
                    (r["status"], r["path"]))
        self.assertGreater(sum(map(len, ours.values())), 50)
        self.assertEqual(set(ours), set(responses))
        self.assertLess(set(pipelined), set(ours))
        for port, pairs in ours.items():
            theirs = responses[port]
            if port in pipelined:
                theirs = [(code, uri) for (code, _), uri in zip(theirs, requests[port])]
            # wrk goes away within its last requests; and of a response that a FIN in the same
            # segment ends, tshark shows nothing.
            common = min(len(pairs), len(theirs))
            self.assertEqual(pairs[:common], theirs[:common], f"client port {port}")
            self.assertLessEqual(max(len(pairs), len(theirs)) - common, 1, f"client port {port}")

    # --- compare

    def compare(self, sidecar, *flags):
        return self.client(sidecar, "--compare", f"{APP_PORT}:{LOCAL_PORT}", *flags)

    def test_compare_finds_the_known_differences(self):
        def pods(path):
            return json.dumps({"path": path, "at": 1, "list": [1, 2]}).encode()

        def locals_(path):
            number = int(path.rsplit("/", 1)[1])
            return json.dumps({"list": [1, 3 if number == 3 else 2], "at": 2,
                               "path": path}).encode()
        self.app(bodies=pods)
        self.app(("127.0.0.1", LOCAL_PORT), bodies=locals_)
        sidecar = self.sidecar()
        client = self.compare(sidecar, "--ignore", "$.at", "--output", "json")
        self.pipeline(["/plain/1", "/chunked/2", "/plain/3", "/missing/4", "/none/5", "/close/6"])
        self.pipeline([f"/plain/{n}" for n in range(3)] + ["/close/3"], pieces=3)
        wait_until(lambda: sidecar.mirrors()[0]["ledger"]["connections"]["delivered"] == 2, "both")
        wait_until(lambda: client.output().count('"different"') >= 2, "the differences")
        code, output = client.interrupt()
        events = [json.loads(line) for line in output.splitlines()]
        different = [e for e in events if e["event"] == "different"]
        self.assertEqual([(e["method"], e["target"], e["pod_status"], e["local_status"],
                           e["differences"], e["total"]) for e in different],
                         [("GET", path, 200, 200,
                           [{"path": "$.list[1]", "pod": "2", "local": "3"}], 1)
                          for path in ("/plain/3", "/close/3")], output)
        compared, = [e for e in events if e["event"] == "compared"]
        self.assertEqual((compared["compared"], compared["equal"], compared["different"]),
                         (10, 8, 2), output)
        self.assertEqual(code, 5, output)

    def test_compare_of_equals_exits_with_0(self):
        self.app()
        self.app(("127.0.0.1", LOCAL_PORT))
        sidecar = self.sidecar()
        client = self.compare(sidecar)
        self.pipeline(["/plain/1", "/close/2"])
        wait_until(lambda: sidecar.mirrors()[0]["ledger"]["connections"]["delivered"] == 1, "it")
        wait_until(lambda: "compared 2" in client.output(), "the summary", 20)
        code, output = client.interrupt()
        self.assertIn("compared: 2 responses compared: 2 equal, 0 different", output)
        self.assertEqual(code, 0, output)

    def test_compare_says_what_it_could_not_compare(self):
        self.app()
        sidecar = self.sidecar()
        client = self.compare(sidecar)
        self.pipeline(["/close/2"])
        wait_until(lambda: "nothing takes connections" in client.output(), "the refusal")
        code, output = client.interrupt()
        self.assertIn("no responses compared; 1 not compared: the local one missing "
                      "(sink-refused 1)", output)
        self.assertEqual(code, 1, output)


if __name__ == "__main__":
    main()
