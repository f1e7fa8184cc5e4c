"""A pod with the test app, and a client pod that asks it."""

import json

from . import manifests
from .run import wait_until
from .sidecar import sidecar_of


class Target:
    """A running pod of the test app. `pod` is the API's object as it was when ready."""

    def __init__(self, cluster, namespace, pod):
        self.cluster, self.namespace, self.pod = cluster, namespace, pod
        self.name, self.ip = pod.metadata.name, pod.status.pod_ip
        self.url = f"http://{self.ip}:{manifests.PORT}"

    def fresh(self):
        return self.cluster.pod(self.namespace, self.name)

    def sidecar(self, developer="ana", keep=False):
        """The control API, while the context lasts; the mirrors end with it, unless `keep`."""
        status = json.loads(self.pod.metadata.annotations["dormouse.dev/status"])
        return sidecar_of(self.cluster, self.namespace, self.name, developer, status["controlPort"],
                          keep)

    def connections(self):
        """What the app knows of its connections: remote, bytes, sha256, open, reset."""
        path = f"/api/v1/namespaces/{self.namespace}/pods/{self.name}:{manifests.ADMIN_PORT}/proxy"
        return json.loads(self.cluster.kubectl("get", "--raw", f"{path}/connections").stdout)

    def digests(self, since=0):
        """SHA-256 of what each connection brought, sorted. Waits until all have ended: a mirror may
        know of an end before the app has read it."""
        def ended():
            connections = self.connections()[since:]
            assert not any(each["open"] for each in connections), "a connection is open still"
            return [connections]
        connections, = wait_until(ended, "the app's connections have ended", 20)
        return sorted(each["sha256"] for each in connections)

    def restarts(self):
        status = self.fresh().status
        return {each.name: each.restart_count for each in
                (status.init_container_statuses or []) + status.container_statuses}


class Client:
    """A pod, without the sidecar, that sends requests to targets."""

    def __init__(self, cluster, namespace, name="client"):
        self.cluster, self.namespace, self.name = cluster, namespace, name

    @staticmethod
    def manifest(name="client"):
        return manifests.pod(name, labels={})

    def load(self, target, requests, per_connection=10, parallel=4, seconds=120, check=True):
        """Sends requests, all of which must succeed; what `app load` printed."""
        done = self.cluster.kubectl(
            "--namespace", self.namespace, "exec", self.name, "--", "/app", "load",
            "--url", target.url, "--requests", requests, "--per-connection", per_connection,
            "--parallel", parallel, seconds=seconds, check=False)
        assert done.stdout, done.stderr
        outcome = json.loads(done.stdout)
        if check:
            assert (outcome["succeeded"], outcome["failed"]) == (requests, 0), outcome
        return outcome


def make_pods(cluster, namespace, *pods, seconds=60):
    """Creates pods, all at once, and waits until they are ready; the Targets in the same order."""
    for pod in pods:
        cluster.core.create_namespaced_pod(namespace, pod)
    names = [pod["metadata"]["name"] for pod in pods]
    return [Target(cluster, namespace, pod)
            for pod in cluster.all_ready(namespace, names, seconds)]
