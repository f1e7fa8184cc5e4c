"""UDP: datagrams in both sinks, over IPv4 and IPv6; fragments are counted and left out."""
import collections
import unittest

from lab.case import LOCAL_PORT, LabCase, wait_until
from lab.namespaces import DEV4, DEV6, POD4, POD6
from lab.stream import FrameReader

PORT = 5353


class Udp(LabCase):
    def send(self, address, senders=5, each=40):
        """Datagrams of known bytes from several sockets: client address -> its datagrams."""
        sent = {}
        for sender in range(senders):
            sock = self.lab.dev.socket(self.family(address), 2)
            sock.connect(address)
            datagrams = [bytes([sender]) * (1 + number * 36) for number in range(each)]
            for datagram in datagrams:
                sock.send(datagram)
            sent[sock.getsockname()[:2]] = datagrams
            sock.close()
        return sent

    def check(self, app, to, local):
        server = self.udp(self.lab.pod, app)
        program = self.udp(self.lab.dev, local)
        sidecar = self.sidecar("--udp-idle", "1s")
        mirror = self.push(sidecar, to, ports=[PORT], protocol="udp")
        stream = FrameReader(sidecar, f"port={PORT}&protocol=udp", caller="ben")
        sent = self.send(app)
        wanted = sorted(d for datagrams in sent.values() for d in datagrams)
        wait_until(lambda: len(server.datagrams) == len(wanted), "the app got every datagram")
        report = sidecar.wait_settled(mirror, len(sent))
        sidecar.wait_settled(stream.mirror, len(sent))
        self.assertEqual(report["ledger"]["connections"]["delivered"], len(sent))
        wait_until(lambda: len(program.datagrams) >= len(wanted), "the program got every datagram")
        self.assertEqual(sorted(d for d, _ in program.datagrams), wanted)
        by_peer = collections.defaultdict(list)
        for datagram, peer in program.datagrams:
            by_peer[peer].append(datagram)
        self.assertEqual(sorted(by_peer.values()), sorted(sent.values()))
        self.delete(sidecar, stream.mirror, caller="ben")
        stream.wait_end()
        self.assertEqual({c: [bytes(p) for p in f.parts] for c, f in stream.by_client().items()},
                         sent)
        self.assertEqual({f.protocol for f in stream.flows.values()}, {17})

    def test_over_ipv4(self):
        self.check((POD4, PORT), f"{DEV4}:{LOCAL_PORT}", (DEV4, LOCAL_PORT))

    def test_over_ipv6(self):
        self.check((POD6, PORT), f"[{DEV6}]:{LOCAL_PORT}", (DEV6, LOCAL_PORT))

    def test_fragments_are_counted(self):
        server = self.udp(self.lab.pod, (POD4, PORT))
        sidecar = self.sidecar("--udp-idle", "1s")
        stream = FrameReader(sidecar, f"port={PORT}&protocol=udp")
        sock = self.lab.dev.socket(kind=2)
        for size in (4000, 100, 5000):
            sock.sendto(b"f" * size, (POD4, PORT))
        wait_until(lambda: len(server.datagrams) == 3, "the app got every datagram")
        report = sidecar.wait_settled(stream.mirror, 1)
        self.assertEqual(report["ledger"]["packets"]["skipped"], {"fragment": 2})
        self.delete(sidecar, stream.mirror)
        stream.wait_end()
        self.assertEqual([bytes(f.data) for f in stream.flows.values()], [b"f" * 100])

    def test_client_delivers_datagrams(self):
        self.udp(self.lab.pod, (POD4, PORT))
        program = self.udp(self.lab.pod, ("127.0.0.1", LOCAL_PORT))
        sidecar = self.sidecar("--udp-idle", "1s")
        self.client(sidecar, "--protocol", "udp", f"{PORT}:{LOCAL_PORT}")
        sent = self.send((POD4, PORT))
        wanted = sorted(d for datagrams in sent.values() for d in datagrams)
        wait_until(lambda: len(program.datagrams) >= len(wanted), "the program got every datagram")
        self.assertEqual(sorted(d for d, _ in program.datagrams), wanted)


if __name__ == "__main__":
    unittest.main()
