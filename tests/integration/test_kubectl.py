"""kubectl-mirror on a pod: a kubectl that forwards ports, a real sidecar behind it."""
import base64
import json
import os
import pathlib
import subprocess
import sys

from lab.case import APP_PORT, LOCAL_PORT, LabCase, RunningClient, main, wait_until
from lab.namespaces import packet_sockets
from lab.sidecar import CLIENT

SERVER = pathlib.Path(__file__).parent / "servers" / "server.py"
FAKE_KUBECTL = pathlib.Path(__file__).parent.parent / "client" / "fake_kubectl"


def pod_object(name, control_port):
    status = json.dumps({"version": "0.1.0", "profile": "baseline", "controlPort": control_port})
    return {"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": "shop", "uid": "uid-" + name,
                         "annotations": {"dormouse.dev/status": status}},
            "spec": {"containers": [{"name": "app", "ports": [{"containerPort": APP_PORT}]}]},
            "status": {"phase": "Running"}}


class Kubectl(LabCase):
    def cluster(self, sidecar):
        """A directory for fake_kubectl: the pod web-0 and the Secret with the sidecar's tokens."""
        home = self.directory / "cluster"
        home.mkdir()
        tokens = {name: base64.b64encode(token.encode()).decode()
                  for name, token in sidecar.tokens.items()}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "dormouse"},
                  "data": tokens}
        (home / "secret.dormouse.json").write_text(json.dumps(secret))
        (home / "pod.web-0.json").write_text(json.dumps(pod_object("web-0", sidecar.port)))
        return home

    def mirror(self, home, *words):
        return RunningClient(self, ["env", f"KUBECTL={FAKE_KUBECTL}", f"FAKE_KUBECTL={home}",
                                    str(CLIENT), *words])

    def forwards(self, home):
        return [int(path.name) for path in (home / "forwards").iterdir()]

    def assert_ended(self, pids):
        wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids),
                   "kubectl port-forward has ended")

    def test_a_pods_requests_arrive_byte_for_byte(self):
        self.nginx()
        program = self.recorder(("127.0.0.1", LOCAL_PORT), self.lab.pod, answer=b"x" * 10000)
        sidecar = self.sidecar(port=4799)
        home = self.cluster(sidecar)
        client = self.mirror(home, "pod/web-0", f"{APP_PORT}:{LOCAL_PORT}", "--as", "ana")
        self.assert_woken()
        self.assertEqual([m["owner"] for m in self.active(sidecar)], ["ana"])
        sent = self.play("kubectl", 60)
        sidecar.wait_settled(self.active(sidecar)[0]["id"], len(sent))
        wait_until(lambda: len(program.ended()) >= len(sent), "the program saw every end")
        self.assert_same(program.payloads(), sorted(data for data, _, _ in sent))
        code, output = client.interrupt()
        self.assertEqual(code, 0, output)
        self.assertIn(f"verdict: {len(sent)} of {len(sent)} connections delivered\n", output)
        self.assert_asleep()
        self.assert_ended(self.forwards(home))

    def test_exec_brings_a_pods_requests_to_the_program_that_it_starts(self):
        self.nginx()
        sidecar = self.sidecar()
        home = self.cluster(sidecar)
        client = self.mirror(home, "exec", "pod/web-0", "--as", "ana", "--map",
                             f"{LOCAL_PORT}:{APP_PORT}", "--", sys.executable, str(SERVER),
                             str(LOCAL_PORT), str(self.directory))
        sent = self.play("exec", 30)
        wait_until(lambda: len(list(self.directory.glob("whole-*"))) >= len(sent),
                   "the program saw every end")
        self.assert_same([path.read_bytes() for path in self.directory.glob("whole-*")],
                         [data for data, _, _ in sent])
        client.process.terminate()
        self.assertEqual(client.process.wait(20), -15, client.output())
        self.assertIn(f"verdict: {len(sent)} of {len(sent)} connections delivered\n",
                      client.output())
        self.assert_asleep()
        self.assert_ended(self.forwards(home))

    def test_exec_starts_nothing_where_there_is_no_sidecar(self):
        home = self.cluster(self.sidecar())
        bare = pod_object("bare-0", 4747)
        del bare["metadata"]["annotations"]
        (home / "pod.bare-0.json").write_text(json.dumps(bare))
        ran = self.directory / "ran"
        for pod, sentence in (("bare-0", "has no mirror agent"), ("absent-0", "not found")):
            ended = subprocess.run(
                ["env", f"KUBECTL={FAKE_KUBECTL}", f"FAKE_KUBECTL={home}", str(CLIENT), "exec",
                 f"pod/{pod}", "--as", "ana", "--", "touch", str(ran)],
                capture_output=True, text=True, timeout=60)
            self.assertEqual(ended.returncode, 3, ended.stderr)
            self.assertIn(sentence, ended.stderr)
        self.assertFalse(ran.exists())

    def test_a_lost_port_forward_is_restarted_and_the_ledgers_are_added(self):
        self.nginx()
        program = self.recorder(("127.0.0.1", LOCAL_PORT), self.lab.pod, answer=b"ok")
        sidecar = self.sidecar()
        home = self.cluster(sidecar)
        client = self.mirror(home, "pod/web-0", f"{APP_PORT}:{LOCAL_PORT}", "--as", "ana")
        first = self.active(sidecar)[0]["id"]
        before = self.play("before", 20)
        sidecar.wait_settled(first, len(before))
        for pid in self.forwards(home):
            (home / "forwards" / str(pid)).unlink()
        wait_until(lambda: "mirrored again" in client.output(), "the client comes back", 20)
        second, = self.active(sidecar)
        self.assertNotEqual(second["id"], first)
        after = self.play("after", 20)
        sidecar.wait_settled(second["id"], len(after))
        sent = before + after
        wait_until(lambda: len(program.ended()) >= len(sent), "the program saw every end")
        self.assert_same(program.payloads(), sorted(data for data, _, _ in sent))
        code, output = client.interrupt()
        self.assertEqual(code, 1, output)
        self.assertIn(f"  connections: {len(sent)} seen, {len(sent)} delivered\n", output)
        self.assertIn(f"verdict: {len(sent)} of {len(sent)} connections delivered; not mirrored for ",
                      output)
        self.assertEqual(packet_sockets(), [])


if __name__ == "__main__":
    main()
