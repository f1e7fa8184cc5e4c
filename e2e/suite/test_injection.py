"""Which pods get the sidecar, and what they get."""

import json

import pytest

import ways
from harness import manifests, node
from harness.cluster import ENFORCE, INJECTION, RELEASE, SPACE
from harness.target import make_pods
from harness.sidecar import Refused

SIDECAR = "dormouse"
TOKEN_PLACE = "/var/run/secrets/kubernetes.io/serviceaccount"


@pytest.fixture(scope="module")
def privileged(installed):
    with installed.namespace("injection-privileged", {**INJECTION, ENFORCE: "privileged"}) as name:
        yield name


@pytest.fixture(scope="module")
def target(installed, privileged):
    return make_pods(installed, privileged, manifests.pod("app"))[0]


def sidecars(pod):
    spec = pod.spec
    return [each for each in (spec.init_containers or []) + spec.containers if each.name == SIDECAR]


def untouched(pod):
    return not sidecars(pod) and "dormouse.dev/status" not in (pod.metadata.annotations or {})


def test_the_sidecar_is_the_first_init_container_and_goes_on_running(target):
    first = target.pod.spec.init_containers[0]
    assert first.name == SIDECAR and first.restart_policy == "Always"
    assert len(sidecars(target.pod)) == 1
    assert first.image.startswith("dormouse-sidecar:")
    started = {each.name: each for each in target.fresh().status.init_container_statuses}[SIDECAR]
    assert started.started and started.ready and started.state.running


def test_the_status_annotation_says_what_was_done(target):
    status = json.loads(target.pod.metadata.annotations["dormouse.dev/status"])
    version = target.pod.spec.init_containers[0].image.split(":")[1]
    assert status == {"version": version, "profile": "privileged", "mode": "native",
                      "controlPort": 4747}


@ways.states("injected", "capabilities", "`NET_RAW`")
def test_it_is_not_root_and_has_net_raw_only(target, on_node):
    for pid in node.sidecar_processes(target.pod):
        status = node.fields(pid)
        assert status["Uid"].split() == ["65532"] * 4 and status["Gid"].split() == ["65532"] * 4
        assert int(status["CapBnd"], 16) == int(status["CapPrm"], 16) == node.CAP_NET_RAW
        # Raised only while a capture is being opened.
        assert int(status["CapEff"], 16) == int(status["CapAmb"], 16) == 0
        assert status["NoNewPrivs"] == "1"
        assert status["Seccomp"] == "2"


@ways.states("injected", "memory", "a limit of its own")
def test_its_memory_has_a_limit_of_its_own(target, installed):
    """The chart's, while the app's container, which asked for nothing, has none."""
    values = json.loads(installed.helm("get", "values", RELEASE, "--all", "--namespace", SPACE,
                                       "--output", "json").stdout)
    wanted = values["sidecar"]["resources"]["limits"]["memory"]
    assert target.pod.spec.init_containers[0].resources.limits["memory"] == wanted
    assert not target.pod.spec.containers[0].resources.limits


@ways.states("injected", "admin's ceilings", "hold")
def test_no_request_lifts_an_admins_ceiling(target):
    with target.sidecar() as sidecar:
        with pytest.raises(Refused, match="ttl 7h1m is above the maximum of 7h") as refused:
            sidecar.wake("192.0.2.1:9", ttl="421m")
        assert refused.value.status == 400
        assert sidecar.status()["state"] == "asleep"


def test_its_root_is_read_only(target, on_node):
    pid = node.sidecar_processes(target.pod)[0]
    root = next(line for line in (node.PROC / str(pid) / "mounts").read_text().splitlines()
                if line.split()[1] == "/")
    assert "ro" in root.split()[3].split(",")


def test_no_service_account_token_is_in_it(target, on_node):
    mounts = [each for each in target.pod.spec.init_containers[0].volume_mounts
              if each.mount_path == TOKEN_PLACE]
    assert [each.name for each in mounts] == ["dormouse-tokens"]
    sidecar, app = (node.PROC / str(node.processes(target.pod, name)[0]) / "root"
                    for name in (SIDECAR, "app"))
    inside = {path.name for path in (sidecar / TOKEN_PLACE[1:]).iterdir()}
    assert "token" not in inside and {"ana", "ben", "cid"} <= inside
    # It is there for the app, so that its absence above means something.
    assert (app / TOKEN_PLACE[1:] / "token").exists()


def test_a_declared_control_port_moves_the_sidecars(installed, space):
    pod = manifests.pod("app-4747")
    pod["spec"]["containers"][0]["ports"].append({"containerPort": 4747})
    target = make_pods(installed, space, pod)[0]
    assert json.loads(target.pod.metadata.annotations["dormouse.dev/status"])["controlPort"] == 4748
    with target.sidecar() as sidecar:
        assert sidecar.call("GET", "/healthz") == "ok\n"
        assert sidecar.status()["state"] == "asleep"


def test_an_annotation_narrows_the_ports(installed, space):
    pod = manifests.pod("app-ports", annotations={"dormouse.dev/ports": "9090"})
    target = make_pods(installed, space, pod)[0]
    with target.sidecar() as sidecar:
        with pytest.raises(Refused) as refused:
            sidecar.wake("192.0.2.1:9")
        assert refused.value.status == 403 and "8080" in refused.value.body


def test_pods_that_did_not_opt_in_are_untouched(installed, space):
    opted_out = manifests.pod("opted-out", labels={"dormouse.dev/inject": "false"})
    unlabelled = manifests.pod("unlabelled", labels={})
    for target in make_pods(installed, space, opted_out, unlabelled):
        assert untouched(target.pod), target.name


def test_pods_of_an_unlabelled_namespace_are_untouched(installed):
    with installed.namespace("injection-unlabelled") as namespace:
        assert untouched(make_pods(installed, namespace, manifests.pod("app"))[0].pod)


def test_a_pod_in_the_nodes_network_is_untouched(installed, space):
    spec = manifests.pod_spec(["wait", "1h"], hostNetwork=True)
    target = make_pods(installed, space, manifests.pod("host-network", spec=spec))[0]
    assert untouched(target.pod)
