"""Case 1: the chart, installed with the built images."""

import base64
import socket
import ssl

from harness import node
from harness.cluster import CA_SECRET, INJECTOR, RELEASE, SPACE
from harness.run import wait_until


def test_both_injectors_are_ready(installed):
    installed.injectors_ready(2)
    for pod in installed.injectors():
        assert pod.spec.containers[0].image.startswith("dormouse-injector:")
        assert sum(each.restart_count for each in pod.status.container_statuses) == 0


def test_the_ca_is_in_its_secret_and_nowhere_rendered(installed):
    assert installed.ca_certificate().startswith("-----BEGIN CERTIFICATE-----")
    rendered = installed.helm("get", "manifest", RELEASE, "--namespace", SPACE).stdout
    assert CA_SECRET in rendered and "BEGIN" not in rendered and "ca.key" not in rendered


def test_every_webhook_trusts_the_ca(installed):
    webhooks = installed.webhooks()
    paths = {each.client_config.service.path for each in webhooks}
    assert paths == {"/mutate/privileged", "/mutate/baseline", "/mutate/restricted"}
    for each in webhooks:
        bundle = base64.b64decode(each.client_config.ca_bundle or "").decode()
        assert installed.ca_certificate() in bundle, each.name


def test_the_injector_serves_a_certificate_of_that_ca(installed, on_node):
    context = ssl.create_default_context(cadata=installed.ca_certificate())
    name = f"{INJECTOR}.{SPACE}.svc"
    for pod in installed.injectors():
        with socket.create_connection((pod.status.pod_ip, 10250), timeout=10) as plain:
            with context.wrap_socket(plain, server_hostname=name) as secured:
                assert secured.version() in ("TLSv1.2", "TLSv1.3")


def test_the_injector_is_not_root_and_has_no_capability(installed, on_node):
    for pod in installed.injectors():
        for pid in node.processes(pod, pod.spec.containers[0].name):
            status = node.fields(pid)
            assert status["Uid"].split() == ["65532"] * 4
            assert int(status["CapBnd"], 16) == 0 and int(status["CapPrm"], 16) == 0


def test_helm_test_passes_and_leaves_nothing(installed):
    done = installed.helm("test", RELEASE, "--namespace", SPACE, "--timeout", "150s")
    assert "Phase:          Succeeded" in done.stdout
    read = installed.core.read_namespace
    wait_until(lambda: not installed.exists(read, f"{RELEASE}-test"),
               "the test's namespace is gone", 60)
    assert not installed.exists(installed.core.read_namespaced_pod, f"{RELEASE}-test", SPACE)
