"""Node Jobs: what is rendered for them, when, and that the policies pin what the ConfigMap says."""

import json
import re
import unittest

import tools

POLICIES = {"dormouse-node-job", "dormouse-node-pod", "dormouse-node-entry"}
ON = {"nodeJob": {"enabled": True}}


def rendered(values):
    return tools.documents({**ON, **values})


def job_of(objects):
    return json.loads(tools.find(objects, "ConfigMap", "dormouse-node-job")["data"]["job.json"])


def expressions(objects, name):
    policy = tools.find(objects, "ValidatingAdmissionPolicy", name)
    return "\n".join(each["expression"] for each in policy["spec"]["validations"])


class NodeJob(unittest.TestCase):
    def test_by_default_there_is_nothing_of_it(self):
        for each in tools.documents({}):
            self.assertNotIn(each["kind"], ("ValidatingAdmissionPolicy", "ConfigMap"))
            self.assertNotIn("dormouse-node", json.dumps(each["metadata"]))

    def test_a_cluster_without_the_policies_api_is_refused(self):
        made = tools.template("--kube-version", "1.29.9", "--set", "nodeJob.enabled=true")
        self.assertNotEqual(0, made.returncode)
        self.assertIn("nodeJob.enabled needs Kubernetes 1.30", made.stderr)
        made = tools.template("--kube-version", "1.30.0-gke.1", "--set", "nodeJob.enabled=true")
        self.assertEqual(0, made.returncode, made.stderr)

    def test_each_policy_is_in_force_and_fails_closed(self):
        objects = rendered({})
        policies = {each["metadata"]["name"]: each["spec"] for each in objects
                    if each["kind"] == "ValidatingAdmissionPolicy"}
        bindings = {each["spec"]["policyName"]: each["spec"] for each in objects
                    if each["kind"] == "ValidatingAdmissionPolicyBinding"}
        self.assertEqual(POLICIES, set(policies))
        self.assertEqual(POLICIES, set(bindings))
        for name in POLICIES:
            self.assertEqual("Fail", policies[name]["failurePolicy"])
            self.assertEqual(["Deny"], bindings[name]["validationActions"])
            self.assertNotIn("matchResources", bindings[name])
            constraints = policies[name]["matchConstraints"]
            self.assertEqual({"matchLabels": {"kubernetes.io/metadata.name": "dormouse-node"}},
                             constraints["namespaceSelector"])
            self.assertEqual({"namespaceSelector", "resourceRules"}, set(constraints))

    def test_the_role_is_bound_to_nobody_and_has_no_more_than_it_needs(self):
        objects = rendered({})
        role = tools.find(objects, "Role", "dormouse-node-developer")
        self.assertEqual([
            {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["dormouse-node-job"],
             "verbs": ["get"]},
            {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create", "get", "delete"]},
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}], role["rules"])
        self.assertNotIn("dormouse-node-developer", [each["roleRef"]["name"] for each in objects
                                                     if "roleRef" in each])
        self.assertEqual([], [each["kind"] for each in objects
                              if each["metadata"].get("namespace") == "dormouse-node"
                              and each["kind"] not in ("ConfigMap", "Role")])

    def test_what_the_config_map_says_is_what_the_policies_pin(self):
        objects = rendered({
            "imageRegistry": "registry.example.com", "nodeJob": {"enabled": True, "podLogs": "/logs"},
            "sidecar": {"ceilings": {"allowPorts": [8080], "maxPercent": 5, "maxTtl": "1h"},
                        "resources": {"limits": {"cpu": 2, "memory": "1Gi"}},
                        "extraArgs": ['--device=a "b"']}})
        container, = job_of(objects)["spec"]["template"]["spec"]["containers"]
        self.assertEqual(["--enter-pod-logs=/logs", "--allow-port=8080", "--max-percent=5",
                          "--max-ttl=1h", '--device=a "b"'], container["args"])
        for name in ("dormouse-node-job", "dormouse-node-pod"):
            text = expressions(objects, name)
            self.assertIn(f'variables.container.image == "{container["image"]}"', text)
            self.assertIn(f"variables.args.size() == {6 + len(container['args'])} ", text)
            for place, argument in enumerate(container["args"], 6):
                self.assertIn(f"variables.args[{place}] == {json.dumps(argument)}", text)
            for limit in ("2", "1Gi"):
                self.assertIn(f'quantity("{limit}")', text)
            capabilities = container["securityContext"]["capabilities"]
            self.assertIn(f'{{"drop": ["ALL"], "add": {json.dumps(capabilities["add"])}}}', text)

    def test_both_policies_say_the_same_of_the_pod(self):
        objects = rendered({})
        job, pod = (expressions(objects, name).split("\n")
                    for name in ("dormouse-node-job", "dormouse-node-pod"))
        # All but the list of fields, which the API server adds to.
        self.assertEqual(7, len(set(job) & set(pod)))

    def test_only_what_is_new_or_changed_is_looked_at(self):
        """The controllers that finish and remove an older Job change its metadata alone."""
        objects = rendered({})
        for name, conditions in (("job", 1), ("pod", 1), ("entry", 0)):
            spec = tools.find(objects, "ValidatingAdmissionPolicy", f"dormouse-node-{name}")["spec"]
            self.assertEqual(["request.operation == \"CREATE\" || object.spec != oldObject.spec"] * conditions,
                             [each["expression"] for each in spec.get("matchConditions", [])])

    def test_without_ceilings_the_agent_gets_no_more_flags(self):
        objects = rendered({})
        container, = job_of(objects)["spec"]["template"]["spec"]["containers"]
        self.assertEqual([], container["args"])
        self.assertIn("variables.args.size() == 6 ", expressions(objects, "dormouse-node-job"))

    def test_the_jobs_pod_has_no_volume_no_token_and_no_more_rights(self):
        pod = job_of(rendered({}))["spec"]["template"]["spec"]
        for absent in ("volumes", "hostNetwork", "hostIPC", "serviceAccountName", "initContainers"):
            self.assertNotIn(absent, pod)
        self.assertIs(False, pod["automountServiceAccountToken"])
        container, = pod["containers"]
        for absent in ("env", "envFrom", "volumeMounts", "command", "ports"):
            self.assertNotIn(absent, container)
        context = container["securityContext"]
        self.assertNotIn("privileged", context)
        self.assertEqual({"drop": ["ALL"], "add": ["NET_RAW", "SETGID", "SETPCAP", "SETUID", "SYS_ADMIN",
                                                   "SYS_PTRACE"]}, context["capabilities"])
        self.assertIs(False, context["allowPrivilegeEscalation"])
        self.assertIs(True, context["readOnlyRootFilesystem"])

    def test_messages_are_short_enough_for_the_api(self):
        for each in rendered({}):
            for validation in each.get("spec", {}).get("validations", []):
                self.assertTrue(validation["message"])
                self.assertNotRegex(validation["message"], re.compile(r"\n"))


if __name__ == "__main__":
    tools.main(["helm"])
