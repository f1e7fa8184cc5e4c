"""helm lint, and what Chart.yaml says of the chart."""

import re
import unittest

import yaml

import golden
import tools


class Lint(unittest.TestCase):
    def test_every_case_passes_strictly(self):
        for case in golden.cases():
            with self.subTest(case):
                made = tools.helm("lint", "--strict", tools.CHART, "--values",
                                  golden.VALUES / f"{case}.yaml")
                self.assertEqual(0, made.returncode, made.stdout + made.stderr)
                self.assertNotRegex(made.stdout, r"\[(ERROR|WARNING)\]")

    def test_without_a_cluster_to_ask_the_oldest_version_is_refused_by_name(self):
        made = tools.template("--kube-version", "1.27.0")
        self.assertNotEqual(0, made.returncode)
        self.assertIn("kubeVersion", made.stderr)
        self.assertEqual(0, tools.template("--kube-version", "1.28.0").returncode)
        self.assertEqual(0, tools.template("--kube-version", "1.34.2-gke.100").returncode)


class Metadata(unittest.TestCase):
    def setUp(self):
        self.chart = yaml.safe_load((tools.CHART / "Chart.yaml").read_text())

    def test_the_versions_are_the_projects(self):
        project = re.search(r"project\(dormouse VERSION (\S+)",
                            (tools.ROOT / "CMakeLists.txt").read_text())[1]
        self.assertEqual("dormouse", self.chart["name"])
        self.assertEqual(project, self.chart["version"])
        self.assertEqual(project, str(self.chart["appVersion"]))

    def test_artifact_hub_is_told_the_images_that_are_rendered(self):
        told = yaml.safe_load(self.chart["annotations"]["artifacthub.io/images"])
        pod = tools.find(tools.documents({}), "Deployment", "dormouse-injector")
        pod = pod["spec"]["template"]["spec"]
        rendered = {each["image"] for each in pod["containers"] + pod["initContainers"]}
        self.assertEqual(rendered, {each["image"] for each in told})
        self.assertEqual("Apache-2.0", self.chart["annotations"]["artifacthub.io/license"])
        self.assertTrue(yaml.safe_load(self.chart["annotations"]["artifacthub.io/changes"]))


if __name__ == "__main__":
    tools.main(["helm"])
