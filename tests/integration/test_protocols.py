"""TLS, pcap for tshark, and connections that were open before the wake."""
import subprocess

from lab.case import APP_PORT, LabCase, main, patience, wait_until
from lab.certificate import self_signed
from lab.namespaces import POD4
from lab.stream import FrameReader
from lab.traffic import request

TLS_PORT = 8443


class Protocols(LabCase):
    def nginx_with_tls(self):
        certificate, key = self_signed(self.directory, "DNS:pod.example")
        return self.nginx(listen=("8080", f"{TLS_PORT} ssl"),
                          extra=f"ssl_certificate {certificate}; ssl_certificate_key {key};")

    def https(self, count):
        for number in range(count):
            done = self.lab.dev.run(["curl", "-sSk", f"https://{POD4}:{TLS_PORT}/tls/{number}"])
            self.assertEqual(done.stdout, b"here it is", done.stderr)

    def start_curl(self, sidecar, query, output, **options):
        trusted = ["--cacert", str(sidecar.certificate)] if sidecar.certificate else []
        return subprocess.Popen(
            ["curl", "-sSN", "--fail", *trusted, "-o", output, "-H",
             f"Authorization: Bearer {sidecar.tokens['ana']}",
             f"{sidecar.url}/v1/stream?{query}"], **options)

    @staticmethod
    def tshark(*arguments, **options):
        return subprocess.Popen(["tshark", *arguments], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, **options)

    def test_tls_is_reported_and_not_delivered(self):
        self.nginx_with_tls()
        program = self.recorder()
        sidecar = self.sidecar()
        mirror = self.push(sidecar, ports=[TLS_PORT])
        stream = FrameReader(sidecar, f"port={TLS_PORT}")
        self.https(3)
        for one in (mirror, stream.mirror):
            report = sidecar.wait_settled(one, 3)
            self.assertEqual(report["ledger"]["connections"]["skipped"], {"tls": 3})
            self.assertEqual(report["verdict"], f"traffic on port {TLS_PORT} is TLS: "
                                                "3 connections skipped")
        self.delete(sidecar, stream.mirror)
        stream.wait_end()
        self.assertEqual(stream.flows, {})
        self.assertEqual(program.connections, [])

    def test_tls_is_delivered_in_pcap(self):
        self.nginx_with_tls()
        sidecar = self.sidecar()
        file = self.directory / "tls.pcap"
        curl = self.start_curl(sidecar, f"port={TLS_PORT}&format=pcap", str(file))
        wait_until(lambda: self.active(sidecar), "the mirror is live")
        mirror = self.active(sidecar)[0]["id"]
        self.https(3)
        wait_until(lambda: sidecar.report(mirror)["ledger"]["packets"]["delivered"] > 20, "packets")
        self.delete(sidecar, mirror)
        self.assertEqual(curl.wait(patience(20)), 0)
        shown, errors = self.tshark("-r", str(file), "-Y", "tls.handshake.type == 1").communicate()
        self.assertEqual(len(shown.splitlines()), 3, shown + errors)
        # Both directions: a dissector needs the answers.
        shown, errors = self.tshark("-r", str(file), "-Y", "tls.handshake.type == 2").communicate()
        self.assertEqual(len(shown.splitlines()), 3, shown + errors)

    def test_live_requests_in_tshark(self):
        self.nginx()
        sidecar = self.sidecar()
        curl = self.start_curl(sidecar, f"port={APP_PORT}&format=pcap", "-", stdout=subprocess.PIPE)
        tshark = self.tshark("-l", "-r", "-", "-Y", "http.request", "-T", "fields", "-e",
                             "http.request.method", "-e", "http.request.uri", stdin=curl.stdout)
        curl.stdout.close()
        wait_until(lambda: self.active(sidecar), "the mirror is live")
        mirror = self.active(sidecar)[0]["id"]
        sent = self.play("tshark", 30)
        wanted = sum(count for _, count, _ in sent)
        self.assertEqual(wanted, 30)
        self.wait_written(sidecar, mirror, sum(len(data) for data, _, _ in sent))
        self.assert_woken()
        report = self.delete(sidecar, mirror)
        self.assertEqual(curl.wait(patience(20)), 0)
        out, err = tshark.communicate(timeout=patience(30))
        lines = [line.split("\t") for line in out.splitlines()]
        methods = ("GET", "POST", "PUT")
        self.assertEqual(sorted(lines), sorted([methods[n % 3], f"/tshark/{n:03}.bin"]
                                               for n in range(30)), err)
        self.assertEqual(report["ledger"]["packets"]["skipped"], {})
        self.assertRegex(report["verdict"], r"^(\d+) of \1 packets delivered$")

    def test_streams_over_tls(self):
        self.nginx()
        sidecar = self.sidecar(tls=True)
        file = self.directory / "over-tls.pcap"
        curl = self.start_curl(sidecar, f"port={APP_PORT}&format=pcap", str(file))
        stream = FrameReader(sidecar, f"port={APP_PORT}", caller="ben")
        wait_until(lambda: len(self.active(sidecar)) == 2, "both mirrors are live")
        pcap = next(m["id"] for m in self.active(sidecar) if m["id"] != stream.mirror)
        app = self.http()
        app.ask(request("PUT", "/over-tls", bytes(range(256)) * 4096))
        app.close()
        sidecar.wait_settled(stream.mirror, 1)
        self.delete(sidecar, stream.mirror, caller="ben")
        self.assertEqual(stream.wait_end()["verdict"], "1 of 1 connection delivered")
        self.assertEqual(bytes(stream.by_client()[app.local].data), bytes(app.sent))

        self.wait_written(sidecar, pcap, len(app.sent))
        report = self.delete(sidecar, pcap)
        self.assertEqual(curl.wait(patience(20)), 0)
        packets = report["ledger"]["packets"]
        self.assertEqual(packets["seen"], packets["delivered"], packets)
        shown, errors = self.tshark("-r", str(file), "-T", "fields", "-e", "frame.len").communicate()
        self.assertEqual(len(shown.splitlines()), packets["delivered"], errors)
        # Without TLS there is nothing to be had on that address.
        plain = self.lab.dev.run(["curl", "-sS", f"http://{POD4}:{sidecar.port}/healthz"])
        self.assertNotEqual(plain.returncode, 0, plain)

    def test_client_writes_a_file(self):
        self.nginx()
        sidecar = self.sidecar()
        file = self.directory / "out.pcap"
        command = self.client(sidecar, "pcap", "--write", str(file), str(APP_PORT))
        mirror = self.active(sidecar)[0]["id"]
        sent = self.play("file", 12)
        self.wait_written(sidecar, mirror, sum(len(data) for data, _, _ in sent))
        code, output = command.interrupt()
        self.assertEqual(code, 0, output)
        shown, errors = self.tshark("-r", str(file), "-Y", "http.request").communicate()
        self.assertEqual(len(shown.splitlines()), 12, shown + errors + output)

    def test_connections_open_before_the_wake(self):
        self.nginx()
        sidecar = self.sidecar()
        old = self.http()
        old.ask(request("GET", "/before"))
        # Within a body no entry can be found, and the answer to it is the connection's last.
        upload = request("POST", "/after", b"x" * 100_000)
        old.send(upload[:5000])
        late = FrameReader(sidecar, f"port={APP_PORT}")
        raw = FrameReader(sidecar, f"port={APP_PORT}&midstream=raw", caller="ben")
        before = len(old.sent)
        old.ask(upload[5000:])
        fresh = self.http()
        fresh.ask(request("GET", "/fresh"))
        for app in (old, fresh):
            app.close()
        report = sidecar.wait_settled(late.mirror, 2)
        self.assertEqual(report["ledger"]["connections"]["skipped"], {"joined-late": 1})
        self.assertIn("1 connection was open before the mirror", report["verdict"])
        sidecar.wait_settled(raw.mirror, 2)
        self.delete(sidecar, late.mirror)
        self.delete(sidecar, raw.mirror, caller="ben")
        late.wait_end()
        raw.wait_end()
        self.assertEqual({c: bytes(f.data) for c, f in late.by_client().items()},
                         {fresh.local: bytes(fresh.sent)})
        flows = raw.by_client()
        self.assertEqual({c: bytes(f.data) for c, f in flows.items()},
                         {fresh.local: bytes(fresh.sent), old.local: bytes(old.sent[before:])})
        self.assertEqual((flows[old.local].flags, flows[fresh.local].flags), (0, 1))

    def test_reset_of_a_client_is_passed_on(self):
        self.nginx()
        sidecar = self.sidecar()
        stream = FrameReader(sidecar, f"port={APP_PORT}")
        app = self.http()
        app.ask(request("GET", "/reset"))
        app.reset()
        sidecar.wait_settled(stream.mirror, 1)
        self.delete(sidecar, stream.mirror)
        stream.wait_end()
        flow = stream.by_client()[app.local]
        self.assertEqual((bytes(flow.data), flow.closed), (bytes(app.sent), (1, "")))

    def test_reset_of_the_app_ends_the_connection(self):
        self.reset_allowed = True
        nginx = self.nginx()
        sidecar = self.sidecar()
        stream = FrameReader(sidecar, f"port={APP_PORT}")
        app = self.http()
        app.ask(request("GET", "/kept"))
        wait_until(lambda: sidecar.connections(stream.mirror)["open"] == 1, "it is open")
        app.send(b"GET /half HTTP/1.1\r\n")
        nginx.process.kill()  # The kernel answers what was not read with a reset, or a FIN.
        nginx.process.wait()
        app._socket.settimeout(5)
        try:
            while app._socket.recv(1000):
                pass
            app._socket.send(b"into the void")
        except OSError:
            pass
        sidecar.wait_settled(stream.mirror, 1)
        self.assertEqual(sidecar.connections(stream.mirror)["delivered"], 1)

    def test_mirrors_do_not_mirror_each_other(self):
        self.nginx(listen=("8080", "8081"))
        sidecar = self.sidecar()
        one = self.push(sidecar, f"{POD4}:8081", ports=[8080])
        other = self.push(sidecar, f"{POD4}:8080", ports=[8081], caller="ben")
        app = self.http()
        app.ask(request("GET", "/once"))
        app.close()
        sidecar.wait_settled(one, 1)
        self.assertEqual(sidecar.connections(one)["delivered"], 1)
        report = sidecar.wait_settled(other, 1)
        self.assertEqual(report["ledger"]["connections"]["skipped"], {"filtered": 1})
        self.assertEqual(sidecar.connections(one)["seen"], 1)


if __name__ == "__main__":
    main()
