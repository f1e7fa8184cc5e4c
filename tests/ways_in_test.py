#!/usr/bin/env python3
"""Checks that a case stands behind each cell of the table in docs/ways-in.md.

Reads the marks `@ways.states(WAY, ROW, TEXT)` of the cases in e2e/suite and tests/integration, and
fails if a word of a cell is in no case's text, or a text in no cell.
"""
import ast
import pathlib
import sys
import unittest

SOURCE = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(SOURCE / "tests/support"))
import ways  # noqa: E402  (found only now)

ADVICE = ("use it",)  # Rows that state no fact.


def marks(text):
    """Each mark in a source, as (way, row, text); faults of its form."""
    found, faults, decorators = [], [], set()
    tree = ast.parse(text)
    for function in (each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)):
        for call in filter(is_mark, function.decorator_list):
            decorators.add(call)
            if not function.name.startswith("test_"):
                faults.append(f"{function.name} is not a case")
            try:
                way, row, said = map(ast.literal_eval, call.args)
            except ValueError:
                faults.append(f"{function.name}: a mark has three literals")
            else:
                found.append((way, row, said))
    if any(is_mark(each) and each not in decorators for each in ast.walk(tree)):
        faults.append("a mark stands above no function")
    return found, faults


def is_mark(node):
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and \
        node.func.attr == "states"


def faults_of(table, marked):
    """What is wrong between the table and the cases' marks."""
    faults = [f"no cell says {text!r}: {row}, {way}" for way, row, text in sorted(marked)
              if text not in table.get(row, {}).get(way, "")]
    for row, cells in table.items():
        for way, said in cells.items():
            parts = [text for each, name, text in marked if (each, name) == (way, row)]
            left = [] if row in ADVICE else ways.uncovered(said, parts)
            if left or not said:
                faults.append(f"no case shows what {row}, {way} says: {said!r} (left: {left})")
    return faults


class Page(unittest.TestCase):
    def test_a_case_shows_each_cell(self):
        marked, faults = set(), []
        for folder in ("e2e/suite", "tests/integration"):
            for path in sorted((SOURCE / folder).glob("test_*.py")):
                found, wrong = marks(path.read_text())
                marked.update(found)
                faults += [f"{path.relative_to(SOURCE)}: {each}" for each in wrong]
        self.assertEqual([], faults + faults_of(ways.TABLE, marked))

    def test_the_table_is_the_one_that_the_helpers_read(self):
        self.assertEqual({"injected", "ephemeral", "node Job"}, set(ways.TABLE["command"]))
        self.assertLessEqual(set(ADVICE), set(ways.TABLE))
        for way in ways.TABLE["command"]:
            self.assertEqual(["pod/x", "8080:1"], ways.command(way, "x", 1)[-2:])
            self.assertIn({"apiGroups": [""], "resources": ["pods/portforward"], "verbs": ["create"]},
                          ways.rules(way)[None])


class Check(unittest.TestCase):
    """That it would find what it is there for."""

    TABLE = {"ends": {"a": "with the pod, or after 30 s"}, "use it": {"a": "at will"}}
    GOOD = {("a", "ends", "with the pod"), ("a", "ends", "after 30 s")}

    def test_all_is_shown(self):
        self.assertEqual([], faults_of(self.TABLE, self.GOOD))

    def test_a_changed_cell(self):
        changed = {**self.TABLE, "ends": {"a": "with the pod, or after 40 s"}}
        first, second = faults_of(changed, self.GOOD)
        self.assertIn("no cell says 'after 30 s'", first)
        self.assertIn("['after', '40', 's']", second)

    def test_a_word_more_and_a_row_more(self):
        for table in ({**self.TABLE, "ends": {"a": "not with the pod, or after 30 s"}},
                      {**self.TABLE, "ends": {"a": "with the pod, or after 30 s, mostly"}},
                      {**self.TABLE, "cost": {"a": "none"}}, {**self.TABLE, "cost": {"a": ""}}):
            self.assertEqual(1, len(faults_of(table, self.GOOD)), table)

    def test_a_way_and_a_mark_more(self):
        self.assertEqual(1, len(faults_of({**self.TABLE, "ends": {**self.TABLE["ends"], "b": "soon"}},
                                          self.GOOD)))
        self.assertEqual(1, len(faults_of(self.TABLE, {*self.GOOD, ("a", "begins", "soon")})))

    def test_marks_are_read(self):
        good = "@ways.states('a', 'b', 'c')\n@ways.states('a', 'b', 'd' 'e')\ndef test_x(): pass"
        self.assertEqual(([("a", "b", "c"), ("a", "b", "de")], []), marks(good))
        for bad in ("@ways.states('a', 'b', 'c')\ndef helper(): pass",
                    "@ways.states('a', 'b', WORDS)\ndef test_x(): pass",
                    "@ways.states('a', 'b')\ndef test_x(): pass", "ways.states('a', 'b', 'c')"):
            self.assertEqual(1, len(marks(bad)[1]), bad)

    def test_a_broken_table(self):
        for page in ("", "| a | b |\n|---|---|\n| c |\n"):
            with self.assertRaises(ValueError):
                ways.parse(page)


if __name__ == "__main__":
    unittest.main()
