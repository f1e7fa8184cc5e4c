"""Receivers that stall, refuse, die or vanish: the app and the capture never notice."""
import time

from lab.case import APP_PORT, LOCAL_PORT, LabCase, main, patience, seconds_since, wait_until
from lab.namespaces import DEV4
from lab.stream import FrameReader
from lab.traffic import MIB, request


class Sinks(LabCase):
    def upload(self, name, size=MIB):
        """One connection with one POST; the bytes that were sent."""
        app = self.http()
        body = (name.encode() * (size // len(name) + 1))[:size]
        self.assertEqual(app.ask(request("POST", f"/{name}", body)), (200, b"taken"))
        app.close()
        return app.local, bytes(app.sent)

    def check_shed(self, sent, received, account):
        """Of `received` (the bytes of each connection that has begun), as many as were delivered
        are whole, and all others are cut at their end, not in their middle."""
        whole = [data for data in received if data in sent]
        self.assertEqual(len(whole), account["delivered"], account)
        for data in received:
            self.assertTrue(any(s.startswith(data) for s in sent), "bytes out of the middle")
        self.assertEqual(account["delivered"] + account["skipped"]["over-budget"], account["seen"])
        self.assertEqual(account["seen"], len(sent))

    def test_stalled_push_receiver(self):
        self.nginx()
        program = self.recorder(reading=False, receive_buffer=4096)
        sidecar = self.sidecar(ring=("--ring", "64MiB"))
        mirror = self.push(sidecar)
        sent = [self.upload(f"stalled{n}")[1] for n in range(40)]
        wait_until(lambda: sidecar.connections(mirror)["skipped"].get("over-budget", 0) > 0,
                   "connections are shed")
        program.resume()
        report = sidecar.wait_settled(mirror, len(sent))
        self.assertIn("shed because the receiver was too slow", report["verdict"])
        account = report["ledger"]["connections"]
        self.assertGreater(account["delivered"], 0)
        wait_until(lambda: len(program.ended()) == len(program.connections), "all have ended")
        self.check_shed(sent, [bytes(c.data) for c in program.connections], account)
        # The capture has gone on: what comes now arrives.
        fresh = self.upload("fresh")[1]
        sidecar.wait_settled(mirror, len(sent) + 1)
        wait_until(lambda: fresh in program.payloads(), "the fresh connection arrives")
        self.assertNotIn("kernel-drop", self.delete(sidecar, mirror)["ledger"]["packets"]["skipped"])

    def test_stalled_stream_reader(self):
        self.check_stalled_stream_reader()

    def test_stalled_stream_reader_over_tls(self):
        self.check_stalled_stream_reader(tls=True)

    def check_stalled_stream_reader(self, **options):
        self.nginx()
        sidecar = self.sidecar(ring=("--ring", "64MiB"), **options)
        stream = FrameReader(sidecar, f"port={APP_PORT}", reading=False, receive_buffer=4096)
        sent = dict(self.upload(f"stalled{n}") for n in range(40))
        wait_until(lambda: sidecar.connections(stream.mirror)["skipped"].get("over-budget", 0) > 0,
                   "connections are shed")
        stream.resume()
        sidecar.wait_settled(stream.mirror, len(sent))
        local, fresh = self.upload("fresh")
        sidecar.wait_settled(stream.mirror, len(sent) + 1)
        self.delete(sidecar, stream.mirror)
        report = stream.wait_end()
        flows = stream.by_client()
        self.assertEqual(bytes(flows[local].data), fresh)
        sent[local] = fresh
        account = report["ledger"]["connections"]
        self.check_shed(list(sent.values()), [bytes(f.data) for f in flows.values()], account)
        for client, flow in flows.items():
            whole = bytes(flow.data) == sent[client]
            self.assertEqual(flow.closed, (0, "" if whole else "over-budget"))

    def test_stalled_stream_can_be_ended(self):
        self.nginx()
        sidecar = self.sidecar()
        stream = FrameReader(sidecar, f"port={APP_PORT}", reading=False, receive_buffer=4096)
        for number in range(12):
            self.upload(f"stalled{number}")
        began = time.monotonic()
        self.delete(sidecar, stream.mirror)
        self.assertLess(seconds_since(began), patience(2))
        self.assert_asleep()

    def test_receiver_killed_and_restarted(self):
        self.nginx()
        first = self.recorder()
        sidecar = self.sidecar()
        mirror = self.push(sidecar)
        sent = self.play("first", 10)
        sidecar.wait_settled(mirror, len(sent))
        wait_until(lambda: len(first.ended()) == len(sent), "the first program saw every end")
        cut = self.http()
        cut.ask(request("GET", "/cut"))
        wait_until(lambda: len(first.connections) > len(sent), "the cut connection has begun")
        first.stop()
        wait_until(lambda: self.http_more(cut, sidecar, mirror), "the sink's end is noticed")
        cut.close()
        missed = self.play("missed", 5)
        report = sidecar.wait_settled(mirror, len(sent) + 1 + len(missed))
        skipped = report["ledger"]["connections"]["skipped"]
        self.assertEqual(skipped, {"sink-closed": 1, "sink-refused": len(missed)}, report)
        self.assertIn(f"nothing listens on {DEV4}:{LOCAL_PORT}", report["verdict"])
        second = self.recorder()
        again = self.play("again", 10)
        sidecar.wait_settled(mirror, len(sent) + 1 + len(missed) + len(again))
        wait_until(lambda: len(second.ended()) == len(again), "the second program saw every end")
        self.assert_same(second.payloads(), sorted(data for data, _, _ in again))

    def http_more(self, app, sidecar, mirror):
        app.ask(request("GET", "/more"))
        return sidecar.connections(mirror)["skipped"].get("sink-closed")

    def test_nothing_ever_listens(self):
        self.nginx()
        sidecar = self.sidecar()
        mirror = self.push(sidecar)
        missed = self.play("missed", 5)
        report = sidecar.wait_settled(mirror, len(missed))
        self.assertEqual(report["verdict"], f"nothing listens on {DEV4}:{LOCAL_PORT}: "
                                            f"{len(missed)} connections skipped")

    def test_client_names_a_refused_port_and_tries_again(self):
        self.nginx()
        sidecar = self.sidecar()
        client = self.client(sidecar, f"{APP_PORT}:{LOCAL_PORT}")
        missed = self.play("missed", 3)
        mirror = self.active(sidecar)[0]["id"]
        sidecar.wait_settled(mirror, len(missed))
        program = self.recorder(("127.0.0.1", LOCAL_PORT), self.lab.pod)
        sent = self.play("sent", 10)
        wait_until(lambda: len(program.ended()) == len(sent), "the program saw every end")
        self.assert_same(program.payloads(), sorted(data for data, _, _ in sent))
        code, output = client.interrupt()
        self.assertIn(f"127.0.0.1:{LOCAL_PORT}", output)
        self.assertEqual(code, 1, output)

    def test_reader_vanishes_in_silence(self):
        sidecar = self.sidecar()
        stream = FrameReader(sidecar, f"port={APP_PORT}")
        self.assert_woken()
        stream.vanish()
        self.assert_asleep(1)
        self.assertEqual(sidecar.report(stream.mirror)["ended_because"], "reader gone")

    def test_reader_closes_its_side_in_order(self):
        sidecar = self.sidecar()
        stream = FrameReader(sidecar, f"port={APP_PORT}")
        stream._socket.shutdown(1)
        stream._socket.close()
        self.assert_asleep(1)

    def test_reader_vanishes_under_load(self):
        nginx = self.nginx()
        sidecar = self.sidecar()
        stream = FrameReader(sidecar, f"port={APP_PORT}")
        load = self.load(8)
        wait_until(lambda: sidecar.report(stream.mirror)["ledger"]["bytes"] > 100_000, "load", 60)
        stream.vanish()
        self.assert_asleep(1)
        served = nginx.served()
        wait_until(lambda: nginx.served() > served + 100, "the app goes on", 30)
        self.finish(load)

    def test_receiver_that_never_closes_is_given_up(self):
        self.nginx()
        program = self.recorder(reading=False)
        sidecar = self.sidecar("--linger", "1s")
        mirror = self.push(sidecar)
        _, sent = self.upload("small", 100)
        report = sidecar.wait_settled(mirror, 1)
        self.assertEqual(report["ledger"]["connections"]["delivered"], 1, report)
        program.resume()
        wait_until(program.ended, "the end arrives")
        self.assertEqual(bytes(program.connections[0].data), sent)


if __name__ == "__main__":
    main()
