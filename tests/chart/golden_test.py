"""What the chart renders is what the golden files say, byte for byte, however often it is asked."""

import re
import unittest

import golden
import tools


class Golden(unittest.TestCase):
    maxDiff = None

    def test_renders(self):
        for case in golden.cases():
            with self.subTest(case):
                expected = (golden.GOLDEN / f"{case}.yaml").read_text()
                self.assertMultiLineEqual(expected, golden.render(case), "make golden renews it")

    def test_notes(self):
        for case in golden.cases():
            with self.subTest(case):
                expected = (golden.GOLDEN / f"{case}.notes.txt").read_text()
                self.assertMultiLineEqual(expected, golden.notes(case), "make golden renews it")

    def test_each_golden_file_has_its_case(self):
        expected = {f"{case}.{end}" for case in golden.cases() for end in ("yaml", "notes.txt")}
        self.assertEqual(expected, {path.name for path in golden.GOLDEN.iterdir()})

    def test_twice_gives_the_same_bytes(self):
        for case in golden.cases():
            with self.subTest(case):
                self.assertEqual(golden.render(case), golden.render(case))

    def test_nothing_is_asked_of_chance_time_or_cluster(self):
        unsteady = re.compile(r"\b(lookup|rand\w*|uuidv4|now|gen(CA|PrivateKey|SelfSigned|Signed)\w*"
                              r"|htpasswd|bcrypt|derivePassword|getHostByName|env|expandenv)\b")
        for path in (tools.CHART / "templates").rglob("*"):
            if path.is_file():
                with self.subTest(path.name):
                    for action in re.findall(r"\{\{-?\s*(?!/\*)(.*?)\}\}", path.read_text()):
                        # What stands in quotes is text, not a function.
                        self.assertNotRegex(re.sub(r'"[^"]*"', '""', action), unsteady)

    def test_every_template_is_rendered_by_some_case(self):
        text = "".join((golden.GOLDEN / f"{case}.yaml").read_text() for case in golden.cases())
        for path in (tools.CHART / "templates").rglob("*.yaml"):
            self.assertIn(f"# Source: dormouse/{path.relative_to(tools.CHART)}\n", text)


if __name__ == "__main__":
    tools.main(["helm"])
