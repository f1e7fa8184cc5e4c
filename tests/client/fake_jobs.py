"""What the fake kubectl does where a Job is made on a node: the namespace dormouse-node.

Further files in its directory:
  configmap.dormouse-node-job.json   the admin's Job; without it, there are no node Jobs
  job.refused       what the API server's policy says against every Job
  job.state         the state of a Job's container, as JSON; without it, it runs
  job.phase         the phase of its pod, with reason and message, as JSON; without it, Running
  sidecar           a program that is started with the container's arguments (see fake_ephemeral.py)
Written by it: jobs.log, one line of JSON per Job that was made; job.NAME.json, while it is there.
"""
import json
import sys

import fake_ephemeral

NAMESPACE = "dormouse-node"


def read(path, otherwise):
    return json.loads(path.read_text()) if path.exists() else otherwise


def create(home, flags):
    job = json.loads(sys.stdin.read())
    if flags.get("namespace") != NAMESPACE or flags.get("filename") != "-":
        raise fake_ephemeral.Refusal("error: the fake kubectl makes Jobs in dormouse-node alone")
    refused = home / "job.refused"
    name = job["metadata"]["name"]
    if refused.exists():
        raise fake_ephemeral.Refusal(f'Error from server (Forbidden): error when creating "STDIN": '
                                     f'jobs.batch "{name}" is forbidden: {refused.read_text()}')
    with (home / "jobs.log").open("a") as log:
        log.write(json.dumps(job) + "\n")
    (home / f"job.{name}.json").write_text(json.dumps(job))
    fake_ephemeral.start(home, job["spec"]["template"]["spec"]["containers"][0])
    print(f"job.batch/{name}")


def pods(home, selector):
    """The List of the pods of one Job."""
    name = selector.removeprefix("job-name=")
    items = []
    if (home / f"job.{name}.json").exists():
        status = read(home / "job.phase", {"phase": "Running"})
        if status["phase"] == "Running":
            state = read(home / "job.state", {"running": {"startedAt": "2026-01-01T00:00:00Z"}})
            status["containerStatuses"] = [{"name": "dormouse", "state": state}]
        items.append({"kind": "Pod", "apiVersion": "v1",
                      "metadata": {"name": f"{name}-abcde", "namespace": NAMESPACE, "uid": "u"},
                      "spec": {"containers": [{"name": "dormouse", "image": "d:1"}]},
                      "status": status})
    return {"kind": "List", "apiVersion": "v1", "items": items}


def delete(home, flags, words):
    kind, name = words
    if kind != "job" or flags.get("namespace") != NAMESPACE:
        raise fake_ephemeral.Refusal("error: the fake kubectl deletes Jobs in dormouse-node alone")
    (home / f"job.{name}.json").unlink(missing_ok="ignore-not-found" in flags)
