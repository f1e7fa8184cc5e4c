"""Helm and kubeconform for the chart's tests: from the machine, or built from their Go modules.

Helm is taken from PATH if it is of version 3, so that the tests use what the admin would. Otherwise,
and for kubeconform, the versions pinned in tests/tools/go.mod are built once into build/tools; the go
command verifies what it downloads. Without Go the tests that need a tool are skipped, with the
reason, or fail where DORMOUSE_CHART_TESTS=required says that they must run.
"""

import fcntl
import functools
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import yaml

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CHART = ROOT / "chart"
MODULE = ROOT / "tests" / "tools"
BUILT = ROOT / "build" / "tools"

# CTest's SKIP_RETURN_CODE for these tests.
SKIPPED = 77

MODULES = {"helm": "helm.sh/helm/v3/cmd/helm",
           "kubeconform": "github.com/yannh/kubeconform/cmd/kubeconform"}


class Missing(Exception):
    """A tool cannot be had here. Its text is the reason."""


def run(*command, **options):
    return subprocess.run([str(each) for each in command], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, **options)


def helm_on_path():
    found = shutil.which("helm")
    if found and run(found, "version", "--short").stdout.startswith("v3."):
        return found
    return None


def go():
    """The go command, new enough for the module."""
    found = shutil.which("go")
    if not found:
        raise Missing("neither helm 3 nor Go >= 1.24 to build it is on PATH")
    # GOTOOLCHAIN=local: what is installed, not what it would download for a module.
    text = run(found, "env", "GOVERSION", env={**os.environ, "GOTOOLCHAIN": "local"}).stdout.strip()
    version = re.match(r"go(\d+)\.(\d+)", text)
    if not version or tuple(map(int, version.groups())) < (1, 24):
        raise Missing(f"Go >= 1.24 is needed to build helm and kubeconform; this is {text}")
    return found


def link_flags(command):
    """As Helm's own Makefile has it: `helm template` is to claim the Kubernetes it was built for."""
    answer = run(command, "list", "-m", "-f", "{{.Version}}", "k8s.io/client-go", cwd=MODULE)
    minor = answer.stdout.strip().split(".")[1]
    helm = "helm.sh/helm/v3/pkg"
    names = {f"{helm}/{package}.k8sVersion{part}": value
             for package in ("chartutil", "lint/rules")
             for part, value in (("Major", "1"), ("Minor", minor))}
    return " ".join(["-s", "-w", *(f"-X {name}={value}" for name, value in names.items())])


@functools.cache
def tool(name):
    """The path of `name`, building it if need be; raises Missing."""
    if name == "helm" and helm_on_path():
        return helm_on_path()
    target = BUILT / name
    BUILT.mkdir(parents=True, exist_ok=True)
    # One build at a time, whichever of the parallel tests comes first.
    with open(BUILT / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Not the files' times: a fresh clone is younger than every tool built before.
        pinned = hashlib.sha256((MODULE / "go.mod").read_bytes()).hexdigest()
        stamp = BUILT / f"{name}.sha256"
        if target.exists() and stamp.exists() and stamp.read_text() == pinned:
            return str(target)
        command = go()
        print(f"building {name} from its Go module", file=sys.stderr, flush=True)
        built = run(command, "build", "-trimpath", "-buildvcs=false", "-mod=readonly",
                    "-ldflags", link_flags(command), "-o", target, MODULES[name],
                    cwd=MODULE, env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": ""})
        if built.returncode:
            # No network and an empty module cache is no fault of the chart's; anything else is.
            if re.search(r"dial tcp|no such host|proxyconnect|i/o timeout", built.stderr):
                raise Missing(f"{name} cannot be built without a network:\n{built.stderr[-500:]}")
            raise RuntimeError(f"building {name} failed:\n{built.stderr[-2000:]}")
        stamp.write_text(pinned)
    return str(target)


def helm(*arguments, **options):
    return run(tool("helm"), *arguments, **options)


def template(*arguments, release="dormouse", namespace="dormouse"):
    """`helm template` of the chart; the finished process."""
    return helm("template", release, CHART, "--namespace", namespace, *arguments)


def documents(values, release="dormouse", namespace="dormouse"):
    """The objects that the chart renders with `values` (a mapping), in order."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(values, file)
        file.flush()
        made = template("--values", file.name, release=release, namespace=namespace)
    if made.returncode:
        raise ValueError(made.stderr)
    return [each for each in yaml.safe_load_all(made.stdout) if each]


def find(objects, kind, name):
    """The one object of this kind and name."""
    found = [each for each in objects if each["kind"] == kind and each["metadata"]["name"] == name]
    if len(found) != 1:
        raise AssertionError(f"{len(found)} objects are {kind} {name}")
    return found[0]


def main(needs):
    """Runs the calling module's tests; exit code SKIPPED if a tool in `needs` is missing."""
    try:
        for name in needs:
            tool(name)
    except Missing as reason:
        if os.environ.get("DORMOUSE_CHART_TESTS") == "required":
            sys.exit(f"DORMOUSE_CHART_TESTS=required, but: {reason}")
        print(f"skipped: {reason}")
        sys.exit(SKIPPED)
    unittest.main(module="__main__", verbosity=2)
