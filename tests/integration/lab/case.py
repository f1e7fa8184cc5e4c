"""What every integration test has in common, above all what is checked after each of them."""
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from lab import traffic
from lab.namespaces import DEV4, DEV6, POD4, POD6, Lab, packet_sockets
from lab.nginx import Nginx
from lab.packets import ResetWatcher
from lab.recorder import Recorder, UdpRecorder
from lab.sidecar import BUILD, CLIENT, SIDECAR, Sidecar, balances
from lab.waiting import SLOWNESS, patience, wait_until

ALLOW = ("--allow-to", f"{DEV4}/32", "--allow-to", f"{DEV6}/128", "--allow-to", "127.0.0.0/8",
         "--allow-to", f"{POD4}/32")
APP_PORT, LOCAL_PORT = 8080, 3000
# On a busy machine the sidecar may not run for a while, and what the kernel then drops is no fault of
# it. A ring has blocks of 256 KiB, and libpcap lets the kernel retire one every 5 ms (--batch) if it
# holds no more than a packet: the default of 8 MiB bridges 160 ms, this one 640 ms, for two mirrors.
LARGE_RING = ("--ring", "32MiB")


class LabCase(unittest.TestCase):
    """Makes programs that end with the test. After each test: every ledger adds up, the pod has no
    packet socket, the app has sent no reset, the sidecar ends at SIGTERM within a second, and no
    sanitizer has complained."""

    lab = None
    watcher = None

    @classmethod
    def setUpClass(cls):
        if LabCase.lab is None:
            LabCase.lab = Lab()
            LabCase.watcher = ResetWatcher(LabCase.lab.dev)

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.directory = pathlib.Path(scratch.name)
        self.sidecars = []
        self.reset_allowed = False  # True: the test itself makes the app send resets.
        # Connections that an earlier test left behind may still be reset; that is not this test's.
        # Listed first: what is reset by then is forgotten below, and what is reset later is listed.
        self.leftovers = self.lab.dev.tcp_ports()
        self.watcher.forget()

    def tearDown(self):
        for sidecar in self.sidecars:
            if sidecar.process.poll() is None:
                self.put_to_sleep(sidecar)
        resets = [(app, client) for app, client in self.watcher.resets()
                  if app in (APP_PORT, 8443) and client not in self.leftovers]
        if not self.reset_allowed:
            self.assertEqual(resets, [], "the app has reset connections")

    # --- programs

    def sidecar(self, *flags, allow=ALLOW, ring=LARGE_RING, **options):
        sidecar = Sidecar(self.directory / f"sidecar{len(self.sidecars)}",
                          (*allow, *ring, *flags), **options)
        self.sidecars.append(sidecar)
        self.addCleanup(self.check_end, sidecar)
        return sidecar

    def nginx(self, **options):
        nginx = Nginx(self.directory / "nginx", **options)
        self.addCleanup(nginx.stop)
        wait_until(lambda: self.answers((POD4, APP_PORT)), "nginx answers")
        self.watcher.resets()  # What the port answered before it was open.
        return nginx

    def recorder(self, address=(DEV4, LOCAL_PORT), namespace=None, **options):
        sock = (namespace or self.lab.dev).socket(self.family(address))
        recorder = Recorder(sock, address, **options)
        self.addCleanup(recorder.stop)
        return recorder

    def udp(self, namespace, address):
        recorder = UdpRecorder(namespace.socket(self.family(address), socket.SOCK_DGRAM), address)
        self.addCleanup(recorder.stop)
        return recorder

    def client(self, sidecar, *arguments, caller="ana"):
        """kubectl-mirror in the pod's namespace, where a port-forward would bring it."""
        command = [str(CLIENT), *arguments, "--url", f"http://127.0.0.1:{sidecar.port}",
                   "--token-file", str(sidecar.token_directory / caller)]
        return RunningClient(self, command)

    # --- traffic

    @staticmethod
    def family(address):
        return socket.AF_INET6 if ":" in address[0] else socket.AF_INET

    def answers(self, address):
        with self.lab.dev.socket(self.family(address)) as probe:
            return probe.connect_ex(address) == 0

    def http(self, address=(POD4, APP_PORT)):
        return traffic.HttpConnection(self.lab.dev.socket(self.family(address)), address,
                                      patience(30))

    def play(self, seed, requests, address=(POD4, APP_PORT)):
        """Sends planned requests to nginx, all of which it must answer well."""
        def check(method, path, body, status, answer):
            self.assertIn(status, (200, 201, 204), f"{method} {path}: {answer[:200]}")
        return traffic.play(lambda: self.http(address), traffic.plan(seed, requests), check)

    def load(self, connections=16, address=POD4, path="/load"):
        """wrk against the app, until finish(): how much it sends in a second is the machine's."""
        host = f"[{address}]" if ":" in address else address
        process = self.lab.dev.start(
            ["wrk", "-t1", f"-c{connections}", "-d600s", "--timeout", "60s",
             f"http://{host}:{APP_PORT}{path}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def finish(self, load):
        """Ends wrk, which must have had an answer to each of its requests."""
        load.send_signal(signal.SIGINT)
        out, errors = load.communicate(timeout=patience(30))
        self.assertEqual(load.returncode, 0, errors)
        self.assertNotIn(b"Socket errors", out)
        self.assertNotIn(b"Non-2xx", out)

    # --- mirrors

    def push(self, sidecar, to=f"{DEV4}:{LOCAL_PORT}", caller="ana", **keys):
        answer = sidecar.call("POST", "/v1/mirrors", {"ports": [APP_PORT], "to": to, **keys},
                              caller=caller)
        self.assertEqual(answer.status, 201, answer)
        return answer.json()["id"]

    @staticmethod
    def active(sidecar):
        return [m for m in sidecar.mirrors() if m["state"] == "active"]

    def delete(self, sidecar, mirror, caller="ana"):
        """Ends a mirror; returns its final report, in which nothing is open."""
        answer = sidecar.call("DELETE", f"/v1/mirrors/{mirror}", caller=caller)
        self.assertEqual(answer.status, 200, answer)
        report = answer.json()
        self.check_final(report)
        return report

    def wait_written(self, sidecar, mirror, payload):
        """Waits until a pcap mirror has seen at least `payload` bytes of packets, and its reader
        has them all: the end of a mirror does not wait for a reader that is busy."""
        def written():
            ledger = sidecar.report(mirror)["ledger"]
            return ledger["bytes"] >= payload and ledger["packets"]["open"] == 0
        wait_until(written, f"{payload} bytes of packets", 30)

    def check_final(self, report):
        self.assertEqual(report["state"], "ended", report)
        self.assertIsNone(balances(report["ledger"]))
        for account in report["ledger"].values():
            if isinstance(account, dict):
                self.assertEqual(account["open"], 0, report)

    def put_to_sleep(self, sidecar):
        for caller in sidecar.tokens:
            sidecar.call("DELETE", "/v1/mirrors", caller=caller)
        wait_until(lambda: not packet_sockets(), "the pod has no packet socket")
        if sidecar.tokens:
            for report in sidecar.mirrors():
                self.check_final(report)
            status = sidecar.call("GET", "/v1/status", caller=next(iter(sidecar.tokens))).json()
            self.assertEqual(status["state"], "asleep", status)

    def check_end(self, sidecar):
        code, seconds = sidecar.stop(signal.SIGTERM)
        self.assertEqual(code, sidecar.expected_exit, sidecar.errors()[-3000:])
        self.assertLess(seconds, patience(1), "SIGTERM must end the sidecar within a second")
        self.assertEqual(sidecar.alarms(), [], sidecar.errors()[-6000:])

    def assert_same(self, received, sent):
        """The same byte strings, in any order; says which differ without printing megabytes."""
        received, sent = sorted(received), sorted(sent)
        if received == sent:
            return
        brief = [(len(data), data[:40]) for data in sorted(set(received) ^ set(sent))[:8]]
        self.fail(f"{len(received)} received, {len(sent)} sent; in one only: {brief}")

    def assert_woken(self, count=1):
        self.assertEqual(len(packet_sockets()), count, packet_sockets())

    def assert_asleep(self, seconds=10):
        wait_until(lambda: not packet_sockets(), "the pod has no packet socket", seconds)


class RunningClient:
    """A kubectl-mirror whose mirror is live, since it has said so."""

    def __init__(self, test, command):
        self._output = test.directory / "client.out"
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output,
                                            stderr=subprocess.STDOUT)
        test.addCleanup(lambda: self.process.poll() is None and self.process.kill())
        wait_until(lambda: re.search('mirror(": ?"| )m-', self.output()) or self.process.poll() is not None,
                   "the client says that its mirror is live")
        test.assertIsNone(self.process.poll(), self.output())

    def output(self):
        return self._output.read_text(errors="replace")

    def interrupt(self):
        """Presses Ctrl-C; returns (exit code, all that it has said)."""
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(patience(20))
        return code, self.output()


def seconds_since(began):
    return time.monotonic() - began


def main():
    unittest.main(verbosity=2, warnings="ignore")
