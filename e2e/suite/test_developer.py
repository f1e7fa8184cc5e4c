"""The developer's ways to a pod's traffic."""

import base64
import json
import re
import shutil
import subprocess

import ways
from harness import manifests
from harness.cluster import is_ready
from harness.developer import developer
from harness.local_program import LocalProgram
from harness.mirror import kubectl_mirror
from harness.run import run, wait_until
from harness.sidecar import port_forward
from harness.target import Target

STARTED = ": port 8080 to 127.0.0.1:"
AS = ("--as", "ana")


def test_ten_requests_reach_the_local_program(installed, pair):
    target, client = pair
    before = len(target.connections())
    with LocalProgram("0.0.0.0") as program, target.sidecar() as sidecar:
        mirror = sidecar.wake(f"{installed.address_of_this_machine()}:{program.port}")
        client.load(target, 10, per_connection=2)
        sidecar.settled(mirror, 5)
        ended = sidecar.sleep(mirror)
        assert program.digests() == target.digests(before)
    connections = ended["ledger"]["connections"]
    assert connections == {"seen": 5, "open": 0, "delivered": 5, "skipped": {}}, ended
    assert ended["verdict"] == "5 of 5 connections delivered"


@ways.states("injected", "token", "of the Secret `dormouse`")
def test_curl_wakes_and_a_thousand_requests_arrive_byte_for_byte(installed, pair):
    target, client = pair
    before = len(target.connections())
    secret = installed.kubectl("--namespace", target.namespace, "get", "secret", "dormouse",
                               "--output", "jsonpath={.data.ana}").stdout
    header = "Authorization: Bearer " + base64.b64decode(secret).decode()

    def curl(port, path, *more):
        text = run("curl", "-sS", "--fail-with-body", "-H", header,
                   f"http://127.0.0.1:{port}/v1{path}", *more).stdout
        return json.loads(text)

    with LocalProgram("0.0.0.0") as program, \
            port_forward(installed, target.namespace, f"pod/{target.name}", 4747) as port:
        to = f"{installed.address_of_this_machine()}:{program.port}"
        mirror = curl(port, "/mirrors", "-d", json.dumps({"ports": [8080], "to": to}))["id"]
        client.load(target, 1000)

        def all_arrived():
            return curl(port, f"/mirrors/{mirror}")["ledger"]["connections"]["delivered"] >= 100
        wait_until(all_arrived, "100 connections are delivered", 20)
        ended = curl(port, f"/mirrors/{mirror}", "-X", "DELETE")
        assert program.digests() == target.digests(before)
        assert curl(port, "/status")["state"] == "asleep"
    assert len(set(target.digests(before))) == 100
    assert ended["ledger"]["connections"] == \
        {"seen": 100, "open": 0, "delivered": 100, "skipped": {}}, ended
    assert ended["ledger"]["packets"]["skipped"].get("kernel-drop", 0) == 0


# --- kubectl mirror -----------------------------------------------------------------------------

def test_kubectl_finds_the_plugin(installed):
    listed = installed.kubectl("plugin", "list", check=False)
    assert re.search(r"/kubectl-mirror$", listed.stdout, re.MULTILINE), listed
    assert "kubectl mirror" in installed.kubectl("mirror", "--help").stdout


@ways.states("injected", "command", "`kubectl mirror pod/NAME 8080:3000`")
@ways.states("injected", "rights", "`get pods`, `list pods`, `create pods/portforward`, `get secrets`")
@ways.states("injected", "stays behind", "the agent, asleep")
def test_kubectl_mirror_by_pod(installed, pair, tmp_path):
    """As the table has it, by somebody with the rights that it names and no other."""
    target, client = pair
    before = len(target.connections())
    with developer(installed, target.namespace, tmp_path, rules=ways.rules("injected")[None]) as dev, \
            LocalProgram() as program, \
            kubectl_mirror(dev, *ways.command("injected", target.name, program.port), *AS) as mirror:
        mirror.said(STARTED)
        client.load(target, 1000)
        wait_until(lambda: len(program.connections()) == 100, "all connections came", 20)
        assert mirror.interrupt() == 0, mirror.text()
        assert program.digests() == target.digests(before)
        assert "100 of 100 connections delivered" in mirror.text()
    with target.sidecar() as sidecar:
        wait_until(lambda: sidecar.status()["state"] == "asleep", "it is asleep again", 30)


