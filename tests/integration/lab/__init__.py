"""The laboratory: a pod and a developer's machine as two network namespaces joined by a cable."""
