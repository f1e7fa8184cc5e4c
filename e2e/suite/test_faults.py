"""Whatever fails, pods start and go on, and what was broken is repaired."""

import base64
import json
import os
import re
import signal
import socket
import ssl
import threading

import pytest

from harness import manifests, node
from harness.cluster import CA_SECRET, COMPONENT, INJECTOR, ROOT, SPACE, TOKENS
from harness.creation import DryCreations
from harness.manifests import has_sidecar
from harness.local_program import LocalProgram
from harness.run import run, wait_until
from harness.sidecar import Refused
from harness.target import make_pods


def ready_condition(target):
    """Ready, and since when: any change of it, however short, changes the time."""
    condition = next(each for each in target.fresh().status.conditions if each.type == "Ready")
    return condition.status, condition.last_transition_time


def assert_it_wakes(installed, target, client):
    before = len(target.connections())
    with LocalProgram("0.0.0.0") as program, target.sidecar() as sidecar:
        assert sidecar.status()["state"] == "asleep"
        mirror = sidecar.wake(f"{installed.address_of_this_machine()}:{program.port}")
        client.load(target, 10, per_connection=1)
        sidecar.settled(mirror, 10)
        sidecar.sleep(mirror)
        assert program.digests() == target.digests(before)


# --- The injector -------------------------------------------------------------------------------

@pytest.fixture
def injectors_back(installed, space):
    """Afterwards there are two injectors again, whatever became of them."""
    yield
    installed.kubectl("--namespace", SPACE, "scale", "deployment", INJECTOR, "--replicas=2")
    installed.injectors_ready()
    installed.injects(space)


def test_without_an_injector_pods_start(installed, space, injectors_back):
    installed.kubectl("--namespace", SPACE, "scale", "deployment", INJECTOR, "--replicas=0")
    wait_until(lambda: not installed.core.list_namespaced_pod(
        SPACE, label_selector=COMPONENT).items, "no injector is left", 60)
    target, = make_pods(installed, space, manifests.pod("without-injector"))
    assert not has_sidecar(target.pod)


PODS = 30


def test_injectors_killed_while_pods_are_created_keep_none_from_starting(
        installed, space, on_node, injectors_back):
    pids = [pid for pod in installed.injectors()
            for pid in node.processes(pod, pod.spec.containers[0].name)]
    assert len(pids) >= 2
    spec = manifests.pod_spec(["wait", "1h"])
    for number in range(PODS):
        if number == PODS // 3:
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
        installed.core.create_namespaced_pod(
            space, manifests.pod(f"kill-{number}", labels={**manifests.INJECT, "group": "kill"},
                                 spec=spec))

    def running():
        pods = installed.pods(space, "group=kill")
        return pods if [each.status.phase for each in pods] == ["Running"] * PODS else None
    pods = wait_until(running, f"{PODS} pods run", 120, every=1)
    injected = sorted(int(pod.metadata.name.split("-")[1]) for pod in pods if has_sidecar(pod))
    # All before the end of the injectors, and not all after it.
    assert injected[:PODS // 3] == list(range(PODS // 3)) and len(injected) < PODS, injected


def missed_pods(installed):
    """What each injector's metric says."""
    values = []
    for pod in installed.injectors():
        text = installed.kubectl("get", "--raw", f"/api/v1/namespaces/{SPACE}/pods/"
                                 f"{pod.metadata.name}:8080/proxy/metrics").stdout
        values.append(int(float(re.search(r"^dormouse_injector_missed_pods (\S+)$", text,
                                          re.MULTILINE)[1])))
    return values


def test_the_metric_counts_those_that_were_missed(installed, space):
    """After the test above: a pod or more in this namespace runs without."""
    assert any(not has_sidecar(pod) for pod in installed.pods(space, "dormouse.dev/inject=true"))

    def missed():
        spaces = installed.core.list_namespace(label_selector="dormouse.dev/injection=enabled").items
        return sum(not has_sidecar(pod) and pod.status.phase in ("Pending", "Running")
                   for each in spaces
                   for pod in installed.core.list_namespaced_pod(
                       each.metadata.name, label_selector="dormouse.dev/inject=true").items)

    def agree():
        said, counted = missed_pods(installed), missed()
        assert said == [counted] * 2 and counted > 0, f"metrics {said}, counted {counted}"
        return True
    wait_until(agree, "both injectors' metric is what the API server has", 90, every=2)
    installed.core.delete_collection_namespaced_pod(space, label_selector="group=kill",
                                                    grace_period_seconds=0)


def test_an_emptied_ca_bundle_is_repaired_within_20_seconds(installed):
    good = [each.client_config.ca_bundle for each in installed.webhooks()]
    assert all(good)
    installed.kubectl("patch", "mutatingwebhookconfiguration", INJECTOR, "--type=json", "--patch",
                      json.dumps([{"op": "remove", "path": f"/webhooks/{number}/clientConfig/caBundle"}
                                  for number in range(len(good))]))
    wait_until(lambda: [each.client_config.ca_bundle for each in installed.webhooks()] == good,
               "every caBundle is back", 20)


def serves_for(pod, authority):
    """True if the injector's certificate verifies against exactly this CA."""
    context = ssl.create_default_context(cadata=authority)
    try:
        with socket.create_connection((pod.status.pod_ip, 10250), timeout=5) as plain, \
                context.wrap_socket(plain, server_hostname=f"{INJECTOR}.{SPACE}.svc"):
            return True
    except ssl.SSLCertVerificationError:
        return False


def test_certificates_rotated_now_miss_no_injection(installed, space, on_node):
    """docs/injection.md: emptying the CA's Secret makes a new CA, without a gap."""
    old = installed.ca_certificate()
    with DryCreations(installed, space) as creations:
        installed.kubectl("--namespace", SPACE, "patch", "secret", CA_SECRET, "--type=merge",
                          "--patch", '{"data":null}')
        new = wait_until(lambda: installed.ca_certificate(), "there is a new CA", 30)
        assert new != old
        wait_until(lambda: all(serves_for(pod, new) for pod in installed.injectors()),
                   "all injectors serve a certificate of the new CA", 120, every=1)
        done = creations.created
        wait_until(lambda: creations.created > done + 20, "20 pods more", 30)
    assert creations.created > 100 and not creations.refused
    assert not creations.missed, creations.missed
    bundle = base64.b64decode(installed.webhooks()[0].client_config.ca_bundle).decode()
    assert bundle == new + old


# --- The sidecar --------------------------------------------------------------------------------

def test_a_killed_worker_is_replaced_and_the_pod_stays_ready(installed, pair, on_node):
    target, client = pair
    ready = ready_condition(target)
    with LocalProgram("0.0.0.0") as program, target.sidecar() as sidecar:
        sidecar.wake(f"{installed.address_of_this_machine()}:{program.port}")
        parent, worker = node.sidecar_processes(target.pod)
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: node.sidecar_processes(target.pod)[1] != worker, "a new worker", 20)
    assert node.sidecar_processes(target.pod)[0] == parent
    wait_until(lambda: node.packet_sockets(parent) == 0, "its packet sockets are gone", 20)
    assert_it_wakes(installed, target, client)
    assert ready_condition(target) == ready and ready[0] == "True"
    assert target.restarts() == {"dormouse": 0, "app": 0}


