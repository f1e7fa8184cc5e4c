"""Which pod reaches which path: the selectors, evaluated as the API server does."""

import base64
import itertools
import unittest

import tools

PROFILES = ("privileged", "baseline", "restricted")
ENFORCE = "pod-security.kubernetes.io/enforce"


def matches(selector, labels):
    """A LabelSelector, as in k8s.io/apimachinery/pkg/apis/meta/v1."""
    selector = selector or {}
    for key, value in selector.get("matchLabels", {}).items():
        if labels.get(key) != value:
            return False
    for each in selector.get("matchExpressions", []):
        present = labels.get(each["key"])
        if each["operator"] == "In" and present not in each["values"]:
            return False
        if each["operator"] == "NotIn" and present in each["values"]:
            return False
        if each["operator"] not in ("In", "NotIn"):
            raise AssertionError(each["operator"])
    return True


def conditions(webhook, namespace, pod):
    """The matchConditions of this chart, of which each is known here by its name and its text."""
    metadata = pod.get("metadata", {})
    known = {
        ("not-in-a-namespace-of-kubernetes", "!request.namespace.startsWith('kube-')"):
            not namespace.startswith("kube-"),
        ("not-a-mirror-pod", "!has(object.metadata.annotations) || "
         "!('kubernetes.io/config.mirror' in object.metadata.annotations)"):
            "kubernetes.io/config.mirror" not in metadata.get("annotations", {}),
        ("not-opted-out", "!has(object.metadata.labels) || "
         "!('dormouse.dev/inject' in object.metadata.labels) || "
         "object.metadata.labels['dormouse.dev/inject'] != 'false'"):
            metadata.get("labels", {}).get("dormouse.dev/inject") != "false",
    }
    return all(known[each["name"], each["expression"]] for each in webhook["matchConditions"])


