"""What the app got and what a mirror delivered are the same bytes: both sinks, IPv4 and IPv6."""
import collections
import json

from lab.case import APP_PORT, LOCAL_PORT, LabCase, main, wait_until
from lab.namespaces import DEV4, DEV6, POD4, POD6, packet_sockets
from lab.stream import FrameReader


class Basics(LabCase):
    def check_app(self, nginx, sent):
        """nginx has taken exactly what was sent, by its own account of each connection."""
        wanted = {local: len(data) for data, _, local in sent}

        def counted():
            bytes_by_peer = collections.Counter()
            for line in nginx.log().splitlines():
                record = json.loads(line)
                bytes_by_peer[(record["peer"], record["port"])] += record["bytes"]
            return {peer: bytes_by_peer[peer] for peer in wanted} == wanted
        wait_until(counted, "nginx's log holds all requests")

    def check_push(self, app, to, recorder):
        nginx = self.nginx()
        program = self.recorder(recorder, answer=b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 10000)
        # Room for two of the large bodies at once: a slow build's receiver must not cost any.
        sidecar = self.sidecar("--mirror-budget", "32MiB")
        self.assertEqual(packet_sockets(), [])
        mirror = self.push(sidecar, to)
        self.assert_woken()
        sent = self.play("push", 60, app)
        sidecar.wait_settled(mirror, len(sent))
        wait_until(lambda: len(program.ended()) >= len(sent), "the program saw every end")
        self.check_app(nginx, sent)
        self.assert_same(program.payloads(), [data for data, _, _ in sent])
        self.assertEqual({c.ended for c in program.connections}, {"fin"})
        report = self.delete(sidecar, mirror)
        self.assert_asleep()
        connections = report["ledger"]["connections"]
        self.assertEqual(connections["delivered"], len(sent), report)
        self.assertEqual(report["ledger"]["bytes"], sum(len(data) for data, _, _ in sent))
        self.assertEqual(report["verdict"], f"{len(sent)} of {len(sent)} connections delivered")
        self.assertEqual(report["ended_because"], "deleted")

    def test_push_over_ipv4(self):
        self.check_push((POD4, APP_PORT), f"{DEV4}:{LOCAL_PORT}", (DEV4, LOCAL_PORT))

    def test_push_over_ipv6(self):
        self.check_push((POD6, APP_PORT), f"[{DEV6}]:{LOCAL_PORT}", (DEV6, LOCAL_PORT))

    def check_stream(self, app):
        nginx = self.nginx()
        sidecar = self.sidecar()
        stream = FrameReader(sidecar, f"port={APP_PORT}&format=frames")
        self.assert_woken()
        sent = self.play("stream", 60, app)
        sidecar.wait_settled(stream.mirror, len(sent))
        self.check_app(nginx, sent)
        self.delete(sidecar, stream.mirror)
        report = stream.wait_end()
        self.check_final(report)
        self.assert_asleep()
        flows = stream.by_client()
        self.assertEqual(set(flows), {local for _, _, local in sent})
        for data, _, local in sent:
            flow = flows[local]
            self.assertEqual(bytes(flow.data), data)
            self.assertEqual(flow.server, app)
            self.assertEqual((flow.protocol, flow.flags, flow.closed), (6, 1, (0, "")))
        self.assertEqual(report["id"], stream.mirror)
        self.assertEqual(report["ledger"]["connections"]["delivered"], len(sent))

    def test_stream_over_ipv4(self):
        self.check_stream((POD4, APP_PORT))

    def test_stream_over_ipv6(self):
        self.check_stream((POD6, APP_PORT))

    def check_client(self, app):
        self.nginx()
        program = self.recorder(("127.0.0.1", LOCAL_PORT), self.lab.pod, answer=b"x" * 10000)
        sidecar = self.sidecar()
        client = self.client(sidecar, f"{APP_PORT}:{LOCAL_PORT}")
        self.assert_woken()
        sent = self.play("client", 60, app)
        sidecar.wait_settled(self.active(sidecar)[0]["id"], len(sent))
        wait_until(lambda: len(program.ended()) >= len(sent), "the program saw every end")
        self.assert_same(program.payloads(), sorted(data for data, _, _ in sent))
        code, output = client.interrupt()
        self.assertEqual(code, 0, output)
        self.assertIn(f"{len(sent)} of {len(sent)} connections delivered", output)
        self.assert_asleep()

    def test_client_over_ipv4(self):
        self.check_client((POD4, APP_PORT))

    def test_client_over_ipv6(self):
        self.check_client((POD6, APP_PORT))

    def test_loopback_traffic_is_seen_once(self):
        self.nginx()
        program = self.recorder()
        sidecar = self.sidecar()
        mirror = self.push(sidecar)
        before = [self.lab.pod.run(["curl", "-sS", f"http://127.0.0.1:{APP_PORT}/{n}"])
                  for n in range(10)]
        self.assertEqual([b.stdout for b in before], [b"here it is"] * 10)
        report = sidecar.wait_settled(mirror, 10)
        self.assertEqual(report["ledger"]["connections"]["seen"], 10)
        wait_until(lambda: len(program.ended()) >= 10, "the program saw every end")
        paths = sorted(bytes(c.data).split(b" ")[1] for c in program.connections)
        self.assertEqual(paths, [b"/%d" % n for n in range(10)])

    def test_two_mirrors_of_two_principals(self):
        self.nginx()
        program = self.recorder()
        sidecar = self.sidecar()
        mirror = self.push(sidecar, caller="ana")
        stream = FrameReader(sidecar, f"port={APP_PORT}", caller="ben")
        self.assert_woken(2)
        sent = self.play("both", 40)
        sidecar.wait_settled(mirror, len(sent))
        sidecar.wait_settled(stream.mirror, len(sent))
        wait_until(lambda: len(program.ended()) >= len(sent), "the program saw every end")
        wanted = sorted(data for data, _, _ in sent)
        self.assert_same(program.payloads(), wanted)
        # Nobody ends another's mirror, neither by its id nor with all of his own.
        self.assertEqual(sidecar.call("DELETE", f"/v1/mirrors/{mirror}", caller="ben").status, 403)
        ended = sidecar.call("DELETE", "/v1/mirrors", caller="ben")
        self.assertEqual(ended.status, 200, ended)
        self.assertEqual(stream.wait_end()["id"], stream.mirror)
        self.assert_same([bytes(f.data) for f in stream.flows.values()], wanted)
        self.assertEqual([m["id"] for m in self.active(sidecar)], [mirror])
        self.assert_woken(1)


if __name__ == "__main__":
    main()
