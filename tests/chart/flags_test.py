"""The command lines in the chart: what values become, and whether the programs know the flags.

    flags_test.py [INJECTOR SIDECAR]

With the two programs' paths, every flag that any case renders must stand in their --help.
"""

import json
import re
import sys
import unittest

import yaml

import golden
import tools

PROGRAMS = {}


def containers(values):
    pod = tools.find(tools.documents(values), "Deployment", "dormouse-injector")
    pod = pod["spec"]["template"]["spec"]
    return pod["containers"][0], pod["initContainers"][0]


def arguments(values):
    injector, sidecar = containers(values)
    return injector["args"], sidecar["args"]


class CommandLines(unittest.TestCase):
    def test_every_ceiling_reaches_the_injector_and_the_check(self):
        injector, check = arguments({"sidecar": {"ceilings": {
            "allowPorts": [8080, 65535], "allowTo": ["10.0.0.0/8", "::/0"], "maxPercent": 5,
            "redactHeaders": ["cookie"], "maxMirrors": 2, "defaultTtl": "5m", "maxTtl": "1h"},
            "extraArgs": ["--device=eth 0"]}})
        both = ["--allow-port=8080", "--allow-port=65535", "--allow-to=10.0.0.0/8", "--allow-to=::/0",
                "--max-percent=5", "--redact-header=cookie"]
        passed_on = ["--max-mirrors=2", "--default-ttl=5m", "--max-ttl=1h", "--device=eth 0"]
        self.assertEqual([*both, *passed_on, "--version"], check)
        self.assertEqual([*both, *(f"--sidecar-arg={each}" for each in passed_on)], injector[-10:])

    def test_without_ceilings_no_flag_is_passed(self):
        injector, check = arguments({})
        self.assertEqual(["--version"], check)
        self.assertEqual([], [each for each in injector
                              if re.match("--(allow|max-percent|redact|sidecar-arg)", each)])

    def test_the_images(self):
        digest = "sha256:" + "0" * 64
        injector, sidecar = containers({
            "imageRegistry": "registry.example.com:5000", "image": {"tag": "1"},
            "sidecar": {"image": {"repository": "a/b", "digest": digest}}})
        self.assertEqual("registry.example.com:5000/dormouse-injector:1", injector["image"])
        expected = f"registry.example.com:5000/a/b:0.1.0@{digest}"
        self.assertEqual(expected, sidecar["image"])
        self.assertIn(f"--sidecar-image={expected}", injector["args"])

    def test_names_follow_the_release(self):
        objects = tools.documents({"tokens": {"namespaces": ["shop"]}}, release="blue", namespace="ops")
        injector = tools.find(objects, "Deployment", "blue-dormouse-injector")
        flags = injector["spec"]["template"]["spec"]["containers"][0]["args"]
        for kind, flag in (("Service", "service"), ("MutatingWebhookConfiguration", "webhook-config")):
            tools.find(objects, kind, "blue-dormouse-injector")
            self.assertIn(f"--{flag}=blue-dormouse-injector", flags)
        tools.find(objects, "Secret", "blue-dormouse-injector-ca")
        self.assertIn("--ca-secret=blue-dormouse-injector-ca", flags)
        # The sidecars mount this one by name, whatever the release is called.
        tools.find(objects, "Secret", "dormouse")
        self.assertIn("--token-secret=shop/dormouse", flags)

    def test_a_long_release_name_leaves_every_name_within_63_characters(self):
        objects = tools.documents({"certificates": {"mode": "cert-manager"}}, release="r" * 53)
        for each in objects:
            self.assertLessEqual(len(each["metadata"]["name"]), 63, each["kind"])

    def test_certificates_from_files(self):
        for certificates in ({"mode": "cert-manager"}, {"mode": "files", "files": {
                "secretName": "tls",
                "caBundle": "-----BEGIN CERTIFICATE-----\neA==\n-----END CERTIFICATE-----"}}):
            injector, _ = containers({"certificates": certificates})
            self.assertIn("--cert-mode=files", injector["args"])
            self.assertIn("--cert-file=/etc/dormouse/tls/tls.crt", injector["args"])
            self.assertIn("--key-file=/etc/dormouse/tls/tls.key", injector["args"])
            self.assertEqual("/etc/dormouse/tls", injector["volumeMounts"][0]["mountPath"])
            self.assertEqual([], [each for each in injector["args"] if "secret=" in each
                                  or "webhook-config" in each])

    def test_no_flag_is_rendered_twice_that_takes_one_value(self):
        repeated = {"--allow-port", "--allow-to", "--redact-header", "--sidecar-arg", "--token-secret",
                    "--exclude-namespace", "--sidecar-pull-secret"}
        for case in golden.cases():
            values = yaml.safe_load((golden.VALUES / f"{case}.yaml").read_text())
            name = values.get("fullnameOverride", "dormouse")
            pod = tools.find(tools.documents(values), "Deployment", f"{name}-injector")
            flags = [each.split("=")[0] for each in pod["spec"]["template"]["spec"]["containers"][0]["args"]]
            single = [each for each in flags if each not in repeated]
            self.assertEqual(sorted(set(single)), sorted(single), case)


class Programs(unittest.TestCase):
    def setUp(self):
        if not PROGRAMS:
            self.skipTest("no programs named on the command line")

    def rendered(self):
        for case in golden.cases():
            for each in yaml.safe_load_all((golden.GOLDEN / f"{case}.yaml").read_text()):
                if each and "job.json" in each.get("data", {}):
                    job = json.loads(each["data"]["job.json"])
                    yield [], job["spec"]["template"]["spec"]["containers"][0]["args"]
                if each and each["kind"] == "Deployment":
                    pod = each["spec"]["template"]["spec"]
                    yield pod["containers"][0]["args"], pod["initContainers"][0]["args"]

    def assertKnown(self, program, flags):
        shown = tools.run(PROGRAMS[program], "--help")
        self.assertEqual(0, shown.returncode, shown.stderr)
        known = set(re.findall(r"--[a-z][a-z0-9-]*", shown.stdout))
        self.assertEqual(set(), {each.split("=")[0] for each in flags} - known)

    def test_the_injector_knows_its_flags(self):
        self.assertKnown("injector", {flag for injector, _ in self.rendered() for flag in injector})

    def test_the_sidecar_knows_its_flags(self):
        self.assertKnown("sidecar", {flag for _, sidecar in self.rendered() for flag in sidecar})

    def test_the_check_refuses_a_flag_that_the_sidecar_does_not_know(self):
        for flag, code in (("--max-mirrors=8", 0), ("--max-mirror=8", 2), ("--max-percent=25", 0),
                           ("--redact-header=cookie", 0), ("--redact-header=content-length", 2)):
            self.assertEqual(code, tools.run(PROGRAMS["sidecar"], flag, "--version").returncode, flag)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        PROGRAMS = {"injector": sys.argv.pop(1), "sidecar": sys.argv.pop(1)}
    tools.main(["helm"])
