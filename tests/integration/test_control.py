"""The control API at its edges: every malformed input is answered as documented, and nothing of it
wakes the sidecar."""
import concurrent.futures
import json
import socket
import time
import urllib.parse

from lab.case import APP_PORT, LOCAL_PORT, LabCase, main, patience, seconds_since, wait_until
from lab.namespaces import DEV4, POD4, POD6, packet_sockets
from lab.sidecar import Answer
from lab.stream import FrameReader

TO = f"{DEV4}:{LOCAL_PORT}"
KIB = 1024

# What is wrong with the body of a POST, and the key that the answer must name.
WRONG_BODIES = [
    ({"ports": [8080], "to": TO, "port": 1}, "port"),
    ({"ports": [8080], "to": TO, "Ports": [1]}, "Ports"),
    ({"ports": [8080], "to": TO, "filter": {"sources": []}}, "filter.sources"),
    ({"ports": [8080], "to": TO, "filter": {"source": ["10.0.0.1/8"]}}, "filter.source"),
    ({"ports": [8080], "to": TO, "filter": {"source": ["ten"]}}, "filter.source"),
    ({"ports": [8080], "to": TO, "filter": {"source": "10.0.0.0/8"}}, "filter.source"),
    ({"ports": [8080], "to": TO, "filter": {"source": []}}, "filter.source"),
    ({"ports": [8080], "to": TO, "filter": []}, "filter"),
    ({"ports": [8080], "to": TO, "filter": {"path": "("}}, "filter.path"),
    ({"ports": [8080], "to": TO, "filter": {"path": "(a)\\1"}}, "filter.path"),
    ({"ports": [8080], "to": TO, "filter": {"methods": ["G T"]}}, "filter.methods"),
    ({"ports": [8080], "to": TO, "filter": {"headers": {}}}, "filter.headers"),
    ({"ports": [8080], "to": TO, "filter": {"headers": {"x": "[z-a]"}}}, "filter.headers"),
    ({"ports": [8080], "to": TO, "filter": {"probes": 0}}, "filter.probes"),
    ({"ports": [8080], "to": TO, "sample": {"percent": 101}}, "sample.percent"),
    ({"ports": [8080], "to": TO, "sample": {"percent": 1, "by": "x"}}, "sample.by"),
    ({"ports": [8080], "to": TO, "rate": 0}, "rate"),
    ({"ports": [8080], "to": TO, "rate": 1, "protocol": "udp"}, "protocol"),
    ({"ports": [8080], "to": TO, "rate": 1, "midstream": "raw"}, "midstream"),
    ({"ports": [8080], "to": TO, "redact": ["a b"]}, "redact"),
    ({"ports": [8080], "to": TO, "mark": 0}, "mark"),
    ({"ports": [8080], "to": TO, "h2": "maybe"}, "h2"),
    ({"ports": [0], "to": TO}, "ports"),
    ({"ports": [65536], "to": TO}, "ports"),
    ({"ports": [-1], "to": TO}, "ports"),
    ({"ports": [8080.5], "to": TO}, "ports"),
    ({"ports": ["8080"], "to": TO}, "ports"),
    ({"ports": [True], "to": TO}, "ports"),
    ({"ports": [None], "to": TO}, "ports"),
    ({"ports": [[8080]], "to": TO}, "ports"),
    ({"ports": [], "to": TO}, "ports"),
    ({"ports": list(range(1, 100)), "to": TO}, "ports"),
    ({"ports": 8080, "to": TO}, "ports"),
    ({"ports": "8080", "to": TO}, "ports"),
    ({"to": TO}, "ports"),
    ({"ports": [4747], "to": TO}, "ports"),
    ({"ports": [8080]}, "to"),
    ({"ports": [8080], "to": ""}, "to"),
    ({"ports": [8080], "to": 3000}, "to"),
    ({"ports": [8080], "to": DEV4}, "to"),
    ({"ports": [8080], "to": f"{DEV4}:0"}, "to"),
    ({"ports": [8080], "to": f"{DEV4}:65536"}, "to"),
    ({"ports": [8080], "to": f"{DEV4}:3000x"}, "to"),
    ({"ports": [8080], "to": "fd77::2:3000"}, "to"),
    ({"ports": [8080], "to": "[fd77::2]"}, "to"),
    ({"ports": [8080], "to": "[fd77::2:3000"}, "to"),
    ({"ports": [8080], "to": "a host:3000"}, "to"),
    ({"ports": [8080], "to": "a\u0000b:3000"}, "to"),
    ({"ports": [8080], "to": "x" * 300 + ":3000"}, "to"),
    ({"ports": [8080], "to": TO, "protocol": "sctp"}, "protocol"),
    ({"ports": [8080], "to": TO, "protocol": 6}, "protocol"),
    ({"ports": [8080], "to": TO, "midstream": "maybe"}, "midstream"),
    ({"ports": [8080], "to": TO, "midstream": True}, "midstream"),
    ({"ports": [8080], "to": TO, "ttl": "9h"}, "ttl"),
    ({"ports": [8080], "to": TO, "ttl": "0s"}, "ttl"),
    ({"ports": [8080], "to": TO, "ttl": "-1s"}, "ttl"),
    ({"ports": [8080], "to": TO, "ttl": "soon"}, "ttl"),
    ({"ports": [8080], "to": TO, "ttl": ""}, "ttl"),
    ({"ports": [8080], "to": TO, "ttl": "99999999999999999999h"}, "ttl"),
    ({"ports": [8080], "to": TO, "ttl": 60}, "ttl"),
    ({"ports": [8080], "to": TO, "format": "pcap"}, "format"),
]

