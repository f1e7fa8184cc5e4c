"""The agent of a node Job: it enters another pod's network namespace, mirrors there, and has no right
left but one. With the capabilities of such a Job and no others."""
import http.client
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import unittest

from lab.namespaces import Lab
from lab.pretended_pod import PretendedPod
from lab.requests import CurlStream
from lab.sidecar import SIDECAR, Sidecar
from lab.waiting import patience, wait_until

CAPABILITIES = ("net_raw", "setgid", "setpcap", "setuid", "sys_admin", "sys_ptrace")
AS_A_JOB = ("setpriv", "--inh-caps=-all",
            "--bounding-set=-all," + ",".join(f"+{each}" for each in CAPABILITIES))


def why_not():
    """Why this machine cannot run these tests; None if it can."""
    if os.geteuid() != 0:
        return "needs root"
    if pathlib.Path("/proc/self/uid_map").read_text().split() != ["0", "0", "4294967295"]:
        return "needs root outside of a user namespace, where the user 65532 exists"
    probe = subprocess.run([*AS_A_JOB, "true"], capture_output=True, text=True)
    return probe.stderr.strip() if probe.returncode else None


class EnteredSidecar(Sidecar):
    """Its control API is on the loopback of the pod that it has entered."""

    def __init__(self, directory, pod, wrapper=AS_A_JOB):
        self.pod = pod
        super().__init__(directory, pod.flags(), wrapper=wrapper)

    def call(self, *arguments, **options):
        with self.pod.network.entered():
            return super().call(*arguments, **options)