def test_kubectl_mirror_takes_the_context_that_it_is_told(installed, pair, tmp_path):
    """The current context leads nowhere, in a kubeconfig of its own; --context leads to the pod."""
    target, client = pair
    text = installed.kubectl("config", "view", "--raw", "--output", "json").stdout
    config = json.loads(text)
    current = next(each for each in config["contexts"] if each["name"] == config["current-context"])
    config["clusters"].append({"name": "nowhere", "cluster": {"server": "https://127.0.0.1:1"}})
    config["contexts"] = [
        {"name": "nowhere", "context": {**current["context"], "cluster": "nowhere"}},
        {"name": "right", "context": {**current["context"], "namespace": target.namespace}}]
    config["current-context"] = "nowhere"
    (tmp_path / "config").write_text(json.dumps(config))
    before = len(target.connections())
    with LocalProgram() as program, \
            kubectl_mirror(installed, f"pod/{target.name}", f"8080:{program.port}", "--context",
                           "right", "--kubeconfig", tmp_path / "config", *AS) as mirror:
        mirror.said(STARTED)
        client.load(target, 10, per_connection=1)
        wait_until(lambda: len(program.connections()) == 10, "all connections came", 20)
        assert mirror.interrupt() == 0, mirror.text()
        assert program.digests() == target.digests(before)


def test_kubectl_mirror_by_deployment_over_all_its_replicas(installed, space, pair):
    """Three replicas into one local port; a pod that is replaced meanwhile is picked up."""
    client = pair[1]
    installed.kubectl("--namespace", space, "create", "--filename", "-",
                      input=json.dumps(manifests.deployment("web", replicas=3)))

    def replicas():
        pods = installed.pods(space, "app=web")
        assert len(pods) == 3 and all(map(is_ready, pods))
        return [Target(installed, space, pod) for pod in pods]

    targets = wait_until(replicas, "three replicas are ready", 60, every=0.5)
    with LocalProgram() as program, \
            kubectl_mirror(installed, "deploy/web", f"8080:{program.port}",
                           "--namespace", space, *AS) as mirror:
        mirror.said(STARTED, times=3)
        expected = []
        for target in targets:
            client.load(target, 50)
            expected += target.digests()
        gone = targets[0]
        known = mirror.text().count(STARTED)
        installed.core.delete_namespaced_pod(gone.name, space)
        replaced = wait_until(replicas, "the replacement is ready", 60, every=0.5)
        new = next(each for each in replaced if each.name not in {each.name for each in targets})
        mirror.said(STARTED, times=known + 1)
        client.load(new, 50)
        expected += new.digests()
        wait_until(lambda: len(program.connections()) >= len(expected), "all connections came", 20)
        code = mirror.interrupt()
        assert program.digests() == sorted(expected), mirror.text()
        assert code == 0, mirror.text()
    installed.apps.delete_namespaced_deployment("web", space, grace_period_seconds=1)


def test_kubectl_mirror_by_pcap_into_tshark(installed, pair, tmp_path):
    assert shutil.which("tshark"), "tshark is missing; the Makefile installs it"
    target, client = pair
    with open(tmp_path / "seen", "w") as seen:
        tshark = subprocess.Popen(
            ["tshark", "-l", "-r", "-", "-Y", "http", "-T", "fields", "-e", "ip.src", "-e", "ip.dst",
             "-e", "http.request.uri", "-e", "http.response.code"],
            stdin=subprocess.PIPE, stdout=seen, stderr=subprocess.DEVNULL)
        try:
            with kubectl_mirror(installed, "pcap", f"pod/{target.name}", "8080", "-n",
                                target.namespace, *AS, stdout=tshark.stdin) as mirror:
                tshark.stdin.close()  # The copy in this process; the client has its own.
                with target.sidecar("ben") as sidecar:
                    wait_until(lambda: sidecar.status()["state"] == "awake", "it is awake", 20)
                client.load(target, 20)
                wait_until(lambda: "/request/19" in (tmp_path / "seen").read_text(),
                           "tshark shows the last request", 20)
                assert mirror.interrupt() == 0, mirror.text()
            assert tshark.wait(timeout=20) == 0
        finally:
            tshark.kill()
    rows = [line.split("\t") for line in (tmp_path / "seen").read_text().splitlines()]
    client_ip = installed.pod(client.namespace, client.name).status.pod_ip
    requests = {row[2] for row in rows if row[:2] == [client_ip, target.ip]}
    assert requests == {f"/request/{number}" for number in range(20)}
    answers = [row for row in rows if row[:2] == [target.ip, client_ip] and row[3] == "200"]
    assert len(answers) == 20
