#!/usr/bin/env python3
"""Extracts the schema of a pod from Kubernetes' OpenAPI document, as a strict JSON Schema.

Usage: extract.py swagger.json VERSION > pod.json

swagger.json is api/openapi-spec/swagger.json of github.com/kubernetes/kubernetes at the tag VERSION.
Descriptions are left out, and every object whose members are listed refuses others, so that a
misspelt member is found.
"""
import json
import sys

ROOT = "io.k8s.api.core.v1.Pod"
PREFIX = "#/definitions/"


def strict(node):
    if isinstance(node, list):
        return [strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    result = {}
    for key, value in node.items():
        if key == "properties":
            result[key] = {name: strict(schema) for name, schema in value.items()}
        elif key != "description" and not key.startswith("x-kubernetes-"):
            result[key] = strict(value)
    if "properties" in result:
        result.setdefault("additionalProperties", False)
    if result.get("format") == "int-or-string":
        return {"type": ["integer", "string"]}
    return result


def references(node):
    if isinstance(node, list):
        for item in node:
            yield from references(item)
    elif isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"].removeprefix(PREFIX)
        for value in node.values():
            yield from references(value)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        definitions = json.load(file)["definitions"]
    wanted, todo = {}, [ROOT]
    while todo:
        name = todo.pop()
        if name not in wanted:
            wanted[name] = strict(definitions[name])
            todo.extend(references(wanted[name]))
    # A quantity may be a number too.
    wanted["io.k8s.apimachinery.pkg.api.resource.Quantity"] = {"type": ["string", "number"]}
    document = {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "$comment": f"From kubernetes/kubernetes {sys.argv[2]}, api/openapi-spec/swagger.json "
                    f"(Apache License 2.0), by extract.py",
        "$ref": PREFIX + ROOT,
        "definitions": dict(sorted(wanted.items())),
    }
    json.dump(document, sys.stdout, indent=1, sort_keys=True)
    print()


if __name__ == "__main__":
    main()
