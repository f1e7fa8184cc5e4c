"""The causes that docs/injection.md lists of a pod that cannot start with the sidecar in it: each is
met, named by the API server, and cured as the page says. (OpenShift's is not on this cluster.)"""

import kubernetes
import pytest

from harness import manifests
from harness.cluster import INJECTION
from harness.run import wait_until

OPTED_OUT = {"dormouse.dev/inject": "false"}
RESOURCES = {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"cpu": "100m", "memory": "64Mi"}}


@pytest.fixture
def namespace(installed):
    with installed.namespace("causes", INJECTION) as name:
        installed.injects(name)
        yield name


def pod(name, labels=manifests.INJECT, resources=RESOURCES):
    spec = manifests.pod_spec()
    spec["containers"] = [manifests.app_container(resources=resources)]
    return manifests.pod(name, labels, spec=spec)


def admitted(installed, namespace, manifest):
    """The pod as the API server would create it. AssertionError with its sentence if it would not."""
    try:
        return installed.core.create_namespaced_pod(namespace, manifest, dry_run="All")
    except kubernetes.client.ApiException as error:
        assert error.status != 403, error.body
        raise


def refused(installed, namespace, manifest, sentence):
    """Waits until the API server refuses the pod with that sentence: it learns of quotas and limits a
    moment after they were made."""
    def reached():
        try:
            admitted(installed, namespace, manifest)
        except AssertionError as error:
            return sentence in str(error)
        return False
    wait_until(reached, f"the pod is refused: {sentence}", 20)


def limit_range(installed, namespace, **item):
    installed.core.create_namespaced_limit_range(
        namespace, {"metadata": {"name": "limits"}, "spec": {"limits": [{"type": "Container", **item}]}})


def test_a_quota_that_the_sidecar_exceeds(installed, namespace):
    quota = {"metadata": {"name": "quota"}, "spec": {"hard": {"requests.cpu": "55m"}}}
    installed.core.create_namespaced_resource_quota(namespace, quota)
    refused(installed, namespace, pod("app"), "exceeded quota")
    assert not manifests.has_sidecar(admitted(installed, namespace, pod("app", OPTED_OUT)))
    # With room for the sidecar's 10m it fits.
    quota["spec"]["hard"]["requests.cpu"] = "60m"
    installed.core.replace_namespaced_resource_quota("quota", namespace, quota)
    fits = wait_until(lambda: admitted(installed, namespace, pod("app")), "the new quota counts", 20)
    assert manifests.has_sidecar(fits)


def test_a_limit_range_with_a_minimum_above_the_sidecars_memory(installed, namespace):
    limit_range(installed, namespace, min={"memory": "48Mi"})
    refused(installed, namespace, pod("app"), "minimum memory usage per Container is 48Mi")
    assert not manifests.has_sidecar(admitted(installed, namespace, pod("app", OPTED_OUT)))


@pytest.mark.parametrize("resource, ratio", [("cpu", "49"), ("memory", "2")])
def test_a_limit_range_with_a_ratio_below_the_sidecars(installed, namespace, resource, ratio):
    limit_range(installed, namespace, maxLimitRequestRatio={resource: ratio})
    refused(installed, namespace, pod("app"),
            f"{resource} max limit to request ratio per Container is {ratio}")
    assert not manifests.has_sidecar(admitted(installed, namespace, pod("app", OPTED_OUT)))


def test_a_limit_range_with_the_ratio_of_the_sidecar(installed, namespace):
    limit_range(installed, namespace, max={"cpu": "2", "memory": "1Gi"},
                maxLimitRequestRatio={"cpu": "50", "memory": "3"})
    # One that is too large shows that the limits count by now.
    large = {"requests": {"cpu": "3"}, "limits": {"cpu": "3", "memory": "64Mi"}}
    refused(installed, namespace, pod("large", OPTED_OUT, large), "maximum cpu usage per Container is 2")
    assert manifests.has_sidecar(admitted(installed, namespace, pod("app")))
