#!/usr/bin/env python3
"""Applies each golden patch with an independent implementation of RFC 6902 and checks the pod.

Usage: check_golden.py GOLDEN_DIR SCHEMA

Each patched pod must fit the Kubernetes schema if it did before, keep everything it had, have no
name twice, and, where it was injected, have the sidecar once.
"""
import copy
import json
import pathlib
import sys

import jsonpatch
import jsonschema


def names(items):
    return [item["name"] for item in items or []]


def contained(before, after, path=""):
    """What of `before` is missing or different in `after`; lists may have grown at either end."""
    if isinstance(before, dict):
        for key, value in before.items():
            if path == "/metadata/annotations" and key == "dormouse.dev/status":
                continue
            if value is not None and key not in (after or {}):
                yield f"{path}/{key} is gone"
            elif value is not None:
                yield from contained(value, after[key], f"{path}/{key}")
    elif isinstance(before, list):
        offset = next((i for i in range(len(after) - len(before) + 1)
                       if after[i:i + len(before)] == before), None)
        if offset is None:
            yield f"{path} has lost or reordered elements"
    elif before != after:
        yield f"{path} has changed"


def check(name, folder, validator):
    golden = json.loads((folder / f"{name}.review.json").read_text())
    response = json.loads((folder / f"{name}.answer.json").read_text())["response"]
    if response["allowed"] is not True or response["uid"] != golden["review"]["request"]["uid"]:
        yield "is not an answer that lets the pod in"
    pod = golden["review"]["request"]["object"]
    injected = response["auditAnnotations"]["result"] == "injected"
    if injected == ("reason" in response["auditAnnotations"]):
        yield "has a reason although injected, or none although not"
    if "patch" not in response:
        if injected:
            yield "is injected without a patch"
        return
    if any(operation["op"] != "add" for operation in response["patch"]):
        yield "has another operation than add"
    patched = jsonpatch.apply_patch(copy.deepcopy(pod), response["patch"])
    yield from contained(pod, patched)
    before = {error.message for error in validator.iter_errors(pod)}
    yield from (f"{'/'.join(map(str, error.path))}: {error.message}"
                for error in validator.iter_errors(patched) if error.message not in before)
    spec = patched["spec"]
    containers = names(spec.get("initContainers")) + names(spec["containers"])
    for kind, listed in (("container", containers), ("volume", names(spec.get("volumes"))),
                         ("pull secret", names(spec.get("imagePullSecrets")))):
        if len(listed) != len(set(listed)):
            yield f"has a {kind} twice"
    if containers.count("dormouse") != (1 if injected else 0):
        yield "has not the sidecar once"
    json.loads(patched["metadata"]["annotations"]["dormouse.dev/status"])


def main():
    folder = pathlib.Path(sys.argv[1])
    schema = json.loads(pathlib.Path(sys.argv[2]).read_text())
    validator = jsonschema.Draft4Validator(schema)
    reviews = sorted(path.name.removesuffix(".review.json") for path in folder.glob("*.review.json"))
    faults, patches = [], 0
    for name in reviews:
        patches += '"patch"' in (folder / f"{name}.answer.json").read_text()
        faults += [f"{name}: {fault}" for fault in check(name, folder, validator)]
    if patches < 25:
        faults.append(f"only {patches} patches were checked")
    print("\n".join(faults) or f"{patches} patches of {len(reviews)} answers are good")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
