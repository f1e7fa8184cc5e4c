"""Each level of Pod Security gets what it admits, and no pod fails to be created."""

import contextlib
import json

import pytest

import ways
from harness import manifests
from harness.cluster import ENFORCE, INJECTION, is_ready
from harness.local_program import LocalProgram
from harness.run import wait_until
from harness.target import Client, Target

LEVELS = ("privileged", "baseline", "restricted", None)  # None: a namespace without the label.


@pytest.fixture(scope="module")
def spaces(installed):
    """A namespace of each level, with a target in it; None in the place of one that failed."""
    with contextlib.ExitStack() as stack:
        made, warnings = {}, {}
        for level in LEVELS:
            labels = {**INJECTION, **({ENFORCE: level} if level else {})}
            made[level] = stack.enter_context(installed.namespace(f"level-{level or 'none'}", labels))
            pod = installed.kubectl("--namespace", made[level], "create", "--filename", "-",
                                    input=json.dumps(manifests.pod("app")), check=False)
            warnings[level] = pod.stderr
            installed.core.create_namespaced_pod(made[level], Client.manifest())
        yield made, warnings


@pytest.fixture(scope="module")
def target_in(installed, spaces):
    def find(level):
        space = spaces[0][level]
        app, _ = installed.all_ready(space, ["app", "client"])
        return Target(installed, space, app), Client(installed, space)
    return find


def status_of(pod):
    return json.loads(pod.metadata.annotations["dormouse.dev/status"])


@pytest.mark.parametrize("level", LEVELS)
def test_pods_are_created_and_run(target_in, level):
    target_in(level)


@ways.states("injected", "capabilities", "under baseline those of the runtime")
@pytest.mark.parametrize("level, profile, capabilities", [
    ("privileged", "privileged", {"add": ["NET_RAW"], "drop": ["ALL"]}),
    ("baseline", "baseline", None),
    (None, "baseline", None)])
def test_the_profile_is_the_one_that_the_level_admits(target_in, level, profile, capabilities):
    pod = target_in(level)[0].pod
    assert status_of(pod)["profile"] == profile
    context = pod.spec.init_containers[0].security_context
    given = context.capabilities and {key: value for key, value in
                                      context.capabilities.to_dict().items() if value}
    assert (given or None) == capabilities
    assert context.run_as_non_root and not context.allow_privilege_escalation


def test_a_restricted_namespace_is_told_that_nothing_is_injected(target_in, spaces):
    pod = target_in("restricted")[0].pod
    assert not pod.spec.init_containers
    assert status_of(pod) == {"skipped": "restricted"}
    warning = spaces[1]["restricted"]
    assert "Warning:" in warning and "dormouse" in warning and "restricted" in warning
    assert all("Warning:" not in spaces[1][level] for level in LEVELS if level != "restricted"), \
        spaces[1]


@ways.states("injected", "Pod Security", "privileged, baseline")
@pytest.mark.parametrize("level", [*ways.levels("injected"), None])
def test_it_wakes_there(installed, target_in, level):
    target, client = target_in(level)
    with LocalProgram("0.0.0.0") as program, target.sidecar() as sidecar:
        mirror = sidecar.wake(f"{installed.address_of_this_machine()}:{program.port}")
        client.load(target, 10, per_connection=1)
        sidecar.settled(mirror, 10)
        sidecar.sleep(mirror)
        assert program.digests() == target.digests()


def test_a_deployments_pods_in_a_restricted_namespace_say_so(installed, spaces):
    space = spaces[0]["restricted"]
    installed.apps.create_namespaced_deployment(space, manifests.deployment("web"))

    def running():
        pods = installed.pods(space, "app=web")
        return pods if pods and all(map(is_ready, pods)) else None
    for pod in wait_until(running, "the Deployment's pod is ready", 60):
        assert status_of(pod) == {"skipped": "restricted"}
