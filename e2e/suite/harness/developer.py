"""A developer: a user with the rights of a role in one namespace, and a kubectl that is him."""

import contextlib
import json
import os

from .run import run, wait_until

ROLE = "dormouse-developer"  # The chart's ClusterRole.


class Developer:
    """Has what `kubectl_mirror` and `port_forward` use of a Cluster: `environment`."""

    def __init__(self, environment):
        self.environment = environment


class User:
    """A user without a token of his own: the admin's kubectl in his name, and its state in `directory`."""

    def __init__(self, installation, user, directory):
        text = installation.kubectl("config", "view", "--raw", "--flatten", "--output", "json").stdout
        config = json.loads(text)
        for each in config["users"]:
            each["user"]["as"] = user
        (directory / "config").write_text(json.dumps(config))
        self.environment = dict(installation.environment, KUBECONFIG=str(directory / "config"),
                                XDG_STATE_HOME=str(directory))


@contextlib.contextmanager
def developer(cluster, namespace, directory, name="dev", role=ROLE, rules=None):
    """A ServiceAccount `name`, bound to the ClusterRole `role`, or to a Role with `rules`, with a
    kubeconfig and a home of its own under `directory`."""
    kubectl = ("--namespace", namespace)
    cluster.kubectl(*kubectl, "create", "serviceaccount", name)
    if rules is not None:
        cluster.kubectl("create", "--filename", "-", input=json.dumps(
            {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
             "metadata": {"name": name, "namespace": namespace}, "rules": rules}))
    to = f"--role={name}" if rules is not None else f"--clusterrole={role}"
    cluster.kubectl(*kubectl, "create", "rolebinding", name, to, f"--serviceaccount={namespace}:{name}")
    token = cluster.kubectl(*kubectl, "create", "token", name, "--duration=1h").stdout.strip()
    config = json.loads(cluster.kubectl("config", "view", "--raw", "--flatten", "--minify",
                                        "--output", "json").stdout)
    config["users"][0]["user"] = {"token": token}
    config["contexts"][0]["context"]["namespace"] = namespace
    home = directory / name
    home.mkdir()
    (home / "config").write_text(json.dumps(config))
    environment = dict(os.environ, KUBECONFIG=str(home / "config"), HOME=str(home),
                       XDG_STATE_HOME=str(home / "state"))
    environment.pop("DORMOUSE_TOKEN", None)
    # The API server learns of a binding a moment later.
    wait_until(lambda: run("kubectl", "get", "pods", env=environment, check=False).returncode == 0,
               f"{name} may read pods", 10)
    try:
        yield Developer(environment)
    finally:
        for kind in ("rolebinding", "serviceaccount", *(("role",) if rules is not None else ())):
            cluster.kubectl(*kubectl, "delete", kind, name, "--ignore-not-found", check=False)
