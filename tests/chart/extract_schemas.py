#!/usr/bin/env python3
"""Writes tests/chart/schemas: what kubeconform needs to check the chart's output without a network.

    extract_schemas.py

For each Kubernetes minor version the chart supports, the schemas of the kinds in KINDS (and all they
refer to) are taken out of the API server's own OpenAPI document; those of the two custom resources
out of their CustomResourceDefinitions. The sources are Go modules, fetched (and verified against the
checksum database) by the go command, pinned below; SOURCES.json beside the schemas records where each
came from. Descriptions are left out, and unknown fields are refused, as with kubectl's strict
validation.
"""

import hashlib
import json
import pathlib
import subprocess
import sys

import yaml

HERE = pathlib.Path(__file__).resolve().parent
SCHEMAS = HERE / "schemas"

KUBERNETES = ["v1.28.15", "v1.29.15", "v1.30.14", "v1.31.14", "v1.32.13", "v1.33.13", "v1.34.4"]
OPENAPI = "api/openapi-spec/swagger.json"

# Everything the chart may render, Pod for whoever checks what injection made of one, and Job, which it
# renders into a ConfigMap.
KINDS = {
    ("", "v1"): ["ConfigMap", "Namespace", "Pod", "Secret", "Service", "ServiceAccount"],
    ("apps", "v1"): ["Deployment"],
    ("admissionregistration.k8s.io", "v1"): ["MutatingWebhookConfiguration"],
    ("autoscaling", "v2"): ["HorizontalPodAutoscaler"],
    ("batch", "v1"): ["Job"],
    ("networking.k8s.io", "v1"): ["NetworkPolicy"],
    ("policy", "v1"): ["PodDisruptionBudget"],
    ("rbac.authorization.k8s.io", "v1"): ["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"],
    ("scheduling.k8s.io", "v1"): ["PriorityClass"],
}

# Since 1.30, and rendered only when asked for.
LATER = {
    ("admissionregistration.k8s.io", "v1"): ["ValidatingAdmissionPolicy",
                                             "ValidatingAdmissionPolicyBinding"],
}

CUSTOM = [
    ("github.com/cert-manager/cert-manager@v1.19.1",
     ["deploy/crds/cert-manager.io_certificates.yaml", "deploy/crds/cert-manager.io_issuers.yaml"]),
    ("github.com/prometheus-operator/prometheus-operator@v0.85.0",
     ["example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml"]),
]

PREFIX = "#/definitions/"

# What is kept of a schema besides its structure. Not anyOf and the like: a closed object inside one
# would refuse its siblings' fields, and the documents use them for int-or-string alone.
KEPT = {"type", "enum", "required", "minimum", "maximum", "minLength", "maxLength", "minItems",
        "maxItems", "pattern"}


def module(name):
    """The folder and the checksum of a Go module, downloaded if it is not there yet."""
    answer = subprocess.run(["go", "mod", "download", "-json", name], check=True, text=True,
                            stdout=subprocess.PIPE, cwd="/")
    found = json.loads(answer.stdout)
    return pathlib.Path(found["Dir"]), found["Sum"]


def strict(schema, file="_definitions.json"):
    """A copy without descriptions and extensions that refuses fields it does not know. `file` is
    where the definitions are that it refers to."""
    if not isinstance(schema, dict):
        return schema
    result = {}
    for key, value in schema.items():
        if key in ("properties", "definitions"):
            result[key] = {name: strict(each, file) for name, each in value.items()}
        elif key in ("items", "additionalProperties"):
            result[key] = strict(value, file)
        elif key == "$ref":
            result[key] = file + value
        elif key in KEPT:
            result[key] = value
    if "properties" in result and "additionalProperties" not in result:
        result["additionalProperties"] = False
    if schema.get("x-kubernetes-int-or-string") or schema.get("format") == "int-or-string":
        result.pop("type", None)
        result.pop("pattern", None)
        result["oneOf"] = [{"type": "string"}, {"type": "integer"}]
    return result


def references(schema):
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "$ref":
                yield value[len(PREFIX):]
            else:
                yield from references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from references(value)


def compact(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(compact(value) + "\n")


def write_definitions(path, definitions):
    """One a line: small, and a difference can still be read."""
    lines = [f"{compact(name)}:{compact(value)}" for name, value in sorted(definitions.items())]
    path.write_text('{"definitions":{\n' + ",\n".join(lines) + "\n}}\n")


def file_name(kind, group, version):
    # As kubeconform's {{.ResourceKind}}{{.KindSuffix}} has it.
    suffix = f"-{group.split('.')[0]}-{version}" if group else f"-{version}"
    return f"{kind.lower()}{suffix}.json"


def kubernetes(version):
    folder, checksum = module(f"k8s.io/kubernetes@{version}")
    text = (folder / OPENAPI).read_bytes()
    document = json.loads(text)["definitions"]
    target = SCHEMAS / version.rsplit(".", 1)[0]

    by_kind = {}
    for name, definition in document.items():
        for gvk in definition.get("x-kubernetes-group-version-kind", []):
            by_kind[gvk["group"], gvk["version"], gvk["kind"]] = name

    wanted = set()
    pending = []
    for (group, api), kinds in (*KINDS.items(), *LATER.items()):
        for kind in kinds:
            name = by_kind.get((group, api, kind))
            if name is None and kind in LATER.get((group, api), ()):
                continue
            pending.append(name)
            apiVersion = f"{group}/{api}" if group else api
            definition = strict(document[name])
            definition["properties"]["apiVersion"] = {"type": "string", "enum": [apiVersion]}
            definition["properties"]["kind"] = {"type": "string", "enum": [kind]}
            definition["required"] = sorted({"apiVersion", "kind", *definition.get("required", [])})
            write(target / file_name(kind, group, api), definition)
    while pending:
        name = pending.pop()
        if name in wanted:
            continue
        wanted.add(name)
        pending.extend(references(document[name]))

    definitions = {name: strict(document[name], file="") for name in wanted}
    # The document calls a quantity a string; the API server takes a number, too.
    quantity = definitions["io.k8s.apimachinery.pkg.api.resource.Quantity"]
    del quantity["type"]
    quantity["oneOf"] = [{"type": "string"}, {"type": "number"}]
    write_definitions(target / "_definitions.json", definitions)
    return {"module": f"k8s.io/kubernetes@{version}", "sum": checksum, "file": OPENAPI,
            "sha256": hashlib.sha256(text).hexdigest()}


def custom(name, files):
    folder, checksum = module(name)
    for file in files:
        text = (folder / file).read_bytes()
        crd = yaml.safe_load(text)["spec"]
        for version in crd["versions"]:
            if not version["served"]:
                continue
            schema = strict(version["schema"]["openAPIV3Schema"])
            write(SCHEMAS / "custom" / file_name(crd["names"]["kind"], crd["group"], version["name"]),
                  schema)
        yield {"module": name, "sum": checksum, "file": file,
               "sha256": hashlib.sha256(text).hexdigest()}


def main():
    sources = [kubernetes(version) for version in KUBERNETES]
    for name, files in CUSTOM:
        sources.extend(custom(name, files))
    (SCHEMAS / "SOURCES.json").write_text(json.dumps(sources, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