class Webhooks(unittest.TestCase):
    def paths(self, values, namespace="shop", labels=None, pod=None):
        """The paths that a pod's review is sent to."""
        labels = {"dormouse.dev/injection": "enabled", **(labels or {}),
                  "kubernetes.io/metadata.name": namespace}
        pod = {"metadata": {"labels": {"dormouse.dev/inject": "true"}}} if pod is None else pod
        configuration = tools.find(self.rendered(values), "MutatingWebhookConfiguration",
                                   "dormouse-injector")
        self.assertEqual(3, len(configuration["webhooks"]))
        return [each["clientConfig"]["service"]["path"] for each in configuration["webhooks"]
                if matches(each["namespaceSelector"], labels)
                and matches(each.get("objectSelector"), pod.get("metadata", {}).get("labels", {}))
                and conditions(each, namespace, pod)]

    CACHE = {}

    def rendered(self, values):
        key = repr(values)
        if key not in self.CACHE:
            self.CACHE[key] = tools.documents(values)
        return self.CACHE[key]

    def test_each_namespace_meets_exactly_the_path_of_its_profile(self):
        for default, enforced in itertools.product(PROFILES, (*PROFILES, None)):
            with self.subTest(default=default, enforced=enforced):
                self.assertEqual([f"/mutate/{enforced or default}"],
                                 self.paths({"podSecurity": {"default": default}},
                                            labels={ENFORCE: enforced} if enforced else {}))

    def test_only_the_enforce_label_counts(self):
        self.assertEqual(["/mutate/baseline"], self.paths({}, labels={
            "pod-security.kubernetes.io/warn": "restricted",
            "pod-security.kubernetes.io/audit": "privileged"}))

    def test_namespaces_must_opt_in(self):
        for value in ("disabled", "Enabled", "", None):
            self.assertEqual([], self.paths({}, labels={"dormouse.dev/injection": value}), value)

    def test_pods_must_opt_in(self):
        pods = [({"labels": {"dormouse.dev/inject": "true"}}, True, True),
                ({"labels": {"dormouse.dev/inject": "false"}}, False, False),
                ({"labels": {"dormouse.dev/inject": "yes"}}, False, True),
                ({"labels": {}}, False, True), ({}, False, True)]
        for metadata, labelled, everything in pods:
            with self.subTest(metadata=metadata):
                pod = {"metadata": metadata}
                self.assertEqual(labelled, bool(self.paths({}, pod=pod)))
                self.assertEqual(everything, bool(self.paths({"injection": {"mode": "all"}}, pod=pod)))

    def test_some_namespaces_are_left_alone(self):
        values = {"injection": {"excludedNamespaces": ["vault"]}}
        for namespace in ("kube-system", "kube-public", "kube-node-lease", "kube-x", "dormouse", "vault"):
            self.assertEqual([], self.paths(values, namespace=namespace), namespace)
        for namespace in ("kubernetes", "my-kube-system", "vault-2", "dormouse-test"):
            self.assertEqual(1, len(self.paths(values, namespace=namespace)), namespace)

    def test_mirror_pods_are_left_alone(self):
        metadata = {"labels": {"dormouse.dev/inject": "true"},
                    "annotations": {"kubernetes.io/config.mirror": "abc"}}
        self.assertEqual([], self.paths({}, pod={"metadata": metadata}))

    def test_the_test_namespace_would_be_injected(self):
        for default in PROFILES:
            values = {"podSecurity": {"default": default}}
            namespace = tools.find(self.rendered(values), "Namespace", "dormouse-test")
            expected = "baseline" if default == "restricted" else default
            self.assertEqual([f"/mutate/{expected}"], self.paths(
                values, namespace="dormouse-test", labels=namespace["metadata"]["labels"]))

    def test_the_rest_of_each_webhook(self):
        objects = self.rendered({})
        service = tools.find(objects, "Service", "dormouse-injector")
        self.assertIn(443, [each["port"] for each in service["spec"]["ports"]])
        configuration = tools.find(objects, "MutatingWebhookConfiguration", "dormouse-injector")
        for each in configuration["webhooks"]:
            self.assertEqual("Ignore", each["failurePolicy"])
            self.assertEqual("IfNeeded", each["reinvocationPolicy"])
            self.assertEqual("None", each["sideEffects"])
            self.assertEqual(3, each["timeoutSeconds"])
            self.assertEqual(["v1"], each["admissionReviewVersions"])
            self.assertEqual([{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"],
                               "resources": ["pods"], "scope": "Namespaced"}], each["rules"])
            self.assertEqual(("dormouse-injector", "dormouse", 443),
                             tuple(each["clientConfig"]["service"][key]
                                   for key in ("name", "namespace", "port")))


class CaBundle(unittest.TestCase):
    def configuration(self, certificates):
        return tools.find(tools.documents({"certificates": certificates}),
                          "MutatingWebhookConfiguration", "dormouse-injector")

    def test_it_is_left_to_whoever_keeps_it(self):
        for mode in ("self", "cert-manager"):
            for each in self.configuration({"mode": mode})["webhooks"]:
                self.assertNotIn("caBundle", each["clientConfig"], mode)

    def test_cert_manager_is_told_where_to_take_it_from(self):
        self.assertEqual({"cert-manager.io/inject-ca-from": "dormouse/dormouse-injector-tls"},
                         self.configuration({"mode": "cert-manager"})["metadata"]["annotations"])
        self.assertNotIn("annotations", self.configuration({"mode": "self"})["metadata"])

    def test_a_supplied_one_is_rendered(self):
        pem = "-----BEGIN CERTIFICATE-----\neA==\n-----END CERTIFICATE-----\n"
        for each in self.configuration({"mode": "files", "files": {
                "secretName": "tls", "caBundle": pem}})["webhooks"]:
            self.assertEqual(pem.encode(), base64.b64decode(each["clientConfig"]["caBundle"]))


if __name__ == "__main__":
    tools.main(["helm"])
