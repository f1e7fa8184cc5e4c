"""The sentences that a verdict is made of, as docs/control-api.md lists them."""
import pathlib
import re

PAGE = pathlib.Path(__file__).resolve().parents[3] / "docs/control-api.md"
VERBS = {None: "", " were": " (?:was|were)", " have": " (?:has|have)"}
WORDS = {"N": r"\d+", "PLACE": r"\S+", "ERROR": r"[A-Z][\w ]+", "REASON": r"[a-z-]+"}


def sentences():
    """sentence -> compiled pattern, of each row of the table."""
    section = PAGE.read_text().split("## Verdicts\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)
    assert len(rows) > 20 and len(rows) == len(set(rows)), rows
    return {row: re.compile(_pattern(row)) for row in rows}


def _pattern(row):
    """One thing or several, connections or requests: the table names all of them as connections."""
    text = re.escape(row).replace(r"\ ", " ")
    text = re.sub("packets|responses", lambda word: word.group() + "?", text)
    text = re.sub(r"missing: (.*)", r"missing: \1(?:, \1)*", text)  # Each reason with its number.
    text = re.sub(r"\b(N|PLACE|ERROR|REASON)\b", lambda word: WORDS[word.group()], text)
    return re.sub("connections( were| have)?",
                  lambda m: "(?:connection|request)s?" + VERBS[m.group(1)], text)


def parts(verdict, known):
    """The rows of the table that make up the verdict; an assertion names what is in none."""
    found = []
    rest = verdict
    while rest:
        for row, pattern in known.items():
            match = pattern.match(rest)
            if match and (match.end() == len(rest) or rest.startswith("; ", match.end())):
                found.append(row)
                rest = rest[match.end() + 2:]
                break
        else:
            raise AssertionError(f"docs/control-api.md has no sentence for {rest!r} of {verdict!r}")
    return found
