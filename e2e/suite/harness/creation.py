"""Pods created one after the other, and how many of them came out without the sidecar."""

import copy
import threading
import time

import kubernetes

from . import manifests


class DryCreations(threading.Thread):
    """Creates pods by server-side dry run, so that each meets the webhook and none is run.

    As a context it goes on in the background until the context ends.
    """

    def __init__(self, cluster, namespace, every=0.2):
        super().__init__(daemon=True)
        self._core, self._namespace, self._every = cluster.core, namespace, every
        self._end = threading.Event()
        self.created, self.missed, self.refused = 0, [], []

    def run(self):
        while not self._end.wait(self._every):
            pod = copy.deepcopy(manifests.pod(f"dry-{self.created}"))
            try:
                made = self._core.create_namespaced_pod(self._namespace, pod, dry_run="All")
            except kubernetes.client.ApiException as error:
                self.refused.append(str(error))
                continue
            self.created += 1
            if not manifests.has_sidecar(made):
                self.missed.append(time.strftime("%H:%M:%S"))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self.join(30)
