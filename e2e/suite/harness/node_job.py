"""Node Jobs: made by hand from the admin's template, for what the client would never ask for."""

import contextlib
import copy
import json
import uuid

from .run import wait_until

SPACE = "dormouse-node"
ROLE = "dormouse-node-developer"


class NodeJobs:
    """The namespace of the node Jobs, seen by an admin."""

    def __init__(self, cluster):
        self.cluster = cluster

    def bind(self, user):
        """Lets a developer make node Jobs."""
        self.cluster.kubectl("--namespace", SPACE, "create", "rolebinding", user, f"--role={ROLE}",
                             f"--user={user}")

    def template(self):
        """The admin's Job, aimed at nothing yet."""
        data = self.cluster.core.read_namespaced_config_map("dormouse-node-job", SPACE).data
        return json.loads(data["job.json"])

    def limits(self):
        return self.template()["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]

    def manifest(self, pod, container="app", **aimed):
        """A Job aimed at `pod` (an object of the API), as the client makes it. Each flag can be
        another: enter_pod_uid="…"."""
        job = self.template()
        job["metadata"]["name"] = f"by-hand-{uuid.uuid4().hex[:6]}"
        spec = job["spec"]["template"]["spec"]
        spec["nodeName"] = pod.spec.node_name
        identifier = next(each.container_id for each in pod.status.container_statuses
                          if each.name == container)
        flags = {"enter_pod": f"{pod.metadata.namespace}/{pod.metadata.name}",
                 "enter_pod_uid": pod.metadata.uid,
                 "enter_container": identifier.split("//")[1],
                 "listen": "127.0.0.1:14747",
                 "token_sha256": "ana=" + "0" * 64,
                 "exit_when_idle": "5s", **aimed}
        container = spec["containers"][0]
        container["args"] = [f"--{name.replace('_', '-')}={value}"
                             for name, value in flags.items()] + container.get("args", [])
        return job

    def create(self, job, user="ana"):
        """kubectl's attempt as that user; its CompletedProcess."""
        return self.cluster.kubectl("--namespace", SPACE, "--as", user, "create", "--filename", "-",
                                    input=json.dumps(job), check=False)

    def pods(self):
        return self.cluster.core.list_namespaced_pod(SPACE).items

    def jobs(self):
        return self.cluster.batch.list_namespaced_job(SPACE).items

    def policies(self):
        """The names of Dormouse's policies."""
        listed = self.cluster.kubectl("get", "validatingadmissionpolicies,"
                                      "validatingadmissionpolicybindings", "--output", "name").stdout
        return [name for name in listed.split() if "/dormouse-node-" in name]

    def clean(self):
        """Nothing of a Job is left."""
        assert not self.jobs(), [job.metadata.name for job in self.jobs()]
        assert not self.pods(), [pod.metadata.name for pod in self.pods()]
        return True

    def ended_because(self, job, seconds=60):
        """Creates the Job and waits until its agent has given up; the sentence it gave."""
        done = self.create(job)
        assert done.returncode == 0, done.stderr
        name = job["metadata"]["name"]

        def ended():
            pods = [pod for pod in self.pods() if pod.metadata.labels.get("job-name") == name]
            assert pods and pods[0].status.container_statuses, "it has not begun"
            state = pods[0].status.container_statuses[0].state
            assert state.terminated, state
            return state.terminated
        terminated = wait_until(ended, f"the Job {name} ends", seconds)
        assert terminated.exit_code == 2, terminated
        return json.loads(terminated.message.strip().splitlines()[-1])["error"]


@contextlib.contextmanager
def allowed(cluster, user, namespace, rules):
    """The user has these rules of Roles, {NAMESPACE: [rule]}; None is `namespace`."""
    made = []
    try:
        for where, each in rules.items():
            place = ("--namespace", where or namespace)
            made.append(place)
            cluster.kubectl("create", "--filename", "-", input=json.dumps(
                {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
                 "metadata": {"name": user, "namespace": place[1]}, "rules": each}))
            cluster.kubectl(*place, "create", "rolebinding", user, f"--role={user}", f"--user={user}")
            resource, _, subresource = each[-1]["resources"][0].partition("/")
            question = ("auth", "can-i", each[-1]["verbs"][0], resource,
                        f"--subresource={subresource}", "--as", user)
            # The API server learns of a binding a moment later.
            wait_until(lambda: cluster.kubectl(*place, *question, check=False).returncode == 0,
                       f"{user} has the rights", 20)
        yield
    finally:
        for place in made:
            cluster.kubectl(*place, "delete", "role,rolebinding", user, "--ignore-not-found")


def changed(job, path, value):
    """A copy in which one member is another; a path's numbers are places in lists. None: without it."""
    job = copy.deepcopy(job)
    *parents, last = path
    inner = job
    for each in parents:
        inner = inner.setdefault(each, {}) if isinstance(inner, dict) else inner[each]
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return job