# Bodies that are no specification at all.
NO_SPECIFICATIONS = [
    b"", b" ", b"ports=8080", b"[]", b"8080", b"null", b'"text"', b"{", b'{"ports":[8080]',
    b'{"ports":[8080],"to":"h:1"} {}', b'{"ports":[8080],"to":"h:1"}x', b"{'ports':[8080]}",
    b'{"ports":[8080],"ports":[8081],"to":"h:1"}', b'{"ports":[1e400],"to":"h:1"}',
    b'{"ports":[8080],"to":"h:1","ttl":1e400}', b'{"ports":[8080],"to":"h:1"\0}',
    b"\xff\xfe{\0}\0", b"[" * 30_000, b'{"filter":' * 6_000, b'{"a":"' + b"\xff" * 100 + b'"}',
]

# What is wrong with the query of a stream, and the key that the answer must name.
WRONG_QUERIES = [
    ("", "port"), ("port=", "port"), ("port=0", "port"), ("port=65536", "port"),
    ("port=8080x", "port"), ("port=+8080", "port"), ("port=-1", "port"), ("port=8080,", "port"),
    ("port=8080&port=0", "port"), ("port=4747", "port"), ("ports=8080", "ports"),
    ("port=8080&to=10.0.0.1:3000", "to"), ("port=8080&format=xml", "format"),
    ("port=8080&format=ndjson&protocol=udp", "protocol"),
    ("port=8080&format=http&midstream=raw", "midstream"), ("port=8080&format=pcap&rate=1", "format"),
    ("port=8080&format=frames&format=pcap", "format"), ("port=8080&ttl=9h", "ttl"),
    ("port=8080&ttl=x", "ttl"), ("port=8080&ttl=1m&ttl=1m", "ttl"),
    ("port=8080&protocol=icmp", "protocol"), ("port=8080&midstream=x", "midstream"),
    ("port=8080&source=10.0.0.1/8", "source"), ("port=8080&source=x", "source"),
    ("port=8080&source=10.0.0.0/33", "source"), ("port=8080&source=", "source"),
    ("port=8080&method=G(", "method"), ("port=8080&path=%28", "path"),
    ("port=8080&header=a:%5B", "header"), ("port=8080&header=a", "header"),
    ("port=8080&percent=0", "percent"), ("port=8080&by=header:x", "by"), ("port=8080&rate=x", "rate"),
    ("port=8080&redact=cookie%3A", "redact"), ("port=8080&responses=maybe", "responses"),
    ("port=8080&responses=true&format=http", "responses"),
    ("port=8080&probes=yes", "probes"), ("port=8080&unknown=1", "unknown"),
    ("port=8080&Port=8080", "Port"), ("port=8080&=x", ""), ("port=%38%30%38%30%2", "port"),
]


