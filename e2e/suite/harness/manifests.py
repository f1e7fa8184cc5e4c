"""Pods with the test app, as manifests."""

APP_IMAGE = "docker.io/library/dormouse-e2e-app:1"
PORT, ADMIN_PORT = 8080, 8081
INJECT = {"dormouse.dev/inject": "true"}

# What Pod Security's profile `restricted` asks for; good everywhere.
RESTRICTED = {"allowPrivilegeEscalation": False, "runAsNonRoot": True, "runAsUser": 10001,
              "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"}}


def app_container(arguments=("serve",), **more):
    container = {"name": "app", "image": APP_IMAGE, "args": list(arguments),
                 "securityContext": RESTRICTED}
    if arguments[0] == "serve":
        container["ports"] = [{"containerPort": PORT}]
        container["readinessProbe"] = {"httpGet": {"path": "/healthz", "port": ADMIN_PORT},
                                       "periodSeconds": 1}
    return {**container, **more}


def pod_spec(arguments=("serve",), **more):
    return {"containers": [app_container(arguments)], "terminationGracePeriodSeconds": 1,
            "enableServiceLinks": False, **more}


def pod(name, labels=INJECT, annotations=None, spec=None):
    return {"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "labels": {"app": name, **labels},
                         "annotations": annotations or {}},
            "spec": spec or pod_spec()}


def template(name, labels=INJECT, spec=None):
    return {"metadata": {"labels": {"app": name, **labels}}, "spec": spec or pod_spec()}


def deployment(name, replicas=1, labels=INJECT, spec=None):
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
            "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}},
                     "template": template(name, labels, spec)}}


def has_sidecar(pod):
    """`pod`: an object of the API."""
    containers = (pod.spec.init_containers or []) + pod.spec.containers
    return any(each.name == "dormouse" for each in containers)
