"""values.schema.json takes good values, refuses bad ones by name, and knows every key there is."""

import json
import re
import unittest

import yaml

import golden
import tools

# Values, the place of the fault as the error gives it, and a word of what is wrong.
BAD = [
    ({"replica": 2}, "''", "replica"),
    ({"replicas": "two"}, "/replicas", "integer"),
    ({"replicas": 0}, "/replicas", "minimum"),
    ({"replicas": None}, "''", "replicas"),
    ({"image": {"name": "x"}}, "/image", "name"),
    ({"image": {"digest": "sha256:12"}}, "/image/digest", "pattern"),
    ({"image": {"repository": "a b"}}, "/image/repository", "pattern"),
    ({"image": {"pullPolicy": "Sometimes"}}, "/image/pullPolicy", "Always"),
    ({"image": None}, "''", "image"),
    ({"imagePullSecrets": ["registry"]}, "/imagePullSecrets/0", "object"),
    ({"logLevel": "verbose"}, "/logLevel", "debug"),
    ({"resources": {"limits": {"memory": "lots"}}}, "/resources/limits/memory", "pattern"),
    ({"resources": {"limit": {}}}, "/resources", "limit"),
    ({"podLabels": {"app.kubernetes.io/name": "x"}}, "/podLabels", "app.kubernetes.io/name"),
    ({"podLabels": {"a": 1}}, "/podLabels/a", "string"),
    ({"podAnnotations": {"a": True}}, "/podAnnotations/a", "string"),
    ({"serviceAccount": {"create": False}}, "/serviceAccount/name", "minLength"),
    ({"podDisruptionBudget": {"maxUnavailable": 0}}, "/podDisruptionBudget/maxUnavailable", "minimum"),
    ({"podDisruptionBudget": {"maxUnavailable": "1"}}, "/podDisruptionBudget/maxUnavailable", "pattern"),
    ({"injection": {"mode": "everything"}}, "/injection/mode", "labelled"),
    ({"injection": {"excludedNamespaces": ["Shop"]}}, "/injection/excludedNamespaces/0", "pattern"),
    ({"podSecurity": {"default": "strict"}}, "/podSecurity/default", "baseline"),
    ({"webhook": {"failurePolicy": "ignore"}}, "/webhook/failurePolicy", "Ignore"),
    ({"webhook": {"timeoutSeconds": 31}}, "/webhook/timeoutSeconds", "maximum"),
    ({"sidecar": {"native": True}}, "/sidecar/native", "string"),
    ({"sidecar": {"native": "yes"}}, "/sidecar/native", "auto"),
    ({"sidecar": {"controlPort": 80}}, "/sidecar/controlPort", "minimum"),
    ({"sidecar": {"resources": {"limits": {"memory": None}}}}, "/sidecar/resources/limits", "memory"),
    ({"sidecar": {"ceilings": {"allowPorts": [70000]}}}, "/sidecar/ceilings/allowPorts/0", "maximum"),
    ({"sidecar": {"ceilings": {"allowPorts": ["http"]}}}, "/sidecar/ceilings/allowPorts/0", "integer"),
    ({"sidecar": {"ceilings": {"allowTo": ["10.0.0.1"]}}}, "/sidecar/ceilings/allowTo/0", "pattern"),
    ({"sidecar": {"ceilings": {"allowTo": ["10.0.0.0/33"]}}}, "/sidecar/ceilings/allowTo/0", "pattern"),
    ({"sidecar": {"ceilings": {"allowTo": ["fd00::/129"]}}}, "/sidecar/ceilings/allowTo/0", "pattern"),
    ({"sidecar": {"ceilings": {"maxPercent": 101}}}, "/sidecar/ceilings/maxPercent", "maximum"),
    ({"sidecar": {"ceilings": {"redactHeaders": ["a b"]}}}, "/sidecar/ceilings/redactHeaders/0", "pattern"),
    ({"sidecar": {"ceilings": {"maxMirrors": 65}}}, "/sidecar/ceilings/maxMirrors", "maximum"),
    ({"sidecar": {"ceilings": {"maxTtl": "8 hours"}}}, "/sidecar/ceilings/maxTtl", "pattern"),
    ({"sidecar": {"ceilings": {"allowport": []}}}, "/sidecar/ceilings", "allowport"),
    ({"sidecar": {"extraArgs": ["log-level=debug"]}}, "/sidecar/extraArgs/0", "pattern"),
    ({"tokens": {"namespaces": ["shop", "shop"]}}, "/tokens/namespaces", "equal"),
    ({"tokens": {"namespaces": "shop"}}, "/tokens/namespaces", "array"),
    ({"developerRole": {"aggregateTo": ["view"]}}, "/developerRole/aggregateTo/0", "edit"),
    ({"developerRole": {"name": ""}}, "/developerRole/name", "minLength"),
    ({"certificates": {"mode": "vault"}}, "/certificates/mode", "cert-manager"),
    ({"certificates": {"mode": "files"}}, "/certificates/files/secretName", "minLength"),
    ({"certificates": {"mode": "files", "files": {"secretName": "tls", "caBundle": "x"}}},
     "/certificates/files/caBundle", "pattern"),
    ({"certificates": {"certManager": {"duration": "90 days"}}},
     "/certificates/certManager/duration", "pattern"),
    ({"nodeJob": {"enabled": "yes"}}, "/nodeJob/enabled", "boolean"),
    ({"nodeJob": {"namespace": "other"}}, "/nodeJob", "namespace"),
    ({"nodeJob": {"podLogs": "var/log"}}, "/nodeJob/podLogs", "pattern"),
    ({"nodeJob": {"podLogs": "/var/log pods"}}, "/nodeJob/podLogs", "pattern"),
    ({"nodeJob": {"activeDeadlineSeconds": 0}}, "/nodeJob/activeDeadlineSeconds", "minimum"),
    ({"nodeJob": {"ttlSecondsAfterFinished": -1}}, "/nodeJob/ttlSecondsAfterFinished", "minimum"),
    ({"networkPolicy": {"apiServerPorts": []}}, "/networkPolicy/apiServerPorts", "minItems"),
    ({"networkPolicy": {"apiServerCIDRs": ["any"]}}, "/networkPolicy/apiServerCIDRs/0", "pattern"),
    ({"missedPods": True}, "/missedPods", "object"),
]

