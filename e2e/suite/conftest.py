"""Fixtures of all cases, and the closing line."""

import os
import pathlib

import pytest

from harness import node
from harness.cluster import CHART, INJECTION, RELEASE, SPACE, Cluster
from harness.target import Client, make_pods
from harness import manifests

# Values of the suite: defaults but for what its cases need. Push mirrors are off until an admin
# names networks, missed pods are not counted and ephemeral containers are not allowed by default.
# maxTtl is a ceiling that no case comes near, unless it is about ceilings: 8h is the default.
VALUES = ("--set", "sidecar.ceilings.maxTtl=7h", "--set-json", 'sidecar.ceilings.allowTo=["0.0.0.0/0"]',
          "--set", "missedPods.enabled=true", "--set", "logLevel=debug",
          "--set", "developerRole.ephemeralContainers=true")


@pytest.fixture(scope="session")
def cluster():
    kubeconfig = os.environ.get("KUBECONFIG")
    assert kubeconfig, "KUBECONFIG names no cluster; `make e2e` makes one"
    return Cluster(kubeconfig)


def install(cluster, *values):
    """Dormouse as the suite wants it, whatever was there before."""
    cluster.helm("upgrade", "--install", RELEASE, CHART, "--namespace", SPACE, "--create-namespace",
                 "--reset-values", "--wait", "--timeout", "150s", *(values or VALUES))
    cluster.injectors_ready()


@pytest.fixture(scope="session")
def installation(cluster):
    install(cluster)
    return cluster


@pytest.fixture(scope="module")
def installed(installation):
    """The cluster with Dormouse in it and ready, also after a module that broke it on purpose."""
    try:
        installation.injectors_ready(seconds=20)
    except Exception:
        install(installation)
    return installation


@pytest.fixture(scope="module")
def space(installed, request):
    """An opted-in namespace of the module's own."""
    name = request.module.__name__.removeprefix("test_").replace("_", "-")
    with installed.namespace(name, INJECTION) as namespace:
        installed.injects(namespace)
        yield namespace


@pytest.fixture(scope="module")
def pair(installed, space):
    """A target with a sleeping sidecar, and a client pod."""
    target, _ = make_pods(installed, space, manifests.pod("app"), Client.manifest())
    return target, Client(installed, space)


@pytest.fixture(scope="session")
def on_node(installation):
    """Skips where the node's processes cannot be seen: another machine's cluster, or no root."""
    if os.geteuid() != 0:
        pytest.skip("needs root on the node")
    injector = installation.injectors()[0]
    if not node.runs_here(injector):
        pytest.skip("needs the node's own processes, and the node is another machine")


@pytest.fixture(scope="session")
def own_cluster(on_node):
    """Skips where the suite must not restart parts of the cluster, since it did not make it."""
    if not os.environ.get("E2E_OWN_CLUSTER"):
        pytest.skip("restarts the API server: only in a cluster that e2e/cluster/up has made")


# From the thin thread to what breaks the installation, takes it away, or begins without one.
ORDER = ("install", "injection", "asleep", "developer", "exec", "http", "unnoticed", "pod_security",
         "workloads", "known_causes", "two_developers", "attach", "node_job", "faults", "upgrade",
         "readme")


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: ORDER.index(item.module.__name__.removeprefix("test_")))


# --- The closing line --------------------------------------------------------------------------

def pytest_terminal_summary(terminalreporter):
    """Counts for the closing line, which `e2e/run` prints last, to the file that it names."""
    def count(*outcomes):
        return sum(len(terminalreporter.stats.get(outcome, [])) for outcome in outcomes)

    counts = (f"{count('passed')} passed, {count('failed', 'error')} failed, "
              f"{count('skipped')} skipped")
    path = os.environ.get("E2E_SUMMARY")
    if path:
        pathlib.Path(path).write_text(counts + "\n")
    terminalreporter.write_line("")
    terminalreporter.write_line(counts)
