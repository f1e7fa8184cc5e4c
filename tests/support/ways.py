"""The table of docs/ways-in.md: what it states of each way into a pod, and which case shows that.

A case that shows what a cell says is marked with `states`; cells of several facts have several cases.
tests/ways_in_test.py finds the marks without running a case: each cell must be covered, word for
word. Rules of a Role, commands and figures are taken from the cells, so that what is written there is
what the cases do.
"""

import pathlib
import re

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs/ways-in.md"
GROUPS = {"jobs": "batch"}  # Of the resources that are not in the core group "".


def parse(page):
    """{row: {way: cell}} of the page's only table."""
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")]
            for line in page.splitlines() if line.startswith("|")]
    if len(rows) < 3 or {len(row) for row in rows} != {len(rows[0])}:
        raise ValueError("docs/ways-in.md: its table's rows are not all as long as its head")
    return {name: dict(zip(rows[0][1:], cells)) for name, *cells in rows[2:]}


TABLE = parse(PAGE.read_text())


def cell(way, row):
    """What the table says; `way` is "injected", "ephemeral" or "node Job"."""
    return TABLE[row][way]


def states(way, row, text):
    """Marks a case, which shows `text`: the cell, or the part of it between two commas or the like."""
    if text not in cell(way, row):
        raise ValueError(f"docs/ways-in.md does not say {text!r} of {row}, {way}: {cell(way, row)!r}")
    return lambda case: case


def uncovered(said, parts):
    """The words of a cell that are in none of the parts."""
    for part in sorted(set(parts), key=len, reverse=True):
        said = said.replace(part, ";", 1)
    return [word for word in re.findall(r"[^\s,;]+", said) if word not in ("and", "or")]


def command(way, pod, port):
    """The arguments of `kubectl mirror` as the table has them, for that pod and that local port."""
    kubectl, mirror, *arguments = cell(way, "command").strip("`").split()
    assert (kubectl, mirror) == ("kubectl", "mirror"), cell(way, "command")
    assert arguments[-2:] == ["pod/NAME", "8080:3000"], arguments
    return [*arguments[:-2], f"pod/{pod}", f"8080:{port}"]


def rules(way):
    """The rights as rules of Roles: {None: those in the pod's namespace, "NAMESPACE": those there}."""
    found = {}
    for part in cell(way, "rights").split(";"):
        where = re.search(r"in the namespace `([^`]+)`:", part)
        rights = re.findall(r"`(\S+) (\S+)`", part)
        assert rights, part
        found[where and where[1]] = [
            {"apiGroups": [GROUPS.get(resource, "")], "resources": [resource], "verbs": [verb]}
            for verb, resource in rights]
    return found


def levels(way):
    """The levels of Pod Security that it says admit the agent."""
    return cell(way, "Pod Security").split(", ")


def capabilities(text):
    """The names in a part of the row `capabilities`."""
    return set(re.findall(r"`([A-Z_]+)`", text))


def idle_seconds(way):
    """How long the table says an agent stays without a mirror."""
    return int(re.search(r"without a mirror for (\d+) s", cell(way, "ends"))[1])