GOOD = [
    {"global": {"anything": 1}, "enabled": True},
    {"resources": {"limits": {"cpu": 0.5, "memory": None}}},
    {"sidecar": {"maxLimits": {"cpu": 2, "memory": 536870912}}},
    {"sidecar": {"ceilings": {"allowTo": ["0.0.0.0/0", "::/0", "2001:db8::1/128", "::ffff:10.0.0.0/104"]}}},
    {"sidecar": {"ceilings": {"maxTtl": "90s", "maxPercent": 1, "maxMirrors": 64}}},
    {"podDisruptionBudget": {"maxUnavailable": "25%"}},
    {"podSecurityContext": {"runAsUser": None, "fsGroup": 2000}},
]


class Values(unittest.TestCase):
    def test_bad_ones_are_refused_by_name(self):
        for values, place, word in BAD:
            with self.subTest(json.dumps(values)):
                with self.assertRaises(ValueError) as refused:
                    tools.documents(values)
                error = str(refused.exception)
                self.assertRegex(error, re.escape(f"at '{place.strip(chr(39))}"))
                self.assertIn(word, error)

    def test_good_ones_are_taken(self):
        for values in GOOD:
            with self.subTest(json.dumps(values)):
                self.assertTrue(tools.documents(values))

    def test_null_takes_any_map_or_list_away(self):
        schema = json.loads((tools.CHART / "values.schema.json").read_text())
        values = yaml.safe_load((tools.CHART / "values.yaml").read_text())
        nothing = {}
        for key, _, default in golden.leaves(schema, values, schema):
            if isinstance(default, (dict, list)):
                *parents, last = key.split(".")
                place = nothing
                for parent in parents:
                    place = place.setdefault(parent, {})
                place[last] = None
        self.assertGreater(len(nothing), 15)
        for each in ({}, {"certificates": {"mode": "cert-manager"}}):
            self.assertTrue(tools.documents({**nothing, **each}))

    def test_a_flag_on_the_command_line_is_checked_too(self):
        made = tools.template("--set", "webhook.failurPolicy=Fail")
        self.assertNotEqual(0, made.returncode)
        self.assertIn("failurPolicy", made.stderr)


class Schema(unittest.TestCase):
    def setUp(self):
        self.schema = json.loads((tools.CHART / "values.schema.json").read_text())
        self.values = yaml.safe_load((tools.CHART / "values.yaml").read_text())

    def test_it_is_draft_7_and_closed_wherever_it_names_keys(self):
        self.assertEqual("http://json-schema.org/draft-07/schema#", self.schema["$schema"])

        def closed(schema, path):
            if "properties" in schema:
                self.assertIs(False, schema["additionalProperties"], path)
                for name, each in schema["properties"].items():
                    self.assertTrue(each.get("description"), f"{path}.{name} has no description")
                    closed(each, f"{path}.{name}")
        closed(self.schema, "")

    def test_it_knows_the_keys_of_values_yaml_and_no_others(self):
        def keys(value, schema, path=""):
            for name, each in value.items():
                self.assertIn(name, schema["properties"], path)
                if "properties" in schema["properties"][name]:
                    keys(each, schema["properties"][name], f"{path}.{name}")
            missing = set(schema["properties"]) - set(value)
            self.assertEqual(set(), missing - UNSET.get(path, set()), path)
        UNSET = {"": {"enabled", "global"}, ".resources.limits": {"cpu"}}
        keys(self.values, self.schema)

    def test_the_readmes_table_is_made_of_it(self):
        self.assertEqual(golden.readme(), golden.README.read_text(), "make golden renews it")
        self.assertGreater(len(golden.table().splitlines()), 80)

    def test_every_value_is_read_by_a_template(self):
        text = "".join(path.read_text() for path in (tools.CHART / "templates").rglob("*")
                       if path.is_file())
        for key, _, _ in golden.leaves(self.schema, self.values, self.schema):
            if key in ("enabled", "global"):
                continue
            # A template may read a whole object (`with`, toYaml), so any part of the path will do.
            parts = key.split(".")
            self.assertTrue(any(".".join(parts[:end]) in text for end in range(len(parts), 0, -1)
                                if end > 1 or len(parts) == 1), key)


if __name__ == "__main__":
    tools.main(["helm"])