def rights(pid):
    """What the kernel says a process may do."""
    fields = dict(line.split(":", 1) for line in
                  pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
    return {name: fields[name].split() for name in
            ("Uid", "Gid", "Groups", "NoNewPrivs", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}


NOTHING = ["0" * 16]
NET_RAW_ALONE = {"Uid": ["65532"] * 4, "Gid": ["65532"] * 4, "Groups": [], "NoNewPrivs": ["1"],
                 "CapInh": NOTHING, "CapPrm": [f"{1 << 13:016x}"], "CapEff": NOTHING,
                 "CapBnd": NOTHING, "CapAmb": NOTHING}


@unittest.skipIf(why_not(), why_not())
class Entering(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        Lab()  # The node's loopback and interfaces.

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.directory = pathlib.Path(scratch.name)
        self.directory.chmod(0o755)  # The tokens are read by the user 65532.

    def make_pod(self, **options):
        pod = PretendedPod(self.directory, **options)
        self.addCleanup(pod.end)
        return pod

    def sidecar(self, pod):
        sidecar = EnteredSidecar(self.directory / "sidecar", pod)
        self.addCleanup(lambda: sidecar.process.poll() is None and sidecar.stop())
        return sidecar

    def refusal(self, target, wrapper=AS_A_JOB, **other):
        """The error with which the agent ends instead of entering."""
        ended = subprocess.run([*wrapper, str(SIDECAR), *target.flags(**other)], capture_output=True,
                               text=True, timeout=patience(20))
        self.assertEqual(ended.returncode, 2, ended.stderr)
        lines = [json.loads(line) for line in ended.stderr.splitlines()]
        self.assertEqual([line["message"] for line in lines], ["cannot enter the pod"], lines)
        return lines[0]["error"]

    def post(self, pod, body):
        with pod.network.entered():
            connection = http.client.HTTPConnection("127.0.0.1", 8080, timeout=patience(20))
            connection.request("POST", "/orders", body)
            self.assertEqual(connection.getresponse().read(), body)
            connection.close()

    def test_mirrors_in_the_pods_namespace(self):
        pod = self.make_pod()
        sidecar = self.sidecar(pod)
        with pod.network.entered():
            stream = CurlStream(self, sidecar, port=8080, format="ndjson")
        bodies = [f"order {number}".encode() for number in range(20)]
        for body in bodies:
            self.post(pod, body)
        wait_until(lambda: len(stream.requests()) == len(bodies), "all requests are mirrored")
        sidecar.call("DELETE", "/v1/mirrors")
        stream.wait_end()
        self.assertEqual({request["path"] for request in stream.requests()}, {"/orders"})
        self.assertEqual(len(sidecar.log_lines(message="entered")), 1)

    def test_one_right_is_left_in_every_process(self):
        pod = self.make_pod()
        sidecar = self.sidecar(pod)
        theirs = os.stat(f"/proc/{pod.process.pid}/ns/net").st_ino
        for pid in (sidecar.process.pid, *sidecar.workers()):
            self.assertEqual(rights(pid), NET_RAW_ALONE)
            self.assertEqual(os.stat(f"/proc/{pid}/ns/net").st_ino, theirs)
        # Every thread, and those of a worker that takes another's place.
        sidecar.expected_alarms = ("the worker ended",)
        old = sidecar.workers()
        os.kill(old[0], signal.SIGKILL)
        wait_until(lambda: sidecar.workers() not in ([], old), "a new worker")
        wait_until(lambda: len(sidecar.log_lines(message="asleep")) == 2, "it sleeps")
        new = sidecar.workers()[0]
        for thread in os.listdir(f"/proc/{new}/task"):
            self.assertEqual(rights(f"{new}/task/{thread}"), NET_RAW_ALONE)
        self.assertEqual(os.stat(f"/proc/{new}/ns/net").st_ino, theirs)

    def test_ends_with_the_target(self):
        pod = self.make_pod()
        sidecar = self.sidecar(pod)
        pod.kill()
        self.assertEqual(sidecar.process.wait(patience(2)), 0)
        self.assertEqual(len(sidecar.log_lines(message="the container that was entered has ended")), 1)

    def test_ends_with_the_target_while_mirroring(self):
        pod = self.make_pod()
        sidecar = self.sidecar(pod)
        with pod.network.entered():
            stream = CurlStream(self, sidecar, port=8080, format="ndjson")
        self.post(pod, b"one")
        pod.kill()
        self.assertEqual(sidecar.process.wait(patience(2)), 0)
        stream.wait_end()
        self.assertEqual(stream.records()[-1]["type"], "ledger")

    def test_what_the_node_does_not_confirm_is_refused(self):
        pod = self.make_pod()
        nowhere, other = "0" * 64, "00000000-0000-4000-8000-000000000000"
        self.assertEqual(self.refusal(pod, container=nowhere),
                         f"no process of the container {nowhere} runs on this node: it has ended, or "
                         "it runs on another node")
        self.assertEqual(self.refusal(pod, pod_uid=other),
                         f"the container {pod.container} is not of the pod with the uid {other}")
        # Whoever may forward the ports of `shop/web-1` claims that this is it.
        self.assertEqual(self.refusal(pod, pod="shop/web-1"),
                         f"this node has no pod shop/web-1 with the uid {pod.uid}")
        self.assertIn("cannot be opened: No such file or directory",
                      self.refusal(pod, pod_logs="/nowhere"))

    def test_a_pod_in_the_nodes_network_is_refused(self):
        self.assertIn("has no network namespace of its own (hostNetwork)",
                      self.refusal(self.make_pod(host_network=True)))

    def test_missing_rights_are_named(self):
        pod = self.make_pod()
        without = ("setpriv", "--inh-caps=-all",
                   "--bounding-set=-all,+net_raw,+setgid,+setpcap,+setuid")
        self.assertTrue(self.refusal(pod, wrapper=without)
                        .endswith("; missing: SYS_PTRACE, SYS_ADMIN"))
        self.assertTrue(self.refusal(pod, wrapper=("setpriv", "--reuid=65532", "--clear-groups"))
                        .endswith("; this is uid 65532"))

    def test_a_container_without_the_nodes_processes_is_refused(self):
        self.assertEqual(
            self.refusal(self.make_pod(), wrapper=("unshare", "--pid", "--fork", "--kill-child",
                                                   *AS_A_JOB)),
            "this container does not see the node's processes: it needs hostPID")


if __name__ == "__main__":
    unittest.main(verbosity=2, warnings="ignore")
