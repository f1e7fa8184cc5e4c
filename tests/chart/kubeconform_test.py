"""Everything the chart renders is valid for each supported version of Kubernetes, unknown fields refused.

The schemas are those of the API server itself (schemas/SOURCES.json, extract_schemas.py).
"""

import json
import unittest

import yaml

import golden
import tools

SCHEMAS = tools.HERE / "schemas"
VERSIONS = [f"v1.{minor}" for minor in range(28, 35)]
# Cases that the chart renders only for newer versions.
SINCE = {"node-job": "v1.30"}


def check(version, text):
    """kubeconform's verdict on each object of `text`."""
    locations = [f"{SCHEMAS}/{folder}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
                 for folder in (version, "custom")]
    made = tools.run(tools.tool("kubeconform"), "-strict", "-output", "json", "-verbose",
                     *(word for each in locations for word in ("-schema-location", each)), input=text)
    return json.loads(made.stdout)["resources"]


class Kubeconform(unittest.TestCase):
    def test_every_case_is_valid_for_every_version(self):
        kinds = set()
        for version in VERSIONS:
            for case in golden.cases():
                if version < SINCE.get(case, ""):
                    continue
                with self.subTest(version=version, case=case):
                    text = (golden.GOLDEN / f"{case}.yaml").read_text()
                    checked = check(version, text)
                    self.assertEqual(text.count("\nkind: "), len(checked))
                    for each in checked:
                        self.assertEqual("statusValid", each["status"], each)
                        kinds.add(each["kind"])
        # Every kind there is a schema for has been seen, Pod in the hook of `helm test`, and Job below.
        kinds.add("Job")
        known = {path.stem.split("-")[0] for path in SCHEMAS.rglob("*.json")}
        self.assertEqual(known - {"_definitions", "SOURCES"}, {kind.lower() for kind in kinds})

    def test_the_job_in_the_config_map_is_valid(self):
        """It is in there as the client finds it: without its name, and its node."""
        for each in yaml.safe_load_all((golden.GOLDEN / "node-job.yaml").read_text()):
            if each and each["kind"] == "ConfigMap":
                job = json.loads(each["data"]["job.json"])
        self.assertEqual("Job", job["kind"])
        for version in VERSIONS:
            if version >= SINCE["node-job"]:
                checked, = check(version, json.dumps(job))
                self.assertEqual("statusValid", checked["status"], checked)

    def test_the_versions_are_those_the_schemas_are_of(self):
        self.assertEqual(set(VERSIONS), {path.name for path in SCHEMAS.iterdir() if path.is_dir()} - {"custom"})

    def test_what_is_wrong_is_found(self):
        text = (golden.GOLDEN / "default.yaml").read_text()
        for good, bad, word in [
                ("  replicas: 2\n", "  replica: 2\n", "replica"),
                ("  replicas: 2\n", "  replicas: two\n", "replicas"),
                ("    sideEffects: None\n", "", "sideEffects"),
                ("              drop:\n", "              dropped:\n", "dropped"),
                ("      port: 443\n", "      port: https\n", "port")]:
            with self.subTest(bad):
                self.assertIn(good, text)
                wrong = [each for each in check("v1.34", text.replace(good, bad, 1))
                         if each["status"] != "statusValid"]
                self.assertEqual(1, len(wrong))
                self.assertIn(word, json.dumps(wrong))

    def test_an_unknown_kind_is_an_error(self):
        checked = check("v1.34", "apiVersion: v1\nkind: Pods\nmetadata: {name: x}\n")
        self.assertEqual(["statusError"], [each["status"] for each in checked])


if __name__ == "__main__":
    tools.main(["helm", "kubeconform"])
