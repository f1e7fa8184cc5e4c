"""Case 9: from the release before, and back, and away. Each begins where the one above ended."""

import io
import json
import re
import shutil
import subprocess
import tarfile

import pytest
import yaml

from conftest import VALUES
from harness import manifests
from harness.cluster import CHART, INJECTION, INJECTOR, RELEASE, ROOT, SPACE
from harness.creation import DryCreations
from harness.manifests import has_sidecar
from harness.run import run, wait_until
from harness.target import make_pods

VERSION = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]
IMAGES = ("--set", f"image.tag={VERSION}", "--set", f"sidecar.image.tag={VERSION}")


def chart_before(directory):
    """The chart of the last release tag; before the first, this one with a lower version."""
    tags = run("git", "-C", ROOT, "tag", "--merged", "HEAD", "--sort=-version:refname",
               "--list", "v*", check=False).stdout.split()
    released = [tag for tag in tags if tag != f"v{VERSION}"]
    if released:
        archive = subprocess.run(["git", "-C", ROOT, "archive", released[0], "chart"],
                                 capture_output=True, check=True).stdout
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(directory)
        return directory / "chart"
    shutil.copytree(CHART, directory / "chart")
    path = directory / "chart/Chart.yaml"
    path.write_text(re.sub(r"^version: .*$", "version: 0.0.1", re.sub(
        r"^appVersion: .*$", 'appVersion: "0.0.1"', path.read_text(), flags=re.M), flags=re.M))
    return directory / "chart"


class Story:
    """What must not change on the way."""

    def __init__(self, cluster, space):
        self.cluster, self.space = cluster, space
        self.authority = cluster.ca_certificate()
        self.token = self.token_now()
        self.target, = make_pods(cluster, space, manifests.pod("from-before"))

    def token_now(self):
        return self.cluster.core.read_namespaced_secret("dormouse", self.space).data["developer"]

    def assert_kept(self):
        assert self.cluster.ca_certificate() == self.authority
        assert self.token_now() == self.token
        assert self.target.fresh().metadata.uid == self.target.pod.metadata.uid
        assert self.target.restarts() == {"dormouse": 0, "app": 0}

    def new_pod(self, name):
        target, = make_pods(self.cluster, self.space, manifests.pod(name))
        return target.pod


@pytest.fixture(scope="module")
def story(cluster, tmp_path_factory):
    cluster.helm("uninstall", RELEASE, "--namespace", SPACE, "--ignore-not-found", "--wait")
    with cluster.namespace("upgrade", INJECTION, tokens=False) as space:
        cluster.helm("install", RELEASE, chart_before(tmp_path_factory.mktemp("before")),
                     "--namespace", SPACE, "--create-namespace", "--wait", "--timeout", "150s",
                     *IMAGES, "--set", f"tokens.namespaces={{{space}}}",
                     "--set", "sidecar.resources.limits.memory=80Mi",
                     "--set", "webhook.timeoutSeconds=5", "--set", "replicas=3")
        cluster.injectors_ready(3)
        wait_until(lambda: cluster.core.read_namespaced_secret("dormouse", space).data,
                   "the injector has made a token", 30)
        yield Story(cluster, space)
    cluster.helm("uninstall", RELEASE, "--namespace", SPACE, "--ignore-not-found", "--wait")


def revision(cluster):
    history = cluster.helm("history", RELEASE, "--namespace", SPACE, "--output", "json").stdout
    last = json.loads(history)[-1]
    return last["revision"], last["status"], last["chart"]


def memory_limit(pod):
    return pod.spec.init_containers[0].resources.limits["memory"]


def test_an_upgrade_misses_no_pod_and_keeps_what_there_is(cluster, story):
    assert memory_limit(story.target.pod) == "80Mi"
    with DryCreations(cluster, story.space) as creations:
        cluster.helm("upgrade", RELEASE, CHART, "--namespace", SPACE, "--reset-values", "--wait",
                     "--timeout", "150s", *VALUES, "--set", f"tokens.namespaces={{{story.space}}}")
        cluster.injectors_ready(2)
    assert revision(cluster) == (2, "deployed", f"dormouse-{VERSION}")
    assert creations.created > 5 and not creations.missed and not creations.refused, \
        (creations.created, creations.missed, creations.refused)
    story.assert_kept()
    assert memory_limit(story.new_pod("upgraded")) == "96Mi"


def test_a_rollback_restores_what_was(cluster, story):
    cluster.helm("rollback", RELEASE, "1", "--namespace", SPACE, "--wait", "--timeout", "150s")
    cluster.injectors_ready(3)
    assert revision(cluster)[:2] == (3, "deployed")
    story.assert_kept()
    assert memory_limit(story.new_pod("rolled-back")) == "80Mi"


def objects_left(cluster):
    """Every object of any kind that the chart or the injector made."""
    kinds = cluster.kubectl("api-resources", "--verbs=list", "--output=name").stdout.split()
    kinds = [kind for kind in kinds if not kind.startswith("events")]
    # Some kinds may be unlistable; what can be listed is printed all the same.
    listed = cluster.kubectl("get", ",".join(kinds), "--all-namespaces", "--output=custom-columns="
                             "KIND:.kind,SPACE:.metadata.namespace,NAME:.metadata.name,"
                             "PART:.metadata.labels.app\\.kubernetes\\.io/part-of,"
                             "RELEASE:.metadata.annotations.meta\\.helm\\.sh/release-name",
                             "--no-headers", check=False).stdout
    assert len(listed.splitlines()) > 20, "nothing was listed"
    return [line for line in listed.splitlines()
            if re.search(rf"\b{INJECTOR}\b|\bsh\.helm\.release\.v1\.{RELEASE}\.", line)
            or line.split()[3:4] == ["dormouse"] or line.split()[4:5] == [RELEASE]]


def test_an_uninstall_leaves_nothing_and_disturbs_no_pod(cluster, story):
    assert len(objects_left(cluster)) > 8  # So that finding none means something.
    cluster.helm("uninstall", RELEASE, "--namespace", SPACE, "--wait")

    def nothing():
        left = objects_left(cluster)
        assert not left, "\n".join(left)
        return True
    wait_until(nothing, "no object of the chart is left", 60, every=2)
    assert story.target.fresh().status.phase == "Running"
    assert story.target.restarts() == {"dormouse": 0, "app": 0}
    assert not has_sidecar(story.new_pod("after-all"))
