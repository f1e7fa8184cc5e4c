"""Who may do what: every rule the chart makes, in every mode, and no other; and what its pods may."""

import itertools
import unittest

import golden
import tools

CA = ("", "secrets", "dormouse-injector-ca", "get update")
WEBHOOK = ("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "dormouse-injector",
           "get patch")
MISSED = {("", "namespaces", "", "list"), ("", "pods", "", "list")}
TOKEN = ("", "secrets", "dormouse", "get update")
DEVELOPER = {("", "pods", "", "get list watch"), ("", "pods/portforward", "", "create get"),
             ("", "services", "", "get list"), ("batch", "jobs", "", "get list"),
             *(("apps", kind, "", "get list")
               for kind in ("deployments", "statefulsets", "daemonsets", "replicasets")),
             ("", "secrets", "dormouse", "get")}
TEST = ("", "pods", "", "create")

FILES = {"mode": "files", "files": {
    "secretName": "tls", "caBundle": "-----BEGIN CERTIFICATE-----\neA==\n-----END CERTIFICATE-----"}}


def rules(role):
    """(group, resource, name, verbs) of each thing a role allows."""
    return {(group, resource, name, " ".join(sorted(rule["verbs"])))
            for rule in role["rules"]
            for group, resource, name in itertools.product(
                rule["apiGroups"], rule["resources"], rule.get("resourceNames", [""]))}


