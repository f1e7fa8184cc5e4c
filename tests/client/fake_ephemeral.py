"""What the fake kubectl does where an ephemeral container is added to a pod.

Further files in its directory:
  security          "baseline" or "restricted": what Pod Security enforces; without it privileged
  conflicts         how many PUTs find that the pod has changed meanwhile; counted down
  lost.put          if it is there, a PUT is done and its answer is lost
  ephemeral.state   the state of a container that was added, as JSON; without it, it runs
  sidecar           a program, by its path, that is started with the container's arguments; the pod's
                    loopback is this machine's then
  started           written: the process ids of those programs, one per line
"""
import json
import os
import re
import subprocess
import sys

RUNNING = '{"running":{"startedAt":"2026-01-01T00:00:00Z"}}'
PATH = re.compile(r"/api/v1/namespaces/shop/pods/([^/]+)/ephemeralcontainers(\?dryRun=All)?")


class Refusal(Exception):
    """What kubectl writes to standard error."""


def check_security(level, name, container):
    context = container["securityContext"]
    capabilities = context.get("capabilities", {})
    why = ""
    if level == "baseline" and capabilities.get("add"):
        why = 'non-default capabilities (container must not include "NET_RAW")'
    if level == "restricted" and (capabilities.get("add") or capabilities.get("drop") != ["ALL"]):
        why = 'unrestricted capabilities (container must set securityContext.capabilities.drop=["ALL"])'
    if why:
        raise Refusal(f'Error from server (Forbidden): pods "{name}" is forbidden: violates '
                      f'PodSecurity "{level}:latest": {why}')


def start(home, container):
    program = home / "sidecar"
    if not program.exists():
        return
    with (home / "sidecar.log").open("ab") as log:
        child = subprocess.Popen([program.read_text().strip(), *container["args"]],
                                 stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                 start_new_session=True)
    with (home / "started").open("a") as started:
        started.write(f"{child.pid}\n")


def replace(home, path, body):
    """PUT of a pod, as the API server treats it; raises Refusal."""
    match = PATH.fullmatch(path)
    if not match:
        raise Refusal("Error from server (NotFound): the server could not find the requested resource")
    name, dry = match[1], match[2] is not None
    file = home / f"pod.{name}.json"
    if not file.exists():
        raise Refusal(f'Error from server (NotFound): pods "{name}" not found')
    pod, put = json.loads(file.read_text()), json.loads(body)
    conflicts = home / "conflicts"
    left = int(conflicts.read_text()) if conflicts.exists() else 0
    if left and not dry:
        conflicts.write_text(str(left - 1))
        pod["metadata"]["resourceVersion"] = str(int(pod["metadata"]["resourceVersion"]) + 1)
        write(home, file, pod)
    for member in ("uid", "resourceVersion"):
        if put["metadata"][member] != pod["metadata"][member]:
            raise Refusal(f'Error from server (Conflict): Operation cannot be fulfilled on pods "{name}":'
                          " the object has been modified; please apply your changes to the latest "
                          "version and try again")
    there = pod["spec"].get("ephemeralContainers", [])
    wanted = put["spec"]["ephemeralContainers"]
    if wanted[:len(there)] != there:
        raise Refusal(f'The Pod "{name}" is invalid: spec.ephemeralContainers: Forbidden: existing '
                      "ephemeral containers may not be changed")
    level = home / "security"
    for container in wanted[len(there):]:
        check_security(level.read_text() if level.exists() else "", name, container)
    if dry:
        return
    pod["spec"]["ephemeralContainers"] = wanted
    state = home / "ephemeral.state"
    statuses = pod["status"].setdefault("ephemeralContainerStatuses", [])
    for container in wanted[len(there):]:
        statuses.append({"name": container["name"],
                         "state": json.loads(state.read_text() if state.exists() else RUNNING)})
        start(home, container)
    pod["metadata"]["resourceVersion"] = str(int(pod["metadata"]["resourceVersion"]) + 1)
    write(home, file, pod)


def write(home, file, pod):
    fresh = file.with_suffix(f".{os.getpid()}")
    fresh.write_text(json.dumps(pod))
    fresh.rename(file)


def main(home, flags):
    if flags.get("filename") != "-" or "raw" not in flags:
        raise Refusal("error: must specify --raw and --filename=-")
    with (home / "puts.log").open("a") as log:
        body = sys.stdin.read()
        log.write(json.dumps({"path": flags["raw"], "body": json.loads(body)}) + "\n")
    replace(home, flags["raw"], body)
    if (home / "lost.put").exists() and "dryRun" not in flags["raw"]:
        raise Refusal("Unable to connect to the server: net/http: request canceled (Client.Timeout "
                      "exceeded while awaiting headers)")
    print("{}")
