"""A test of mirrored HTTP/2: its servers, its traffic, and what is to come of that."""
from lab.case import APP_PORT, LOCAL_PORT, LabCase, wait_until
from lab.http2 import Nghttpd
from lab.namespaces import DEV4, POD4


class Http2Case(LabCase):
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
