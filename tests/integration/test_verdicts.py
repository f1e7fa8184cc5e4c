"""Every sentence of a verdict, said because a test has caused it."""
import itertools
import os
import pathlib
import re
import signal
import subprocess

from lab.case import ALLOW, APP_PORT, LOCAL_PORT, LabCase, main, wait_until
from lab.namespaces import DEV4, POD4
from lab.requests import CurlStream
from lab.traffic import MIB, request
from lab.verdicts import parts, sentences

NOBODY = "10.77.0.77"    # On the cable's network, and nobody's.
FORBIDDEN = "192.0.2.1"  # By a route that says so.
SMALL_RING = ("--ring", "512KiB")
RING_FOR_FOUR = ("--ring", "16MiB")


# A whole request of HTTP/2: GET / of the authority "a" (RFC 9113, 3.4 and 6.2; RFC 7541, 6).
HTTP2_REQUEST = (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000")
                 + bytes.fromhex("000006010500000001" "828684" "410161"))


class Verdicts(LabCase):
    known = sentences()
    said = set()  # The rows of the documentation's table that a verdict was made of.
    ran = set()

    @classmethod
    def tearDownClass(cls):
        if cls.ran == {name for name in dir(cls) if name.startswith("test_")}:
            unsaid = set(cls.known) - cls.said
            assert not unsaid, f"docs/control-api.md has sentences that no test has caused: {unsaid}"

    def says(self, sidecar, mirror, wanted, seconds=15):
        """Waits for a verdict that matches the whole of this regular expression."""
        def matches():
            verdict = sidecar.report(mirror)["verdict"]
            self.said.update(parts(verdict, self.known))
            return verdict if re.fullmatch(wanted, verdict) else None
        try:
            wait_until(matches, wanted, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}: {sidecar.report(mirror)}") from None

    def finally_says(self, sidecar, mirror, wanted, caller="ana"):
        verdict = self.delete(sidecar, mirror, caller)["verdict"]
        self.assertRegex(verdict, f"^(?:{wanted})$")
        self.said.update(parts(verdict, self.known))

    def setUp(self):
        super().setUp()
        self.ran.add(self._testMethodName)

    def stream(self, sidecar, **query):
        return CurlStream(self, sidecar, port=APP_PORT, **query).mirror

    def echo(self):
        return self.recorder((POD4, APP_PORT), self.lab.pod)

    def peer(self, data=b""):
        """An open connection to the pod, which has sent this."""
        sock = self.lab.dev.socket()
        self.addCleanup(sock.close)
        sock.connect((POD4, APP_PORT))
        sock.sendall(data)
        return sock

    def ask(self, app, *arguments):
        self.assertIn(app.ask(request(*arguments))[0], (200, 201, 204))

    # --- what came

    def test_nothing_came(self):
        sidecar = self.sidecar()
        mirror = self.stream(sidecar)
        self.says(sidecar, mirror, f"no traffic on port {APP_PORT} yet")
        self.finally_says(sidecar, mirror, f"no traffic on port {APP_PORT} was seen")

    def test_connections_without_a_byte(self):
        self.echo()
        sidecar = self.sidecar()
        mirror = self.stream(sidecar)
        for _ in range(2):
            self.peer().close()
        self.says(sidecar, mirror, f"no payload on port {APP_PORT}: 2 empty connections")

    def test_the_share_and_what_is_still_open(self):
        self.nginx()
        sidecar = self.sidecar()
        mirror = self.stream(sidecar)
        app = self.http()
        self.ask(app, "GET", "/1")
        app.close()
        self.says(sidecar, mirror, "1 of 1 connection delivered")
        other = self.http()
        self.ask(other, "GET", "/2")
        self.says(sidecar, mirror, "1 of 2 connections delivered, 1 open")
        self.finally_says(sidecar, mirror, "1 of 2 connections delivered; "
                                           "1 connection was still open when the mirror ended")

    def test_connections_that_are_tls(self):
        self.echo()
        sidecar = self.sidecar()
        mirror, requests = self.stream(sidecar), self.stream(sidecar, format="ndjson")
        for _ in range(3):
            self.peer(b"\x16\x03\x01\x02\x00\x01" + bytes(600)).close()
        wanted = f"traffic on port {APP_PORT} is TLS: 3 connections skipped"
        self.says(sidecar, mirror, wanted)
        self.says(sidecar, requests, wanted)
        self.peer(request("GET", "/plain")).close()
        self.says(sidecar, requests, f"1 of 1 request delivered; {wanted}")

    def test_connections_open_before(self):
        self.echo()
        old = self.peer(b"before")
        sidecar = self.sidecar()
        mirror = self.stream(sidecar)
        old.sendall(b"after")
        self.says(sidecar, mirror, "0 of 1 connection delivered, 1 open; 1 connection was open "
                                   "before the mirror: to be joined at the next request")
        old.close()
        self.says(sidecar, mirror, "1 connection was open before the mirror; "
                                   "new connections will be seen")

    # --- what was asked for

    def test_the_filter_matches_nothing(self):
        self.nginx()
        sidecar = self.sidecar()
        requests = self.stream(sidecar, format="ndjson", method="PUT")
        source = self.stream(sidecar, source="192.0.2.0/24")
        app = self.http()
        for number in range(3):
            self.ask(app, "GET", f"/{number}")
        app.close()
        self.says(sidecar, requests, "filter matched 0 of 3 requests")
        self.says(sidecar, source, "filter matched 0 of 1 connection")

    def test_some_are_left_out(self):
        self.nginx()
        sidecar = self.sidecar(ring=RING_FOR_FOUR)
        filtered = self.stream(sidecar, format="ndjson", path="^/api")
        sampled = self.stream(sidecar, format="ndjson", percent=50)
        capped = self.stream(sidecar, format="ndjson", rate=1)
        app = self.http()
        # In one segment, so in one instant: a rate of one a second takes one.
        app.send(b"".join(request("GET", path) for path in ("/api/1", "/2", "/api/3", "/api/4")))
        for _ in range(4):
            self.assertEqual(app.answer()[0], 200)
        app.close()
        self.says(sidecar, filtered, "3 of 4 requests delivered; 1 request was filtered out")
        self.says(sidecar, sampled, "2 of 4 requests delivered; 2 requests were not in the sample")
        self.says(sidecar, capped, "1 of 4 requests delivered; "
                                   "3 requests were above the rate of 1 a second")

    def test_malformed_and_broken_off(self):
        self.echo()
        sidecar = self.sidecar()
        mirror = self.stream(sidecar, format="ndjson")
        self.peer(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").close()
        self.says(sidecar, mirror, "1 request was malformed or broken off")
        self.peer(request("POST", "/", b"x" * 100)[:-1]).close()
        self.says(sidecar, mirror, "2 requests were malformed or broken off")

    def test_an_app_that_does_not_answer(self):
        self.echo()
        sidecar = self.sidecar()
        mirror = self.stream(sidecar, format="ndjson", responses="true")
        self.peer(request("GET", "/")).close()
        self.says(sidecar, mirror, "1 of 1 request delivered; "
                                   "1 of 1 response missing: unanswered 1")

    def test_what_cannot_be_redacted(self):
        self.echo()
        sidecar = self.sidecar()
        mirror = self.stream(sidecar, format="ndjson", redact="json:$.a")
        for _ in range(2):
            self.peer(request("POST", "/", b'{"a":')).close()
        self.says(sidecar, mirror, "2 requests were left out: nothing could be redacted in the body")
        self.peer(b"EHLO mail\r\n").close()
        self.says(sidecar, mirror, "2 requests were left out: nothing could be redacted in the body; "
                  "1 connection was not HTTP, in which alone something can be redacted")

    # --- what was lost on the way in

    def starve(self, sidecar, work):
        """The sidecar does not run while `work` goes on."""
        worker, = sidecar.workers()
        os.kill(worker, signal.SIGSTOP)
        try:
            work()
        finally:
            os.kill(worker, signal.SIGCONT)

    def test_the_kernel_drops(self):
        self.nginx()
        sidecar = self.sidecar("--gap-timeout", "300ms", ring=SMALL_RING)
        stream, pcap = self.stream(sidecar), self.stream(sidecar, format="pcap")
        app = self.http()
        self.ask(app, "GET", "/first")
        self.says(sidecar, pcap, r"(\d+) of \1 packets delivered")
        self.starve(sidecar, lambda: self.ask(app, "POST", "/lost", b"x" * (6 * MIB)))

        def cut():  # What comes right after may still find the ring full.
            self.ask(app, "GET", "/behind/the/hole")
            return sidecar.connections(stream)["skipped"]
        wait_until(cut, "what follows the hole is noticed")
        self.says(sidecar, stream, "1 connection was cut at a packet that never came; "
                                   r"the kernel dropped \d+ packets?")
        self.says(sidecar, pcap, r"\d+ of \d+ packets delivered; \d+ lost: kernel-drop")
        app.close()

    def test_requests_come_again_behind_what_the_kernel_drops(self):
        self.nginx()
        sidecar = self.sidecar("--gap-timeout", "300ms", ring=SMALL_RING)
        mirror = self.stream(sidecar, format="ndjson")
        app = self.http()
        self.ask(app, "GET", "/first")
        self.says(sidecar, mirror, "1 of 1 request delivered")
        self.starve(sidecar, lambda: self.ask(app, "POST", "/lost", b"x" * (6 * MIB)))

        def come_again():  # The first one behind the hole is not joined.
            self.ask(app, "GET", "/behind/the/hole")
            return sidecar.report(mirror)["ledger"]["requests"]["delivered"] > 2
        wait_until(come_again, "the connection is joined again")
        app.close()
        self.says(sidecar, mirror, r"\d+ of \d+ requests delivered; 1 request was cut at a packet that "
                                   r"never came; the kernel dropped \d+ packets?")
        wait_until(lambda: not sidecar.connections(mirror)["open"], "the connection has ended")
        connections = sidecar.connections(mirror)
        self.assertEqual((connections["seen"], connections["skipped"]), (1, {"gap": 1}))

    def test_a_full_connection_table(self):
        self.echo()
        sidecar = self.sidecar("--max-connections", "64")
        mirror = self.stream(sidecar)
        for number in range(70):
            self.peer(b"connection %d" % number)
        self.says(sidecar, mirror, r"0 of 70 connections delivered, 64 open; "
                                   "6 connections were pushed out of the full connection table")

    def test_a_silent_connection(self):
        self.echo()
        sidecar = self.sidecar("--idle-timeout", "1s")
        mirror = self.stream(sidecar)
        self.peer(b"and no more")
        self.says(sidecar, mirror, "1 connection was silent for too long")

    # --- what the other end did

    def test_a_receiver_that_is_too_slow(self):
        self.nginx()
        self.recorder(reading=False, receive_buffer=4096)
        sidecar = self.sidecar("--mirror-budget", "64KiB")
        mirror = self.push(sidecar)
        app = self.http()
        for _ in range(40):
            self.ask(app, "POST", "/much", b"x" * MIB)
            if sidecar.connections(mirror)["skipped"]:
                break
        self.says(sidecar, mirror, "1 connection was shed because the receiver was too slow")
        app.close()

    def test_a_receiver_that_speaks_another_http(self):
        self.echo()
        self.recorder(answer=b"HTTP/1.1 400 Bad Request\r\n\r\n")
        sidecar = self.sidecar()
        mirror = self.push(sidecar)
        self.peer(HTTP2_REQUEST)
        self.says(sidecar, mirror, rf"{DEV4}:{LOCAL_PORT} does not speak HTTP/2: 1 request skipped")

    def test_a_receiver_that_goes_away(self):
        self.nginx()
        program = self.recorder()
        sidecar = self.sidecar()
        mirror = self.push(sidecar)
        app = self.http()
        self.ask(app, "GET", "/")
        wait_until(lambda: program.connections and program.connections[0].data, "it has begun")
        program.stop()

        def noticed():
            self.ask(app, "GET", "/more")
            return sidecar.connections(mirror)["skipped"]
        wait_until(noticed, "the sink's end is noticed")
        self.says(sidecar, mirror, "1 connection was closed by the receiver before everything was "
                                   "written")
        app.close()

    def silent_listener(self):
        """A port whose handshakes nobody answers any more: its backlog is full."""
        listener = self.lab.dev.socket()
        self.addCleanup(listener.close)
        listener.bind((DEV4, 0))
        listener.listen(0)
        for _ in range(4):
            sock = self.lab.dev.socket()
            self.addCleanup(sock.close)
            sock.setblocking(False)
            sock.connect_ex(listener.getsockname())
        return listener.getsockname()[1]

    def test_receivers_that_take_no_connection(self):
        self.nginx()
        sidecar = self.sidecar(allow=(*ALLOW, "--allow-to", "0.0.0.0/0"), ring=RING_FOR_FOUR)
        subprocess.run(["ip", "route", "add", "prohibit", FORBIDDEN], check=True)
        self.addCleanup(subprocess.run, ["ip", "route", "del", "prohibit", FORBIDDEN], check=True)
        silent = f"{DEV4}:{self.silent_listener()}"
        mirrors = {self.push(sidecar, to): wanted for to, wanted in (
            (f"{DEV4}:{LOCAL_PORT}", f"nothing listens on {DEV4}:{LOCAL_PORT}"),
            (silent, f"{silent} does not answer"),
            (f"{NOBODY}:{LOCAL_PORT}", f"{NOBODY}:{LOCAL_PORT} cannot be reached"),
            (f"{FORBIDDEN}:{LOCAL_PORT}", f"{FORBIDDEN}:{LOCAL_PORT} failed: Permission denied"))}
        for _ in range(2):
            app = self.http()
            self.ask(app, "GET", "/")
            app.close()
        for mirror, wanted in mirrors.items():
            self.says(sidecar, mirror, f"{wanted}: 2 connections skipped", 25)

    def test_no_sockets_left(self):
        self.nginx()
        self.recorder()
        sidecar = self.sidecar()
        mirror = self.push(sidecar)
        ports = pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range")
        before = ports.read_text()
        self.addCleanup(ports.write_text, before)
        ports.write_text("50000 50001")
        sidecar.local_ports = itertools.count(20000)
        apps = [self.http() for _ in range(5)]
        for app in apps:
            self.ask(app, "GET", "/")
        self.says(sidecar, mirror, "0 of 5 connections delivered, 2 open; the sidecar has no "
                  rf"sockets left for {DEV4}:{LOCAL_PORT} \(Cannot assign requested address\): "
                  "3 connections skipped")
        for app in apps:
            app.close()

    def test_names_that_lead_elsewhere_by_now(self):
        hosts = self.directory / "hosts"
        hosts.write_text(f"{DEV4} moved.example echo.example\n")
        subprocess.run(["mount", "--bind", str(hosts), "/etc/hosts"], check=True)
        self.addCleanup(subprocess.run, ["umount", "/etc/hosts"], check=True)
        self.nginx()
        self.recorder((DEV4, APP_PORT))
        sidecar = self.sidecar()
        moved = self.push(sidecar, f"moved.example:{LOCAL_PORT}")
        echo = self.push(sidecar, f"echo.example:{APP_PORT}")
        hosts.write_text(f"{NOBODY} moved.example\n{POD4} echo.example\n")

        def refused():  # Names are resolved anew as connections begin, at most every five seconds.
            app = self.http()
            self.ask(app, "GET", "/")
            app.close()
            return all(wanted in sidecar.report(mirror)["verdict"]
                       for mirror, wanted in ((moved, "administrator"), (echo, "copies")))
        wait_until(refused, "both names are refused", 15)
        share = r"(?:\d+ of \d+ connections? delivered(?:, \d+ open)?; )?"
        self.says(sidecar, echo, rf"{share}{POD4}:{APP_PORT} is the mirrored pod itself: the mirror "
                                 r"would mirror its own copies: \d+ connections? skipped")
        self.says(sidecar, moved, rf"(?:nothing listens on|{NOBODY}:{LOCAL_PORT} is not among the "
                  r"destinations that an administrator allows).*: \d+ connections? skipped")


if __name__ == "__main__":
    main()
