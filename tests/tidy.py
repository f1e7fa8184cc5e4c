#!/usr/bin/env python3
"""Runs clang-tidy over source files, side by side, but not over those it has found good before.

Usage: tidy.py BUILD_DIR JOBS FILE...  (in the project's folder; BUILD_DIR has compile_commands.json)

A file is taken for the same as before if what the preprocessor makes of it, comments (NOLINT)
included, and the rules are the same. The digests of good files are kept in BUILD_DIR/tidy.
"""
import concurrent.futures
import hashlib
import json
import pathlib
import shlex
import subprocess
import sys

TIDY = "clang-tidy-19"


def output_of(command, directory="."):
    return subprocess.run(command, cwd=directory, check=True, stdout=subprocess.PIPE).stdout


def digest_of(path, entry, build):
    """Of all that clang-tidy's verdict on this file depends on."""
    command = shlex.split(entry["command"])
    target = command.index("-o")
    del command[target:target + 2]
    seen = output_of([*(word for word in command if word != "-c"), "-E", "-C"], entry["directory"])
    rules = output_of([TIDY, "-p", build, "--dump-config", path])
    return hashlib.sha256(seen + rules).hexdigest()


def check(path, entry, build):
    """None for a file that is good, else what is wrong with it."""
    good = build / "tidy" / digest_of(path, entry, build)
    if good.exists():
        return None
    done = subprocess.run([TIDY, "-p", build, "--quiet", path], capture_output=True, text=True)
    if done.returncode != 0:
        return done.stdout or done.stderr
    good.parent.mkdir(exist_ok=True)
    good.touch()
    return None


def main():
    build, jobs, paths = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    entries = {entry["file"]: entry for entry in
               json.loads((build / "compile_commands.json").read_text())}
    here = pathlib.Path.cwd()
    strange = [path for path in paths if str(here / path) not in entries]
    if strange:
        print("nothing builds these:", *strange)
        return 1
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        faults = pool.map(lambda path: check(path, entries[str(here / path)], build), paths)
        good = True
        for fault in filter(None, faults):
            print(fault, end="", flush=True)
            good = False
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
