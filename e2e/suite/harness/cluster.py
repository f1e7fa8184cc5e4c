"""The cluster under test: its API, kubectl and helm."""

import base64
import contextlib
import os
import pathlib
import socket
import uuid

import kubernetes

from . import manifests
from .run import run, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[3]
CHART = ROOT / "chart"
RELEASE = SPACE = "dormouse"  # The release, and the namespace it is in.
INJECTOR = "dormouse-injector"  # Deployment, webhook configuration and ClusterRole.
CA_SECRET = "dormouse-injector-ca"
COMPONENT = "app.kubernetes.io/component=injector"
INJECTION = {"dormouse.dev/injection": "enabled"}
ENFORCE = "pod-security.kubernetes.io/enforce"
TOKENS = {name: f"{name}-{uuid.uuid4().hex}" for name in ("ana", "ben", "cid")}


class Cluster:
    """Made once a session. Everything by name; nothing is remembered of objects."""

    def __init__(self, kubeconfig):
        self.kubeconfig = str(kubeconfig)
        self.environment = dict(os.environ, KUBECONFIG=self.kubeconfig)
        kubernetes.config.load_kube_config(self.kubeconfig)
        self.core = kubernetes.client.CoreV1Api()
        self.apps = kubernetes.client.AppsV1Api()
        self.batch = kubernetes.client.BatchV1Api()
        self.admission = kubernetes.client.AdmissionregistrationV1Api()
        self.policy = kubernetes.client.PolicyV1Api()

    def kubectl(self, *arguments, **options):
        return run("kubectl", *arguments, env=self.environment, **options)

    def helm(self, *arguments, **options):
        options.setdefault("seconds", 180)
        return run("helm", *arguments, env=self.environment, **options)

    # --- namespaces -----------------------------------------------------------------------------

    @contextlib.contextmanager
    def namespace(self, prefix, labels=None, tokens=True):
        """A namespace with the Secret of all developers' tokens; deleted after, without waiting."""
        name = f"{prefix}-{uuid.uuid4().hex[:6]}"
        self.core.create_namespace({"metadata": {"name": name, "labels": labels or {}}})
        try:
            if tokens:
                self.set_tokens(name, TOKENS)
            # Pods cannot be created before it is there.
            wait_until(lambda: self.exists(self.core.read_namespaced_service_account, "default", name),
                       f"the default ServiceAccount of {name}")
            yield name
        finally:
            if not os.environ.get("E2E_KEEP"):
                self.core.delete_namespace(name, grace_period_seconds=0)

    def set_tokens(self, namespace, tokens):
        """Makes the Secret `dormouse`, or replaces what is in it."""
        data = {name: base64.b64encode(token.encode()).decode() for name, token in tokens.items()}
        secret = {"metadata": {"name": "dormouse"}, "data": data}
        try:
            self.core.create_namespaced_secret(namespace, secret)
        except kubernetes.client.ApiException as error:
            if error.status != 409:
                raise
            self.core.replace_namespaced_secret("dormouse", namespace, secret)

    # --- reading --------------------------------------------------------------------------------

    @staticmethod
    def exists(read, *arguments):
        """What `read` returns, or None if the API server says 404."""
        try:
            return read(*arguments)
        except kubernetes.client.ApiException as error:
            if error.status == 404:
                return None
            raise

    def pod(self, namespace, name):
        return self.core.read_namespaced_pod(name, namespace)

    def pods(self, namespace, selector=""):
        """Pods that are not on their way out."""
        listed = self.core.list_namespaced_pod(namespace, label_selector=selector).items
        return [pod for pod in listed if pod.metadata.deletion_timestamp is None]

    def ready(self, namespace, name, seconds=60):
        """Waits until the pod is ready, and returns it."""
        return self.all_ready(namespace, [name], seconds)[0]

    def all_ready(self, namespace, names, seconds=60):
        def reached():
            pods = [self.pod(namespace, name) for name in names]
            waiting = [f"{pod.metadata.name}: {summary(pod)}" for pod in pods if not is_ready(pod)]
            assert not waiting, "; ".join(waiting)
            return pods
        return wait_until(reached, f"{', '.join(names)} in {namespace} are ready", seconds, every=0.5)

    def injectors(self):
        return self.pods(SPACE, COMPONENT)

    def injectors_ready(self, count=2, seconds=90):
        """Waits until exactly so many injectors run, all of the newest revision, ready and reachable
        through the Service, and none is on its way out any more."""
        def reached():
            status = self.apps.read_namespaced_deployment(INJECTOR, SPACE)
            assert status.status.observed_generation == status.metadata.generation
            assert status.status.updated_replicas == status.status.ready_replicas == count
            pods = self.core.list_namespaced_pod(SPACE, label_selector=COMPONENT).items
            assert len(pods) == count and all(is_ready(pod) for pod in pods), \
                [f"{pod.metadata.name}: {summary(pod)}" for pod in pods]
            slices = kubernetes.client.DiscoveryV1Api().list_namespaced_endpoint_slice(
                SPACE, label_selector=f"kubernetes.io/service-name={INJECTOR}").items
            addresses = {address for each in slices for endpoint in each.endpoints or []
                         if endpoint.conditions.ready for address in endpoint.addresses}
            assert addresses == {pod.status.pod_ip for pod in pods}, addresses
            return True
        wait_until(reached, f"{count} injectors are ready", seconds, every=0.5)

    def injects(self, namespace, seconds=30):
        """Waits until API servers reach every injector: kube-proxy learns later than the endpoints
        are ready. Ten dry runs in a row then get the sidecar."""
        def reached():
            for number in range(10):
                pod = self.core.create_namespaced_pod(namespace, manifests.pod(f"probe-{number}"),
                                                      dry_run="All")
                assert manifests.has_sidecar(pod)
            return True
        wait_until(reached, f"pods of {namespace} are injected", seconds)

    def webhooks(self):
        return self.admission.read_mutating_webhook_configuration(INJECTOR).webhooks

    def ca_certificate(self):
        data = self.core.read_namespaced_secret(CA_SECRET, SPACE).data or {}
        return base64.b64decode(data.get("ca.crt", "")).decode()

    def address_of_this_machine(self):
        """The address of this machine on the way to the node; pods reach it too."""
        node = self.core.list_node().items[0]
        address = next(each.address for each in node.status.addresses if each.type == "InternalIP")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 9))
            return probe.getsockname()[0]


def is_ready(pod):
    return any(each.type == "Ready" and each.status == "True" for each in pod.status.conditions or [])


def summary(pod):
    """A word or two on why a pod is not ready."""
    states = [each.state for each in (pod.status.init_container_statuses or [])
              + (pod.status.container_statuses or [])]
    reasons = [state.waiting.reason for state in states if state and state.waiting]
    return f"{pod.status.phase} {pod.status.reason or ''} {' '.join(map(str, reasons))}".strip()
