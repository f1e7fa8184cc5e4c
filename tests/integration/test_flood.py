"""More half-open connections than the table holds, and a real one among them."""
import threading
import unittest

from lab.case import APP_PORT, LabCase, wait_until
from lab.namespaces import POD4
from lab.packets import flood
from lab.stream import FrameReader
from lab.traffic import request

HALF_OPEN = 70_000


class Flood(LabCase):
    def test_flood_of_half_open_connections(self):
        self.nginx()
        program = self.recorder()
        # The flood's answers keep no address: no other traffic may pay for them.
        sidecar = self.sidecar()
        mirror = self.push(sidecar)
        stream = FrameReader(sidecar, f"port={APP_PORT}", caller="ben")
        early = self.http()
        early.ask(request("POST", "/early", b"begun before the flood" * 100))
        attack = threading.Thread(target=flood, args=(self.lab.dev, POD4, APP_PORT, HALF_OPEN))
        attack.start()
        number = 0
        while attack.is_alive():
            early.ask(request("POST", f"/early/{number}", b"in the flood" * 1000))
            number += 1
        attack.join()
        self.assertGreater(number, 5)
        late = self.http()
        late.ask(request("POST", "/late", b"after the flood" * 10_000))
        for app in (early, late):
            app.close()
        wanted = sorted([bytes(early.sent), bytes(late.sent)])
        wait_until(lambda: len(program.ended()) == 2, "both connections have ended", 20)
        self.assertEqual(program.payloads(), wanted)

        def seen_all():
            ledgers = [sidecar.report(m)["ledger"] for m in (mirror, stream.mirror)]
            return all(ledger["packets"]["seen"] >= HALF_OPEN for ledger in ledgers)
        wait_until(seen_all, "every packet of the flood is accounted for")
        for report in (self.delete(sidecar, mirror),
                       self.delete(sidecar, stream.mirror, caller="ben")):
            connections = report["ledger"]["connections"]
            self.assertEqual(connections["delivered"], 2, report)
            dropped = report["ledger"]["packets"]["skipped"].get("kernel-drop", 0)
            self.assertEqual(connections["seen"] + dropped >= HALF_OPEN + 2, True, report)
            # Both mirrors share a table smaller than the flood.
            self.assertGreater(connections["skipped"]["evicted"] +
                               connections["skipped"].get("empty", 0), 0)
            self.assertLessEqual(set(connections["skipped"]), {"evicted", "empty", "mirror-ended"})
        stream.wait_end()
        self.assertEqual(sorted(bytes(f.data) for f in stream.flows.values()), wanted)


if __name__ == "__main__":
    unittest.main()