def granted(objects):
    """What each ServiceAccount may do: {account: {(namespace or "*", *rule), …}}."""
    roles = {(each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"]): rules(each)
             for each in objects if each["kind"] in ("Role", "ClusterRole")}
    result = {}
    for binding in objects:
        if binding["kind"] not in ("RoleBinding", "ClusterRoleBinding"):
            continue
        namespace = binding["metadata"].get("namespace")
        where = namespace if binding["roleRef"]["kind"] == "Role" else None
        for rule in roles[binding["roleRef"]["kind"], where, binding["roleRef"]["name"]]:
            for subject in binding["subjects"]:
                assert subject["kind"] == "ServiceAccount"
                account = (subject["namespace"], subject["name"])
                result.setdefault(account, set()).add((namespace or "*", *rule))
    return result


class Rights(unittest.TestCase):
    INJECTOR = ("dormouse", "dormouse-injector")
    HOOK = ("dormouse", "dormouse-test")

    def assertGranted(self, values, *expected):
        self.assertEqual({self.INJECTOR: set(expected), self.HOOK: {("dormouse-test", *TEST)}},
                         {self.INJECTOR: set(), **granted(tools.documents(values))})

    def test_by_default_its_ca_and_its_webhooks(self):
        self.assertGranted({}, ("dormouse", *CA), ("*", *WEBHOOK))

    def test_nothing_when_others_keep_the_certificate(self):
        self.assertGranted({"certificates": FILES})
        self.assertGranted({"certificates": {"mode": "cert-manager"}})

    def test_missed_pods_adds_two_lists(self):
        lists = [("*", *each) for each in MISSED]
        self.assertGranted({"missedPods": {"enabled": True}}, ("dormouse", *CA), ("*", *WEBHOOK), *lists)
        self.assertGranted({"missedPods": {"enabled": True}, "certificates": FILES}, *lists)

    def test_each_token_namespace_adds_its_secret_there(self):
        self.assertGranted({"tokens": {"namespaces": ["shop", "search"]}}, ("dormouse", *CA),
                           ("*", *WEBHOOK), ("shop", *TOKEN), ("search", *TOKEN))

    def test_the_developers_role_is_bound_to_nobody(self):
        objects = tools.documents({})
        role = tools.find(objects, "ClusterRole", "dormouse-developer")
        self.assertEqual(DEVELOPER, rules(role))
        self.assertNotIn("dormouse-developer", [each["roleRef"]["name"] for each in objects
                                                if "roleRef" in each])
        self.assertNotIn("rbac.authorization.k8s.io/aggregate-to-edit", role["metadata"]["labels"])

    def test_the_developers_role_grows_only_when_told(self):
        role = tools.find(tools.documents({"developerRole": {
            "name": "mirrorers", "ephemeralContainers": True, "aggregateTo": ["edit"]}}),
            "ClusterRole", "mirrorers")
        self.assertEqual(DEVELOPER | {("", "pods/ephemeralcontainers", "", "update")}, rules(role))
        self.assertEqual("true", role["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-edit"])
        self.assertNotIn("rbac.authorization.k8s.io/aggregate-to-admin", role["metadata"]["labels"])

    def test_no_case_uses_a_wildcard(self):
        for case in golden.cases():
            for line in (golden.GOLDEN / f"{case}.yaml").read_text().splitlines():
                self.assertNotRegex(line, r"(apiGroups|resources|verbs):.*\*", case)


class Secrets(unittest.TestCase):
    def test_they_are_rendered_without_data(self):
        objects = tools.documents({"tokens": {"namespaces": ["shop"]}})
        secrets = [each for each in objects if each["kind"] == "Secret"]
        self.assertEqual({("dormouse", "dormouse-injector-ca"), ("shop", "dormouse")},
                         {(each["metadata"]["namespace"], each["metadata"]["name"]) for each in secrets})
        for secret in secrets:
            self.assertFalse({"data", "stringData", "immutable"} & set(secret))
            # "keep" would leave it behind, a hook would make it anew.
            annotations = secret["metadata"].get("annotations", {})
            self.assertFalse([each for each in annotations if "helm.sh" in each])

    def test_that_of_the_tokens_tells_the_image(self):
        objects = tools.documents({"tokens": {"namespaces": ["shop"]}, "imageRegistry": "reg.example",
                                   "sidecar": {"image": {"tag": "7", "digest": "sha256:" + 64 * "0"}}})
        secret = tools.find(objects, "Secret", "dormouse")
        self.assertEqual({"dormouse.dev/sidecar-image":
                          "reg.example/dormouse-sidecar:7@sha256:" + 64 * "0"},
                         secret["metadata"]["annotations"])

    def test_there_is_none_when_others_keep_the_certificate(self):
        objects = tools.documents({"certificates": {"mode": "cert-manager"}})
        self.assertEqual([], [each for each in objects if each["kind"] == "Secret"])


class PodSecurity(unittest.TestCase):
    def pods(self):
        for case in golden.cases():
            if case == "files":
                continue  # It takes the user ids away, for a cluster that assigns them.
            for each in tools.yaml.safe_load_all((golden.GOLDEN / f"{case}.yaml").read_text()):
                if each and each["kind"] == "Deployment":
                    yield case, each["spec"]["template"]["spec"]
                elif each and each["kind"] == "Pod":
                    yield case, each["spec"]

    def test_every_pod_meets_the_restricted_profile_and_more(self):
        count = 0
        for case, pod in self.pods():
            count += 1
            with self.subTest(case):
                context = pod["securityContext"]
                self.assertTrue(context["runAsNonRoot"])
                self.assertEqual(65532, context["runAsUser"])
                self.assertEqual({"type": "RuntimeDefault"}, context["seccompProfile"])
                for key in ("hostNetwork", "hostPID", "hostIPC"):
                    self.assertNotIn(key, pod)
                self.assertLessEqual({name for each in pod.get("volumes", []) for name in each},
                                     {"name", "secret"})
                for container in pod.get("initContainers", []) + pod["containers"]:
                    context = container["securityContext"]
                    self.assertIs(False, context["allowPrivilegeEscalation"])
                    self.assertIs(True, context["readOnlyRootFilesystem"])
                    self.assertEqual({"drop": ["ALL"]}, context["capabilities"])
                    self.assertIn("memory", container["resources"]["limits"])
                    self.assertIn("cpu", container["resources"]["requests"])
        self.assertGreaterEqual(count, 6)


if __name__ == "__main__":
    tools.main(["helm"])