class Control(LabCase):
    def check_problem(self, answer, status, word=""):
        """A problem+json answer with this status whose sentence or key names `word`."""
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.headers["Content-Type"], "application/problem+json", answer)
        self.assertTrue(answer.body.endswith(b"\n"), answer)
        problem = answer.json()
        self.assertEqual(problem["status"], status)
        self.assertGreater(len(problem["detail"]), 10, problem)
        if word:
            self.assertIn(word, problem["detail"] + " " + problem.get("key", ""), problem)
        return problem

    def raw(self, sidecar, data, timeout=30):
        """Sends bytes; returns the answer, and whether the connection was then closed."""
        with socket.create_connection(("127.0.0.1", sidecar.port), patience(timeout)) as sock:
            sock.sendall(data)
            import http.client
            response = http.client.HTTPResponse(sock)
            response.begin()
            return Answer(response)

    def head(self, sidecar, line, *fields):
        lines = [line, "Host: pod", f"Authorization: Bearer {sidecar.tokens['ana']}", *fields]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"

    def test_wrong_specifications(self):
        sidecar = self.sidecar()
        for body, key in WRONG_BODIES:
            with self.subTest(body=body):
                self.check_problem(sidecar.call("POST", "/v1/mirrors", body), 400, key)
        for body in NO_SPECIFICATIONS:
            with self.subTest(body=body[:60]):
                self.check_problem(sidecar.call("POST", "/v1/mirrors", body), 400)
        self.assertEqual(sidecar.mirrors(), [])
        self.assertEqual(packet_sockets(), [])

    def test_wrong_queries(self):
        sidecar = self.sidecar()
        for query, key in WRONG_QUERIES:
            with self.subTest(query=query):
                self.check_problem(sidecar.call("GET", f"/v1/stream?{query}"), 400, key)
        self.check_problem(sidecar.call("GET", "/v1/stream"), 400, "port")
        self.assertEqual(sidecar.mirrors(), [])
        self.assertEqual(packet_sockets(), [])

    def test_a_body_is_json_whatever_its_type_says(self):
        sidecar = self.sidecar()
        body = json.dumps({"ports": [APP_PORT], "to": TO})
        for fields in ({}, {"Content-Type": "application/x-www-form-urlencoded"},
                       {"Content-Type": "text/plain"}, {"Content-Type": "application/json"}):
            answer = sidecar.call("POST", "/v1/mirrors", body, headers=fields)
            self.assertEqual(answer.status, 201, answer)
            self.assertTrue(answer.body.endswith(b"\n"))
            report = answer.json()
            self.assertEqual(answer.headers["Location"], f"/v1/mirrors/{report['id']}")
            self.delete(sidecar, report["id"])
        # Exactly as the documentation has it.
        done = self.lab.pod.run(["curl", "-sS", "-H", "Authorization: Bearer token-of-ana", "-d",
                                 body, "http://127.0.0.1:4747/v1/mirrors"])
        self.delete(sidecar, json.loads(done.stdout)["id"])
        chunked = self.head(sidecar, "POST /v1/mirrors HTTP/1.1", "Transfer-Encoding: chunked")
        chunks = b"".join(b"%x\r\n%s\r\n" % (1, bytes([byte])) for byte in body.encode())
        answer = self.raw(sidecar, chunked + chunks + b"0\r\n\r\n")
        self.assertEqual(answer.status, 201, answer)

    def test_limits_of_size(self):
        sidecar = self.sidecar()
        spec = json.dumps({"ports": [APP_PORT], "to": TO}).encode()
        full = spec + b" " * (64 * KIB - len(spec))
        answer = sidecar.call("POST", "/v1/mirrors", full)
        self.assertEqual(answer.status, 201, "a body of exactly 64 KiB")
        self.delete(sidecar, answer.json()["id"])
        self.check_problem(sidecar.call("POST", "/v1/mirrors", full + b" "), 413, "65536")
        head = self.head(sidecar, "POST /v1/mirrors HTTP/1.1", "Content-Length: 99999999999999")
        self.check_problem(self.raw(sidecar, head), 413)
        head = self.head(sidecar, "POST /v1/mirrors HTTP/1.1", "Transfer-Encoding: chunked")
        self.check_problem(self.raw(sidecar, head + b"20000\r\n" + b" " * 0x20000), 413)
        # 16 KiB of head, and one field more.
        short = self.head(sidecar, "GET /v1/status HTTP/1.1", "X-Fill: " + "x" * 7 * KIB,
                          "X-More: " + "x" * 7 * KIB)
        self.assertEqual(self.raw(sidecar, short).status, 200, "a head of 14 KiB")
        long = self.head(sidecar, "GET /v1/status HTTP/1.1", "X-Fill: " + "x" * 17 * KIB)
        self.check_problem(self.raw(sidecar, long), 431, "16384")
        many = self.head(sidecar, "GET /v1/status HTTP/1.1", *(f"X-{n}: x" for n in range(3000)))
        self.check_problem(self.raw(sidecar, many), 431)

    def test_malformed_http(self):
        sidecar = self.sidecar()
        for head in (b"NONSENSE\r\n\r\n", b"GET\r\n\r\n", b"GET /v1/status HTTP/1.1\r\n\r\n",
                     b"GET /v1/status HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
                     b"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n",
                     b"GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n",
                     b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
                     b"POST /v1/mirrors HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
                     b"POST /v1/mirrors HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
                     b"POST /v1/mirrors HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
                     b"Transfer-Encoding: chunked\r\n\r\n"):
            with self.subTest(head=head):
                self.assertEqual(self.raw(sidecar, head).status, 400)
        self.assertEqual(self.raw(sidecar, b"GET /healthz HTTP/3.0\r\nHost: a\r\n\r\n").status, 505)
        self.assertEqual(self.raw(sidecar, b"GET /healthz HTTP/1.0\r\n\r\n").status, 200)

    def test_slow_clients_are_cut_after_ten_seconds(self):
        sidecar = self.sidecar()
        body = self.head(sidecar, "POST /v1/mirrors HTTP/1.1", "Content-Length: 1000")

        def dribble(whole):
            """Sends a byte every half second; returns how long the server put up with it."""
            with socket.create_connection(("127.0.0.1", sidecar.port)) as sock:
                began = time.monotonic()
                sock.sendall(whole)
                sock.settimeout(0.5)
                while seconds_since(began) < patience(15):
                    try:
                        sock.send(b"x")
                        if not sock.recv(4096):
                            break
                    except TimeoutError:
                        continue
                    except OSError:
                        break
                return seconds_since(began)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            times = list(pool.map(dribble, (b"GET /heal", b"GET /healthz HTTP/1.1\r\nX-A: ", body)))
        for seconds in times:
            self.assertGreater(seconds, 9)
            self.assertLess(seconds, patience(12))
        self.assertEqual(sidecar.call("GET", "/healthz", caller=None).status, 200)

    def test_many_idle_connections_keep_nobody_out(self):
        sidecar = self.sidecar()
        idle = [socket.create_connection(("127.0.0.1", sidecar.port)) for _ in range(150)]
        began = time.monotonic()
        self.assertEqual(sidecar.call("GET", "/v1/status").status, 200)
        self.assertLess(seconds_since(began), patience(3))
        for sock in idle:
            sock.close()

    def test_unknown_paths_and_methods(self):
        sidecar = self.sidecar()
        for path in ("/", "/v1", "/v2/status", "/v1/mirrors/", "/v1/mirrors/m-000000000000",
                     "/v1/mirrors/m-1/x", "/healthz/x", "/v1/stream/x",
                     "/v1/mirrors/%2e%2e/status", "/" + urllib.parse.quote("\u00fc")):
            with self.subTest(path=path):
                self.check_problem(sidecar.call("GET", path), 404)
        self.check_problem(sidecar.call("DELETE", "/v1/mirrors/m-000000000000"), 404)
        for method, path, allowed in (("PUT", "/v1/mirrors", {"GET", "POST", "DELETE"}),
                                      ("POST", "/v1/status", {"GET"}),
                                      ("POST", "/v1/stream?port=8080", {"GET"}),
                                      ("PATCH", "/v1/mirrors/m-1", {"GET", "DELETE"}),
                                      ("DELETE", "/metrics", {"GET"}),
                                      ("BREW", "/openapi.json", {"GET"})):
            with self.subTest(method=method, path=path):
                answer = sidecar.call(method, path)
                self.check_problem(answer, 405)
                self.assertLessEqual(allowed, set(answer.headers["Allow"].split(", ")))

    def test_destinations_that_would_echo(self):
        sidecar = self.sidecar("--allow-to", "0.0.0.0/0", "--allow-to", "::/0")
        for host in (POD4, "127.0.0.1", "127.8.9.10", f"[{POD6}]", "[::1]", "0.0.0.0", "[::]",
                     "localhost", f"[::ffff:{POD4}]"):
            with self.subTest(host=host):
                answer = sidecar.call("POST", "/v1/mirrors", {"ports": [APP_PORT, 9090],
                                                              "to": f"{host}:{APP_PORT}"})
                self.check_problem(answer, 400)
        self.assertEqual(packet_sockets(), [])

    def test_ceilings_of_the_administrator(self):
        sidecar = self.sidecar("--allow-port", "8080", "--allow-port", "8081",
                               allow=("--allow-to", f"{DEV4}/32"))
        self.check_problem(sidecar.call("POST", "/v1/mirrors", {"ports": [APP_PORT, 9999],
                                                                "to": TO}), 403, "9999")
        self.check_problem(sidecar.call("GET", "/v1/stream?port=9999"), 403, "9999")
        for host in ("10.77.0.3", "8.8.8.8", "127.0.0.1", "[fd77::2]", "localhost"):
            answer = sidecar.call("POST", "/v1/mirrors",
                                  {"ports": [APP_PORT], "to": f"{host}:3000"})
            self.check_problem(answer, 403)
        self.assertEqual(sidecar.call("POST", "/v1/mirrors", {"ports": [8081], "to": TO}).status,
                         201)

    def test_push_is_off_without_a_list(self):
        sidecar = self.sidecar(allow=())
        self.check_problem(sidecar.call("POST", "/v1/mirrors", {"ports": [APP_PORT], "to": TO}),
                           403, "allow")

    def test_ninth_mirror_is_refused(self):
        sidecar = self.sidecar(ring=())
        mirrors = [self.push(sidecar, caller=("ana", "ben")[n % 2], ports=[8080 + n])
                   for n in range(7)]
        stream = FrameReader(sidecar, "port=9090")
        self.assert_woken(8)
        for answer in (sidecar.call("POST", "/v1/mirrors", {"ports": [9091], "to": TO}),
                       sidecar.call("GET", "/v1/stream?port=9091")):
            problem = self.check_problem(answer, 409)
            self.assertIn("ana 5", problem["detail"])
            self.assertIn("ben 3", problem["detail"])
        self.delete(sidecar, mirrors[0])
        self.assertEqual(self.push(sidecar, ports=[9092])[:2], "m-")
        self.assert_woken(8)
        ended = sidecar.call("DELETE", "/v1/mirrors", caller="ana").json()["mirrors"]
        self.assertEqual(len(ended), 5)
        for report in ended:
            self.check_final(report)
        stream.wait_end()
        wait_until(lambda: len(packet_sockets()) == 3, "ben's mirrors are left")

    def test_ended_mirrors_stay_readable(self):
        sidecar = self.sidecar("--keep-ended", "5s")
        mirror = self.push(sidecar)
        first = self.delete(sidecar, mirror)
        self.assertEqual(self.delete(sidecar, mirror), first, "a second DELETE answers the same")
        self.assertEqual(sidecar.report(mirror), first)
        wait_until(lambda: sidecar.call("GET", f"/v1/mirrors/{mirror}").status == 404, "forgotten",
                   20)

    def test_a_wake_that_would_not_fit(self):
        sidecar = self.sidecar("--memory-budget", "32MiB", ring=())
        answers = [sidecar.call("POST", "/v1/mirrors", {"ports": [8080 + n], "to": TO})
                   for n in range(8)]
        refused = [a for a in answers if a.status != 201]
        self.assertTrue(refused and len(refused) < 8, answers)
        for answer in refused:
            self.check_problem(answer, 503, "32 MiB")

    def test_status_metrics_and_openapi(self):
        self.nginx()
        sidecar = self.sidecar("--metrics-listen", "127.0.0.1:4748")
        stream = FrameReader(sidecar, f"port={APP_PORT}")
        self.play("metrics", 10)
        status = sidecar.call("GET", "/v1/status").json()
        self.assertEqual(status["state"], "awake")
        self.assertRegex(status["version"], r"^\d+\.\d+\.\d+")
        self.assertEqual([m["id"] for m in status["mirrors"]], [stream.mirror])
        for port, caller in ((4747, "ana"), (4748, None)):
            control, sidecar.port = sidecar.port, port
            answer = sidecar.call("GET", "/metrics", caller=caller)
            sidecar.port = control
            self.assertEqual(answer.status, 200)
            self.assertTrue(answer.headers["Content-Type"].startswith("text/plain"))
            samples = [line for line in answer.body.decode().splitlines() if line[:1] != "#"]
            self.assertTrue(all(line.startswith("dormouse_") for line in samples), samples)
            self.assertGreater(len(samples), 3)
        document = sidecar.call("GET", "/openapi.json").json()
        self.assertTrue(document["openapi"].startswith("3.1"))
        self.assertEqual(set(document["paths"]),
                         {"/healthz", "/v1/status", "/v1/mirrors", "/v1/mirrors/{id}", "/v1/stream",
                          "/metrics", "/openapi.json"})
        self.check_problem(sidecar.call("POST", "/v1/mirrors", {"ports": [4748], "to": TO}), 400,
                           "4748")

    def test_audit(self):
        sidecar = self.sidecar()
        mirror = self.push(sidecar, ttl="90s", filter={"source": ["10.0.0.0/8"]})
        self.delete(sidecar, mirror)
        sidecar.call("POST", "/v1/mirrors", {"ports": [0], "to": TO})
        sidecar.call("GET", "/v1/status", caller="Bearer not-a-secret-of-ours")
        wakes = sidecar.log_lines(audit="wake")
        self.assertEqual(len(wakes), 1, wakes)
        wanted = {"principal": "ana", "mirror": mirror, "ports": [APP_PORT], "destination": TO,
                  "ttl_seconds": 90, "source": ["10.0.0.0/8"]}
        self.assertEqual({key: wakes[0].get(key) for key in wanted}, wanted)
        sleeps = sidecar.log_lines(audit="sleep")
        self.assertEqual([s["mirror"] for s in sleeps], [mirror])
        self.assertIn("ledger", sleeps[0])
        refusals = sidecar.log_lines(audit="refusal")
        self.assertEqual([r["status"] for r in refusals], [400, 401])
        for token in (*sidecar.tokens.values(), "not-a-secret-of-ours"):
            self.assertNotIn(token, sidecar.errors())


if __name__ == "__main__":
    main()
