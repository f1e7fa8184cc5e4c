"""A sidecar's control API through `kubectl port-forward`, as a developer reaches it."""

import contextlib
import http.client
import json
import queue
import subprocess
import threading

from .cluster import TOKENS
from .run import wait_until


class Refused(Exception):
    """An answer other than 2xx; `status` and `body`."""

    def __init__(self, status, body):
        super().__init__(f"{status}: {body}")
        self.status, self.body = status, body


@contextlib.contextmanager
def port_forward(cluster, namespace, target, port, seconds=20):
    """`kubectl port-forward`, as long as the context; its local port."""
    process = subprocess.Popen(
        ["kubectl", "--namespace", namespace, "port-forward", target, f":{port}"],
        env=cluster.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines = queue.Queue()

    def read():
        for line in process.stdout:
            lines.put(line)
        lines.put("")

    threading.Thread(target=read, daemon=True).start()
    try:
        said = ""
        while "Forwarding from 127.0.0.1:" not in said:
            try:
                line = lines.get(timeout=seconds)
            except queue.Empty:
                line = ""
            assert line, f"kubectl port-forward to {target} did not begin: {said}"
            said += line
        yield int(said.split("Forwarding from 127.0.0.1:")[1].split()[0])
    finally:
        process.kill()
        process.wait()


class Sidecar:
    """Calls as one developer. Each call is a connection of its own."""

    def __init__(self, port, token):
        self.port, self.token = port, token

    def call(self, method, path, body=None, token=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None,
                               {"Authorization": f"Bearer {token or self.token}"})
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        if answer.status >= 300:
            raise Refused(answer.status, text)
        return json.loads(text) if "json" in answer.headers.get("Content-Type", "") else text

    def status(self):
        return self.call("GET", "/v1/status")

    def wake(self, to, **more):
        """A push mirror of the app's port; its id."""
        return self.call("POST", "/v1/mirrors", {"ports": [8080], "to": to, **more})["id"]

    def mirror(self, identifier):
        return self.call("GET", f"/v1/mirrors/{identifier}")

    def sleep(self, identifier):
        """Ends the mirror; its final state with the ledger."""
        return self.call("DELETE", f"/v1/mirrors/{identifier}")

    def mirrors(self):
        return self.call("GET", "/v1/mirrors")["mirrors"]

    def sleep_all(self):
        """Ends all mirrors of the caller; their final states."""
        return self.call("DELETE", "/v1/mirrors")["mirrors"]

    def settled(self, identifier, delivered, seconds=20):
        """Waits until so many connections are delivered; the mirror."""
        def reached():
            mirror = self.mirror(identifier)
            connections = mirror["ledger"]["connections"]
            assert connections["delivered"] >= delivered, mirror
            return mirror
        return wait_until(reached, f"{delivered} connections are delivered", seconds)


@contextlib.contextmanager
def sidecar_of(cluster, namespace, pod, developer="ana", port=4747, keep=False):
    """The developer's mirrors end with the context, unless `keep`."""
    with port_forward(cluster, namespace, f"pod/{pod}", port) as local:
        sidecar = Sidecar(local, TOKENS[developer])
        try:
            yield sidecar
        finally:
            if not keep:
                # The case has failed already if this does; and its own reason counts more.
                with contextlib.suppress(OSError, http.client.HTTPException, Refused):
                    sidecar.sleep_all()