def test_a_killed_parent_restarts_the_sidecar_alone(installed, space, on_node, pair):
    """The kubelet starts the container anew; the app goes on and answers all the time."""
    client = pair[1]
    target, = make_pods(installed, space, manifests.pod("parent-killed"))
    outcome = []
    load = threading.Thread(target=lambda: outcome.append(
        client.load(target, 400, per_connection=20, parallel=2, check=False)))
    load.start()
    wait_until(lambda: len(target.connections()) > 2, "requests flow", 30)
    os.kill(node.sidecar_processes(target.pod)[0], signal.SIGKILL)

    def restarted():
        assert target.restarts() == {"dormouse": 1, "app": 0}, target.restarts()
        return True
    wait_until(restarted, "the kubelet has restarted the sidecar", 60)
    load.join(60)
    assert (outcome[0]["succeeded"], outcome[0]["failed"]) == (400, 0), outcome
    target.pod = installed.ready(space, target.name)
    assert_it_wakes(installed, target, client)
    assert target.restarts() == {"dormouse": 1, "app": 0}


def test_a_rotated_token_counts_within_two_minutes(installed, pair):
    target = pair[0]
    rotated = {**TOKENS, "ana": TOKENS["ana"] + "-rotated"}
    with target.sidecar() as sidecar:
        try:
            installed.set_tokens(target.namespace, rotated)

            def refused():
                try:
                    sidecar.status()
                except Refused as error:
                    assert error.status == 401, error
                    return True
                return False
            wait_until(refused, "the old token is refused", 120, every=1)
            assert sidecar.call("GET", "/v1/status", token=rotated["ana"])["state"] == "asleep"
        finally:
            installed.set_tokens(target.namespace, TOKENS)
        wait_until(lambda: not refused(), "the former token is accepted again", 120, every=8)
    assert target.restarts()["dormouse"] == 0


def test_a_mirror_outlives_the_api_server(installed, pair, own_cluster):
    target, client = pair
    before = len(target.connections())
    address = installed.address_of_this_machine()
    with LocalProgram("0.0.0.0") as program:
        with target.sidecar(keep=True) as sidecar:
            mirror = sidecar.wake(f"{address}:{program.port}")
        client.load(target, 10, per_connection=1)
        run(ROOT / "e2e/cluster/restart", "kube-apiserver", seconds=120)
        wait_until(lambda: installed.kubectl("get", "--raw", "/readyz", check=False).stdout == "ok",
                   "the API server is ready again", 60)
        installed.ready(target.namespace, target.name)
        client.load(target, 10, per_connection=1)
        with target.sidecar() as sidecar:
            assert sidecar.mirror(mirror)["state"] == "active"
            sidecar.settled(mirror, 20)
            sidecar.sleep(mirror)
        assert program.digests() == target.digests(before)
    installed.injectors_ready()
    fresh, = make_pods(installed, target.namespace, manifests.pod("after-the-api-server"))
    assert has_sidecar(fresh.pod)
