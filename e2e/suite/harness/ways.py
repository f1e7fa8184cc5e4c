"""The table of docs/ways-in.md: what it claims of each way, for the cases to compare with."""

from .cluster import ROOT


def claims(way):
    """{row: cell} of the column `way`: "injected", "ephemeral" or "node Job"."""
    rows = [[cell.strip() for cell in line.strip("|\n").split("|")]
            for line in (ROOT / "docs/ways-in.md").read_text().splitlines() if line.startswith("| ")]
    column = rows[0].index(way)
    return {row[0]: row[column] for row in rows[1:] if len(row) == len(rows[0])}


def rights(way):
    """The rights that it says a developer needs, as {(verb, resource), …}."""
    parts = [part.strip(" `") for part in claims(way)["rights"].split(",")]
    return {tuple(part.split(" ", 1)) for part in parts}
