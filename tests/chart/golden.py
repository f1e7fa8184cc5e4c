#!/usr/bin/env python3
"""What the chart is expected to render, and the README's table of values.

    golden.py --renew      writes golden/*.yaml and the table in chart/README.md anew

Each file in values/ is a case. A case's golden file holds what `helm template` makes of it and the
notes that an installation would print.
"""

import json
import pathlib
import re
import shutil
import sys
import tempfile

import yaml

import tools

VALUES = tools.HERE / "values"
GOLDEN = tools.HERE / "golden"
README = tools.CHART / "README.md"
BEGIN = "<!-- values: begin (written by tests/chart/golden.py --renew) -->\n"
END = "<!-- values: end -->\n"


def cases():
    return sorted(path.stem for path in VALUES.glob("*.yaml"))


def render(case):
    """What the case renders to; the text of Helm's error where it does not."""
    made = tools.template("--values", VALUES / f"{case}.yaml")
    if made.returncode:
        raise AssertionError(made.stderr)
    return made.stdout


def notes(case):
    """NOTES.txt as the case's installation prints it. Helm renders it only with a cluster at hand, so
    it is rendered as a value in a copy of the chart."""
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder) / "dormouse"
        shutil.copytree(tools.CHART, copy)
        text = (copy / "templates/NOTES.txt").read_text()
        (copy / "templates/_notes.tpl").write_text('{{ define "notes" }}' + text + "{{ end }}")
        (copy / "templates/notes.yaml").write_text('notes: {{ include "notes" . | toJson }}\n')
        made = tools.helm("template", "dormouse", copy, "--namespace", "dormouse",
                          "--values", VALUES / f"{case}.yaml", "--show-only", "templates/notes.yaml")
    if made.returncode:
        raise AssertionError(made.stderr)
    return yaml.safe_load(made.stdout)["notes"]


def leaves(schema, value, root, path=()):
    """(path, description, default) of every key that is set as a whole."""
    if "properties" not in schema:
        yield ".".join(path), schema["description"], value
        return
    for name, each in schema["properties"].items():
        yield from leaves(each, (value or {}).get(name), root, (*path, name))


def table():
    schema = json.loads((tools.CHART / "values.schema.json").read_text())
    values = yaml.safe_load((tools.CHART / "values.yaml").read_text())
    lines = ["| key | default | meaning |", "|---|---|---|"]
    for key, meaning, default in leaves(schema, values, schema):
        text = json.dumps(default, ensure_ascii=False)
        shown = "" if default is None else f"`{text}`"
        lines.append("| `{}` | {} | {} |".format(key, shown, meaning.replace("|", "\\|")))
    return "\n".join(lines) + "\n"


def readme():
    """The README as it should be."""
    text = README.read_text()
    return re.sub(re.escape(BEGIN) + ".*?" + re.escape(END), lambda _: BEGIN + table() + END, text,
                  flags=re.DOTALL)


def renew():
    GOLDEN.mkdir(exist_ok=True)
    for stale in GOLDEN.glob("*"):
        stale.unlink()
    for case in cases():
        (GOLDEN / f"{case}.yaml").write_text(render(case))
        (GOLDEN / f"{case}.notes.txt").write_text(notes(case))
    README.write_text(readme())


if __name__ == "__main__":
    if sys.argv[1:] != ["--renew"]:
        sys.exit(__doc__)
    try:
        renew()
    except tools.Missing as reason:
        sys.exit(f"golden.py: {reason}")
